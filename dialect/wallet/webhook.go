package wallet

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/wallet"
)

// Headers of our own: the contract says nothing of signatures on webhooks
// (section 6). They have the form of Standard Webhooks with its asymmetric
// signature, Ed25519 over "id.timestamp.body": a receiver gets the public half
// of our key when the endpoint is made, and holds nothing that could leak.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	signatureForm   = "v1a,"
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
// wallet hears of that wallet's charges.
func (d *Dialect) Subscribed(endpoint merchant.Endpoint, event webhook.Event) bool {
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

// Render gives the event as plain JSON (sections 5 and 6).
func (d *Dialect) Render(ctx context.Context, endpoint merchant.Endpoint, event webhook.Event) ([]byte, error) {
	name, _ := walletOf(endpoint, event.Charge)
	_, identity, err := d.Directory.Identity(ctx, merchant.Wallet, name)
	if err != nil {
		return nil, err
	}
	object, err := wire.Marshal(voiceOf(identity, event.Mode).refund(event.Refund, event.Charge))
	if err != nil {
		return nil, err
	}
	return wire.Marshal(wire.Event{ID: event.ID, Create: event.At.Unix(), Event: eventTypes[event.Type], Data: object})
}

// Sign adds the content type and our three headers. The timestamp is the try's
// own, so that a receiver may refuse old ones; the id is the event's at every
// try.
func (d *Dialect) Sign(ctx context.Context, keyID string, body []byte, header http.Header) error {
	key, err := d.Directory.PlatformKeyByID(ctx, keyID)
	if err != nil {
		return fmt.Errorf("sign wallet webhook: %w", err)
	}
	private, err := privateKey(key)
	if err != nil {
		return fmt.Errorf("sign wallet webhook: %w", err)
	}
	event, err := exactjson.Decode(body, exactjson.Limits{})
	if err != nil {
		return fmt.Errorf("sign wallet webhook: %w", err)
	}
	id, _ := event.Get("id")
	timestamp := strconv.FormatInt(d.now().Unix(), 10)
	signature := ed25519.Sign(private, slices.Concat([]byte(id.Text+"."+timestamp+"."), body))
	header.Set("Content-Type", "application/json")
	header.Set(headerID, id.Text)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, signatureForm+base64.StdEncoding.EncodeToString(signature))
	return nil
}

func privateKey(key merchant.PlatformKey) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode([]byte(key.PrivatePEM))
	if block == nil {
		return nil, fmt.Errorf("platform key %s is no PEM", key.ID)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("platform key %s: %w", key.ID, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("platform key %s is no Ed25519 key", key.ID)
	}
	return private, nil
}

// KeyID names the platform key in use.
func (d *Dialect) KeyID(ctx context.Context, _ merchant.Endpoint) (string, error) {
	key, err := d.Directory.PlatformKey(ctx, merchant.Native)
	if err != nil {
		return "", fmt.Errorf("find platform key: %w", err)
	}
	return key.ID, nil
}

// Succeeded: any 2xx, the body is ignored.
func (d *Dialect) Succeeded(_ merchant.Delivery, status int, _ []byte) bool {
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}

// Schedule is the contract's ten pauses (section 5).
func (d *Dialect) Schedule() []time.Duration {
	delays := wire.WebhookRetryDelays()
	return delays[:]
}
