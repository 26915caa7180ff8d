package refund

import (
	"testing"
	"time"
)

// A rerouted refund's notice may be recorded before the answer to the call,
// and only the answer says where the money went.
func TestWhereMoneyLandedIsKeptWhenTheNoticeWasFaster(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	charge := Charge{MerchantID: "m", ID: "ch", Amount: 100, Reserved: 100, Currency: "CNY", Refunds: 1}
	r := Refund{
		MerchantID: "m", ID: "re", ChargeID: "ch", Amount: 100, Currency: "CNY", State: Abnormal, Parts: Parts{Payer: 100},
		LeaseEpoch: 2, LeaseUntil: now.Add(time.Minute), DueAt: now.Add(time.Minute), SubmittedAt: now.Add(-time.Hour),
	}
	pace := Pace{SettlingTime: time.Second, First: time.Second, Longest: time.Minute}
	first := Apply(charge, r, Outcome{Kind: OutcomeDone, Source: Notice}, pace, now)
	if got := first.Refunds[0]; got.State != Succeeded || got.Landed != (Landed{}) {
		t.Fatalf("the notice left %s, landed %+v", got.State, got.Landed)
	}
	card := Landed{Way: WayOtherCard, Account: "招商银行借记卡0403"}
	second := Apply(first.Charge, first.Refunds[0], Outcome{Kind: OutcomeDone, Source: Reroute, Epoch: 2, SentAt: now, Landed: card}, pace, now.Add(time.Second))
	if got := second.Refunds[0]; got.Landed != card || got.State != Succeeded {
		t.Errorf("the answer left %s, landed %+v", got.State, got.Landed)
	}
	if len(second.Transfers) != 0 || second.Charge.Refunded != 100 {
		t.Errorf("money moved again: %+v, refunded %d", second.Transfers, second.Charge.Refunded)
	}
}
