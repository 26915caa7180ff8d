package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

// Where the money went may be said only after a refund was masked.
func TestWhatAChannelSaysOfAMaskedRefundIsMasked(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	charge := refund.Charge{ID: "ch_1", Amount: 100, Refunded: 10, Currency: "CNY", Customer: "zhangsan"}
	r := refund.Refund{ID: "re_1", ChargeID: "ch_1", Amount: 10, Currency: "CNY", State: refund.Succeeded, SucceededAt: now, Reason: "moved", Parts: refund.Parts{Payer: 10}}
	r = r.Mask(now)
	said := refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Notice, Landed: refund.Landed{Account: "zhangsan's card"}}
	change := refund.Apply(charge.Mask(now), r, said, refund.Pace{}, now)
	if got := change.Refunds[0]; got.Landed.Account != refund.Masked || got.Reason != refund.Masked || change.Charge.Customer != refund.Masked {
		t.Errorf("%+v of %+v", got, change.Charge)
	}
}
