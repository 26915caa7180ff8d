package merchant

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"
)

const (
	// endpointSecretForm begins the text of a Standard Webhooks secret.
	endpointSecretForm = "whsec_"
	// endpointSecretBytes is as long as the hash that it keys.
	endpointSecretBytes = 32
)

// EndpointSecret is what signs the deliveries to an endpoint of the native
// dialect. Several are in use while a receiver is moved to a new one.
type EndpointSecret struct {
	// Text is whsec_ and base64 of 32 bytes.
	Text      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: in use until it is replaced
}

// NewEndpointSecret makes a secret.
func NewEndpointSecret(now time.Time) EndpointSecret {
	raw := make([]byte, endpointSecretBytes)
	_, _ = rand.Read(raw) // documented never to fail
	return EndpointSecret{Text: endpointSecretForm + base64.StdEncoding.EncodeToString(raw), CreatedAt: now}
}

// Key is what the text stands for; false for a text of another form.
func (s EndpointSecret) Key() ([]byte, bool) {
	text, has := strings.CutPrefix(s.Text, endpointSecretForm)
	key, err := base64.StdEncoding.DecodeString(text)
	return key, has && err == nil && len(key) == endpointSecretBytes
}

// Signs reports whether the secret is in use.
func (s EndpointSecret) Signs(now time.Time) bool {
	return s.ExpiresAt.IsZero() || s.ExpiresAt.After(now)
}
