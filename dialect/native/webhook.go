package native

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

var _ webhook.Renderer = (*Dialect)(nil)

// Subscribed reports whether an endpoint named the event's type, or named none
// and the event is one of those promised.
func (d *Dialect) Subscribed(_ webhook.Known, endpoint merchant.Endpoint, event webhook.Event) bool {
	if len(endpoint.Events) > 0 {
		return slices.Contains(endpoint.Events, event.Type)
	}
	return slices.Contains(refund.EndEvents(), event.Type)
}

// Know reads nothing: the endpoint's secrets are read when a try is signed.
func (d *Dialect) Know(context.Context, string) (webhook.Known, error) { return webhook.Known{}, nil }

// Render returns the event as GET /events shows it, and one about a dispute, which is
// not there, in the same form. The key is the endpoint,
// whose secrets sign.
func (d *Dialect) Render(_ webhook.Known, endpoint merchant.Endpoint, e webhook.Event) (webhook.Message, error) {
	body, err := encode(d.webhookBody(e))
	return webhook.Message{KeyID: endpoint.MerchantID + keySeparator + endpoint.ID, Body: body}, err
}

// Sign adds the three headers of Standard Webhooks, with an HMAC by a secret of
// the endpoint's own. The timestamp is the try's own, so that a
// receiver may refuse old ones; the id is the event's at every try. Every
// secret in use at the try signs, whatever was when the delivery was made.
func (d *Dialect) Sign(ctx context.Context, keyID string, body []byte, header http.Header) error {
	merchantID, endpointID, _ := strings.Cut(keyID, keySeparator)
	secrets, err := d.s.Endpoints.EndpointSecrets(ctx, merchantID, endpointID)
	if err != nil {
		return fmt.Errorf("sign native webhook: %w", err)
	}
	event, err := exactjson.Decode(body, exactjson.Limits{})
	if err != nil {
		return fmt.Errorf("sign native webhook: %w", err)
	}
	id, _ := event.Get("id")
	now := d.now()
	message := pemkey.Webhook{ID: id.Text, At: now, Body: body}
	var signatures []string
	for _, secret := range secrets {
		key, err := pemkey.ParseWebhookSecret(secret.Text)
		if err != nil || !secret.Signs(now) {
			continue
		}
		signatures = append(signatures, message.SignHMAC(key))
	}
	if len(signatures) == 0 {
		return errors.New("sign native webhook: the endpoint has no secret (hint: POST /endpoints/{id}/rotate gives it one)")
	}
	header.Set("Content-Type", "application/json")
	message.Set(header, signatures...)
	return nil
}

// keySeparator stands between merchant and endpoint in a delivery's key id.
const keySeparator = "/"

// Succeeded is any 2xx, as Standard Webhooks has it.
func (d *Dialect) Succeeded(_ merchant.Delivery, status int, _ []byte) bool {
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}

// Schedule is the one that Standard Webhooks recommends, about three days.
func (d *Dialect) Schedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}
