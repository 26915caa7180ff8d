package refund

import (
	"testing"
	"time"
)

func TestAskingNowTakesALeaseOnlyWhereTheChannelMayKnow(t *testing.T) {
	now := time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)
	until := now.Add(45 * time.Second)
	for name, one := range map[string]struct {
		r   Refund
		may bool
	}{
		"pending":                    {Refund{State: Pending, SubmittedAt: now.Add(-time.Hour)}, true},
		"an unknown call":            {Refund{State: Pending, Unknown: true}, true},
		"abnormal":                   {Refund{State: Abnormal}, true},
		"a cancellation that waits":  {Refund{State: Held, HeldReason: HeldForCancel}, true},
		"created, and nobody told":   {Refund{State: Created}, false},
		"short of funds":             {Refund{State: Held, HeldReason: HeldForFunds}, false},
		"held, and a call is lost":   {Refund{State: Held, Unknown: true}, true},
		"being asked":                {Refund{State: Pending, SubmittedAt: now, LeaseUntil: until}, false},
		"a lease that is over":       {Refund{State: Pending, SubmittedAt: now, LeaseUntil: now}, true},
		"succeeded":                  {Refund{State: Succeeded}, true},
		"failed":                     {Refund{State: Failed}, false},
		"canceled, and contradicted": {Refund{State: Canceled, Contradicted: true}, true},
	} {
		r, fault := Ask(one.r, now, until)
		if (fault == nil) != one.may {
			t.Errorf("%s: %v", name, fault)
		}
		if fault == nil && (r.LeaseEpoch != 1 || !r.LeaseUntil.Equal(until) || r.State != one.r.State || NextStep(r) != StepQuery) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// The answer to a question about a success ends it like any that is asked for again.
	charge := Charge{ID: "ch", Amount: 10, Refunded: 10, Currency: "CNY"}
	r := Refund{ID: "re", ChargeID: "ch", Amount: 10, Currency: "CNY", State: Succeeded, SucceededAt: now.Add(-time.Hour), Parts: Parts{Payer: 10}}
	asked, _ := Ask(r, now, until)
	after := Apply(charge, asked, Outcome{Kind: OutcomeDone, Source: Query, Epoch: 1, SentAt: now}, Pace{}, now.Add(time.Second)).Refunds[0]
	if !after.DueAt.IsZero() || !after.WatchAt.IsZero() || !after.LeaseUntil.IsZero() || after.State != Succeeded {
		t.Errorf("afterwards it is %+v", after)
	}
	after = Apply(charge, asked, Outcome{Kind: OutcomeUnknown, Source: Query, Epoch: 1, SentAt: now}, Pace{}, now.Add(time.Second)).Refunds[0]
	if after.State != Succeeded || !after.LeaseUntil.IsZero() || after.WatchAt.IsZero() {
		t.Errorf("without an answer it is %+v", after)
	}
}
