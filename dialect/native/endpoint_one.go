package native

import (
	"net/http"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// standardOverlap is how long old secrets sign beside a new one when the
	// request does not say: a day is enough to bring one to all receivers.
	standardOverlap = 24 * 60 * 60
	// mostOverlap is 30 days: longer, and the old secret is simply in use.
	mostOverlap = 30 * standardOverlap
)

// endpoint is the one that the address names.
func (c *call) endpoint() (merchant.Endpoint, error) {
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return merchant.Endpoint{}, err
	}
	return c.endpointNamed(id)
}

func (c *call) endpointNamed(id string) (merchant.Endpoint, error) {
	all, err := c.d.s.Endpoints.Endpoints(c.ctx, c.merchantID())
	if err != nil {
		return merchant.Endpoint{}, err
	}
	at := slices.IndexFunc(all, func(e merchant.Endpoint) bool { return e.ID == id })
	if at < 0 {
		return merchant.Endpoint{}, refund.Errorf(refund.KindNotFound, "id", "there is no such endpoint")
	}
	return all[at], nil
}

// getEndpoint shows one endpoint with what its receiver checks signatures
// with, secrets left out: GET /endpoints/{id}.
func (d *Dialect) getEndpoint(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	e, err := c.endpoint()
	if err != nil {
		return err
	}
	return d.answerEndpoint(c, http.StatusOK, e, "")
}

// deleteEndpoint takes an endpoint out of use: DELETE /endpoints/{id}. What was
// on its way is dead, and the endpoint stays on record.
func (d *Dialect) deleteEndpoint(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	e, err := c.endpoint()
	if err != nil {
		return err
	}
	now := d.now()
	if err := d.s.Endpoints.DisableEndpoint(c.ctx, c.merchantID(), e.ID, now); err != nil {
		return err
	}
	if e.DisabledAt.IsZero() {
		e.DisabledAt = now
	}
	return d.answerEndpoint(c, http.StatusOK, e, "")
}

// rotateEndpoint gives an endpoint a new secret, which is told once; the old
// ones sign beside it until their time is over: POST /endpoints/{id}/rotate.
func (d *Dialect) rotateEndpoint(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	overlap := int64(standardOverlap)
	if err := body.read(optional("overlap_seconds", body.count(&overlap, 0, mostOverlap))); err != nil {
		return err
	}
	e, err := c.endpoint()
	if err != nil {
		return err
	}
	if !d.hasSecret(e) {
		return refund.Errorf(refund.KindStateConflict, "id", "only an endpoint of dialect native that is in use has a secret of its own")
	}
	now := d.now()
	fresh := merchant.NewEndpointSecret(now)
	c.made(e.ID, fresh.Text)
	err = d.s.Endpoints.RotateEndpoint(c.ctx, c.merchantID(), e.ID, fresh, now.Add(time.Duration(overlap)*time.Second))
	if err != nil {
		return err
	}
	return d.answerEndpoint(c, http.StatusOK, e, fresh.Text)
}

// hasSecret reports whether an endpoint is in use and has secrets of its own.
func (d *Dialect) hasSecret(e merchant.Endpoint) bool {
	known, _ := d.s.Dialects.Find(e.Dialect)
	return known.EndpointSecret && e.DisabledAt.IsZero()
}

// secretAnswer is a secret in use, without its text.
type secretAnswer struct {
	CreatedAt moment `json:"created_at"`
	ExpiresAt moment `json:"expires_at"` // null for the newest
}

func (d *Dialect) answerEndpoint(c *call, status int, e merchant.Endpoint, secret string) error {
	out := endpointOf(e)
	out.Secret = secret
	var err error
	if out.Verification, err = d.verification(c.ctx, e.Dialect); err != nil {
		return err
	}
	if d.hasSecret(e) {
		secrets, err := d.s.Endpoints.EndpointSecrets(c.ctx, c.merchantID(), e.ID)
		if err != nil {
			return err
		}
		for _, s := range secrets {
			if s.Signs(d.now()) {
				out.Secrets = append(out.Secrets, secretAnswer{moment(s.CreatedAt), moment(s.ExpiresAt)})
			}
		}
	}
	return c.json(status, out)
}
