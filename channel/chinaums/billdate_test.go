package chinaums_test

import (
	"errors"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// A bill without a date in its number is looked for on the day of its payment and on
// the day before; with neither day nothing is proved.
func TestABillThatIsPaidAfterMidnightIsTheDayBefores(t *testing.T) {
	const no = "3194SHOPBILL00000000000001"
	const wallets = "4200002026110100000001"
	paidAt := time.Date(2026, 11, 1, 16, 0, 30, 0, time.UTC) // 2 November in Beijing
	for name, of := range map[string]struct {
		date, payTime, transaction string
		total                      int64
		want                       refund.OutcomeKind
	}{
		"made on the day of the payment":              {"2026-11-02", "2026-11-02 00:00:30", no, 1000, refund.OutcomeAccepted},
		"made on the day before":                      {"2026-11-01", "2026-11-02 00:00:30", no, 1000, refund.OutcomeAccepted},
		"made on the day before, with the wallet's":   {"2026-11-01", "2026-11-01 10:00:00", wallets, 1000, refund.OutcomeAccepted},
		"another of the same number, paid before":     {"2026-11-01", "2026-11-01 10:00:00", no, 1000, unknown},
		"another of the same number, of other amount": {"2026-11-01", "2026-11-02 00:00:30", no, 1001, unknown},
		"made two days before":                        {"2026-10-31", "2026-11-02 00:00:30", no, 1000, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.orders[no] = &order{number: no, instMID: "QRPAYDEFAULT", billDate: of.date, status: "PAID", total: of.total, payTime: of.payTime}
			i := bill(1)
			i.TransactionID, i.Charge.TransactionID, i.Charge.OrderNo, i.Charge.PaidAt = of.transaction, of.transaction, no, paidAt
			c := f.open(f.account(bills))
			found := of.want != unknown
			ref := channel.PaymentRef{TransactionID: of.transaction, OrderNo: no, Charge: i.Charge}
			if p, err := c.Charge(t.Context(), ref); found != (err == nil && p.Paid) || !found && !errors.Is(err, channel.ErrUnsupported) {
				t.Errorf("looked up: %+v, %v", p, err)
			}
			asked, moved := refund.OutcomeInconclusive, 0
			if found {
				asked, moved = notFound, 1
			}
			if o := c.Query(t.Context(), i); o.Kind != asked {
				t.Errorf("asked before it is sent: %+v", o)
			}
			if o := c.Submit(t.Context(), i); o.Kind != of.want || found && o.Sent.Shown["billDate"] != of.date || (o.Alert == "") != found {
				t.Errorf("submitted: %+v", o)
			}
			if f.moves(number(1)) != moved {
				t.Errorf("%d moved", f.moves(number(1)))
			}
			if o := c.Query(t.Context(), i); (o.Kind == done) != found {
				t.Errorf("asked after it was sent: %+v", o)
			}
			f.always["bills.query"] = "TIMEOUT"
			if _, err := c.Charge(t.Context(), ref); err == nil || errors.Is(err, channel.ErrNotFound) || errors.Is(err, channel.ErrUnsupported) {
				t.Errorf("no answer: %v", err)
			}
		})
	}
}
