package native

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/exactjson"
)

// Webhooks of the native dialect have the form of Standard Webhooks: HMAC-SHA256
// over "id.timestamp.body" with a secret of the endpoint's own, in "v1,BASE64".
// While secrets are rotated there is one such for each, with a blank between.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	signatureForm   = "v1,"
	publicKeyForm   = "whpk_"
)

var _ webhook.Renderer = (*Dialect)(nil)

// NewPlatformKey makes the Ed25519 key pair that signs the wallet's webhooks,
// which have the same headers with the asymmetric form, "v1a,".
func NewPlatformKey(now time.Time) (merchant.PlatformKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return merchant.PlatformKey{}, fmt.Errorf("make native platform key: %w", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return merchant.PlatformKey{}, fmt.Errorf("encode native platform key: %w", err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return merchant.PlatformKey{}, fmt.Errorf("encode native platform key: %w", err)
	}
	return merchant.PlatformKey{
		ID: "pk_" + refund.NewID(now), Purpose: merchant.Native, CreatedAt: now,
		PublicPEM:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})),
		PrivatePEM: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})),
	}, nil
}

// Subscribed reports whether an endpoint named the event's type, or named none
// and the event is one of those promised.
func (d *Dialect) Subscribed(endpoint merchant.Endpoint, event webhook.Event) bool {
	if len(endpoint.Events) > 0 {
		return slices.Contains(endpoint.Events, event.Type)
	}
	return slices.Contains(promised, event.Type)
}

// Render gives the event as GET /events shows it.
func (d *Dialect) Render(_ context.Context, _ merchant.Endpoint, e webhook.Event) ([]byte, error) {
	return encode(answerEvent(e.ID, e.Type, e.At, e.RequestID, e.Refund, e.Charge))
}

// Sign adds the three headers. The timestamp is the try's own, so that a
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
	timestamp := strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, secret := range secrets {
		key, ok := secret.Key()
		if !ok || !secret.Signs(now) {
			continue
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id.Text + "." + timestamp + "."))
		mac.Write(body)
		signatures = append(signatures, signatureForm+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) == 0 {
		return errors.New("sign native webhook: the endpoint has no secret (hint: POST /endpoints/{id}/rotate gives it one)")
	}
	header.Set("Content-Type", "application/json")
	header.Set(headerID, id.Text)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, strings.Join(signatures, " "))
	return nil
}

// keySeparator stands between merchant and endpoint in a delivery's key id.
const keySeparator = "/"

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

// KeyID names the endpoint, whose secrets sign.
func (d *Dialect) KeyID(_ context.Context, e merchant.Endpoint) (string, error) {
	return e.MerchantID + keySeparator + e.ID, nil
}

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

// verification is what a receiver needs to check signatures.
type verification struct {
	Scheme string `json:"scheme"`
	KeyID  string `json:"key_id"`
	// PublicKey is in the scheme's own form: whpk_ and base64 of 32 bytes for
	// ed25519, PKIX PEM for rsa-sha256.
	PublicKey string `json:"public_key"`
	// Next is the key that is to take its place, while there is one. Receivers
	// should take both from then on.
	Next *nextKey `json:"next,omitempty"`
}

type nextKey struct {
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"`
	SignsFrom moment `json:"signs_from"`
}

// verification gives the key pair that signs a dialect's webhooks; nil where
// the dialect signs with secrets of the merchant's own, or not at all.
func (d *Dialect) verification(ctx context.Context, dialect string) (*verification, error) {
	purpose := map[string]string{merchant.PingPP: merchant.PingPP, merchant.Wallet: merchant.Native}[dialect]
	if purpose == "" {
		return nil, nil
	}
	key, err := d.s.Directory.PlatformKey(ctx, purpose)
	if err != nil {
		return nil, fmt.Errorf("find platform key: %w", err)
	}
	all, err := d.s.Directory.PlatformKeys(ctx, purpose)
	if err != nil {
		return nil, fmt.Errorf("find platform keys: %w", err)
	}
	out := verification{Scheme: "ed25519", KeyID: key.ID}
	if dialect == merchant.PingPP {
		out.Scheme = "rsa-sha256"
	}
	if out.PublicKey, err = publicText(key, dialect); err != nil {
		return nil, err
	}
	now := d.now()
	for _, next := range all {
		if !next.Published(now) || next.Active(now) {
			continue
		}
		text, err := publicText(next, dialect)
		if err != nil {
			return nil, err
		}
		out.Next = &nextKey{next.ID, text, moment(next.ActivatesAt)}
	}
	return &out, nil
}

// publicText is a key's public half as receivers are given it.
func publicText(key merchant.PlatformKey, dialect string) (string, error) {
	if dialect == merchant.PingPP {
		return key.PublicPEM, nil
	}
	private, err := privateKey(key)
	if err != nil {
		return "", err
	}
	return publicKeyForm + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)), nil
}
