package stripetest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Sign is the value of Stripe-Signature for a body, by each of the secrets.
func Sign(body []byte, at time.Time, secrets ...string) string {
	header := fmt.Sprintf("t=%d", at.Unix())
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return header
}

// Event is an event's body.
func (s *Server) Event(kind string, value any) []byte {
	s.mu.Lock()
	s.events++
	id := fmt.Sprintf("evt_3Test%08d", s.events)
	s.mu.Unlock()
	body, err := json.Marshal(map[string]any{
		"id": id, "object": "event", "api_version": "2026-06-24.dahlia", "created": s.Now().Unix(), "livemode": s.Live, "type": kind,
		"data": map[string]any{"object": value}, "pending_webhooks": 1, "request": map[string]any{"id": nil, "idempotency_key": nil},
	})
	if err != nil {
		panic(err)
	}
	return body
}

// Request is an event's way to an address.
func (s *Server) Request(address string, body []byte) *http.Request {
	r, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Stripe-Signature", Sign(body, s.Now(), s.Webhook))
	return r
}

// Send delivers an event and returns the status of its answer.
func (s *Server) Send(address, kind string, value any) int {
	s.Helper()
	answer, err := http.DefaultClient.Do(s.Request(address, s.Event(kind, value)))
	if err != nil {
		s.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// DisputeObject is a dispute of a payment as the API shows it.
func DisputeObject(id string, c Charge, amount int64, status string) map[string]any {
	return map[string]any{
		"id": id, "object": "dispute", "amount": amount, "currency": c.Currency, "charge": c.ID, "payment_intent": null(c.Intent),
		"status": status, "reason": "fraudulent", "created": c.Created, "balance_transactions": []any{}, "livemode": false,
	}
}
