package native

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
)

// EndpointViewer shows endpoints, to the API and to commands.
type EndpointViewer struct {
	Directory dialect.Directory
	Dialects  merchant.Dialects
	Endpoints Endpoints
	Now       func() time.Time
}

// EndpointView is an endpoint as answers show it.
type EndpointView struct {
	ID         string   `json:"id"`
	URL        string   `json:"url"`
	Dialect    string   `json:"dialect"`
	Identity   string   `json:"identity"` // "" for every identity in the dialect
	Events     []string `json:"events"`   // [] for what the dialect promises
	CreatedAt  moment   `json:"created_at"`
	DisabledAt moment   `json:"disabled_at"`
	// Verification is what a receiver checks signatures with; only where one
	// endpoint is shown, and left out for dialects without a key of ours.
	Verification *verification `json:"verification,omitempty"`
	// Secret signs what an endpoint of the native dialect is told; only in the
	// answer that made it.
	Secret string `json:"secret,omitempty"`
	// Secrets are those in use, newest first, where one endpoint is shown.
	Secrets []secretAnswer `json:"secrets,omitempty"`
}

// secretAnswer is a secret in use, without its text.
type secretAnswer struct {
	CreatedAt moment `json:"created_at"`
	ExpiresAt moment `json:"expires_at"` // null for the newest
}

// EndpointJSON is an endpoint as lists show it.
func EndpointJSON(e merchant.Endpoint) EndpointView {
	out := EndpointView{
		ID: e.ID, URL: e.URL, Dialect: e.Dialect, Identity: e.Identity, Events: e.Events,
		CreatedAt: moment(e.CreatedAt), DisabledAt: moment(e.DisabledAt),
	}
	if out.Events == nil {
		out.Events = []string{}
	}
	return out
}

// View is an endpoint with what its receiver checks signatures with; secret is
// that which was just made.
func (v EndpointViewer) View(ctx context.Context, e merchant.Endpoint, secret string) (EndpointView, error) {
	out := EndpointJSON(e)
	out.Secret = secret
	var err error
	if out.Verification, err = v.verification(ctx, e.Dialect); err != nil {
		return EndpointView{}, err
	}
	known, _ := v.Dialects.Find(e.Dialect)
	if !known.EndpointSecret || !e.DisabledAt.IsZero() {
		return out, nil
	}
	secrets, err := v.Endpoints.EndpointSecrets(ctx, e.MerchantID, e.ID)
	if err != nil {
		return EndpointView{}, err
	}
	for _, s := range secrets {
		if s.Signs(v.Now()) {
			out.Secrets = append(out.Secrets, secretAnswer{moment(s.CreatedAt), moment(s.ExpiresAt)})
		}
	}
	return out, nil
}

// Lines are what a receiver checks signatures with, for people: a name and a
// value each.
func (v EndpointView) Lines() [][2]string {
	if v.Verification == nil {
		return nil
	}
	lines := [][2]string{{"signatures", v.Verification.Scheme}, {"key " + v.Verification.KeyID, v.Verification.PublicKey}}
	if next := v.Verification.Next; next != nil {
		lines = append(lines, [2]string{"next key " + next.KeyID, next.PublicKey})
	}
	return lines
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

// verification returns the key pair that signs a dialect's webhooks; nil where
// the dialect signs with secrets of the merchant's own, or not at all, and where
// no key was made yet.
func (v EndpointViewer) verification(ctx context.Context, dialect string) (*verification, error) {
	known, _ := v.Dialects.Find(dialect)
	form := known.Verification
	if form == nil {
		return nil, nil
	}
	all, err := v.Directory.PlatformKeys(ctx, form.Purpose)
	if err != nil {
		return nil, fmt.Errorf("find platform keys: %w", err)
	}
	key, there := merchant.KeyInUse(all, v.Now())
	if !there { // no serve has run on the database yet
		return nil, nil
	}
	out := verification{Scheme: form.Scheme, KeyID: key.ID}
	if out.PublicKey, err = form.PublicText(key); err != nil {
		return nil, err
	}
	now := v.Now()
	for _, next := range all {
		if !next.Published(now) || next.Active(now) {
			continue
		}
		text, err := form.PublicText(next)
		if err != nil {
			return nil, err
		}
		out.Next = &nextKey{next.ID, text, moment(next.ActivatesAt)}
	}
	return &out, nil
}
