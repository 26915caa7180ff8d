package refund_test

import (
	"testing"

	"github.com/refundry/refundry/refund"
)

func TestWhatADisputeHoldsInEachState(t *testing.T) {
	for _, test := range []struct {
		state                refund.DisputeState
		valid, closed, holds bool
	}{
		{refund.DisputeInquiry, true, false, false},
		{refund.DisputeOpen, true, false, true},
		{refund.DisputeWithdrawn, true, false, true},
		{refund.DisputeWon, true, true, false},
		{refund.DisputeLost, true, true, true},
		{"", false, false, false},
		{"settled", false, false, false},
	} {
		if test.state.Valid() != test.valid || test.state.Closed() != test.closed || test.state.Holds() != test.holds {
			t.Errorf("%q: valid %v, closed %v, holds %v", test.state, test.state.Valid(), test.state.Closed(), test.state.Holds())
		}
	}
}
