package console

import (
	"maps"
	"slices"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/policy"
)

// policyForm is what a form says of a policy.
type policyForm struct {
	Name       string `form:"name"`
	Expression string `form:"expression"`
	Effect     string `form:"effect"`
	HoldHours  int64  `form:"hold_hours"`
	Position   int64  `form:"position"`
	Days       int64  `form:"days"`
	// Try says that the dry run's button was pressed.
	Try bool `form:"try"`
}

// policiesPage is what the pages of policies show.
type policiesPage struct {
	Policies []merchant.Policy
	// Policy is the one that is changed; zero for a new one.
	Policy merchant.Policy
	Form   policyForm
	Fields []policy.Field
	// Run is what the expression would have done; nil where nobody asked.
	Run *admin.DryRun
}

// Sums are the dry run's sums.
func (d policiesPage) Sums() []policySum {
	var out []policySum
	for _, currency := range slices.Sorted(maps.Keys(d.Run.Matched)) {
		out = append(out, policySum{currency, d.Run.Matched[currency].Count, d.Run.Matched[currency].Sum})
	}
	return out
}

type policySum struct {
	Currency money.Currency
	Count    int64
	Sum      money.Minor
}

func (p *page) policiesPage() (policiesPage, error) {
	m, err := p.oneMerchant()
	if err != nil {
		return policiesPage{}, err
	}
	data := policiesPage{Fields: policy.Fields(), Form: policyForm{Effect: string(merchant.PolicyHold), HoldHours: admin.DefaultHoldHours, Days: admin.DefaultDryRunDays}}
	data.Policies, err = p.s.Admin.Policies(p.Context(), m.ID)
	return data, err
}

// policies lists a merchant's policies with a form for a new one: GET
// /console/policies.
func (p *page) policies() error {
	if p.needsMerchant() {
		return p.render("policy_choose", nil)
	}
	data, err := p.policiesPage()
	if err != nil {
		return err
	}
	return p.render("policies", data)
}

// onePolicy shows the form of a policy: GET /console/policies/{id}.
func (p *page) onePolicy() error {
	data, err := p.readPolicy()
	if err != nil {
		return err
	}
	return p.render("policy", data)
}

func (p *page) readPolicy() (policiesPage, error) {
	data, err := p.policiesPage()
	if err != nil {
		return data, err
	}
	one, err := p.s.Admin.Policy(p.Context(), p.merchant.ID, p.PathValue("id"))
	data.Policy = one
	data.Form = policyForm{one.Name, one.Expression, string(one.Effect), one.HoldHours, one.Position, admin.DefaultDryRunDays, false}
	return data, err
}

// change is what the form says.
func (f policyForm) change() admin.PolicyChange {
	effect := merchant.PolicyEffect(f.Effect)
	return admin.PolicyChange{Name: &f.Name, Expression: &f.Expression, Effect: &effect, HoldHours: &f.HoldHours, Position: &f.Position}
}

// addPolicy makes a draft, or tries the form's expression out: POST
// /console/policies.
func (p *page) addPolicy() error {
	data, err := p.policiesPage()
	if err != nil {
		return err
	}
	return p.savePolicy("policies", data, func(by admin.By, in admin.PolicyChange) error {
		_, err := p.s.Admin.AddPolicy(p.Context(), by, p.merchant.ID, in)
		return err
	})
}

// changePolicy changes a policy, or tries the form's expression out: POST
// /console/policies/{id}.
func (p *page) changePolicy() error {
	data, err := p.readPolicy()
	if err != nil {
		return err
	}
	return p.savePolicy("policy", data, func(by admin.By, in admin.PolicyChange) error {
		_, err := p.s.Admin.ChangePolicy(p.Context(), by, p.merchant.ID, data.Policy.ID, in)
		return err
	})
}

// savePolicy does what a policy's form asks for. What is refused is shown at its
// field.
func (p *page) savePolicy(name string, data policiesPage, save func(admin.By, admin.PolicyChange) error) error {
	data.Form = policyForm{}
	if err := p.decode(&data.Form); err != nil {
		return p.renderForm(name, data, err)
	}
	if data.Form.Try {
		run, err := p.s.Admin.DryRun(p.Context(), merchant.Policy{
			MerchantID: p.merchant.ID, ID: data.Policy.ID, Name: data.Form.Name, Expression: data.Form.Expression, Effect: merchant.PolicyEffect(data.Form.Effect), HoldHours: data.Form.HoldHours,
		}, int(data.Form.Days))
		if err != nil {
			return p.renderForm(name, data, err)
		}
		data.Run = &run
		return p.render(name, data)
	}
	_, err := p.act(p.merchant.ID, func(by admin.By) error { return save(by, data.Form.change()) })
	if err != nil {
		return p.renderForm(name, data, err)
	}
	p.flash("policies.saved", data.Form.Name)
	return p.redirect(p.link("/console/policies"))
}

// actOnPolicy enables, disables or removes a policy: POST
// /console/policies/{id}/{act}.
func (p *page) actOnPolicy() error {
	data, err := p.readPolicy()
	if err != nil {
		return err
	}
	enabled, done := p.PathValue("act") == "enable", "policies.disabled"
	if enabled {
		done = "policies.enabled"
	}
	do := func(by admin.By) error {
		_, err := p.s.Admin.ChangePolicy(p.Context(), by, p.merchant.ID, data.Policy.ID, admin.PolicyChange{Enabled: &enabled})
		return err
	}
	switch p.PathValue("act") {
	case "enable", "disable":
	case "remove":
		done = "policies.removed"
		do = func(by admin.By) error { return p.s.Admin.RemovePolicy(p.Context(), by, p.merchant.ID, data.Policy.ID) }
	default:
		return p.nowhere()
	}
	if _, err := p.act(p.merchant.ID, do); err != nil {
		return p.renderForm("policy", data, err)
	}
	p.flash(done, data.Policy.Name)
	return p.redirect(p.link("/console/policies"))
}
