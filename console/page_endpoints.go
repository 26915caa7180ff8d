package console

import (
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// endpointForm is what a form says of an endpoint.
type endpointForm struct {
	URL      string   `form:"url"`
	Dialect  string   `form:"dialect"`
	Identity string   `form:"identity"`
	Events   []string `form:"events"`
}

// endpointPage is what the pages of endpoints show.
type endpointPage struct {
	Endpoints  []merchant.Endpoint
	Dialects   []merchant.Dialect
	Identities []merchant.Identity
	Form       endpointForm
	// Endpoint is the one that a page is about, with its secrets in use.
	Endpoint   merchant.Endpoint
	HasSecret  bool
	Secrets    []merchant.EndpointSecret
	Deliveries []merchant.DeliveryRecord
	Next       string // where the list of deliveries goes on, "" where it ends
	// Secret is shown once.
	Secret string
	// Try is what the endpoint answered to a test event; nil where none was sent.
	Try *admin.EndpointTry
}

// Wants reports whether the form has an event.
func (e endpointPage) Wants(event string) bool {
	for _, one := range e.Form.Events {
		if one == event {
			return true
		}
	}
	return false
}

func (p *page) endpointPage() (endpointPage, error) {
	m, err := p.oneMerchant()
	if err != nil {
		return endpointPage{}, err
	}
	out := endpointPage{Dialects: p.s.Dialects}
	if out.Endpoints, err = p.s.Settings.Endpoints(p.Context(), m.ID); err != nil {
		return out, err
	}
	out.Identities, err = p.s.Settings.Identities(p.Context(), m.ID)
	return out, err
}

// endpoints lists a merchant's endpoints.
func (p *page) endpoints() error {
	if p.needsMerchant() {
		return p.render("choose", nil)
	}
	data, err := p.endpointPage()
	if err != nil {
		return err
	}
	return p.render("endpoints", data)
}

// addEndpoint adds an address, and shows its secret once.
func (p *page) addEndpoint() error {
	data, err := p.endpointPage()
	if err == nil {
		err = p.decode(&data.Form)
	}
	if err != nil {
		return err
	}
	m := p.merchant
	in := admin.NewEndpoint(data.Form)
	w, err := p.act(m.ID, func(by admin.By) error {
		added, err := p.s.Admin.AddEndpoint(p.Context(), by, m.ID, in)
		data.Endpoint, data.Secret = added.Endpoint, added.Secret
		return err
	})
	if err != nil {
		return p.renderForm("endpoints", data, err)
	}
	if w.Made != "" {
		data.Secret = w.Secret
		if data.Endpoint, err = p.s.Admin.Endpoint(p.Context(), m.ID, w.Made); err != nil {
			return err
		}
	}
	return p.render("endpoint_secret", data)
}

// shownDeliveries are as many deliveries as the page of an endpoint shows.
const shownDeliveries = 20

func (p *page) oneEndpoint() (endpointPage, error) {
	m, err := p.oneMerchant()
	if err != nil {
		return endpointPage{}, err
	}
	data := endpointPage{}
	if data.Endpoint, err = p.s.Admin.Endpoint(p.Context(), m.ID, p.PathValue("id")); err != nil {
		return data, err
	}
	known, _ := p.s.Dialects.Find(data.Endpoint.Dialect)
	if data.HasSecret = known.EndpointSecret; data.HasSecret {
		secrets, err := p.s.Settings.EndpointSecrets(p.Context(), m.ID, data.Endpoint.ID)
		if err != nil {
			return data, err
		}
		for _, secret := range secrets {
			if secret.Signs(p.s.Now()) {
				secret.Text = "" // is never shown again
				data.Secrets = append(data.Secrets, secret)
			}
		}
	}
	var next *refund.Position
	filter := merchant.DeliveryFilter{MerchantID: m.ID, EndpointID: data.Endpoint.ID}
	data.Deliveries, next, err = p.s.Settings.DeliveryLook(p.Context(), filter, refund.Page{Limit: shownDeliveries, After: readPosition(p.URL.Query().Get("cursor"))})
	if next != nil {
		data.Next = writePosition(*next)
	}
	return data, err
}

// endpoint shows one endpoint with its last deliveries.
func (p *page) endpoint() error {
	data, err := p.oneEndpoint()
	if err != nil {
		return err
	}
	return p.render("endpoint", data)
}

// endpointDo does what a button of an endpoint's page asks for.
func (p *page) endpointDo() error {
	m, err := p.oneMerchant()
	if err != nil {
		return err
	}
	if err := p.require(m.ID, merchant.ScopeEndpoint); err != nil {
		return err
	}
	id := p.PathValue("id")
	switch p.PathValue("act") {
	case "test":
		return p.tryEndpoint(m.ID, id)
	case "rotate":
		return p.rotateEndpoint(m.ID, id)
	case "disable":
		_, err = p.act(m.ID, func(by admin.By) error {
			_, err := p.s.Admin.DisableEndpoint(p.Context(), by, m.ID, id)
			return err
		})
		if err == nil {
			p.flash("endpoints.disabled_now", id)
		}
	case "replay":
		var form struct {
			Delivery string `form:"delivery"`
		}
		if err = p.decode(&form); err == nil {
			_, err = p.act(m.ID, func(by admin.By) error {
				_, err := p.s.Admin.ReplayDelivery(p.Context(), by, m.ID, form.Delivery)
				return err
			})
		}
		if err == nil {
			p.flash("endpoints.replayed", form.Delivery)
		}
	default:
		return p.nowhere()
	}
	if err != nil {
		data, readErr := p.oneEndpoint()
		if readErr != nil {
			return readErr
		}
		return p.renderForm("endpoint", data, err)
	}
	return p.redirect("/console/settings/endpoints/" + id + "?merchant=" + m.ID)
}

// tryEndpoint sends a test event and shows the answer. A second click sends no
// second one.
func (p *page) tryEndpoint(merchantID, id string) error {
	var try *admin.EndpointTry
	_, err := p.act(merchantID, func(by admin.By) error {
		by.Write = nil // the form's key is kept apart: sending is no commit
		answered, err := p.s.Admin.TestEndpoint(p.Context(), by, merchantID, id)
		try = &answered
		return err
	})
	data, readErr := p.oneEndpoint()
	if readErr != nil {
		return readErr
	}
	if err != nil {
		return p.renderForm("endpoint", data, err)
	}
	data.Try = try
	return p.render("endpoint", data)
}

// rotateEndpoint gives an endpoint a new secret, which is shown once.
func (p *page) rotateEndpoint(merchantID, id string) error {
	var form struct {
		Hours int64 `form:"overlap"`
	}
	data, err := p.oneEndpoint()
	if err != nil {
		return err
	}
	var w refund.Write
	if err = p.decode(&form); err == nil {
		if form.Hours < 0 || form.Hours > int64(admin.MaxSecretOverlap/time.Hour) {
			err = refund.Errorf(refund.KindInvalid, "overlap", "overlap is from 0 to %d hours", admin.MaxSecretOverlap/time.Hour)
		} else {
			w, err = p.act(merchantID, func(by admin.By) error {
				var err error
				_, data.Secret, err = p.s.Admin.RotateEndpoint(p.Context(), by, merchantID, id, time.Duration(form.Hours)*time.Hour)
				return err
			})
		}
	}
	if err != nil {
		return p.renderForm("endpoint", data, err)
	}
	if w.Secret != "" {
		data.Secret = w.Secret
	}
	return p.render("endpoint_secret", data)
}
