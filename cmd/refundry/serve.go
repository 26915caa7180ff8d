package main

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/server"
	"github.com/refundry/refundry/service"
)

// closeTimeout is how long the parts may take to end after the listener: calls
// to channels are bounded by 30 s, and their outcomes have to be recorded.
const closeTimeout = 45 * time.Second

// serveCommand runs the service.
type serveCommand struct {
	databaseFlags
	dataFlags
	listenFlags
	egressFlags
	Demo bool `help:"Load the demo merchant with the published examples' charges (test mode only)." env:"REFUNDRY_DEMO"`
}

type listenFlags struct {
	Listen  string `help:"Address to listen on." default:"127.0.0.1:8080" placeholder:"HOST:PORT" env:"REFUNDRY_LISTEN"`
	TLSCert string `help:"Certificate chain (PEM); switches TLS on." type:"path" placeholder:"FILE" env:"REFUNDRY_TLS_CERT"`
	TLSKey  string `help:"Private key of the certificate (PEM)." type:"path" placeholder:"FILE" env:"REFUNDRY_TLS_KEY"`

	PublicURL string `help:"Address by which callers reach the service behind a proxy, such as https://pay.example; download addresses begin with it." placeholder:"URL" env:"REFUNDRY_PUBLIC_URL"`
}

// egressFlags say where webhooks may go besides public addresses.
type egressFlags struct {
	EgressAllow []netip.Prefix `help:"Private or loopback network that webhooks may go to; may be given several times." placeholder:"CIDR" env:"REFUNDRY_EGRESS_ALLOW"`
}

// Validate is called by kong.
func (f listenFlags) Validate() error {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return usageError{"--tls-cert and --tls-key go together"}
	}
	if f.PublicURL != "" && !isPublicURL(f.PublicURL) {
		return usageError{"--public-url is https://HOST or http://HOST, with nothing behind the host and its port"}
	}
	return nil
}

// isPublicURL takes no path: clients sign the path that they ask for, and the
// service must see the same.
func isPublicURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Hostname() != "" &&
		parsed.User == nil && strings.TrimSuffix(text, "/") == parsed.Scheme+"://"+parsed.Host
}

func (c *serveCommand) Run(e *environment) error {
	began := time.Now()
	s, err := service.Start(e, service.Options{
		Database: c.Database, Data: c.Data, MasterKey: os.Getenv(secret.Environment),
		Demo: c.Demo, EgressAllow: c.EgressAllow, PublicURL: c.PublicURL, Log: e.log,
	})
	if err != nil {
		return err
	}
	options := server.Options{
		Address: c.Listen, CertFile: c.TLSCert, KeyFile: c.TLSKey, Log: e.log,
		NewID: newRequestID, Observe: s.Metrics().Request,
		Ready: func(url string) { e.announce(url, time.Since(began), c.Demo, c.Data) },
	}
	serving := server.Run(e, s.Handler(), options)
	if err := closeService(s); err != nil {
		return err
	}
	e.log.Info("stopped")
	return serving
}

// closeService ends what stands behind the listener, which has stopped.
func closeService(s *service.Service) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

// newRequestID has the shape that Ping++ gives its own.
func newRequestID() string { return "iar_" + refund.NewID(time.Now()) }

// announce says where the service is to be found.
func (e *environment) announce(url string, after time.Duration, demo bool, data string) {
	after = after.Round(time.Millisecond)
	if e.json {
		e.log.Info("ready", "url", url, "after", after)
		return
	}
	e.say("refundry is ready at %s (after %s)", url, after)
	if demo {
		e.say("the demo merchant's names and keys are in %s/demo/demo.json", data)
	}
}
