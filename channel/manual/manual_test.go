package manual_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/manual"
	"github.com/refundry/refundry/refund"
)

// A manual refund waits for an operator, whatever is asked, and is looked at so
// rarely that its attempts stay few.
func TestARefundWaitsForAnOperator(t *testing.T) {
	c, err := manual.Driver{}.Open(channel.Account{ID: "manual_1"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	charge, fault := refund.Register(refund.Charge{ID: "ch_1", ChannelAccount: "manual_1", Currency: "CNY", Amount: 100, PaidAt: now})
	if fault != nil {
		t.Fatal(fault)
	}
	unit := refund.Unit{Requests: []refund.Request{{RefundID: "re_1", ChargeID: charge.ID, ChannelNumber: "1"}}}
	changes, fault := refund.Accept(map[string]refund.Charge{charge.ID: charge}, unit, refund.RuleBook{}, now)
	if fault != nil {
		t.Fatal(fault)
	}
	charge, r := changes[0].Charge, changes[0].Refunds[0]
	looks, end := 0, now.AddDate(0, 6, 0)
	for now = r.DueAt; now.Before(end); now = r.DueAt {
		r = refund.Claim(r, now, now.Add(time.Minute))
		o := c.Query(t.Context(), channel.Instruction{})
		o.Source = refund.Query
		if refund.NextStep(r) == refund.StepSubmit {
			o = c.Submit(t.Context(), channel.Instruction{})
			o.Source = refund.Submit
		}
		o.Epoch, o.SentAt = r.LeaseEpoch, now
		r = refund.Apply(charge, r, o, c.Pace(), now).Refunds[0]
		looks++
	}
	if r.State != refund.Pending || looks > 30 {
		t.Errorf("after half a year it is %s and was looked at %d times", r.State, looks)
	}
	if o := c.Reroute(t.Context(), channel.Instruction{}, channel.Destination{}); o.Kind != refund.OutcomeRefused {
		t.Errorf("a reroute is %s", o.Kind)
	}
	word := refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Operator, Message: "transfer 4711"}
	if r = refund.Apply(charge, r, word, c.Pace(), now).Refunds[0]; r.State != refund.Succeeded {
		t.Errorf("after the operator's word it is %s", r.State)
	}
	if can := c.Capabilities(); !can.ByHand || can.Bills || can.Reroute {
		t.Errorf("it can %+v", can)
	}
}
