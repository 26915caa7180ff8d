package native

import (
	"net/http"
	"slices"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/exactjson"
)

// maxEvents is above the number of event types.
const maxEvents = 16

// createEndpoint adds an address that is notified of events: POST /endpoints,
// 201. One that is in use already with the same identity and events is answered
// as it is, 200; one with others is a conflict that names it.
func (d *Dialect) createEndpoint(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	in, err := decodeEndpoint(d.s.Dialects, body)
	if err != nil {
		return err
	}
	added, err := d.s.Admin.AddEndpoint(c.ctx, c.by(), c.merchantID(), in)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if added.Fresh {
		status = http.StatusCreated
	}
	return d.answerEndpoint(c, status, added.Endpoint, added.Secret)
}

func decodeEndpoint(dialects merchant.Dialects, d *decoder) (admin.NewEndpoint, error) {
	var in admin.NewEndpoint
	err := d.read(
		required("url", d.httpURL(&in.URL)),
		required("dialect", oneOf(d, &in.Dialect, dialects.Names()...)),
		optional("identity", d.name(&in.Identity, maxName)),
		optional("events", d.list(maxEvents, func(v exactjson.Value, path string) {
			var event string
			d.text(&event, maxLabel)(v, path)
			if d.fault == nil && slices.Contains(in.Events, event) {
				d.refuse(path, "is named twice")
			}
			in.Events = append(in.Events, event)
		})),
	)
	return in, err
}

// listEndpoints returns all of the merchant's endpoints, oldest first: GET
// /endpoints. They are few, so there is one page.
func (d *Dialect) listEndpoints(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	endpoints, err := d.s.Endpoints.Endpoints(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	out := list[EndpointView]{Data: make([]EndpointView, len(endpoints))}
	for n, e := range endpoints {
		out.Data[n] = EndpointJSON(e)
	}
	return c.json(http.StatusOK, out)
}
