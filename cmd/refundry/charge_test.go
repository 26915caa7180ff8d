package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAChargeIsShownWithItsDisputes(t *testing.T) {
	usd := func(minor money.Minor) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	got := disputeRows([]refund.Dispute{
		{ChannelDisputeID: "du_1", State: refund.DisputeLost, Amount: usd(1250), Held: 1250, Reason: "fraudulent"},
		{ChannelDisputeID: "du_2", State: refund.DisputeWon, Amount: money.Amount{Minor: 900, Currency: "EUR"}},
	}, refund.Charge{Currency: "USD"})
	want := [][]string{
		{"dispute du_1", "lost, 12.50 USD, fraudulent, holds 12.50 USD"},
		{"dispute du_2", "won, 9.00 EUR, holds 0.00 USD"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
