package console

import (
	"context"
	"slices"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Refunds finds refunds and what is kept of them.
type Refunds interface {
	admin.Traces
	// RefundByAny is as admin.Refunds says.
	RefundByAny(ctx context.Context, merchantID, name string) (refund.Refund, error)
}

// refundPage is what template/refund.html shows.
type refundPage struct {
	Trace    admin.Trace
	Refund   refund.Refund
	Timeline []timelineRow
	Actions  []refundAction
	// Late says that the refund takes longer than was to be expected.
	Late bool
}

// refund shows everything about a refund, found by any number that somebody holds:
// GET /console/refunds/{id}.
func (p *page) refund() error {
	r, err := p.findRefund()
	if err != nil {
		return err
	}
	t, err := admin.TraceRefund(p.Context(), p.s.Refunds, r)
	if err != nil {
		return err
	}
	now := p.s.Now()
	data := refundPage{Trace: t, Refund: r, Timeline: p.timeline(t), Late: !t.Promised.By.IsZero() && t.Promised.By.Before(now)}
	for _, a := range refundActions {
		if !a.offered(t, now) {
			continue
		}
		switch err := p.mayDo(a, r); {
		case err == nil:
			data.Actions = append(data.Actions, a)
		case refund.KindOf(err) != refund.KindForbidden:
			return err
		}
	}
	return p.render("refund", data)
}

// findRefund finds the refund of the address among the merchants that the page may
// show. KindRefundNotFound, also for another merchant's; KindInvalid for a number of
// several.
func (p *page) findRefund() (refund.Refund, error) {
	name := p.PathValue("id")
	var found []refund.Refund
	var absent error = refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
	for _, id := range p.merchantIDs() {
		r, err := p.s.Refunds.RefundByAny(p.Context(), id, name)
		switch {
		case err == nil:
			found = append(found, r)
		case refund.KindOf(err) == refund.KindCorrupt:
			absent = err // a damaged one hides no other merchant's
		case refund.KindOf(err) != refund.KindRefundNotFound:
			return refund.Refund{}, err
		}
	}
	switch len(found) {
	case 0:
		return refund.Refund{}, absent
	case 1:
		return found[0], nil
	}
	return refund.Refund{}, refund.Errorf(refund.KindInvalid, "refund", "several merchants have a refund of this number: choose one")
}

// refundAction is something that a person may do about a refund.
type refundAction struct {
	Name  string
	Scope merchant.Scope
	// offered reports whether the page shows it; whether it may be done is the core's
	// to say.
	offered func(t admin.Trace, now time.Time) bool
	do      func(p *page, by admin.By, r refund.Refund, form refundForm) error
}

// refundActions are in the order in which they are shown.
var refundActions = []refundAction{
	{"ask", merchant.ScopeRefund, func(t admin.Trace, now time.Time) bool {
		_, fault := refund.Ask(t.Refund, now, now)
		return fault == nil || t.Refund.LeaseUntil.After(now)
	}, func(p *page, by admin.By, r refund.Refund, _ refundForm) error {
		_, err := p.s.Admin.AskRefund(p.Context(), by, r.MerchantID, r.ID)
		return err
	}},
	{"retry", merchant.ScopeRefund, open, func(p *page, by admin.By, r refund.Refund, _ refundForm) error {
		_, err := p.s.Admin.RetryRefund(p.Context(), by, r.MerchantID, r.ID)
		return err
	}},
	{"reroute", merchant.ScopeRefund, func(t admin.Trace, _ time.Time) bool { return t.Refund.State == refund.Abnormal }, reroute},
	{"resolve", merchant.ScopeResolve, open, resolve},
	{"correct", merchant.ScopeResolve, func(t admin.Trace, _ time.Time) bool { return t.Refund.State.Final() }, correct},
	{"replay", merchant.ScopeRefund, func(t admin.Trace, _ time.Time) bool {
		return slices.ContainsFunc(t.Entries, func(e admin.TraceEntry) bool { return e.Delivery != nil })
	}, func(p *page, by admin.By, r refund.Refund, _ refundForm) error {
		_, _, err := p.s.Admin.ReplayRefund(p.Context(), by, r.MerchantID, r.ID)
		return err
	}},
	{"cancel", merchant.ScopeRefund, func(t admin.Trace, _ time.Time) bool {
		return t.Refund.State == refund.Created || t.Refund.State == refund.Held
	}, func(p *page, by admin.By, r refund.Refund, _ refundForm) error {
		_, _, err := p.s.Admin.CancelRefund(p.Context(), by, r.MerchantID, r.ID)
		return err
	}},
}

func open(t admin.Trace, _ time.Time) bool { return !t.Refund.State.Final() }

// refundForm is what the forms of the actions ask for. The card is for the channel
// alone: it is shown on no page and kept in no row.
type refundForm struct {
	To          string `form:"type"`
	Bank        string `form:"bank_type,raw"`
	BankAccount string `form:"bank_account,raw"`
	RealName    string `form:"real_name,raw"`

	State       string `form:"state"`
	Proof       string `form:"proof"`
	SucceededAt string `form:"succeeded_at"`
}

// cardFields are the fields of a card. They are no part of what a second click on the
// form must share: that is kept as a hash, from which a card's number could be found
// by trying.
var cardFields = []string{"bank_type", "bank_account", "real_name"}

func reroute(p *page, by admin.By, r refund.Refund, form refundForm) error {
	to := channel.Destination{Kind: channel.ToMerchant}
	if form.To == "card" {
		to = channel.Destination{Kind: channel.ToPayerCard, Bank: form.Bank, BankAccount: form.BankAccount, RealName: form.RealName}
	}
	_, err := p.s.Admin.RerouteRefund(p.Context(), by, r.MerchantID, r.ID, to)
	return err
}

func resolve(p *page, by admin.By, r refund.Refund, form refundForm) error {
	how, err := form.resolution(p.zone)
	if err == nil {
		_, err = p.s.Admin.ResolveRefund(p.Context(), by, r.MerchantID, r.ID, how)
	}
	return err
}

// correct asks a second person to correct a refund that has ended.
func correct(p *page, by admin.By, r refund.Refund, form refundForm) error {
	how, err := form.resolution(p.zone)
	if err == nil {
		_, err = p.s.Admin.AskCorrection(p.Context(), by, r.MerchantID, r.ID, how)
	}
	return err
}

// resolution is how the form says that a refund ended.
func (form refundForm) resolution(zone *time.Location) (admin.Resolution, error) {
	how := admin.Resolution{State: refund.State(form.State), Proof: form.Proof}
	if form.SucceededAt == "" {
		return how, nil
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", form.SucceededAt, zone)
	if err != nil {
		return how, refund.Errorf(refund.KindInvalid, "succeeded_at", "succeeded_at is a date and a time")
	}
	how.SucceededAt = at
	return how, nil
}

// refundStep is what template/refund_action.html shows: what an action will do,
// before it is done.
type refundStep struct {
	Refund refund.Refund
	Action refundAction
	Form   refundForm
}

// refundStep finds the refund and the action of the address.
func (p *page) refundStep() (refundStep, error) {
	r, err := p.findRefund()
	if err != nil {
		return refundStep{}, err
	}
	at := slices.IndexFunc(refundActions, func(a refundAction) bool { return a.Name == p.PathValue("action") })
	if at < 0 {
		return refundStep{}, p.nowhere()
	}
	return refundStep{Refund: r, Action: refundActions[at]}, p.mayDo(refundActions[at], r)
}

// mayDo refuses an action that the user may not do: KindForbidden.
func (p *page) mayDo(a refundAction, r refund.Refund) error {
	if err := p.require(r.MerchantID, a.Scope); err != nil || a.Name != "reroute" {
		return err
	}
	by := p.by()
	by.MayApprove = p.user.May(r.MerchantID, merchant.ScopeApprove)
	return p.s.Admin.MayReroute(p.Context(), by, r)
}

// refundConfirm says what an action will do: GET /console/refunds/{id}/{action}.
func (p *page) refundConfirm() error {
	step, err := p.refundStep()
	if err != nil {
		return err
	}
	return p.render("refund_action", step)
}

// refundDo does it: POST /console/refunds/{id}/{action}.
func (p *page) refundDo() error {
	step, err := p.refundStep()
	if err != nil {
		return err
	}
	var form refundForm
	if err := p.decode(&form); err != nil {
		return err
	}
	for _, name := range cardFields {
		p.PostForm.Del(name)
		p.Form.Del(name)
	}
	_, err = p.act(step.Refund.MerchantID, func(by admin.By) error { return step.Action.do(p, by, step.Refund, form) })
	if err != nil {
		form.Bank, form.BankAccount, form.RealName = "", "", ""
		step.Form = form
		return p.renderForm("refund_action", step, err)
	}
	p.flash("done." + step.Action.Name)
	return p.redirect(p.link("/console/refunds/" + step.Refund.ID))
}
