package merchant

import (
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// EndpointSecret is what signs the deliveries to an endpoint of the native
// dialect. Several are in use while a receiver is moved to a new one.
type EndpointSecret struct {
	// Text is a secret of Standard Webhooks: whsec_ and base64.
	Text      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: in use until it is replaced
}

// NewEndpointSecret makes a secret.
func NewEndpointSecret(now time.Time) EndpointSecret {
	return EndpointSecret{Text: pemkey.NewWebhookSecret(), CreatedAt: now}
}

// Signs reports whether the secret is in use.
func (s EndpointSecret) Signs(now time.Time) bool {
	return s.ExpiresAt.IsZero() || s.ExpiresAt.After(now)
}
