package native

import (
	"bytes"
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
	id, err := eventID(body)
	if err != nil {
		return fmt.Errorf("sign native webhook: %w", err)
	}
	now := d.now()
	message := pemkey.Webhook{ID: id, At: now, Body: body}
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

// eventID is the id of the event that a body shows. Bodies begin with it; one that does
// not is decoded.
func eventID(body []byte) (string, error) {
	rest, ok := bytes.CutPrefix(body, []byte(`{"id":"`))
	if at := bytes.IndexFunc(rest, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}); ok && at > 0 && rest[at] == '"' {
		return string(rest[:at]), nil
	}
	event, err := exactjson.Decode(body, exactjson.Limits{})
	if err != nil {
		return "", err
	}
	id, _ := event.Get("id")
	return id.Text, nil
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
