package pingpp

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// Subscribed reports whether an endpoint gets an event: only how a refund ended
// is told. An endpoint that names no types gets refund.succeeded alone, because
// the sample receivers answer 400 or 500 to what they do not know (P5-8).
// Webhooks are configured per app, so one that belongs to an app is notified of that
// app's charges.
func (d *Dialect) Subscribed(_ webhook.Known, endpoint merchant.Endpoint, event webhook.Event) bool {
	if !tellable(event.Type, event.Charge) {
		return false
	}
	if alias, _ := event.Charge.Alias(merchant.PingPP); endpoint.Identity != "" && endpoint.Identity != alias.Identity {
		return false
	}
	name := eventTypes[event.Type]
	if len(endpoint.Events) == 0 {
		return name == wire.EventRefundSucceeded
	}
	return slices.Contains(endpoint.Events, name)
}

// Know reads the platform key in use, which signs.
func (d *Dialect) Know(ctx context.Context, _ string) (webhook.Known, error) {
	key, err := d.Directory.PlatformKey(ctx, merchant.PingPP)
	return webhook.Known{Key: key}, err
}

// Render returns the event as compact JSON, in Chinese like the service's
// default: a webhook has no Accept-Language.
func (d *Dialect) Render(known webhook.Known, _ merchant.Endpoint, event webhook.Event) (webhook.Message, error) {
	object, err := eventObject(refund.StoredEvent{
		MerchantID: event.MerchantID, ID: event.ID, Type: event.Type, At: event.At, RequestID: event.RequestID,
		Refund: event.Refund, Charge: event.Charge, Together: event.Together,
	}, event.Mode == merchant.Live, int64(event.Pending), wire.Chinese)
	if err != nil {
		return webhook.Message{}, err
	}
	body, err := wire.Marshal(object)
	return webhook.Message{KeyID: known.Key.ID, Body: body}, err
}

// lateBy is how long the second test case puts a webhook off (P2.10-5).
const lateBy = 5 * time.Minute

// Waits follows the test cases of metadata in test mode: a success is told
// twice, or everything late.
func (d *Dialect) Waits(event webhook.Event) []time.Duration {
	if event.Mode != merchant.Test {
		return nil
	}
	kept := event.Refund.Detail.Metadata
	if event.Together != nil {
		kept = json.RawMessage(event.Together.Contents[0][contentMetadata])
	}
	success := strings.HasSuffix(eventTypes[event.Type], "."+wire.StatusSucceeded)
	switch testCase := wire.TestCase(kept); {
	case testCase == wire.TestCaseWebhookTwice && success:
		return []time.Duration{0, 0}
	case testCase == wire.TestCaseWebhookLate:
		return []time.Duration{lateBy}
	}
	return nil
}

// Sign adds content type and signature: RSA-SHA256 over the body alone, with
// the platform key that the delivery keeps.
func (d *Dialect) Sign(ctx context.Context, keyID string, body []byte, header http.Header) error {
	key, err := d.Directory.PlatformKeyByID(ctx, keyID)
	if err != nil {
		return err
	}
	private, err := d.privateKey(key)
	if err != nil {
		return err
	}
	signature, err := pemkey.SignSHA256(private, body)
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/json")
	header.Set(wire.HeaderSignature, signature)
	return nil
}

// Succeeded: any 2xx, the body is ignored.
func (d *Dialect) Succeeded(_ merchant.Delivery, status int, _ []byte) bool {
	return status >= 200 && status <= 299
}

// Schedule is the contract's ten pauses.
func (d *Dialect) Schedule() []time.Duration {
	delays := wire.WebhookRetryDelays()
	return delays[:]
}

// tellable: the event has a name here, and so has its charge.
func tellable(eventType string, charge refund.Charge) bool {
	return eventTypes[eventType] != "" && chargeName(charge) != ""
}
