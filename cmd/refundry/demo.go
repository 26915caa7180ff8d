package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/sample"
	"github.com/refundry/refundry/server"
	"github.com/refundry/refundry/service"
)

// demoCommand shows one refund through each dialect on a service of its own.
type demoCommand struct {
	Keep   bool   `help:"Leave the service running and print its address and keys."`
	Sample bool   `help:"With --keep: bring a realistic month as the merchant sample." negatable:"" default:"true"`
	TLS    bool   `name:"tls" help:"Serve HTTPS with a self-signed certificate that is made for the demo."`
	Listen string `help:"Address to listen on; default a free port of this machine." default:"127.0.0.1:0" placeholder:"HOST:PORT"`

	DemoAnyway bool `help:"Listen also where others can reach the demo merchant: its keys are public."`
}

// loopback is where the demo's own receiver of webhooks listens.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

func (c *demoCommand) Run(e *environment) error {
	if !c.DemoAnyway && !onLoopback(c.Listen) {
		return demoReachable(c.Listen)
	}
	dir, err := os.MkdirTemp("", "refundry-demo-")
	if err != nil {
		return fmt.Errorf("make demo folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if c.Keep && c.Sample {
		of := sample.Options{Database: "sqlite:" + filepath.Join(dir, "demo.db"), Data: filepath.Join(dir, "data"), Days: sampleDays, Seed: sampleSeed}
		if _, err := makeSample(e, of); err != nil {
			return fmt.Errorf("make the sample: %w", err)
		}
	}
	house, err := openHouse(e, dir, "sqlite:"+filepath.Join(dir, "demo.db"), c.Listen, c.TLS)
	if err != nil {
		return err
	}
	// The receiver outlives the service: what is on its way arrives.
	sink, err := openSink()
	if err == nil {
		defer sink.close()
		err = house.show(e, sink)
	}
	if err == nil && c.Keep {
		house.keep(e, dir)
		<-e.Done()
	}
	if closing := house.close(); err == nil {
		err = closing
	}
	return err
}

// house is a whole service with a listener in this process.
type house struct {
	url     string
	dir     string
	service *service.Service
	client  *http.Client // trusts the house's certificate
	stop    context.CancelFunc
	serving chan error
}

// openHouse starts a service with the demo merchant; its data folder is in dir.
func openHouse(e *environment, dir, database, address string, https bool) (*house, error) {
	scheme, client, pair := "http://", http.DefaultClient, selfSigned{}
	if https {
		var err error
		if pair, err = newSelfSigned(dir, time.Now()); err != nil {
			return nil, err
		}
		scheme = "https://"
		if client, err = pair.client(); err != nil {
			return nil, err
		}
	}
	certificate, err := server.ReadCertificate(pair.certFile, pair.keyFile)
	if err != nil {
		return nil, err
	}
	listener, err := server.Listen(address)
	if err != nil {
		return nil, err
	}
	s, err := service.Start(e, service.Options{
		Database: database, Data: filepath.Join(dir, "data"), Demo: true,
		PublicURL: scheme + listener.Addr().String(), EgressAllow: []netip.Prefix{loopback}, Log: e.log,
	})
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(e.Context))
	h := &house{url: scheme + listener.Addr().String(), dir: dir, service: s, client: client, stop: stop, serving: make(chan error, 1)}
	go func() {
		h.serving <- server.Run(ctx, s.Handler(), server.Options{
			Listener: listener, Certificate: certificate, Log: e.log, NewID: newRequestID, Observe: s.Metrics().Request,
		})
	}()
	return h, nil
}

// close stops the listener, then the service.
func (h *house) close() error {
	h.stop()
	h.client.CloseIdleConnections()
	err := <-h.serving
	if closing := closeService(h.service); err == nil {
		err = closing
	}
	return err
}

// keep says what the running service can be tried with.
func (h *house) keep(e *environment, dir string) {
	p := printer{out: e.out, bold: terminal(e.out)}
	p.title("The service keeps running. Ctrl-C ends it and removes its database.")
	p.line("address       %s", h.url)
	if h.client != http.DefaultClient {
		p.line("certificate   %s  (curl --cacert)", filepath.Join(dir, "tls_cert.pem"))
	}
	p.line("Ping++ key    %s  (app %s)", demoKey, demoApp)
	p.line("native key    rk_test_demo  (contract: %s/refundry/v1/openapi.yaml)", h.url)
	user, password := h.service.DemoSignIn()
	p.line("console       %s/console/  (%s, password %s)", h.url, user, password)
	p.line("all the keys  %s", filepath.Join(dir, "data", "demo", "demo.json"))
	p.line("metrics       %s/metrics", h.url)
}
