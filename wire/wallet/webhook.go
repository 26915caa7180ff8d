package wallet

import (
	"encoding/json"
	"time"
)

// Names of events (L5-12). The refund page prints charge.succeeded for a refund
// that succeeded, a slip; the two of refunds are ours (L5-7).
const (
	EventRefundSucceeded   = "refund.succeeded"
	EventRefundFailed      = "refund.failed"
	EventPaymentSucceeded  = "payment.succeeded" // a charge
	EventPaymentFailed     = "payment.failed"    // a charge
	EventChargeSucceeded   = "charge.succeeded"  // a wallet that was topped up
	EventChargeFailed      = "charge.failed"     // a wallet that was topped up
	EventRechargeSucceeded = "recharge.succeeded"
)

// Event is the body of a webhook (L5-2). The time's key is create, not created.
// Data is the whole object, in the bytes that Marshal made of it. Type is
// written as "event" whatever it holds.
type Event struct {
	ID     string          `json:"id"`
	Type   string          `json:"type"`
	Create int64           `json:"create"`
	Event  string          `json:"event"`
	Data   json.RawMessage `json:"data"`
}

// MarshalJSON writes absent data as {}.
func (e Event) MarshalJSON() ([]byte, error) {
	e.Type = TypeEvent
	fillObject(&e.Data)
	type plain Event // drops this method, which would call itself
	return Marshal(plain(e))
}

// WebhookRetries is how many times a webhook is sent again after its first
// delivery found no 2xx answer.
const WebhookRetries = 10

// WebhookRetryDelays are the pauses before each of the retries, about 25 hours
// in all (L5-5).
func WebhookRetryDelays() [WebhookRetries]time.Duration {
	return [WebhookRetries]time.Duration{
		5 * time.Second, 10 * time.Second,
		2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		1 * time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
	}
}
