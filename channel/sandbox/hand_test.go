package sandbox_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestWhatAnOperatorMayDoInTheSandbox(t *testing.T) {
	settle := func(state string) func(*testing.T, *sandbox.Sandbox, string) error {
		return func(t *testing.T, box *sandbox.Sandbox, number string) error {
			return box.Settle(t.Context(), account, number, state, nil)
		}
	}
	reroute := func(t *testing.T, box *sandbox.Sandbox, number string) error {
		return box.Reroute(t.Context(), account, number, nil)
	}
	cases := []struct {
		name   string
		amount money.Minor // 0: nothing is submitted
		do     func(*testing.T, *sandbox.Sandbox, string) error
		kind   refund.Kind // "" is allowed
		state  sandbox.State
	}{
		{"what was not asked for is not settled", 0, settle(""), refund.KindRefundNotFound, ""},
		{"a pending refund is settled", 58, settle(""), "", sandbox.Succeeded},
		{"a pending refund is settled as failed", 58, settle("failed"), "", sandbox.Failed},
		{"there is no such state to settle into", 58, settle("returned"), refund.KindInvalid, sandbox.Processing},
		{"a succeeded refund is settled as it is", 100, settle("succeeded"), "", sandbox.Succeeded},
		{"a succeeded refund is not settled as failed", 100, settle("failed"), refund.KindStateConflict, sandbox.Succeeded},
		{"a refused refund is not settled", 51, settle(""), refund.KindStateConflict, sandbox.Absent},
		{"an abnormal refund is settled", 52, settle(""), "", sandbox.Succeeded},
		{"an abnormal refund is rerouted", 52, reroute, "", sandbox.Succeeded},
		{"a succeeded refund is not rerouted", 100, reroute, refund.KindStateConflict, sandbox.Succeeded},
		{"what was not asked for is not rerouted", 0, reroute, refund.KindRefundNotFound, ""},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				box, i := open(sandbox.NewDatabase(s)), instruction(max(1, c.amount))
				if c.amount > 0 {
					of(box).Submit(t.Context(), i)
				}
				err := c.do(t, box, i.Number)
				if err == nil && c.kind != "" || err != nil && refund.KindOf(err) != c.kind {
					t.Errorf("error %v, want kind %q", err, c.kind)
				}
				if got := entry(t, s, i.Number); got.State != c.state {
					t.Errorf("state %q, want %q", got.State, c.state)
				}
			})
		}
	})
}

func TestFundsAndClocksAreCheckedBeforeTheyAreChanged(t *testing.T) {
	box := open(broken{}) // whatever gets through to the books is an internal error
	for name, err := range map[string]error{
		"no account":      box.AddFunds(t.Context(), "", money.Amount{Minor: 1, Currency: "CNY"}, nil),
		"no amount":       box.AddFunds(t.Context(), account, money.Amount{Currency: "CNY"}, nil),
		"no currency":     box.AddFunds(t.Context(), account, money.Amount{Minor: 1}, nil),
		"a clock back":    box.Advance(t.Context(), account, -time.Second, nil),
		"a clock by none": box.Advance(t.Context(), account, 0, nil),
		"a clock too far": box.Advance(t.Context(), account, 11*365*24*time.Hour, nil),
	} {
		if refund.KindOf(err) != refund.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// said lists the notices' outcomes, oldest first, and ends them.
func said(t *testing.T, box *sandbox.Sandbox) []string {
	t.Helper()
	notices, err := box.Notices(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var kinds, ids []string
	for _, n := range notices {
		kinds, ids = append(kinds, n.Number+" "+string(n.Outcome.Kind)), append(ids, n.ID)
	}
	if err := box.Acknowledge(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	return kinds
}

func TestTimeChanges56And58AndSaysSoOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := noon
		box := sandbox.New(sandbox.NewDatabase(s), sandbox.Options{Now: func() time.Time { return now }})
		returns, succeeds := instruction(56), instruction(58)
		of(box).Submit(t.Context(), returns)
		of(box).Submit(t.Context(), succeeds)
		step := func(by time.Duration, want ...string) {
			t.Helper()
			now = now.Add(by)
			if _, err := box.StepClock(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, said(t, box)); diff != "" {
				t.Errorf("after %s more (-want +got):\n%s", by, diff)
			}
		}
		step(time.Hour - time.Second)
		step(time.Second, succeeds.Number+" done")
		step(22 * time.Hour)
		// The account's clock is moved ahead over the rest.
		if err := box.Advance(t.Context(), account, time.Hour, nil); err != nil {
			t.Fatal(err)
		}
		step(0, returns.Number+" failed")
		step(48 * time.Hour)
		if e := entry(t, s, returns.Number); e.State != sandbox.Returned || e.Moves != 1 {
			t.Errorf("56 is %s with %d moves", e.State, e.Moves)
		}
	})
}

func TestAQueryNoticesThatTimeHasPassed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := noon
		box := sandbox.New(sandbox.NewDatabase(s), sandbox.Options{Now: func() time.Time { return now }})
		i := instruction(58)
		of(box).Submit(t.Context(), i)
		now = now.Add(2 * time.Hour)
		o := of(box).Query(t.Context(), i)
		if o.Kind != refund.OutcomeDone || !o.SucceededAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s at %s, want done an hour after noon", o.Kind, o.SucceededAt)
		}
	})
}

func TestAnOrdinaryRefundMakesNoNotice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		box := open(sandbox.NewDatabase(s))
		for _, amount := range []money.Minor{100, 51, 53, 54, 55, 59, 61} {
			of(box).Submit(t.Context(), instruction(amount))
		}
		if got := said(t, box); len(got) != 0 {
			t.Errorf("notices %v", got)
		}
	})
}

func TestNoticesAreGivenUntilTheyAreAcknowledged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		box := open(sandbox.NewDatabase(s))
		rung := 0
		box.OnNotice(func() { rung++ })
		i := instruction(57)
		of(box).Submit(t.Context(), i)
		for range 2 {
			notices, err := box.Notices(t.Context(), 2)
			if err != nil || len(notices) != 2 || notices[0].Outcome.Kind != refund.OutcomeDone || notices[1].Outcome.Kind != refund.OutcomeAccepted {
				t.Fatalf("notices %+v, %v; want done before accepted", notices, err)
			}
		}
		said(t, box)
		if left := said(t, box); len(left) != 0 || rung != 1 {
			t.Errorf("left %v, rung %d times", left, rung)
		}
		if err := box.Acknowledge(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestAClockThatWasMovedGoesOnByItself(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := noon
		box := sandbox.New(sandbox.NewDatabase(s), sandbox.Options{Now: func() time.Time { return now }})
		i := instruction(58)
		of(box).Submit(t.Context(), i)
		for range 2 { // half an hour by hand, in two moves
			if err := box.Advance(t.Context(), account, 15*time.Minute, nil); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(30 * time.Minute)
		if woken, err := box.StepClock(t.Context()); err != nil || woken != 1 {
			t.Errorf("%d woken, %v; want the one whose hour is over", woken, err)
		}
	})
}

func TestANumberStandsForOneAmountOfOnePayment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		box, i := open(sandbox.NewDatabase(s)), instruction(100)
		of(box).Submit(t.Context(), i)
		otherAmount, otherPayment := i, i
		otherAmount.Amount.Minor++
		otherPayment.TransactionID = "t2"
		for _, other := range []channel.Instruction{otherAmount, otherPayment} {
			if o := of(box).Submit(t.Context(), other); o.Kind != refund.OutcomeRefused {
				t.Errorf("another content is %s", o.Kind)
			}
		}
		if e := entry(t, s, i.Number); e.Submits != 1 || e.Moves != 1 {
			t.Errorf("%d submits and %d moves are in the books", e.Submits, e.Moves)
		}
	})
}
