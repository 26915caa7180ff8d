package chinaums_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// The first call executed and answered INVALID_ORDER; the repeat is refused because
// of it.
func TestARefusalOfTheRepeatAfterInvalidOrderIsUnknown(t *testing.T) {
	for _, second := range []string{"OPERATION_NOT_ALLOWED", "NO_ORDER", "TARGET_FAIL", "NO_CROSS_DAY_TRADING", "BAD_REQUEST", "TXN_DISCARDED"} {
		t.Run(second, func(t *testing.T) {
			f := newFake(t)
			f.refunds[number(1)] = &entry{number: number(1), order: orderNo, target: "t", status: "SUCCESS", amount: 1000, moves: 1}
			f.faults[number(1)] = []string{"code INVALID_ORDER", "code " + second}
			if o := f.open(f.account(nil)).Submit(t.Context(), instruction(1)); o.Kind != unknown || o.Code != second {
				t.Errorf("%+v, and %d moved", o, f.moves(number(1)))
			}
		})
	}
}

// life is a refund that is carried as the engine does.
type life struct {
	refund refund.Refund
	charge refund.Charge
	now    time.Time
}

func (l *life) take(c channel.Connector, source refund.Source, o refund.Outcome) {
	l.refund = refund.Claim(l.refund, l.now, l.now.Add(45*time.Second))
	o.Source, o.Epoch, o.SentAt = source, l.refund.LeaseEpoch, l.now
	change := refund.Apply(l.charge, l.refund, o, c.Pace(), l.now)
	l.charge, l.refund = change.Charge, change.Refunds[0]
}

// ChinaUMS knows neither order nor refund under another instMid, whatever became of
// the refund.
func TestARefusalUnderAnotherInstMIDEndsNoRefundThatMayHaveBeenMade(t *testing.T) {
	for name, test := range map[string]struct {
		i             channel.Instruction
		before, after map[string]string
	}{
		"an order": {instruction(1), nil, map[string]string{"inst_mid": "MINIDEFAULT"}},
		"an order whose channel got an instMid of its own": {instruction(1), nil, map[string]string{"inst_mids": "wx_wap=MINIDEFAULT"}},
		"a bill": {bill(1), bills, map[string]string{"inst_mid": "MINIDEFAULT"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c, amount := f.open(f.account(test.before)), test.i.Amount.Minor
			l := &life{
				refund: refund.Refund{MerchantID: "m", ID: "re_x", ChargeID: "ch", Amount: amount, Currency: "CNY", State: refund.Created},
				charge: refund.Charge{MerchantID: "m", ID: "ch", Amount: 1000, Currency: "CNY", Reserved: amount},
				now:    time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
			}
			c.Submit(t.Context(), test.i) // executed
			l.take(c, refund.Submit, refund.Outcome{Kind: unknown, Code: "NO_ANSWER"})

			c = f.open(f.account(test.after))
			f.queries[number(1)] = "code NO_ORDER"
			for range 3 {
				l.now = l.now.Add(11 * time.Minute)
				l.take(c, refund.Query, c.Query(t.Context(), test.i))
				if refund.NextStep(l.refund) == refund.StepSubmit {
					l.now = l.now.Add(time.Minute)
					l.take(c, refund.Submit, c.Submit(t.Context(), test.i))
				}
			}
			if l.refund.State != refund.Pending || !l.refund.NeedsPerson || f.moves(number(1)) != 1 {
				t.Errorf("it is %s (%s), needs a person: %t, and %d moved", l.refund.State, l.refund.FailureCode, l.refund.NeedsPerson, f.moves(number(1)))
			}
		})
	}
}

func TestNoOrderToAQueryCountsOnlyWhereThePaymentIsFound(t *testing.T) {
	for name, code := range map[string]string{"the order is not found": "NO_ORDER", "the question of the order is not answered": "TIMEOUT"} {
		f := newFake(t)
		f.always["query"] = code
		o := f.open(f.account(nil)).Query(t.Context(), instruction(1))
		if o.Kind != refund.OutcomeInconclusive || o.Code != "NO_ORDER" || !strings.Contains(o.Message, "proves nothing") {
			t.Errorf("%s: %+v", name, o)
		}
	}
}
