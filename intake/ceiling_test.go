package intake_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/store/verify"
)

// bounded is ask by a key with ceilings in CNY that were set at a time.
func bounded(unit refund.Unit, perRefund, perDay money.Minor, since time.Time) refund.Unit {
	unit.By.Bounds = &refund.Bounds{Since: since, Ceilings: []money.Ceiling{{Currency: "CNY", PerRefund: perRefund, PerDay: perDay}}}
	return unit
}

// limitOf is the rule that refused, "" for an accepted unit.
func limitOf(t *testing.T, d *desk, unit refund.Unit) string {
	t.Helper()
	_, err := d.Accept(t.Context(), unit, 0)
	switch fault := refund.As(err); {
	case err == nil:
		return ""
	case fault == nil || fault.Kind != refund.KindLimitExceeded || fault.Limit == nil:
		t.Fatal(err)
		return ""
	default:
		return fault.Limit.Rule
	}
}

func checkVerified(t *testing.T, s *store.Store) {
	t.Helper()
	findings, err := verify.Run(t.Context(), s.DB())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Invariant == verify.KeyDays {
			t.Errorf("%s: %s", f.Row, f.Text)
		}
	}
}

// Without the lock on the day's total, replicas that ask for different charges
// accept more than ten.
func TestOf64RefundsByAKeyTheDaysCeilingTakesTen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		charges := chargesOf(t, s, newMerchant(), crowd, 100)
		counts := raceAll(t, replicas(t, s), func(n int) refund.Unit { return bounded(ask(charges[n], 60, "", ""), 0, 600, time.Time{}) })
		if counts[""] != 10 || counts[string(refund.KindLimitExceeded)] != crowd-10 {
			t.Errorf("%v, want 10 accepted and all others told of the ceiling", counts)
		}
		checkVerified(t, s)
	})
}

func TestACeilingIsOfItsKeyItsCurrencyAndItsDay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		now := noon
		d := open(t, s, intake.Options{Now: func() time.Time { return now }})
		c := chargesOf(t, s, newMerchant(), 1, 100_000)[0]
		other := ask(c, 500, "", "")
		other.By.Key = "key_2"
		repeat := bounded(ask(c, 400, "A", ""), 500, 1000, time.Time{})
		two := bounded(ask(c, 300, "", ""), 500, 1000, time.Time{})
		two.Requests = append(two.Requests, two.Requests[0])
		two.Members = append(two.Members, two.Members[0])
		for _, step := range []struct {
			name string
			unit refund.Unit
			want string
		}{
			{"above the ceiling for one", bounded(ask(c, 501, "", ""), 500, 1000, time.Time{}), refund.LimitKeyRefund},
			{"within it", repeat, ""},
			{"the same again is not counted", repeat, ""},
			{"nor is a refusal", bounded(ask(c, 501, "", ""), 500, 1000, time.Time{}), refund.LimitKeyRefund},
			{"another key is bound by its own", bounded(other, 0, 500, time.Time{}), ""},
			{"another currency's ceiling", func() refund.Unit {
				u := ask(c, 900, "", "")
				u.By.Bounds = &refund.Bounds{Ceilings: []money.Ceiling{{Currency: "KWD", PerRefund: 1, PerDay: 1}}}
				return u
			}(), ""},
			{"a unit counts as a whole", bounded(two, 500, 999, time.Time{}), refund.LimitKeyDay},
			{"up to the last cent", two, ""},
			{"and not one more", bounded(ask(c, 1, "", ""), 500, 1000, time.Time{}), refund.LimitKeyDay},
			{"a higher ceiling", bounded(ask(c, 1, "", ""), 500, 1001, time.Time{}), ""},
			{"a lower one", bounded(ask(c, 1, "", ""), 500, 900, time.Time{}), refund.LimitKeyDay},
		} {
			if got := limitOf(t, d, step.unit); got != step.want {
				t.Errorf("%s: %q, want %q", step.name, got, step.want)
			}
		}
		now = noon.Add(12*time.Hour - time.Microsecond)
		if got := limitOf(t, d, bounded(ask(c, 1, "", ""), 0, 1000, time.Time{})); got != refund.LimitKeyDay {
			t.Errorf("in the day's last microsecond: %q", got)
		}
		now = noon.Add(12 * time.Hour)
		if got := limitOf(t, d, bounded(ask(c, 1000, "", ""), 0, 1000, time.Time{})); got != "" {
			t.Errorf("on the next day: %q", got)
		}
		checkVerified(t, s)
	})
}

// What a key asked for before its ceiling was set counts too, on that day.
func TestACeilingSetInTheDayCountsWhatCameBefore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		d := open(t, s, intake.Options{Now: func() time.Time { return now }})
		c := chargesOf(t, s, newMerchant(), 1, 100_000)[0]
		if got := limitOf(t, d, ask(c, 700, "", "")); got != "" {
			t.Fatal(got)
		}
		if got := limitOf(t, d, bounded(ask(c, 301, "", ""), 0, 1000, now)); got != refund.LimitKeyDay {
			t.Errorf("above what is left: %q", got)
		}
		if got := limitOf(t, d, bounded(ask(c, 300, "", ""), 0, 1000, now)); got != "" {
			t.Errorf("what is left: %q", got)
		}
		checkVerified(t, s)
	})
}

// A ceiling that is taken away and set again on the same day counts what was asked for
// meanwhile.
func TestACeilingThatWasAwayForATimeCountsWhatWasAskedForMeanwhile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		d := open(t, s, intake.Options{Now: func() time.Time { return now }})
		charges, day := chargesOf(t, s, newMerchant(), 5, 100), refund.Day(now)
		if rule := limitOf(t, d, bounded(ask(charges[0], 50, "", ""), 0, 100, day.Add(time.Microsecond))); rule != "" {
			t.Fatalf("the first is refused by %s", rule)
		}
		if _, err := d.Accept(t.Context(), ask(charges[1], 80, "", ""), 0); err != nil { // while there is none
			t.Fatal(err)
		}
		again := now.Add(time.Minute)
		now = again
		if rule := limitOf(t, d, bounded(ask(charges[2], 1, "", ""), 0, 100, again)); rule != refund.LimitKeyDay {
			t.Errorf("130 of 100 were asked for, and one more is refused by %q", rule)
		}
		if rule := limitOf(t, d, bounded(ask(charges[3], 10, "", ""), 0, 140, again)); rule != "" {
			t.Errorf("140 of 140 are refused by %q", rule)
		}
		if rule := limitOf(t, d, bounded(ask(charges[4], 1, "", ""), 0, 140, again)); rule != refund.LimitKeyDay {
			t.Errorf("141 of 140 are refused by %q", rule)
		}
		checkVerified(t, s)
	})
}
