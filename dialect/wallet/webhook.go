package wallet

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wallet"
)

// eventTypes maps the core's events to the dialect's; others have no name here.
// A refund that was withdrawn is one that failed.
var eventTypes = map[string]string{
	"refund." + string(refund.Succeeded): wire.EventRefundSucceeded,
	"refund." + string(refund.Failed):    wire.EventRefundFailed,
	"refund." + string(refund.Canceled):  wire.EventRefundFailed,
}

// Subscribed reports whether an endpoint gets an event: only how a refund ended
// is told. An endpoint that names no types gets both. One that belongs to a
// wallet is notified of that wallet's charges.
func (d *Dialect) Subscribed(_ webhook.Known, endpoint merchant.Endpoint, event webhook.Event) bool {
	name := eventTypes[event.Type]
	if _, ok := walletOf(endpoint, event.Charge); !ok || name == "" {
		return false
	}
	return len(endpoint.Events) == 0 || slices.Contains(endpoint.Events, name)
}

// walletOf is the wallet whose words an endpoint is told in: its own, else the
// first that knows the charge.
func walletOf(endpoint merchant.Endpoint, charge refund.Charge) (string, bool) {
	if endpoint.Identity != "" {
		_, ok := aliasIn(charge, endpoint.Identity)
		return endpoint.Identity, ok
	}
	alias, ok := charge.Alias(merchant.Wallet)
	return alias.Identity, ok
}

// Know reads the merchant's wallets and the platform key in use.
func (d *Dialect) Know(ctx context.Context, merchantID string) (webhook.Known, error) {
	identities, err := d.Directory.Identities(ctx, merchantID)
	if err != nil {
		return webhook.Known{}, fmt.Errorf("find wallets: %w", err)
	}
	key, err := d.Directory.PlatformKey(ctx, webhookKey)
	if err != nil {
		return webhook.Known{}, fmt.Errorf("find platform key: %w", err)
	}
	return webhook.Known{Identities: identities, Key: key}, nil
}

// Render returns the event as plain JSON (L5-2 and L5-11).
func (d *Dialect) Render(known webhook.Known, endpoint merchant.Endpoint, event webhook.Event) (webhook.Message, error) {
	name, _ := walletOf(endpoint, event.Charge)
	identity, ok := known.Identity(merchant.Wallet, name)
	if !ok {
		return webhook.Message{}, fmt.Errorf("the merchant has no wallet %q, or it can't be read", name)
	}
	object, err := wire.Marshal(voiceOf(identity).refund(event.Refund, event.Charge))
	if err != nil {
		return webhook.Message{}, err
	}
	body, err := wire.Marshal(wire.Event{ID: event.ID, Create: event.At.Unix(), Event: eventTypes[event.Type], Data: object})
	return webhook.Message{KeyID: known.Key.ID, Body: body}, err
}

// Sign adds the content type and three headers of our own: the contract says
// nothing of signatures on webhooks (L5-11). They are those of Standard
// Webhooks with its asymmetric signature: a receiver gets the public half of
// our key when the endpoint is made, and holds nothing that could leak. The
// timestamp is the try's own, so that a receiver may refuse old ones; the id is
// the event's at every try.
func (d *Dialect) Sign(ctx context.Context, keyID string, body []byte, header http.Header) error {
	key, err := d.Directory.PlatformKeyByID(ctx, keyID)
	if err != nil {
		return fmt.Errorf("sign wallet webhook: %w", err)
	}
	private, err := pemkey.ParseEd25519PrivateKey(key.PrivatePEM)
	if err != nil {
		return fmt.Errorf("sign wallet webhook: platform key %s: %w", key.ID, err)
	}
	event, err := exactjson.Decode(body, exactjson.Limits{})
	if err != nil {
		return fmt.Errorf("sign wallet webhook: %w", err)
	}
	id, _ := event.Get("id")
	message := pemkey.Webhook{ID: id.Text, At: d.now(), Body: body}
	header.Set("Content-Type", "application/json")
	message.Set(header, message.SignEd25519(private))
	return nil
}

// Succeeded: any 2xx, the body is ignored.
func (d *Dialect) Succeeded(_ merchant.Delivery, status int, _ []byte) bool {
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}

// Schedule is the contract's ten pauses (L5-5).
func (d *Dialect) Schedule() []time.Duration {
	delays := wire.WebhookRetryDelays()
	return delays[:]
}
