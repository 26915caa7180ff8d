package native

import (
	"net/http"
	"slices"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// mostEvents is above the number of event types.
const mostEvents = 16

// createEndpoint adds an address that is told of events: POST /endpoints, 201.
// One that is in use already with the same events is answered as it is, 200.
func (d *Dialect) createEndpoint(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	in, err := decodeEndpoint(d.s.Dialects, body)
	if err != nil {
		return err
	}
	if in.Identity, err = d.endpointIdentity(c, in); err != nil {
		return err
	}
	if err := d.s.EgressCheck(c.ctx, in.URL); err != nil {
		if refund.As(err) != nil {
			return err
		}
		e := refuse(refund.KindInvalid, "url", "is no public address that webhooks may go to")
		e.Cause = err
		return e
	}
	existing, err := d.s.Endpoints.Endpoints(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	for _, e := range existing {
		if e.DisabledAt.IsZero() && e.URL == in.URL && e.Dialect == in.Dialect && e.Identity == in.Identity && slices.Equal(e.Events, in.Events) {
			c.made(e.ID, "")
			return d.answerEndpoint(c, http.StatusOK, e, "")
		}
	}
	now := d.now()
	in.ID, in.MerchantID, in.CreatedAt = "ep_"+refund.NewID(now), c.merchantID(), now
	var secrets []merchant.EndpointSecret
	secret := ""
	if known, _ := d.s.Dialects.Find(in.Dialect); known.EndpointSecret { // the others sign as their contracts say
		secrets = []merchant.EndpointSecret{merchant.NewEndpointSecret(now)}
		secret = secrets[0].Text
	}
	c.made(in.ID, secret)
	if err := d.s.Endpoints.AddEndpoint(c.ctx, in, secrets...); err != nil {
		return err
	}
	return d.answerEndpoint(c, http.StatusCreated, in, secret)
}

func decodeEndpoint(dialects merchant.Dialects, d *decoder) (merchant.Endpoint, error) {
	var in merchant.Endpoint
	err := d.read(
		required("url", d.httpURL(&in.URL)),
		required("dialect", d.oneOf(&in.Dialect, dialects.Names()...)),
		optional("identity", d.name(&in.Identity, mostName)),
		optional("events", d.list(mostEvents, func(v exactjson.Value, path string) {
			var event string
			d.text(&event, mostLabel)(v, path)
			if d.fault == nil && slices.Contains(in.Events, event) {
				d.refuse(path, "is named twice")
			}
			in.Events = append(in.Events, event)
		})),
	)
	if err != nil {
		return in, err
	}
	if in.URL == "" {
		return in, refuse(refund.KindInvalid, "url", "must not be empty")
	}
	// Only now is the dialect known, wherever it stood.
	known, _ := dialects.Find(in.Dialect)
	for _, event := range in.Events {
		if !slices.Contains(known.Events, event) {
			return in, refund.Errorf(refund.KindInvalid, "events", "%q is no event that dialect %s tells", shown(event), in.Dialect)
		}
	}
	slices.Sort(in.Events)
	return in, nil
}

// endpointIdentity finds whose events an endpoint is told: the identity that
// the request names, else the only one in the dialect. The native dialect has
// none.
func (d *Dialect) endpointIdentity(c *call, in merchant.Endpoint) (string, error) {
	identities, err := d.s.Directory.Identities(c.ctx, c.merchantID())
	if err != nil {
		return "", err
	}
	var names []string
	for _, identity := range identities {
		if identity.Dialect == in.Dialect {
			names = append(names, identity.Name)
		}
	}
	known, _ := d.s.Dialects.Find(in.Dialect)
	switch {
	case in.Identity != "" && !slices.Contains(names, in.Identity):
		return "", refuse(refund.KindForbidden, "identity", "is none of the merchant's identities in dialect %s", in.Dialect)
	case in.Identity != "":
		return in.Identity, nil
	case len(names) == 0 && known.Make != nil:
		return "", refund.Errorf(refund.KindInvalid, "dialect", "the merchant has no identity in dialect %s", in.Dialect)
	case len(names) == 1:
		return names[0], nil
	}
	return "", nil // all of them
}

type endpointAnswer struct {
	ID         string   `json:"id"`
	URL        string   `json:"url"`
	Dialect    string   `json:"dialect"`
	Identity   string   `json:"identity"` // "" for every identity in the dialect
	Events     []string `json:"events"`   // [] for what the dialect promises
	CreatedAt  moment   `json:"created_at"`
	DisabledAt moment   `json:"disabled_at"`
	// Verification is what a receiver checks signatures with; only where one
	// endpoint is answered, and left out for dialects without a key of ours.
	Verification *verification `json:"verification,omitempty"`
	// Secret signs what an endpoint of the native dialect is told; only in the
	// answer that made it.
	Secret string `json:"secret,omitempty"`
	// Secrets are those in use, newest first, where one endpoint is answered.
	Secrets []secretAnswer `json:"secrets,omitempty"`
}

func endpointOf(e merchant.Endpoint) endpointAnswer {
	out := endpointAnswer{
		ID: e.ID, URL: e.URL, Dialect: e.Dialect, Identity: e.Identity, Events: e.Events,
		CreatedAt: moment(e.CreatedAt), DisabledAt: moment(e.DisabledAt),
	}
	if out.Events == nil {
		out.Events = []string{}
	}
	return out
}

// listEndpoints gives all of the merchant's endpoints, oldest first: GET
// /endpoints. They are few, so there is one page.
func (d *Dialect) listEndpoints(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	endpoints, err := d.s.Endpoints.Endpoints(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	out := list[endpointAnswer]{Data: make([]endpointAnswer, len(endpoints))}
	for n, e := range endpoints {
		out.Data[n] = endpointOf(e)
	}
	return c.json(http.StatusOK, out)
}
