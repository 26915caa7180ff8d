package sim_test

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/sim"
)

func TestBooksAreEqualWhereEveryFifthCallFails(t *testing.T) {
	const perCell = 2
	for _, channel := range sim.Channels() {
		t.Run(channel.Name, func(t *testing.T) {
			t.Parallel()
			report, err := sim.Soak(t.Context(), sim.SoakOptions{Channel: channel.Name, Refunds: 60, PerCell: perCell, Faults: 0.2, Seed: 1, Progress: func(text string) { t.Log(text) }})
			if err != nil {
				t.Fatal(err)
			}
			for _, difference := range report.Differences {
				t.Error(difference)
			}
			for _, hit := range report.Hits {
				if hit.Phase != channelsim.InBill && hit.Hits < perCell {
					t.Errorf("%s struck %d times in %s", hit.Fault, hit.Hits, hit.Phase)
				}
			}
			// A channel that has no late return sends nothing back.
			returns := slices.ContainsFunc(report.Hits, func(hit channelsim.Hit) bool { return hit.Fault == channelsim.LateReturn })
			if report.Succeeded < 60 || returns != (report.Returned > 0) || channel.TellsForeign && report.Adopted < 2 {
				t.Errorf("%d succeeded, %d were returned, %d adopted", report.Succeeded, report.Returned, report.Adopted)
			}
		})
	}
}
