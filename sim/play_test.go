package sim_test

import (
	"testing"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/sim"
)

func TestAPlayHoldsEveryInvariantAndComesOutTheSame(t *testing.T) {
	run := func() sim.Report {
		report, err := sim.Play(t.Context(), sim.Options{Seed: 8, Steps: 200, Folder: quickFolder(t)})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	first := run()
	for _, broken := range first.Broken {
		t.Error(broken)
	}
	for _, line := range first.Last {
		t.Log(line)
	}
	t.Logf("%+v", first)
	if first.Crashes == 0 || first.DatabaseFaults == 0 || first.Unclear == 0 || first.Refused == 0 || first.Ended[refund.Succeeded] == 0 || first.Ended[refund.Failed] == 0 {
		t.Errorf("too little happened: %+v", first)
	}
	if second := run(); second.Digest != first.Digest {
		t.Errorf("the same seed came out as %s and as %s", first.Digest, second.Digest)
	}
}
