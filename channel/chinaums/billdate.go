package chinaums

import (
	"context"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

const (
	// maxBillLife is how long before its payment a bill may have been made.
	maxBillLife = 31 * 24 * time.Hour
	// maxPaidApart is how far the charge's time of payment and ChinaUMS' may lie apart
	// in a bill that nothing else but its amount shows to be the charge's.
	maxPaidApart = time.Hour

	notDated = "the bill's number shows no date, and ChinaUMS does not have it as this payment's by the day of the payment or the one before"
)

// billDate is the day of a bill. Numbers of the recommended form have it behind
// the source's four characters. Of others it is guessed: most are paid on the day on
// which they are made.
func billDate(number string, paidAt time.Time) (day string, guessed bool) {
	const source, date = 4, 8
	if len(number) >= source+date {
		day, err := time.ParseInLocation("20060102", number[source:source+date], time.FixedZone("", 8*60*60))
		if age := paidAt.Sub(day); err == nil && (paidAt.IsZero() || age >= 0 && age < maxBillLife) {
			return day.Format(time.DateOnly), false
		}
	}
	if paidAt.IsZero() {
		return "", false
	}
	return wire.Date(paidAt), true
}

// earlier asks for a bill that ChinaUMS does not have by the guessed date: one that
// was made before midnight may be paid after it.
func (c *connector) earlier(ctx context.Context, of original, charge refund.Charge) (original, answer) {
	of.billDate, of.guessed = wire.Date(charge.PaidAt.Add(-24*time.Hour)), false
	return of, c.call(ctx, wire.BillQuery, of.fields())
}

// pays reports whether a bill is seen to be the charge's. Its number alone does not
// say so: a shop's numbers may begin anew each day.
func (a answer) pays(of original, charge refund.Charge) bool {
	paid := a.BillPayment
	switch {
	case !a.ok() || paid == nil || a.BillNo != of.number || fen(a.TotalAmount) != charge.Amount:
		return false
	case charge.TransactionID != "" && (charge.TransactionID == paid.TargetOrderID || charge.TransactionID == paid.PaySeqID):
		return true
	}
	return !paid.PayTime.IsZero() && charge.PaidAt.Sub(paid.PayTime).Abs() <= maxPaidApart
}

// sendEarlier sends a refund once more, with the day before the guessed one, by which
// ChinaUMS has no bill. Where it has none by that day either, the refusal is no proof:
// the bill may be of any day.
func (c *connector) sendEarlier(ctx context.Context, i channel.Instruction, of original, request wire.Refund, refusal refund.Outcome) refund.Outcome {
	before, a := c.earlier(ctx, of, i.Charge)
	if a.pays(of, i.Charge) {
		request.BillDate = before.billDate
		if o := c.send(ctx, i, before, request); wire.Code(o.Code) != wire.CodeNoOrder {
			return o
		}
	}
	refusal.Kind, refusal.Message = unknown, notDated
	refusal.Alert = "ChinaUMS does not find a bill whose date is not known (hint: look it up at ChinaUMS; refund it there, then refundry refund resolve with the proof)"
	return refusal
}

// queryBillByDate asks for a bill with its refund, by the day before too where the
// date is guessed.
func (c *connector) queryBillByDate(ctx context.Context, i channel.Instruction, of original) refund.Outcome {
	o := c.queryBill(ctx, i, of)
	if !of.guessed || wire.Code(o.Code) != wire.CodeNoOrder {
		return o
	}
	before, a := c.earlier(ctx, of, i.Charge)
	if a.pays(of, i.Charge) {
		return c.queryBill(ctx, i, before)
	}
	o.Kind, o.Message = refund.OutcomeInconclusive, notDated
	return o
}
