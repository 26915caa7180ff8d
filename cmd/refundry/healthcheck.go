package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// healthcheckTimeout bounds the question: supervisors ask every few seconds.
const healthcheckTimeout = 4 * time.Second

// healthcheckCommand asks the serve of this machine how it is, by serve's own
// settings. It is for images without a shell and an HTTP client.
type healthcheckCommand struct {
	Listen  string `help:"Address that serve listens on." default:"127.0.0.1:8080" placeholder:"HOST:PORT" env:"REFUNDRY_LISTEN"`
	TLSCert string `help:"Certificate chain of serve; its name is not looked at, since the question stays on this machine." type:"path" placeholder:"FILE" env:"REFUNDRY_TLS_CERT"`
	Ready   bool   `help:"Ask whether requests may come (/readyz), which a database that is down prevents, and not only whether the process lives (/healthz)."`
	jsonFlag
}

// Help is shown by --help.
func (c *healthcheckCommand) Help() string {
	return `Prints nothing and exits 0 when the service answers that it is well, else exits 1 and says why.`
}

func (c *healthcheckCommand) Run(e *environment) error {
	address, err := c.url()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e, healthcheckTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	client := http.Client{Transport: &http.Transport{
		Proxy:           nil,                                   // never by way of another machine
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the peer is this machine, and nothing secret is sent
	}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask for health: %w (hint: --listen is the address that serve was given)", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d", address, answer.StatusCode)
	}
	if c.JSON {
		return e.printJSON(map[string]any{"url": address, "status": answer.StatusCode})
	}
	return nil
}

// url is where serve answers on this machine.
func (c *healthcheckCommand) url() (string, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", usageError{"--listen is HOST:PORT"}
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.Unmap().IsUnspecified() {
		host = "localhost" // which has both, IPv4 and IPv6
	}
	scheme, path := "http", "/healthz"
	if c.TLSCert != "" {
		scheme = "https"
	}
	if c.Ready {
		path = "/readyz"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + path, nil
}
