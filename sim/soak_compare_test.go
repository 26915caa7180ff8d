package sim

import (
	"testing"

	"github.com/refundry/refundry/channelsim"
)

func TestBooksDiffer(t *testing.T) {
	entry := func(state channelsim.State, moves int) channelsim.Entry {
		return channelsim.Entry{Number: "n1", Amount: 100, State: state, Moves: moves}
	}
	moved, returned := entry(channelsim.Succeeded, 1), entry(channelsim.Returned, 1)
	other := moved
	other.Amount = 99
	for _, test := range []struct {
		name    string
		state   string
		theirs  []channelsim.Entry
		differs bool
	}{
		{"both moved it once", "succeeded", []channelsim.Entry{moved}, false},
		{"both know that it came back", "failed", []channelsim.Entry{returned}, false},
		{"both moved nothing", "failed", nil, false},
		{"the channel closed it", "failed", []channelsim.Entry{entry(channelsim.Failed, 0)}, false},
		{"the channel has nothing", "succeeded", nil, true},
		{"the channel moved it twice", "succeeded", []channelsim.Entry{entry(channelsim.Succeeded, 2)}, true},
		{"the channel has two", "succeeded", []channelsim.Entry{moved, moved}, true},
		{"the channel has two of which one moved", "succeeded", []channelsim.Entry{moved, entry(channelsim.Failed, 0)}, true},
		{"another amount", "succeeded", []channelsim.Entry{other}, true},
		{"it came back and we don't know", "succeeded", []channelsim.Entry{returned}, true},
		{"it failed here and moved there", "failed", []channelsim.Entry{moved}, true},
		{"it has not ended", "pending", []channelsim.Entry{moved}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var report SoakReport
			report.one(refundSeen{Number: "S-1", Amount: 100, State: test.state, Upstream: "n1"}, test.theirs)
			if differs := len(report.Differences) > 0; differs != test.differs {
				t.Errorf("differences %q", report.Differences)
			}
			if !test.differs && report.Succeeded+report.Failed+report.Returned != 1 {
				t.Errorf("counted as %+v", report)
			}
		})
	}
}
