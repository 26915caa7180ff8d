package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
)

const (
	// maxAnswer is how much of an answer's body is read, in bytes: the one
	// protocol that looks at it wants a line.
	maxAnswer = 4 << 10
	// maxError bounds an error's text in the record.
	maxError = 300
	// unknownDialectWait is how soon a delivery is tried again whose dialect
	// this program does not have: an older program may be running for a while.
	unknownDialectWait = 10 * time.Minute
	userAgent          = "Refundry"
)

// try sends a delivery once. It returns false, and sends nothing, when too
// little of the lease is left: someone else may be about to send it.
func (s *Sender) try(ctx context.Context, d merchant.Delivery) (merchant.DeliveryAttempt, bool) {
	start := s.now()
	if d.LeaseUntil.Sub(start) < sendTimeout {
		return merchant.DeliveryAttempt{}, false
	}
	a := merchant.DeliveryAttempt{Delivery: d, At: start}
	renderer, known := s.renderers[d.Dialect]
	if !known {
		a.Error, a.Next = "this program does not know the dialect", start.Add(unknownDialectWait)
		return a, true
	}
	ended := func(merchant.DeliveryAttempt) {}
	if s.opts.Trace != nil {
		ctx, ended = s.opts.Trace(ctx, d)
	}
	status, answer, err := s.call(ctx, renderer, d)
	end := s.now()
	a.Status, a.Duration = status, end.Sub(start)
	switch {
	case err != nil:
		a.Error = bounded(reason(err))
	case renderer.Succeeded(d, status, answer):
		a.Delivered = true
	case status >= 200 && status <= 299:
		a.Error = "the answer's body is not the one that means received"
	}
	if !a.Delivered {
		s.retry(&a, renderer.Schedule(), end)
	}
	ended(a)
	if s.opts.Observe != nil {
		s.opts.Observe(a)
	}
	return a, true
}

// retry says when to try again; after the last wait the delivery is dead.
func (s *Sender) retry(a *merchant.DeliveryAttempt, schedule []time.Duration, now time.Time) {
	d := a.Delivery
	if d.Attempts < int64(len(schedule)) {
		a.Next = now.Add(schedule[d.Attempts])
		return
	}
	a.Dead = true
	s.opts.Log.Warn("webhooks: a delivery is dead: no try succeeded", "merchant_id", d.MerchantID, "delivery_id", d.ID, "event_id", d.EventID,
		"endpoint_id", d.EndpointID, "host", d.Host, "tries", d.Attempts+1, "status", a.Status, "error", a.Error)
}

// call makes the request and gives the answer's status and the beginning of
// its body.
func (s *Sender) call(ctx context.Context, renderer Renderer, d merchant.Delivery) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	method, body := http.MethodPost, io.Reader(bytes.NewReader(d.Body))
	if getter, ok := renderer.(Getter); ok && getter.ByGET() {
		method, body = http.MethodGet, nil
	}
	request, err := http.NewRequestWithContext(ctx, method, d.URL, body)
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("User-Agent", userAgent)
	if err := renderer.Sign(ctx, d.KeyID, d.Body, request.Header); err != nil {
		return 0, nil, fmt.Errorf("sign: %w", err)
	}
	if s.opts.Inject != nil {
		s.opts.Inject(ctx, request.Header)
	}
	response, err := s.clientFor(renderer, d).Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	// The status has come; whether a body that breaks off matters, the dialect
	// says: most look at the status alone.
	answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, nil
}

// clientFor is the client that may call a delivery's address: what its name
// resolves to is only known when it is called.
func (s *Sender) clientFor(renderer Renderer, d merchant.Delivery) *http.Client {
	guarder, ok := renderer.(PlainGuarder)
	if ok && guarder.PlainGuarded() && d.EndpointID == "" && strings.HasPrefix(strings.ToLower(d.URL), "http:") {
		return s.plain
	}
	return s.client
}

// reason is an error's text for the record, without the address, whose query
// may hold a secret.
func reason(err error) string {
	var of *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &of) && of.Timeout():
		return fmt.Sprintf("no answer within %v", sendTimeout)
	case of != nil:
		return of.Err.Error()
	default:
		return err.Error()
	}
}

// bounded cuts a text that others had a hand in.
func bounded(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "")
	}
	return text
}
