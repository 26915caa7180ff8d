package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/refundry/refundry/console"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/server"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/telemetry"
)

// serveCommand runs the service.
type serveCommand struct {
	serveFlags
	Sample bool `help:"With --demo: a realistic month as a merchant of its own named sample, made at the first start in some seconds." env:"REFUNDRY_SAMPLE"`
}

// serveFlags are what serve goes by, and doctor looks at.
type serveFlags struct {
	databaseFlags
	dataFlags
	listenFlags
	egressFlags
	oidcFlags
	Demo       bool `help:"Load the demo merchant with the published examples' charges (test mode only)." env:"REFUNDRY_DEMO"`
	DemoAnyway bool `help:"Load the demo merchant also where others can reach it, or next to a live merchant: its keys are public." env:"REFUNDRY_DEMO_ANYWAY"`
}

type listenFlags struct {
	Listen  string `help:"Address to listen on." default:"127.0.0.1:8080" placeholder:"HOST:PORT" env:"REFUNDRY_LISTEN"`
	TLSCert string `help:"Certificate chain (PEM); switches TLS on." type:"path" placeholder:"FILE" env:"REFUNDRY_TLS_CERT"`
	TLSKey  string `help:"Private key of the certificate (PEM)." type:"path" placeholder:"FILE" env:"REFUNDRY_TLS_KEY"`

	AdminListen string `help:"Another address, for metrics and profiles (/metrics, /debug/pprof/). Whoever reaches it may read them; keep it on loopback or a network of your own." placeholder:"HOST:PORT" env:"REFUNDRY_ADMIN_LISTEN"`

	TrustedProxy []netip.Prefix `help:"Network of proxies whose Forwarded headers count; may be given several times. Plain HTTP off loopback needs it." placeholder:"CIDR" env:"REFUNDRY_TRUSTED_PROXY"`
	OTLPEndpoint string         `help:"Where traces go, by OTLP over HTTP, such as http://127.0.0.1:4318; before OTEL_EXPORTER_OTLP_ENDPOINT. OpenTelemetry's other variables hold, too. Default: no traces." name:"otlp-endpoint" placeholder:"URL" env:"REFUNDRY_OTLP_ENDPOINT"`

	PublicURL string `help:"Address by which callers reach the service behind a proxy, such as https://pay.example; download addresses begin with it." placeholder:"URL" env:"REFUNDRY_PUBLIC_URL"`
}

// egressFlags say where webhooks may go besides public addresses.
type egressFlags struct {
	EgressAllow []netip.Prefix `help:"Private or loopback network that webhooks may go to; may be given several times." placeholder:"CIDR" env:"REFUNDRY_EGRESS_ALLOW"`
}

// oidcFlags name a provider by which users sign in to the console.
type oidcFlags struct {
	OIDCIssuer           string `name:"oidc-issuer" help:"OpenID Connect provider by which users may sign in to the console, such as https://login.example; a verified address stands for the user who has it." placeholder:"URL" env:"REFUNDRY_OIDC_ISSUER"`
	OIDCClientID         string `name:"oidc-client-id" help:"What the provider knows the console by; its redirect address is PUBLIC-URL/console/login/oidc/callback." placeholder:"ID" env:"REFUNDRY_OIDC_CLIENT_ID"`
	OIDCClientSecretFile string `name:"oidc-client-secret-file" help:"File with the client's secret; default none, as of a public client." type:"path" placeholder:"FILE" env:"REFUNDRY_OIDC_CLIENT_SECRET_FILE"`
}

// oidc reads what names the provider.
func (f oidcFlags) oidc(publicURL string) (console.OIDC, error) {
	switch {
	case (f.OIDCIssuer == "") != (f.OIDCClientID == ""), f.OIDCClientSecretFile != "" && f.OIDCIssuer == "":
		return console.OIDC{}, usageError{"--oidc-issuer and --oidc-client-id go together, and --oidc-client-secret-file with them"}
	case f.OIDCClientSecretFile == "":
		return console.OIDC{Issuer: f.OIDCIssuer, ClientID: f.OIDCClientID, BaseURL: publicURL}, nil
	}
	secret, err := readSecretFile(f.OIDCClientSecretFile)
	if err != nil {
		return console.OIDC{}, fmt.Errorf("read the OIDC client's secret: %w", err)
	}
	return console.OIDC{Issuer: f.OIDCIssuer, ClientID: f.OIDCClientID, ClientSecret: secret, BaseURL: publicURL}, nil
}

// Validate is called by kong.
func (f listenFlags) Validate() error {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return usageError{"--tls-cert and --tls-key go together"}
	}
	if f.OTLPEndpoint != "" && !isEndpoint(f.OTLPEndpoint) {
		return usageError{"--otlp-endpoint is http://HOST:PORT or https://HOST:PORT, with or without a path"}
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

// isEndpoint takes an address of a collector. Secrets for it belong into
// OTEL_EXPORTER_OTLP_HEADERS.
func isEndpoint(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Hostname() != "" && parsed.User == nil && parsed.RawQuery == "" && parsed.Fragment == ""
}

func (c *serveCommand) Run(e *environment) error {
	began := time.Now()
	defer runtime.KeepAlive(heapRoom())
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // from the first moment on it ends nothing
	defer signal.Stop(hangups)
	// Cheap checks come first: what is wrong with them has changed nothing.
	if err := c.reachable(); err != nil {
		return err
	}
	certificate, err := server.ReadCertificate(c.TLSCert, c.TLSKey)
	if err != nil {
		return err
	}
	options, err := c.options(e)
	if err != nil {
		return err
	}
	defer closeTracer(options.Tracer, e.log)
	if err := c.sample(e); err != nil {
		return err
	}
	listener, err := server.Listen(c.Listen)
	if err != nil {
		return err
	}
	admin, err := listenAdmin(c.AdminListen)
	if err != nil {
		_ = listener.Close()
		return err
	}
	s, err := service.Start(e, options)
	if err != nil {
		_ = listener.Close()
		if admin != nil {
			_ = admin.Close()
		}
		return err
	}
	ctx, stop := context.WithCancel(e)
	var beside sync.WaitGroup
	beside.Go(func() { readAgain(ctx, hangups, certificate, s.Metrics(), e.log) })
	if admin != nil {
		beside.Go(func() {
			if err := server.RunAdmin(ctx, admin, s.Metrics().Handler(), e.log); err != nil {
				e.log.Error("metrics and profiles are not served any more", "error", err)
			}
		})
	}
	serving := server.Run(e, s.Handler(), server.Options{
		Listener: listener, Certificate: certificate, TrustedProxies: c.TrustedProxy, Log: e.log,
		NewID: newRequestID, Observe: s.Metrics().Request, Tracer: options.Tracer,
		Ready: func(url string) { e.announce(s, url, time.Since(began), c.Demo, c.Data) },
	})
	stop()
	beside.Wait()
	if err := closeService(s); err != nil {
		return err
	}
	e.log.Info("stopped")
	return serving
}

// tracesTimeout bounds what a stop takes to export the last spans.
const tracesTimeout = 5 * time.Second

// closeTracer exports the last spans.
func closeTracer(tracer *telemetry.Tracer, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), tracesTimeout)
	defer cancel()
	if err := tracer.Close(ctx); err != nil {
		log.Warn("the last traces are lost", "error", err)
	}
}

// sample makes the sample where it is wanted.
func (c *serveCommand) sample(e *environment) error {
	switch {
	case !c.Sample:
		return nil
	case !c.Demo:
		return usageError{"--sample goes with --demo (hint: refundry sample fills any test database)"}
	}
	report, err := loadSample(e, c.databaseFlags, c.dataFlags, sampleDays, sampleSeed)
	if err != nil {
		return fmt.Errorf("make the sample: %w", err)
	}
	e.saySample(report)
	return nil
}

// listenAdmin takes the address for metrics and profiles; nil for none.
func listenAdmin(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w (hint: --admin-listen takes HOST:PORT; is another program using it?)", err)
	}
	return listener, nil
}

// options are the service's.
func (c *serveCommand) options(e *environment) (service.Options, error) {
	database, err := c.url()
	if err != nil {
		return service.Options{}, err
	}
	provider, err := c.oidc(c.PublicURL)
	if err != nil {
		return service.Options{}, err
	}
	key, err := c.masterKey()
	if err != nil {
		return service.Options{}, err
	}
	tracer, err := telemetry.NewTracer(e, service.Build(), c.OTLPEndpoint, e.log)
	return service.Options{
		Database: database, Data: c.Data, MasterKey: key, Demo: c.Demo, DemoAnyway: c.DemoAnyway,
		EgressAllow: c.EgressAllow, PublicURL: c.PublicURL, OIDC: provider, Tracer: tracer, Log: e.log,
	}, err
}

// reachable refuses to let others reach what only this machine may: the demo
// merchant, whose keys are public, and keys that would travel in the clear.
func (c *serveFlags) reachable() error {
	switch {
	case c.DemoAnyway || onLoopback(c.Listen):
		return nil
	case c.Demo:
		return demoReachable(c.Listen)
	case c.TLSCert == "" && len(c.TrustedProxy) == 0:
		return usageError{fmt.Sprintf("--listen %s would take keys over plain HTTP from other machines (hint: give --tls-cert and --tls-key, or --trusted-proxy for a proxy that speaks TLS)", c.Listen)}
	}
	return nil
}

func demoReachable(address string) error {
	return fmt.Errorf("the demo merchant is refused on %s, where others could reach it with its public keys (hint: listen on 127.0.0.1, or say --demo-anyway)", address)
}

// onLoopback reports whether only this machine can connect to an address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // it can't be listened on, which says so
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// expiresTLS is the label of the metric that says when the served certificate ends.
const expiresTLS = "tls_certificate"

// readAgain reads the certificate again at each hang-up, until ctx ends. One that can't be read leaves the old one in use.
func readAgain(ctx context.Context, hangups <-chan os.Signal, certificate *server.Certificate, metrics *telemetry.Metrics, log *slog.Logger) {
	for {
		metrics.Expires(expiresTLS, certificate.ValidUntil())
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		if certificate == nil {
			log.Info("SIGHUP: there is no certificate to be read again")
			continue
		}
		if err := certificate.Reload(); err != nil {
			log.Error("SIGHUP: the certificate stays what it was", "error", err)
			continue
		}
		log.Info("SIGHUP: the certificate was read again", "valid_until", certificate.ValidUntil())
	}
}

// closeService ends what stands behind the listener, which has stopped.
func closeService(s *service.Service) error {
	ctx, cancel := context.WithTimeout(context.Background(), service.CloseTimeout)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

// newRequestID has the shape that Ping++ gives its own.
func newRequestID() string { return "iar_" + refund.NewID(time.Now()) }

// announce says where the service is to be found.
func (e *environment) announce(s *service.Service, url string, after time.Duration, demo bool, data string) {
	after = after.Round(time.Millisecond)
	if e.json {
		e.log.Info("ready", "url", url, "after", after)
		return
	}
	e.say("refundry is ready at %s (after %s)", url, after)
	if demo {
		e.say("the demo merchant's names and keys are in %s/demo/demo.json", data)
		if user, password := s.DemoSignIn(); password != "" {
			e.say("the console is at %s/console/: sign in as %s with the password %s", url, user, password)
		}
	}
}
