package sim_test

import (
	"testing"

	"github.com/refundry/refundry/sim"
)

func TestBooksAreEqualWhenEveryFifthCallFails(t *testing.T) {
	for _, side := range sim.Sides() {
		t.Run(side.Name(), func(t *testing.T) {
			report, err := sim.Soak(t.Context(), sim.SoakOptions{Channel: side.Name(), Refunds: 60, Faults: 0.2, Seed: 1, Progress: func(text string) { t.Log(text) }})
			if err != nil {
				t.Fatal(err)
			}
			for _, difference := range report.Differences {
				t.Error(difference)
			}
			t.Logf("%+v", report)
		})
	}
}
