package pingpp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Event types around charges and refunds (P5-8 to P5-12). There is no type for
// a refund that was created or changed without an end.
const (
	EventChargeSucceeded      = "charge.succeeded"
	EventChargeFailed         = "charge.failed"
	EventRefundSucceeded      = "refund.succeeded"
	EventRefundFailed         = "refund.failed"
	EventBatchRefundSucceeded = "batch_refund.succeeded"
	EventOrderSucceeded       = "order.succeeded"
	EventOrderRefunded        = "order.refunded"
)

// Event is the event object and the body of a webhook (P2.6-1 and P5-1), its
// members in the order of the published webhook sample. PendingWebhooks counts
// deliveries that have not succeeded yet, 0 or more. Request is the id of the
// API call that caused the event, null if none did. Object is written as
// "event" whatever it holds.
type Event struct {
	ID              string    `json:"id"`
	Created         int64     `json:"created"`
	Livemode        bool      `json:"livemode"`
	Type            string    `json:"type"`
	Data            EventData `json:"data"`
	Object          string    `json:"object"`
	PendingWebhooks int64     `json:"pending_webhooks"`
	Request         *string   `json:"request"`
}

// EventData carries the whole object as it was at the time of the event, in the
// bytes that Marshal made of it. PreviousAttributes belongs to events of type
// *.updated only and is left out when empty.
type EventData struct {
	Object             json.RawMessage `json:"object"`
	PreviousAttributes json.RawMessage `json:"previous_attributes,omitempty"`
}

// MarshalJSON fails with ErrNotObject when data.object is no JSON object: the
// Java client picks a class from data.object.object and has none for null.
func (event Event) MarshalJSON() ([]byte, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(event.Data.Object), []byte("{")) {
		return nil, fmt.Errorf("write event %s: member data.object: %w", event.ID, ErrNotObject)
	}
	event.Object = ObjectEvent
	type plain Event // drops this method, which would call itself
	return Marshal(plain(event))
}

// WebhookRetries is how many times a webhook is sent again after its first
// delivery found no 2xx answer.
const WebhookRetries = 10

// WebhookRetryDelays are the pauses before each of the retries, about 25 hours
// in all (P5-5). The documents leave open whether the first delivery counts
// among the ten; ten pauses are listed, so here it does not.
func WebhookRetryDelays() [WebhookRetries]time.Duration {
	return [WebhookRetries]time.Duration{
		5 * time.Second, 10 * time.Second,
		2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		1 * time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
	}
}
