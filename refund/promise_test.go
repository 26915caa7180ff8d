package refund

import (
	"testing"
	"time"
)

func TestAPromiseIsWhatMostOfTheLastRefundsTook(t *testing.T) {
	sent := time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)
	var took []time.Duration
	for n := 100; n >= 1; n-- {
		took = append(took, time.Duration(n)*time.Minute)
	}
	r := Refund{State: Pending, CreatedAt: sent.Add(-time.Hour), FirstSubmittedAt: sent}
	p := Promised(r, took)
	if p != (Promise{By: sent.Add(95 * time.Minute), Half: 50 * time.Minute, Most: 95 * time.Minute, Of: 100}) {
		t.Errorf("promised %+v", p)
	}
	if took[0] != 100*time.Minute {
		t.Error("the history was sorted in place")
	}
	r.FirstSubmittedAt = time.Time{}
	r.State = Created
	if p = Promised(r, []time.Duration{-time.Hour, 1, 2, 3, 4}); p.By != r.CreatedAt.Add(4) || p.Half != 2 || p.Of != 5 {
		t.Errorf("of five: %+v", p)
	}
	for name, none := range map[string]Refund{
		"held": {State: Held}, "abnormal": {State: Abnormal}, "succeeded": {State: Succeeded}, "failed": {State: Failed}, "a person's": {State: Pending, NeedsPerson: true},
	} {
		if p = Promised(none, took); p != (Promise{}) {
			t.Errorf("%s is promised %+v", name, p)
		}
	}
	if p = Promised(r, took[:4]); p != (Promise{}) {
		t.Errorf("of four: %+v", p)
	}
}
