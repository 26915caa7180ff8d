// Package stripetest plays Stripe's side of refunds for tests: its books, its rules
// of idempotency, and its events. It uses neither the connector's code nor Stripe's
// client, so that an error in these is none of its own.
package stripetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Charge is a payment in the books. Amounts are in Stripe's units.
type Charge struct {
	ID, Intent       string
	Amount, Captured int64
	Currency         string
	Disputed         bool
	// Starts is the status that a refund has at first, "" for succeeded; Pending is
	// its pending_reason then.
	Starts, Pending string
	// NoFunds says that the payment's method can't wait for funds, which there are
	// none of.
	NoFunds bool
	Created int64
}

// Refund is a refund in the books.
type Refund struct {
	ID, Charge, Intent string
	Amount             int64
	Currency           string
	Status             string
	Reason             string
	PendingReason      string
	FailureReason      string
	Metadata           map[string]string
	Created            int64
	Destination        map[string]any
}

// Seen is a request that came.
type Seen struct {
	Method, URI string
	Form        url.Values
	Header      http.Header
}

// kept is the first answer to an idempotency key.
type kept struct {
	form    string
	status  int
	body    []byte
	at      time.Time
	running bool
}

// Server is Stripe.
type Server struct {
	*httptest.Server
	testing.TB
	Key     string           // the API key that it knows
	Webhook string           // the secret that it signs events with
	Live    bool             // the mode of everything in the books
	Now     func() time.Time // default time.Now

	mu      sync.Mutex
	charges map[string]*Charge
	refunds []*Refund // oldest first
	keys    map[string]*kept
	faults  map[string][]string // of the next calls, by method
	seen    []Seen
	serial  int
	events  int
}

// New starts a Stripe that knows a key.
func New(t testing.TB, key, webhook string) *Server {
	t.Helper()
	s := &Server{TB: t, Key: key, Webhook: webhook, Live: strings.Contains(key, "_live_"), Now: time.Now, charges: map[string]*Charge{}, keys: map[string]*kept{}, faults: map[string][]string{}}
	s.Server = httptest.NewServer(s)
	// On a connection that was used before, a call that breaks is made again by
	// package net/http: a fault would then come about half the time.
	s.Config.SetKeepAlivesEnabled(false)
	t.Cleanup(s.Close)
	return s
}

// Pay puts a payment into the books. Its id is made where it has none.
func (s *Server) Pay(c Charge) Charge {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	if c.ID == "" {
		c.ID, c.Intent = fmt.Sprintf("ch_3Test%08d", s.serial), fmt.Sprintf("pi_3Test%08d", s.serial)
	}
	if c.Captured == 0 {
		c.Captured = c.Amount
	}
	if c.Created == 0 {
		c.Created = s.Now().Add(-time.Hour).Unix()
	}
	own := c
	s.charges[c.ID] = &own
	return c
}

// Change changes a payment in the books.
func (s *Server) Change(id string, change func(*Charge)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.charges[id])
}

// Spoil sets the faults of the next calls of a method, in order: "drop before" and
// "drop after" anything happened, "half" an answer, a status in place of the
// answer (after it happened: "500", or before: "429 before"), or "" for none.
func (s *Server) Spoil(method string, faults ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = faults
}

// Left are the faults that have not come about.
func (s *Server) Left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults[http.MethodGet]) + len(s.faults[http.MethodPost])
}

// Requests are those that came, oldest first.
func (s *Server) Requests() []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// Refunds are those of a payment, oldest first, "" for all.
func (s *Server) Refunds(charge string) (out []Refund) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.refunds {
		if charge == "" || r.Charge == charge {
			out = append(out, *r)
		}
	}
	return out
}

// Make puts a refund into the books as somebody makes it on Stripe's pages.
func (s *Server) Make(charge string, amount int64, metadata map[string]string) Refund {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.make(s.charges[charge], amount, "", metadata)
}

// End gives a refund another status.
func (s *Server) End(id string, change func(*Refund)) Refund {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.refunds, func(r *Refund) bool { return r.ID == id })
	change(s.refunds[at])
	return *s.refunds[at]
}

// DropKeys forgets all idempotency keys.
func (s *Server) DropKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}

func (s *Server) make(c *Charge, amount int64, reason string, metadata map[string]string) *Refund {
	s.serial++
	r := &Refund{
		ID: fmt.Sprintf("re_3Test%08d", s.serial), Charge: c.ID, Intent: c.Intent, Amount: amount, Currency: c.Currency, Status: "succeeded",
		Reason: reason, Metadata: metadata, Created: s.Now().Unix(),
		Destination: map[string]any{"type": "card", "card": map[string]any{"reference": "74850120752", "reference_status": "available", "reference_type": "acquirer_reference_number", "type": "refund"}},
	}
	if c.Starts != "" {
		r.Status, r.PendingReason = c.Starts, c.Pending
	}
	s.refunds = append(s.refunds, r)
	return r
}

// refunded is what was given back of a payment, in the same lock.
func (s *Server) refunded(charge string) (sum int64) {
	for _, r := range s.refunds {
		if r.Charge == charge && r.Status != "failed" && r.Status != "canceled" {
			sum += r.Amount
		}
	}
	return sum
}

// Object is a refund as the API shows it.
func (s *Server) Object(r Refund) map[string]any {
	out := map[string]any{
		"id": r.ID, "object": "refund", "amount": r.Amount, "currency": r.Currency, "charge": r.Charge, "payment_intent": null(r.Intent), "created": r.Created,
		"status": r.Status, "reason": null(r.Reason), "metadata": r.Metadata, "balance_transaction": "txn_" + strings.TrimPrefix(r.ID, "re_"),
		"receipt_number": nil, "source_transfer_reversal": nil, "transfer_reversal": nil, "destination_details": r.Destination,
	}
	if r.Metadata == nil {
		out["metadata"] = map[string]string{}
	}
	if r.PendingReason != "" {
		out["pending_reason"] = r.PendingReason
	}
	if r.FailureReason != "" {
		out["failure_reason"] = r.FailureReason
	}
	return out
}

func (s *Server) chargeObject(c *Charge) map[string]any {
	back := s.refunded(c.ID)
	return map[string]any{
		"id": c.ID, "object": "charge", "amount": c.Amount, "amount_captured": c.Captured, "amount_refunded": back + c.Amount - c.Captured, "currency": c.Currency,
		"captured": true, "paid": true, "status": "succeeded", "livemode": s.Live, "created": c.Created, "payment_intent": null(c.Intent),
		"disputed": c.Disputed, "refunded": back == c.Captured,
	}
}

func null(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// answer is what a call is answered.
type answer struct {
	status int
	body   []byte
	header map[string]string
}

func object(status int, value any) answer {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic(err)
	}
	return answer{status: status, body: body}
}

func fault(status int, kind, code, message string) answer {
	inner := map[string]any{"type": kind, "message": message}
	if code != "" {
		inner["code"] = code
	}
	return object(status, map[string]any{"error": inner})
}

func invalid(code, message string) answer {
	return fault(http.StatusBadRequest, "invalid_request_error", code, message)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.Error(err)
	}
	spoiled := s.next(r)
	status, before := strings.CutSuffix(spoiled, " before")
	if spoiled == "drop before" {
		panic(http.ErrAbortHandler)
	}
	a := answer{}
	if !before {
		a = s.answer(r)
	}
	code, err := strconv.Atoi(status)
	switch {
	case spoiled == "drop after":
		panic(http.ErrAbortHandler)
	case spoiled == "half":
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body[:len(a.body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case spoiled == "empty":
		a = answer{status: http.StatusOK, body: []byte("{}")}
	case err == nil && code == http.StatusTooManyRequests:
		a = fault(code, "invalid_request_error", "rate_limit", "Too many requests hit the API too quickly.")
	case err == nil && code >= http.StatusBadRequest:
		a = fault(code, "api_error", "", "Something went wrong.")
	case err == nil:
		a.status = code
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_"+strconv.Itoa(len(s.Requests())))
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func (s *Server) next(r *http.Request) (fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, Seen{Method: r.Method, URI: r.URL.RequestURI(), Form: r.PostForm, Header: r.Header.Clone()})
	if list := s.faults[r.Method]; len(list) > 0 {
		fault, s.faults[r.Method] = list[0], list[1:]
	}
	return fault
}
