package pemkey

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Headers of Standard Webhooks.
const (
	HeaderWebhookID        = "Webhook-Id"
	HeaderWebhookTimestamp = "Webhook-Timestamp"
	HeaderWebhookSignature = "Webhook-Signature"
)

const (
	hmacVersion    = "v1,"
	ed25519Version = "v1a,"
	secretPrefix   = "whsec_"
	publicPrefix   = "whpk_"

	// The specification asks for 24 to 64 bytes of secret; ours are as long as
	// the hash that they key.
	minSecretBytes = 24
	maxSecretBytes = 64
	newSecretBytes = sha256.Size

	// WebhookTolerance is how far a timestamp may be from the receiver's clock.
	WebhookTolerance = 5 * time.Minute

	maxWebhookID  = 256 // characters
	maxSignatures = 16  // of one webhook: secrets in use while they are rotated
	// maxSignatureText holds maxSignatures of the longest form, v1a with 64 bytes.
	maxSignatureText = maxSignatures * 96
	maxTimestamp     = 12 // digits of Unix seconds
)

// Why a webhook is refused, besides ErrSignature.
var (
	ErrWebhookHeader = errors.New("a header of the webhook's signature is missing or malformed")
	ErrWebhookTime   = errors.New("the webhook's timestamp is too far from the clock")
)

// NewWebhookSecret makes a secret for Webhook.SignHMAC: whsec_ and base64 of 32
// bytes.
func NewWebhookSecret() string {
	raw := make([]byte, newSecretBytes)
	_, _ = rand.Read(raw) // documented never to fail
	return secretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// ParseWebhookSecret reads the text of a secret: whsec_ and base64 of 24 to 64
// bytes. Errors wrap ErrKey and don't repeat it.
func ParseWebhookSecret(text string) ([]byte, error) {
	const want = "a webhook secret (whsec_ and base64 of 24 to 64 bytes)"
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return nil, mismatch(want, "a text that does not begin with "+secretPrefix)
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, mismatch(want, "no padded base64 behind "+secretPrefix)
	}
	if len(secret) < minSecretBytes || len(secret) > maxSecretBytes {
		return nil, mismatch(want, fmt.Sprintf("%d bytes", len(secret)))
	}
	return secret, nil
}

// WebhookPublicKey is the text of an Ed25519 public key as receivers configure
// it: whpk_ and base64 of 32 bytes.
func WebhookPublicKey(key ed25519.PublicKey) string {
	return publicPrefix + base64.StdEncoding.EncodeToString(key)
}

// Webhook is a message as Standard Webhooks signs it.
type Webhook struct {
	ID   string    // the event's, the same at every try; without a dot
	At   time.Time // the try's, in seconds
	Body []byte
}

func (w Webhook) timestamp() string { return strconv.FormatInt(w.At.Unix(), 10) }

// signed is the text that signatures are over.
func (w Webhook) signed() []byte {
	return slices.Concat([]byte(w.ID+"."+w.timestamp()+"."), w.Body)
}

// SignHMAC makes a signature with a shared secret: HMAC-SHA256, "v1,BASE64".
func (w Webhook) SignHMAC(secret []byte) string {
	return hmacVersion + base64.StdEncoding.EncodeToString(w.mac(secret))
}

func (w Webhook) mac(secret []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(w.signed())
	return mac.Sum(nil)
}

// SignEd25519 makes a signature with a private key, "v1a,BASE64".
func (w Webhook) SignEd25519(key ed25519.PrivateKey) string {
	return ed25519Version + base64.StdEncoding.EncodeToString(ed25519.Sign(key, w.signed()))
}

// Set writes the three headers into an http.Header. There is one signature for
// each key that receivers may have.
func (w Webhook) Set(header map[string][]string, signatures ...string) {
	header[HeaderWebhookID] = []string{w.ID}
	header[HeaderWebhookTimestamp] = []string{w.timestamp()}
	header[HeaderWebhookSignature] = []string{strings.Join(signatures, " ")}
}

// WebhookKeys are what a receiver verifies with: one signature by one of them
// is enough.
type WebhookKeys struct {
	Secrets [][]byte
	Public  []ed25519.PublicKey
}

// Verify reads the three headers of an http.Header and checks the body against
// them. It returns ErrWebhookHeader, ErrWebhookTime or ErrSignature.
func (k WebhookKeys) Verify(header map[string][]string, body []byte, now time.Time) (Webhook, error) {
	w, signatures, err := readWebhook(header, body)
	if err != nil {
		return Webhook{}, err
	}
	if skew := now.Sub(w.At); skew > WebhookTolerance || skew < -WebhookTolerance {
		return Webhook{}, ErrWebhookTime
	}
	if !slices.ContainsFunc(signatures, func(signature string) bool { return k.made(w, signature) }) {
		return Webhook{}, ErrSignature
	}
	return w, nil
}

func (k WebhookKeys) made(w Webhook, signature string) bool {
	version, encoded, _ := strings.Cut(signature, ",")
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return false
	}
	switch version + "," {
	case hmacVersion:
		return slices.ContainsFunc(k.Secrets, func(secret []byte) bool { return hmac.Equal(raw, w.mac(secret)) })
	case ed25519Version:
		return slices.ContainsFunc(k.Public, func(key ed25519.PublicKey) bool {
			return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, w.signed(), raw)
		})
	default: // a version of later specifications
		return false
	}
}

// readWebhook takes the headers. An id with a dot is refused: two messages
// could then have the same signed text.
func readWebhook(header map[string][]string, body []byte) (Webhook, []string, error) {
	w := Webhook{Body: body}
	var timestamp, joined string
	for _, part := range []struct {
		name  string
		limit int
		value *string
	}{
		{HeaderWebhookID, maxWebhookID, &w.ID},
		{HeaderWebhookTimestamp, maxTimestamp, &timestamp},
		{HeaderWebhookSignature, maxSignatureText, &joined},
	} {
		values := header[part.name]
		if len(values) != 1 || values[0] == "" || len(values[0]) > part.limit {
			return Webhook{}, nil, fmt.Errorf("%w: %s", ErrWebhookHeader, part.name)
		}
		*part.value = values[0]
	}
	seconds, err := strconv.ParseUint(timestamp, 10, 63)
	switch {
	case strings.Contains(w.ID, "."):
		return Webhook{}, nil, fmt.Errorf("%w: %s", ErrWebhookHeader, HeaderWebhookID)
	case err != nil || strconv.FormatUint(seconds, 10) != timestamp:
		return Webhook{}, nil, fmt.Errorf("%w: %s", ErrWebhookHeader, HeaderWebhookTimestamp)
	}
	w.At = time.Unix(int64(seconds), 0)
	return w, strings.Split(joined, " "), nil
}
