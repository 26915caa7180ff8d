package chinaums

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// Codes of refusals that are ours: nothing was sent.
const (
	codeCurrency = "NOT_CNY"
	codeAmount   = "AMOUNT"
	codeOrder    = "NO_ORDER_NUMBER"
	codeBillDate = "NO_BILL_DATE"
	codeSplits   = "SPLITS"
)

// refuse is a refusal of ours.
func refuse(code, message string) *refund.Outcome {
	return &refund.Outcome{Kind: refund.OutcomeRefused, Code: code, Message: message + ": nothing was sent"}
}

// original is a payment as ChinaUMS is asked about it.
type original struct {
	number string
	// billDate is set for a bill, which is refunded by its number and date.
	billDate string
	// guessed says that the date is the payment's day, for want of another.
	guessed bool
	instMID string
}

func (o original) bill() bool { return o.billDate != "" }

// order finds what a payment is called at ChinaUMS: the merchant's number of it,
// unless the payment's own number alone begins with the source's. Which of the two
// ways it goes is its instMid's matter.
func (c *connector) order(transactionID, orderNo string, charge refund.Charge) (original, *refund.Outcome) {
	o := original{number: orderNo, instMID: c.own.InstMID}
	if inst, ok := c.instMIDs[charge.Channel]; ok {
		o.instMID = inst
	}
	if !strings.HasPrefix(orderNo, c.msgSrcID) && strings.HasPrefix(transactionID, c.msgSrcID) || orderNo == "" {
		o.number = transactionID
	}
	if !orderForm.MatchString(o.number) {
		return original{}, refuse(codeOrder, "neither the order's number nor the payment's is one of ChinaUMS', which have 6 to 32 characters")
	}
	if o.instMID != wire.InstBill {
		return o, nil
	}
	if o.billDate, o.guessed = billDate(o.number, charge.PaidAt); o.billDate == "" {
		return original{}, refuse(codeBillDate, "a bill is refunded by its date, and neither its number nor the time of the payment shows one")
	}
	return o, nil
}

var orderForm = regexp.MustCompile(`^[!-~]{6,32}$`)

// at is the account as it asks about a payment: with the payment's instMid.
func (c *connector) at(o original) *connector {
	other := *c
	other.own.InstMID = o.instMID
	return &other
}

// Submit implements channel.Connector. A repeat with the same numbers is answered
// with the refund as it is.
func (c *connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	of, request, refused := c.request(i)
	if refused != nil {
		return *refused
	}
	return c.at(of).send(ctx, i, of, request)
}

// send makes the call, and asks about the payment where the answer leaves it open.
func (c *connector) send(ctx context.Context, i channel.Instruction, of original, request wire.Refund) refund.Outcome {
	o := c.submit(ctx, i, of, request)
	switch wire.Code(o.Code) {
	case wire.CodeInvalidOrder:
		// The order lacks data, which a question of it completes.
		if c.call(ctx, orderQuery(of), of.fields()).ok() {
			return repeated(c.submit(ctx, i, of, request))
		}
	case wire.CodeNoOrder:
		switch {
		case o.Kind != refund.OutcomeRefused:
		case !c.lacks(ctx, of):
			o.Kind, o.Message = unknown, "ChinaUMS refuses the refund because there is no such order, and a question of the order does not say so"
		case of.guessed:
			return c.sendEarlier(ctx, i, of, request, o)
		}
	case wire.CodeNotAllowed:
		if o.Kind == refund.OutcomeRefused {
			return c.notAllowed(ctx, i, o)
		}
	}
	return o
}

// repeated is what the second of two calls says. The first is unknown: where the
// second says that it created nothing, that may be so because the first did.
func repeated(o refund.Outcome) refund.Outcome {
	switch o.Kind {
	case refund.OutcomeRefused, refund.OutcomeTryLater, refund.OutcomeShortOfFunds:
		o.Kind, o.Message = unknown, "said of a repeat after "+string(wire.CodeInvalidOrder)+", which proves nothing: "+o.Message
	}
	return o
}

// submit makes the call.
func (c *connector) submit(ctx context.Context, i channel.Instruction, of original, request wire.Refund) refund.Outcome {
	op := wire.Refunding
	if of.bill() {
		op = wire.BillRefunding
	}
	a := c.call(ctx, op, request.Fields())
	if a.sent.Digest != "" {
		a.sent.Shown = shown(a.sent.Shown, of)
	}
	return c.outcome(a, refund.Submit, i, of.number)
}

// shown is what dialects show of a request, by the names of the older messages: a
// bill's number is a merOrderId.
func shown(sent map[string]string, of original) map[string]string {
	out := maps.Clone(sent)
	delete(out, wire.FieldRefundDesc)
	delete(out, wire.FieldSubOrders)
	out[wire.FieldMerOrderID] = of.number
	return out
}

// lacks reports whether a question of the order says that there is none.
func (c *connector) lacks(ctx context.Context, of original) bool {
	return c.call(ctx, orderQuery(of), of.fields()).noOrder()
}

// notAllowed: an order that is closed may be so because this refund was made.
func (c *connector) notAllowed(ctx context.Context, i channel.Instruction, refusal refund.Outcome) refund.Outcome {
	asked := c.Query(ctx, i)
	switch asked.Kind {
	case refund.OutcomeDone, refund.OutcomeAccepted, refund.OutcomeFailed:
		asked.Sent = refusal.Sent
		return asked
	case refund.OutcomeNotFound:
		return refusal
	}
	refusal.Kind = unknown
	return refusal
}

// read reports whether there is an answer that may be believed, ok whether it is
// SUCCESS.
func (a answer) read() bool { return a.problem == nil && a.status == 200 }

func (a answer) ok() bool { return a.read() && a.ErrCode == wire.CodeSuccess }

// noOrder reports whether an answer says that there is no such order or bill.
func (a answer) noOrder() bool { return a.read() && a.ErrCode == wire.CodeNoOrder }

func orderQuery(of original) wire.Operation {
	if of.bill() {
		return wire.BillQuery
	}
	return wire.OrderQuery
}

// fields name a payment.
func (o original) fields() wire.Message {
	if o.bill() {
		return wire.Message{wire.FieldBillNo: o.number, wire.FieldBillDate: o.billDate}
	}
	return wire.Message{wire.FieldMerOrderID: o.number}
}

// request is the refund as the platform reads it.
func (c *connector) request(i channel.Instruction) (original, wire.Refund, *refund.Outcome) {
	switch {
	case i.Amount.Currency != "CNY" || i.Total.Currency != "CNY":
		return original{}, wire.Refund{}, refuse(codeCurrency, "ChinaUMS refunds yuan only, and not "+string(i.Amount.Currency))
	case i.Amount.Minor < 1 || i.Amount.Minor > wire.MaxRefund:
		return original{}, wire.Refund{}, refuse(codeAmount, "one refund at ChinaUMS has 1 to 100000000 fen")
	}
	of, refused := c.order(i.TransactionID, i.Charge.OrderNo, i.Charge)
	if refused != nil {
		return original{}, wire.Refund{}, refused
	}
	r := wire.Refund{MerOrderID: of.number, BillDate: of.billDate, RefundOrderID: i.Number, Amount: i.Amount.Minor}
	if !c.legacy && !i.Refund.Detail.Options.HideReason {
		// The older message has the nine members that the wallet shows and no others,
		// so that its signature can be checked from them.
		r.Description = clip(i.Reason, wire.MaxRefundDesc)
	}
	if refused := addSplits(&r, i); refused != nil {
		return original{}, wire.Refund{}, refused
	}
	return of, r, nil
}

// clip cuts a text at a whole character.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// addSplits adds what a sub-merchant gives back of a payment that was split, and
// what the platform does. ChinaUMS takes one sub-merchant in a refund.
func addSplits(r *wire.Refund, i channel.Instruction) *refund.Outcome {
	shares := slices.Clone(i.Refund.Detail.Options.Splits)
	if len(shares) == 0 {
		for n, amount := range i.Refund.Parts.Splits {
			if n < len(i.Charge.Detail.Splits) {
				shares = append(shares, refund.Split{Account: i.Charge.Detail.Splits[n].Account, Amount: amount})
			}
		}
	}
	shares = slices.DeleteFunc(shares, func(s refund.Split) bool { return s.Amount == 0 })
	switch {
	case len(shares) == 0 && len(i.Charge.Detail.Splits) == 0:
		return nil
	case len(shares) == 0:
		return refuse(codeSplits, "the payment was split, and no sub-merchant gives back a part of this refund")
	case len(shares) > 1:
		return refuse(codeSplits, "ChinaUMS takes back from one sub-merchant in a refund, and this one is of several (hint: name one account and its amount in the request, one refund for each)")
	}
	mid, order, _ := strings.Cut(shares[0].Account, ":")
	if isMID(mid) != nil || order != "" && !orderForm.MatchString(order) || shares[0].Amount < 0 || shares[0].Amount > i.Amount.Minor {
		return refuse(codeSplits, "the account that got a share is no sub-merchant of ChinaUMS (hint: its mid, or its mid, a colon and its merOrderId)")
	}
	r.PlatformAmount = i.Amount.Minor - shares[0].Amount
	// One character shorter than a refund's number, so that it is no refund's.
	r.SubOrders = []wire.SubOrder{{MID: mid, MerOrderID: order, RefundOrderID: i.Number[:max(0, len(i.Number)-1)], TotalAmount: wire.Digits(shares[0].Amount)}}
	return nil
}

// fen is an amount of an answer, 0 where there is none.
func fen(amount *int64) money.Minor {
	if amount == nil {
		return 0
	}
	return money.Minor(*amount)
}
