package refund

import (
	"cmp"
	"maps"
	"math"
	"time"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// Request asks for one refund. Ids are made before the commit, so that a
// commit whose result is unknown can be looked up.
type Request struct {
	RefundID string
	// ChannelNumber is what the channel will see where its account makes no number
	// of its own.
	ChannelNumber string
	ChargeID      string
	// Amount in minor units; nil is everything that is still refundable.
	Amount *money.Minor
	// Number is the merchant's own, "" if it gave none.
	Number string
	Reason string
	// ReasonCode and Customer describe the refund, see Refund; "" is absent, and
	// the customer then the charge's.
	ReasonCode, Customer string
	Detail               RefundDetail
	// Goods names the goods that come back, for goods-level allocation.
	Goods []RefundedGoods
	// Quoted is the QuoteMark of the quote that was agreed to; "" is none. It is no
	// content: a repeat is the same refund.
	Quoted string
	// HoldUntil, if not zero, holds the refund until then.
	HoldUntil time.Time
}

// Unit is one or more requests that are accepted together or not at all.
type Unit struct {
	MerchantID string
	// Key is the idempotency key, "" if none was given.
	Key string
	// Name is another key by which the unit as a whole is known; "" if it has
	// none. No header can hold it.
	Name string
	// Batch is the batch that the unit is; zero for none.
	Batch    Batch
	Requests []Request
	By       Asker
	// Members is the content that a repeat must share, per request; see SameContent.
	Members []Content
	// ByName, if not nil, stands for one request, its content and the keys, which are
	// not known yet.
	ByName *ByName
}

// Accept decides about one unit. charges are the charges it names, by id, as
// they are under lock; book is the rules. It returns one Change per charge, in
// the order in which the requests name them first, or the first request's
// error: then nothing was accepted.
func Accept(charges map[string]Charge, unit Unit, book RuleBook, now time.Time) ([]Change, *Error) {
	if len(unit.Requests) == 0 {
		return nil, Errorf(KindInvalid, "refunds", "a unit has at least one refund")
	}
	changes := make([]Change, 0, 1)
	at := make(map[string]int, 1)
	for _, request := range unit.Requests {
		i, seen := at[request.ChargeID]
		if !seen {
			charge, ok := charges[request.ChargeID]
			if !ok {
				e := Errorf(KindChargeNotFound, "charge", "there is no such charge")
				e.Charge = request.ChargeID
				return nil, e
			}
			i = len(changes)
			at[request.ChargeID] = i
			took := book.routed(charge)
			changes = append(changes, Change{Charge: took, Routed: took.ChannelAccount != charge.ChannelAccount})
		}
		if err := acceptOne(&changes[i], unit, request, book, now); err != nil {
			return nil, err
		}
	}
	if err := bounded(changes, unit.By, book, now); err != nil {
		return nil, err
	}
	return changes, nil
}

// Quote is Accept of one request without consequences: the amount and the
// parts it would have, or the rule that stops it.
func Quote(charge Charge, request Request, book RuleBook, now time.Time) (money.Minor, Parts, *Error) {
	if book.Disabled {
		return 0, Parts{}, Errorf(KindForbidden, "", "the merchant is disabled")
	}
	charge = book.routed(charge)
	amount, err := admit(charge, request, book, now)
	if err != nil {
		return 0, Parts{}, err
	}
	parts, err := Allocate(charge, amount, request.Goods)
	return amount, parts, err
}

func acceptOne(change *Change, unit Unit, request Request, book RuleBook, now time.Time) *Error {
	charge := change.Charge
	amount, parts, err := Quote(charge, request, book, now)
	if err == nil {
		err = asQuoted(request, amount, parts)
	}
	if err != nil {
		return err
	}
	number, err := book.number(charge, request)
	if err != nil {
		return err
	}
	r := Refund{
		MerchantID: unit.MerchantID, ID: request.RefundID, ChargeID: charge.ID, UnitID: unit.Requests[0].RefundID,
		Number: request.Number, Amount: amount, Currency: charge.Currency, State: Created,
		Reason: request.Reason, ReasonCode: request.ReasonCode, Customer: charge.CustomerOf(request), Parts: parts,
		Channel: charge.Channel, ChannelAccount: charge.ChannelAccount, ChannelNumber: number,
		SubmitSpacing: book.submitSpacing(charge),
		CreatedAt:     now, UpdatedAt: now, DueAt: now, By: unit.By.kept(charge.Currency), Detail: request.Detail,
	}
	if request.HoldUntil.After(now) {
		r.State, r.HeldReason, r.HoldUntil, r.DueAt = Held, HeldForStart, request.HoldUntil, request.HoldUntil
	}
	verdict, err := book.judge(Asked{Charge: charge, Request: request, Amount: amount, Customer: cmp.Or(charge.customer(), request.Customer), By: unit.By, At: now})
	if err != nil {
		return err
	}
	if verdict.Holds() {
		change.Approvals = append(change.Approvals, r.holdForApproval(charge, verdict, request.HoldUntil, now))
	}
	if verdict.Alert != "" {
		change.Alerts = append(change.Alerts, Alert{RefundID: r.ID, Text: verdict.Alert})
	}
	charge.hold(r)
	charge.Refunds++
	r.Sequence = charge.Refunds
	charge.LastRefundAt, charge.UpdatedAt = now, now
	change.Charge = charge
	change.Refunds = append(change.Refunds, r)
	change.Transfers = append(change.Transfers, transfers(r, ledger.Reserving(amount, r.Currency))...)
	change.Events = append(change.Events, event("", r, charge, now, unit.By.cause()))
	return nil
}

// BeyondAll is the amount of a request for more than 64 bits hold: more than is
// refundable of any charge, whatever its size.
const BeyondAll money.Minor = math.MaxInt64

// admit finds the amount and refuses what the rules or the cap forbid.
func admit(charge Charge, request Request, book RuleBook, now time.Time) (money.Minor, *Error) {
	if err := charge.Check(); err != nil {
		return 0, As(err)
	}
	if err := cmp.Or(CheckCustomer(request.Customer), CheckReasonCode(request.ReasonCode)); err != nil {
		return 0, err
	}
	fail := func(kind Kind, text string) (money.Minor, *Error) {
		e := Errorf(kind, "amount", "%s", text)
		e.Charge, e.Room = charge.ID, charge.Room()
		if kind != KindInvalid {
			e.More = e.Room.String()
		}
		return 0, e
	}
	left := charge.Refundable()
	amount := left
	if request.Amount != nil {
		amount = *request.Amount
	}
	switch {
	case request.Amount != nil && amount <= 0:
		return fail(KindInvalid, "the amount must be above 0")
	case charge.Refunded >= charge.Amount:
		return fail(KindFullyRefunded, "the charge is already refunded in full")
	case left == 0, amount > left, request.Amount != nil && amount == BeyondAll:
		return fail(KindAmountExceeded, "more than is still refundable")
	}
	if err := book.usable(charge); err != nil {
		return 0, err
	}
	for _, rules := range book.For(charge) {
		if err := cmp.Or(rules.carries(charge, request.Detail.Options), rules.check(charge, amount, now)); err != nil {
			return 0, err
		}
	}
	return amount, nil
}

// hold reserves r and its parts on the charge.
func (c *Charge) hold(r Refund) {
	c.Reserved += r.Amount
	c.use(r.Parts, 1)
}

// use adds (sign 1) or gives back (sign -1) the parts of a refund. The slice
// is copied: a Charge is a value, and decisions share none of its memory.
func (c *Charge) use(p Parts, sign money.Minor) {
	if p.Fee != nil {
		c.FeeUsed += sign * *p.Fee
	}
	c.useSplits(p.Splits, sign)
	if len(p.Coupons) == 0 {
		return
	}
	used := make([]money.Minor, max(len(c.Detail.Coupons), len(c.CouponUsed), len(p.Coupons)))
	copy(used, c.CouponUsed)
	for i, x := range p.Coupons {
		used[i] += sign * x
	}
	c.CouponUsed = used
	if len(p.Goods) == 0 {
		return
	}
	goods := make(map[string]GoodsUsed, len(c.GoodsUsed)+len(p.Goods))
	maps.Copy(goods, c.GoodsUsed)
	for key, g := range p.Goods {
		was := goods[key]
		goods[key] = GoodsUsed{Quantity: was.Quantity + int64(sign)*g.Quantity, Discount: was.Discount + sign*g.Discount}
	}
	c.GoodsUsed = goods
}
