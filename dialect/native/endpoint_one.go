package native

import (
	"net/http"
	"slices"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
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
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	e, err := d.s.Admin.DisableEndpoint(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return d.answerEndpoint(c, http.StatusOK, e, "")
}

// rotateEndpoint adds a new secret to an endpoint, which is shown once; the old
// ones sign beside it until their time is over: POST /endpoints/{id}/rotate.
func (d *Dialect) rotateEndpoint(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	overlap := int64(admin.DefaultSecretOverlap / time.Second)
	if err := body.read(optional("overlap_seconds", body.count(&overlap, 0, int64(admin.MaxSecretOverlap/time.Second)))); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	e, secret, err := d.s.Admin.RotateEndpoint(c.ctx, c.by(), c.merchantID(), id, time.Duration(overlap)*time.Second)
	if err != nil {
		return err
	}
	return d.answerEndpoint(c, http.StatusOK, e, secret)
}

func (d *Dialect) answerEndpoint(c *call, status int, e merchant.Endpoint, secret string) error {
	viewer := EndpointViewer{Directory: d.s.Directory, Dialects: d.s.Dialects, Endpoints: d.s.Endpoints, Now: d.now}
	out, err := viewer.View(c.ctx, e, secret)
	if err != nil {
		return err
	}
	return c.json(status, out)
}

// testAnswer is what an endpoint answered to a test event.
type testAnswer struct {
	Endpoint  string  `json:"endpoint"`
	Event     string  `json:"event"`
	Type      string  `json:"type"`
	At        moment  `json:"at"`
	Delivered bool    `json:"delivered"`
	Status    *int    `json:"status"` // null where there was no answer
	Error     *string `json:"error"`
	Millis    int64   `json:"duration_ms"`
}

// TryJSON is a test delivery as the API shows it.
func TryJSON(endpointID string, try admin.EndpointTry) any {
	out := testAnswer{
		Endpoint: endpointID, Event: try.EventID, Type: admin.TestEvent, At: moment(try.At), Delivered: try.Delivered,
		Error: orNull(try.Error), Millis: try.Duration.Milliseconds(),
	}
	if try.Status != 0 {
		out.Status = &try.Status
	}
	return out
}

// testEndpoint sends one signed test event there and answers what came back:
// POST /endpoints/{id}/test.
func (d *Dialect) testEndpoint(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	try, err := d.s.Admin.TestEndpoint(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, TryJSON(id, try))
}
