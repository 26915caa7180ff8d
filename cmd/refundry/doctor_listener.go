package main

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/refundry/refundry/server"
)

// certificateNotice is how long before its end a certificate is warned of.
const certificateNotice = 21 * 24 * time.Hour

// listener looks at what serve would listen with.
func (c *doctorCommand) listener(x *examination) {
	if err := c.reachable(); err != nil {
		x.add("address", problem, "", "%v", err)
	}
	c.certificate(x)
	x.address("address", c.Listen, "--listen")
	if c.AdminListen != "" {
		x.address("metrics address", c.AdminListen, "--admin-listen")
	}
}

// address looks whether serve could listen there.
func (x *examination) address(what, address, flag string) {
	listener, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, errAddressInUse):
		x.add(what, warning, "if that is not the serve that runs, choose another with "+flag, "%s is taken", address)
	case err != nil:
		x.add(what, problem, flag+" takes HOST:PORT", "%v", err)
	default:
		_ = listener.Close()
		x.add(what, fine, "", "%s is free", address)
	}
}

func (c *doctorCommand) certificate(x *examination) {
	if c.TLSCert == "" {
		return
	}
	read, err := server.ReadCertificate(c.TLSCert, c.TLSKey)
	if err != nil {
		x.add("certificate", problem, "", "%v", err)
		return
	}
	leaf, now := read.Current().Leaf, time.Now()
	switch {
	case now.After(leaf.NotAfter):
		x.add("certificate", problem, "renew it, and send serve a SIGHUP", "%s was valid until %s", c.TLSCert, when(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		x.add("certificate", problem, "look at this machine's clock", "%s is valid from %s", c.TLSCert, when(leaf.NotBefore))
	case now.Add(certificateNotice).After(leaf.NotAfter):
		x.add("certificate", warning, "renew it, and send serve a SIGHUP", "%s is valid until %s", c.TLSCert, when(leaf.NotAfter))
	default:
		x.add("certificate", fine, "", "%s is valid until %s", c.TLSCert, when(leaf.NotAfter))
	}
	if info, err := os.Stat(c.TLSKey); err == nil && openTo(info, 0o007) {
		x.add("certificate", warning, "chmod 600 "+quoted(c.TLSKey), "every user of this machine may read the private key %s", c.TLSKey)
	}
}
