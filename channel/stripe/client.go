package stripe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// maxAnswer bounds an answer's body: a page of a list has a hundred refunds.
	maxAnswer = 2 << 20
	// maxRequestID bounds what is kept of Stripe's name for a call.
	maxRequestID = 128
	// maxErrorText bounds what is kept of an error's text.
	maxErrorText = 512

	pathRefunds  = "/v1/refunds"
	headerReplay = "Idempotent-Replayed"
)

// newClient makes Stripe's client for an account. It repeats no call, since that is
// for the engine to decide, sends no telemetry and logs nothing.
func newClient(key, address string, calls *http.Client) *stripe.Client {
	own := *calls
	own.Transport = transport{calls.Transport}
	return stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: &address, HTTPClient: &own, MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})))
}

// exchange is what one call sent and what came back beside the object. A list of
// several pages leaves that of the last.
type exchange struct {
	sent     refund.Sent
	replayed bool
	// retryAfter is what Stripe asked for, 0 for nothing.
	retryAfter time.Duration
}

type exchangeKey struct{}

// observed returns a context whose calls are noted.
func observed(ctx context.Context) (context.Context, *exchange) {
	x := &exchange{}
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// transport notes calls, bounds answers, and refuses those that Stripe's client
// would take for an answer although they are none.
type transport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		x = &exchange{}
	}
	r = r.Clone(r.Context())
	digest, sent, err := digestOf(r)
	if err != nil {
		return nil, err
	}
	notReplayed(r.Header)
	*x = exchange{sent: refund.Sent{Digest: digest, Request: sent, Shown: x.sent.Shown}}
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	id := response.Header.Get("Request-Id")
	x.sent.UpstreamRequestID = id[:min(len(id), maxRequestID)]
	x.replayed, x.retryAfter = response.Header.Get(headerReplay) == "true", retryAfter(response.Header)
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case response.StatusCode < http.StatusBadRequest && response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the answer has status %d", response.StatusCode)
	case response.StatusCode == http.StatusOK && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, pathRefunds):
		err = checkPage(body)
	}
	if err != nil {
		return nil, err
	}
	x.sent.Answer = channel.RedactedAnswer(response.StatusCode, body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// notReplayed writes the header of the idempotency key in lower case: package net/http
// takes a request that has it in its canonical form for one that it may send again by
// itself on another connection. It is the engine that decides what is sent again.
func notReplayed(header http.Header) {
	const name = "Idempotency-Key"
	if values, ok := header[name]; ok {
		delete(header, name)
		header[strings.ToLower(name)] = values
	}
}

// digestOf is the SHA-256 of a request, whose body it leaves to be read again, and what
// is kept of the request.
func digestOf(r *http.Request) (digest, kept string, err error) {
	var body []byte
	sum := sha256.New()
	_, _ = io.WriteString(sum, r.Method+" "+r.URL.RequestURI()+"\n") // a hash takes everything
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return "", "", fmt.Errorf("read request: %w", err)
		}
		sum.Write(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return hex.EncodeToString(sum.Sum(nil)), channel.RedactedRequest(r.Method, r.URL.RequestURI(), body), nil
}

// checkPage refuses what is no page of refunds. Stripe's client would take {} for a
// list that is complete and empty, and so for the proof that a refund is not there.
func checkPage(body []byte) error {
	var page struct {
		Object  string `json:"object"`
		HasMore *bool  `json:"has_more"`
		Data    *[]struct {
			ID     string `json:"id"`
			Object string `json:"object"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &page) != nil || page.Object != "list" || page.HasMore == nil || page.Data == nil {
		return errors.New("the answer is no list")
	}
	if *page.HasMore && len(*page.Data) == 0 {
		return errors.New("the answer is an empty page of a list that goes on")
	}
	for _, one := range *page.Data {
		if one.ID == "" || one.Object != "refund" {
			return errors.New("the list holds something that is no refund")
		}
	}
	return nil
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// said is an error's text for people: without the account's key, without an address
// and without what the answer held.
func (c *connector) said(err error) string {
	var fault *stripe.Error
	var wrapped *url.Error
	text := "the answer can't be read"
	switch {
	case errors.As(err, &fault):
		text = fault.Msg
	case errors.As(err, &wrapped):
		text = wrapped.Err.Error()
	}
	text = strings.ReplaceAll(text, c.key, "(the key)")
	return strings.ToValidUTF8(text[:min(len(text), maxErrorText)], "")
}
