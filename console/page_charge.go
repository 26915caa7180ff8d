package console

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Charges finds charges and what became of them.
type Charges interface {
	// ChargeByAny finds a charge by any of its names. KindChargeNotFound; KindInvalid
	// for a name of several.
	ChargeByAny(ctx context.Context, merchantID, name string) (refund.Charge, error)
	// RefundLook lists refunds, and Disputes what the channel told of disputes.
	RefundLook(ctx context.Context, f refund.Filter) (refund.Look, error)
	Disputes(ctx context.Context, merchantID, chargeID string) ([]refund.Dispute, error)
}

// Acceptor accepts refunds, all of a unit or none.
type Acceptor interface {
	Accept(ctx context.Context, unit refund.Unit, wait time.Duration) (intake.Result, error)
}

// maxChargeRefunds bounds the refunds of a charge that its page shows: channels take
// 50 of a charge at most.
const maxChargeRefunds = 200

// chargePage is what template/charge.html shows.
type chargePage struct {
	Charge refund.Charge
	Rows   []allocation
	// Unreadable are refunds that are damaged.
	Unreadable []refund.Unreadable
	More       bool
	Bar        []segment
	Disputes   []refund.Dispute
	Form       quoteForm
}

// allocation is into what a refund falls.
type allocation struct {
	Refund                 refund.Refund
	Cash, Funded, Unfunded money.Minor
	Fee                    *money.Minor
	Shares                 money.Minor
	Goods                  int64
}

// segment is a part of a charge's bar, in thousandths of it.
type segment struct {
	Kind          string
	Amount        money.Minor
	Start, Length int64
}

// charge shows a charge, found by any of its names: GET /console/charges/{id}.
func (p *page) charge() error {
	c, err := p.findCharge()
	if err != nil {
		return err
	}
	data, err := p.chargeData(c)
	if err != nil {
		return err
	}
	return p.render("charge", data)
}

func (p *page) chargeData(c refund.Charge) (chargePage, error) {
	data := chargePage{Charge: c, Bar: bar(c)}
	look, err := p.s.Charges.RefundLook(p.Context(), refund.Filter{MerchantID: c.MerchantID, ChargeID: c.ID, Page: refund.Page{Limit: maxChargeRefunds}})
	if err != nil {
		return data, err
	}
	data.More, data.Unreadable = look.More, look.Unreadable
	for _, r := range look.Refunds {
		data.Rows = append(data.Rows, allocate(c, r))
	}
	data.Disputes, err = p.s.Charges.Disputes(p.Context(), c.MerchantID, c.ID)
	return data, err
}

// findCharge finds the charge of the address among the merchants that the page may
// show. KindChargeNotFound, also for another merchant's.
func (p *page) findCharge() (refund.Charge, error) {
	var found []refund.Charge
	var absent error = refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
	for _, id := range p.merchantIDs() {
		c, err := p.s.Charges.ChargeByAny(p.Context(), id, p.PathValue("id"))
		switch {
		case err == nil:
			found = append(found, c)
		case refund.KindOf(err) == refund.KindCorrupt:
			absent = err // a damaged one hides no other merchant's
		case refund.KindOf(err) != refund.KindChargeNotFound:
			return refund.Charge{}, err
		}
	}
	switch len(found) {
	case 0:
		return refund.Charge{}, absent
	case 1:
		return found[0], nil
	}
	return refund.Charge{}, refund.Errorf(refund.KindInvalid, "charge", "several merchants have a charge of this name: choose one")
}

// allocate sums up a refund's parts by what they are.
func allocate(c refund.Charge, r refund.Refund) allocation {
	legs := r.Parts.Legs(c.Detail.Coupons)
	out := allocation{Refund: r, Cash: legs.Payer, Funded: legs.CouponCash, Unfunded: legs.CouponNoCash, Fee: r.Parts.Fee}
	for _, share := range r.Parts.Splits {
		out.Shares += share
	}
	for _, line := range r.Detail.Goods {
		out.Goods += line.Quantity
	}
	return out
}

// barLength is the whole of a charge's bar.
const barLength = 1000

// bar is what of a charge is refunded, reserved, blocked and left, in this order. It
// ends at what was paid, or where more than that was refunded at that.
func bar(c refund.Charge) []segment {
	whole := c.Amount + c.Excess
	var out []segment
	sum := money.Minor(0)
	for _, part := range []struct {
		kind   string
		amount money.Minor
	}{{"refunded", c.Refunded}, {"reserved", c.Reserved}, {"blocked", c.Blocked}, {"left", c.Refundable()}} {
		start := thousandths(sum, whole)
		sum += part.amount
		if part.amount > 0 {
			out = append(out, segment{part.kind, part.amount, start, thousandths(sum, whole) - start})
		}
	}
	return out
}

// thousandths is which thousandth of the whole a part ends at.
func thousandths(part, whole money.Minor) int64 {
	if whole > math.MaxInt64/barLength { // only what a channel has done can bring it there
		part, whole = part/barLength, whole/barLength
	}
	if whole <= 0 {
		return 0
	}
	return min(barLength, int64(part)*barLength/int64(whole))
}

// quoteForm is what a refund is asked for by.
type quoteForm struct {
	Amount string `form:"amount"`
	// Full is everything that is left, instead of an amount.
	Full       bool   `form:"full"`
	Reason     string `form:"reason"`
	ReasonCode string `form:"reason_code"`
	Number     string `form:"number"`
	Mark       string `form:"quote"`
}

// quotePage is what template/charge_quote.html shows: what a refund would give back
// to whom, before it is asked for.
type quotePage struct {
	Charge     refund.Charge
	Form       quoteForm
	Amount     money.Minor
	Parts      allocation
	Settlement money.Minor
	Left       money.Minor
	Changed    bool
}

// chargeQuote shows what a refund would be: POST /console/charges/{id}/quote.
func (p *page) chargeQuote() error {
	c, form, err := p.chargeForm()
	if err != nil {
		return err
	}
	quote, err := p.quote(c, form)
	if err != nil {
		return p.chargeAgain(c, form, err)
	}
	return p.render("charge_quote", quote)
}

// chargeForm finds the charge and reads the form of a refund of it.
func (p *page) chargeForm() (c refund.Charge, form quoteForm, err error) {
	if c, err = p.findCharge(); err == nil {
		err = p.require(c.MerchantID, merchant.ScopeRefund)
	}
	if err == nil {
		err = p.decode(&form)
	}
	return c, form, err
}

// chargeAgain shows the charge with the form that was refused.
func (p *page) chargeAgain(c refund.Charge, form quoteForm, refused error) error {
	data, err := p.chargeData(c)
	if err != nil {
		return err
	}
	data.Form = form
	return p.renderForm("charge", data, refused)
}

// quote asks the core what a refund would be, and gives it a number of its own.
func (p *page) quote(c refund.Charge, form quoteForm) (quotePage, error) {
	asked, err := typedAmount(form.Amount, c.Currency)
	switch {
	case err != nil:
		return quotePage{}, err
	case (asked != nil) == form.Full: // an amount that was forgotten is not everything
		return quotePage{}, refund.Errorf(refund.KindInvalid, "amount", "write an amount, or tick that everything is meant")
	}
	rules, err := p.s.Rules(c.MerchantID)
	if err != nil {
		return quotePage{}, err
	}
	request := refund.Request{ChargeID: c.ID, Amount: asked, Number: form.Number, Reason: form.Reason, ReasonCode: form.ReasonCode}
	amount, parts, fault := refund.Quote(c, request, rules, p.s.Now())
	if fault != nil {
		return quotePage{}, fault
	}
	if form.Number == "" {
		form.Number = "C" + refund.NewID(p.s.Now())
	}
	form.Full = false
	form.Amount, form.Mark = money.Format(amount, c.Currency), refund.QuoteMark(amount, parts)
	return quotePage{
		Charge: c, Form: form, Amount: amount, Parts: allocate(c, refund.Refund{Parts: parts}),
		Settlement: parts.Settlement(c.Detail.Coupons), Left: c.Refundable() - amount,
	}, nil
}

// typedAmount is an amount as a person writes it, with all decimals of its currency;
// nil for none.
func typedAmount(text string, currency money.Currency) (*money.Minor, error) {
	if text == "" {
		return nil, nil
	}
	amount, err := money.Parse(text, currency)
	switch written := money.Format(amount, currency); {
	case errors.Is(err, money.ErrOverflow):
		amount = refund.BeyondAll
	case err != nil:
		return nil, refund.Errorf(refund.KindInvalid, "amount", "amount is a number with the %d decimals of %s", currency.Exponent(), currency)
	case written != text:
		// 100 may be meant as 1.00 by whoever thinks in minor units.
		return nil, refund.Errorf(refund.KindInvalid, "amount", "amount is written with the %d decimals of %s (hint: %s)", currency.Exponent(), currency, written)
	}
	return &amount, nil
}

// refundWait is how long the answer waits for the channel's word.
const refundWait = 2 * time.Second

// chargeRefund makes the refund that was quoted: POST /console/charges/{id}/refund.
// Its number makes the second click harmless, and it is as quoted or refused.
func (p *page) chargeRefund() error {
	c, form, err := p.chargeForm()
	if err != nil {
		return err
	}
	amount, err := typedAmount(form.Amount, c.Currency)
	switch {
	case err == nil && amount == nil:
		err = refund.Errorf(refund.KindInvalid, "amount", "amount must not be empty")
	case err == nil && (form.Number == "" || form.Mark == ""):
		err = refund.Errorf(refund.KindInvalid, "quote", "the refund has no quote: ask for one")
	}
	if err != nil {
		return p.chargeAgain(c, form, err)
	}
	result, err := p.s.Acceptor.Accept(p.Context(), refund.Unit{
		MerchantID: c.MerchantID,
		Requests: []refund.Request{{
			ChargeID: c.ID, Amount: amount, Number: form.Number, Reason: form.Reason, ReasonCode: form.ReasonCode, Quoted: form.Mark,
		}},
		Members: []refund.Content{{refund.ContentCharge: c.ID, refund.ContentAmount: strconv.FormatInt(int64(*amount), 10)}},
		By:      refund.Asker{Key: p.user.Email, Dialect: refund.ByConsole, Behind: p.user.Behind(p.s.Now()), Address: p.address(), RequestID: p.requestID},
	}, refundWait)
	if err != nil {
		return p.refusedRefund(c, form, err)
	}
	p.flash("charge.refunded", moneyText(*amount, c.Currency))
	return p.redirect(p.link("/console/refunds/" + result.Refunds[0].ID))
}

// refusedRefund shows why, with a new quote where the charge has changed.
func (p *page) refusedRefund(c refund.Charge, form quoteForm, refused error) error {
	now, err := p.findCharge()
	if err != nil {
		return err
	}
	again, err := p.quote(now, form)
	if err != nil {
		return p.chargeAgain(now, form, refused)
	}
	again.Changed = again.Form.Mark != form.Mark
	return p.renderForm("charge_quote", again, refused)
}
