package main

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// What the published Ping++ page's examples call with.
const (
	demoKey    = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"
	demoApp    = "app_1Gqj58ynP0mHeX1q"
	demoCharge = "ch_L8qn10mLmr1GS8e5OODmHaL4"
)

// demoPatience bounds what the demo waits for; it takes far less.
const demoPatience = 20 * time.Second

// demoReading bounds an answer that the demo reads, in bytes.
const demoReading = 1 << 20

// show runs the flow: a refund in part, its webhook, one that is too much, the
// rest, and the check of every invariant.
func (h *house) show(e *environment, sink *sink) error {
	// It is over in a second: Ctrl-C counts when the story is told.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.Context), demoPatience)
	defer cancel()
	key, err := h.publicKey()
	if err != nil {
		return err
	}
	d := &demonstration{printer: printer{out: e.out, bold: terminal(e.out)}, url: h.url, client: h.client}
	d.title("Refundry runs at %s on a fresh SQLite file, with the demo merchant.", h.url)
	d.line("What follows are the published pages' examples with nothing but the host changed: Ping++, WeChat Pay, the wallet, Payin.")
	steps := []func(context.Context) error{
		func(ctx context.Context) error {
			return d.step(ctx, "Have this program's own receiver told of refunds.", nativeCall("/refundry/v1/endpoints",
				fmt.Sprintf(`{"url": %q, "dialect": "pingpp", "events": ["refund.succeeded", "refund.failed"]}`, sink.url)), http.StatusCreated)
		},
		func(ctx context.Context) error {
			return d.step(ctx, "Look at the paid charge: 1.00 CNY, nothing refunded.", pingppGet("/v1/charges/"+demoCharge), http.StatusOK)
		},
		func(ctx context.Context) error {
			return d.step(ctx, "Refund 0.30 of it. The answer waits for the channel's word.", pingppRefund("30"), http.StatusOK)
		},
		func(ctx context.Context) error {
			return d.webhook(ctx, "The webhook that followed.", sink, key)
		},
		func(ctx context.Context) error {
			return d.step(ctx, "Refund 0.71, one fen more than is left: refused, and nothing changes.", pingppRefund("71"), http.StatusBadRequest)
		},
		func(ctx context.Context) error {
			return d.step(ctx, "Refund the rest: without an amount, exactly as published.", pingppRefund(""), http.StatusOK)
		},
		func(ctx context.Context) error {
			return d.webhook(ctx, "Its webhook.", sink, key)
		},
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if err := h.others(ctx, d); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := h.channels(ctx, d); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return h.verify(ctx, d)
}

// verify ends the demo with the check of the books.
func (h *house) verify(ctx context.Context, d *demonstration) error {
	d.title("%d. Re-derive every invariant from the database (refundry verify).", d.next())
	if err := h.verified(ctx); err != nil {
		return err
	}
	d.line("every invariant holds: five refunds through four APIs, one through each channel, and not one fen more than was paid.")
	return nil
}

// verified re-derives every invariant of the service's database.
func (h *house) verified(ctx context.Context) error {
	findings, err := service.Verify(ctx, h.service.Store)
	if err != nil {
		return err
	}
	var problems error
	for _, f := range findings {
		if !f.Note {
			problems = errors.Join(problems, errors.New(f.String()))
		}
	}
	if problems != nil {
		return fmt.Errorf("verify: %w", problems)
	}
	return nil
}

// publicKey is what a merchant's code checks webhooks with.
func (h *house) publicKey() (*rsa.PublicKey, error) {
	text, err := os.ReadFile(filepath.Join(h.dir, "data", "demo", "platform_pub.pem"))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return pemkey.ParseRSAPublicKey(string(text))
}

// demonstration prints each step while it makes it.
type demonstration struct {
	printer
	url    string
	client *http.Client
	steps  int
}

func (d *demonstration) next() int {
	d.steps++
	return d.steps
}

// request is a call as curl would make it.
type request struct {
	method, path, key string
	basic             bool // the key is the user's name; else a bearer token
	form              url.Values
	json              string
	// headers are name and value, behind those that the key makes.
	headers [][2]string
}

func pingppGet(path string) request {
	return request{method: http.MethodGet, path: path, key: demoKey, basic: true}
}

func pingppRefund(amount string) request {
	form := url.Values{"description": {"Refund Description"}}
	if amount != "" {
		form.Set("amount", amount)
	}
	return request{method: http.MethodPost, path: "/v1/charges/" + demoCharge + "/refunds", key: demoKey, basic: true, form: form}
}

func nativeCall(path, body string) request {
	return request{method: http.MethodPost, path: path, key: "rk_test_demo", json: body}
}

// step makes one call and shows it. Another status than the wanted one ends
// the demo: it must not praise what does not work.
func (d *demonstration) step(ctx context.Context, title string, r request, want int) error {
	d.title("%d. %s", d.next(), title)
	d.line("$ %s", r.curl(d.url))
	status, body, err := r.send(ctx, d.client, d.url)
	if err != nil {
		return err
	}
	d.line("HTTP %d %s", status, http.StatusText(status))
	d.json(body)
	if status != want {
		return fmt.Errorf("%s %s answered %d, not %d", r.method, r.path, status, want)
	}
	return nil
}

// curl is the command that makes the same call.
func (r request) curl(base string) string {
	words := []string{"curl", base + r.path}
	switch {
	case r.basic:
		words = append(words, "-u", r.key+":")
	case r.key != "":
		words = append(words, "-H", `"Authorization: Bearer `+r.key+`"`)
	}
	for _, header := range r.headers {
		words = append(words, "-H", "'"+header[0]+": "+shortened(header[1])+"'")
	}
	for _, name := range []string{"amount", "description"} {
		if value := r.form.Get(name); value != "" {
			if strings.Contains(value, " ") {
				value = `"` + value + `"`
			}
			words = append(words, "-d", name+"="+value)
		}
	}
	if r.json != "" {
		words = append(words, "--json", "'"+r.json+"'")
	}
	return strings.Join(words, " ")
}

// shortened cuts a signature that is right for this one call alone.
func shortened(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

func (r request) send(ctx context.Context, client *http.Client, base string) (status int, body []byte, err error) {
	text, kind := r.json, "application/json"
	if r.form != nil {
		text, kind = r.form.Encode(), "application/x-www-form-urlencoded"
	}
	call, err := http.NewRequestWithContext(ctx, r.method, base+r.path, strings.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	if text != "" {
		call.Header.Set("Content-Type", kind)
	}
	switch {
	case r.basic:
		call.SetBasicAuth(r.key, "")
	case r.key != "":
		call.Header.Set("Authorization", "Bearer "+r.key)
	}
	for _, header := range r.headers {
		call.Header.Set(header[0], header[1])
	}
	answer, err := client.Do(call)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, demoReading))
	return answer.StatusCode, body, err
}

// webhook waits for the next one and checks its signature as a merchant would.
func (d *demonstration) webhook(ctx context.Context, title string, s *sink, key *rsa.PublicKey) error {
	d.title("%d. %s", d.next(), title)
	select {
	case got := <-s.received:
		signature := got.header.Get(wire.HeaderSignature)
		d.line("POST %s", s.url)
		d.line("%s: %s...", wire.HeaderSignature, signature[:min(len(signature), 44)])
		d.json(got.body)
		if err := pemkey.VerifySHA256(key, got.body, signature); err != nil {
			return fmt.Errorf("the webhook's signature: %w", err)
		}
		d.line("the signature is right: RSA-SHA256 over the body, checked with data/demo/platform_pub.pem")
		return nil
	case <-ctx.Done():
		return errors.New("no webhook came")
	}
}

// sink is the demo's receiver of webhooks.
type sink struct {
	url      string
	received chan delivered
	server   *http.Server
	ended    chan struct{}
}

type delivered struct {
	header http.Header
	body   json.RawMessage
}

// sinkRoom is more webhooks than the demo causes.
const sinkRoom = 16

func openSink() (*sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	s := &sink{url: "http://" + listener.Addr().String() + "/webhooks", received: make(chan delivered, sinkRoom), ended: make(chan struct{})}
	s.server = &http.Server{ReadTimeout: demoPatience, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, demoReading))
		if err == nil {
			select {
			case s.received <- delivered{r.Header, body}:
			default: // nobody looks at so many
			}
		}
	})}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(listener) // ends with close
	}()
	return s, nil
}

func (s *sink) close() {
	_ = s.server.Close()
	<-s.ended
}
