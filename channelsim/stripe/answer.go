package stripe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/refundry/refundry/channelsim"
)

// object is a JSON object.
type object = map[string]any

// fault is an error as Stripe answers it.
type fault struct {
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
}

// The types of errors.
const (
	invalidRequest   = "invalid_request_error"
	idempotencyError = "idempotency_error"
)

func answer(status int, content any) channelsim.Answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(content) // of maps of texts and numbers
	a := channelsim.Answer{Status: status, Body: body.Bytes()}
	a.Set("Content-Type", "application/json")
	return a
}

func fail(status int, f fault) channelsim.Answer {
	return answer(status, object{"error": f})
}

// bad is the answer to a parameter that is wrong.
func bad(code, param, format string, args ...any) channelsim.Answer {
	return fail(http.StatusBadRequest, fault{Type: invalidRequest, Code: code, Param: param, Message: fmt.Sprintf(format, args...)})
}

func missing(status int, kind, param, id string) channelsim.Answer {
	return fail(status, fault{Type: invalidRequest, Code: "resource_missing", Param: param, Message: fmt.Sprintf("No such %s: '%s'", kind, id)})
}

// Throttled implements channelsim.Side.
func (*Side) Throttled(*channelsim.Call) channelsim.Answer {
	return fail(http.StatusTooManyRequests, fault{Type: invalidRequest, Code: "rate_limit", Message: "Request rate limit exceeded."})
}

// ShortOfFunds implements channelsim.Side. Execution has begun: the error is kept under
// the request's key.
func (s *Side) ShortOfFunds(c *channelsim.Call) channelsim.Answer {
	a := fail(http.StatusBadRequest, fault{Type: invalidRequest, Code: "balance_insufficient", Message: "Insufficient funds in your Stripe balance to refund this amount."})
	s.keep(c, &kept{answer: &a})
	return a
}

// Sign implements channelsim.Side: answers are not signed. They name the request.
func (s *Side) Sign(c *channelsim.Call, a *channelsim.Answer, _ bool) {
	s.mu.Lock()
	s.requests++
	a.Set("Request-Id", fmt.Sprintf("req_%014d", s.requests))
	s.mu.Unlock()
	a.Set("Stripe-Version", apiVersion)
	if key := c.Header.Get(headerKey); key != "" {
		a.Set(headerKey, key)
	}
}
