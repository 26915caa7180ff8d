package refund_test

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/refund"
)

func TestAPercentileIsWrongByLessThanItsStep(t *testing.T) {
	times := []time.Duration{0, time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond, 101 * time.Millisecond, 4 * time.Second, 5 * time.Second, 5*time.Second + 1, time.Hour, 200 * 24 * time.Hour}
	h := make(refund.Histogram)
	for _, took := range times {
		h[refund.TimeBound(took)]++
	}
	if h.Count() != int64(len(times)) {
		t.Fatalf("%d of %d are counted", h.Count(), len(times))
	}
	for percent := int64(1); percent <= 100; percent++ {
		exact := times[(int64(len(times))*percent+99)/100-1]
		told, some := h.Percentile(percent)
		upper := refund.TimeBound(exact)
		if exact == times[len(times)-1] {
			if told != refund.TimeBounds[len(refund.TimeBounds)-1] {
				t.Errorf("p%d, beyond all steps, is told as %s", percent, told)
			}
			continue
		}
		lower := time.Duration(0)
		if at := slices.Index(refund.TimeBounds, upper); at > 0 {
			lower = refund.TimeBounds[at-1]
		}
		if !some || told <= lower || told > upper {
			t.Errorf("p%d is told as %s, and is %s, of the step from %s to %s", percent, told, exact, lower, upper)
		}
	}
	if _, some := make(refund.Histogram).Percentile(50); some {
		t.Error("nothing has a percentile")
	}
	if huge := (refund.Histogram{refund.TimeBounds[len(refund.TimeBounds)-1]: 1 << 40}); true {
		if told, _ := huge.Percentile(50); told < 90*24*time.Hour || told > 180*24*time.Hour {
			t.Errorf("the median of many is told as %s", told)
		}
	}
	if !slices.IsSorted(refund.TimeBounds) {
		t.Error("the steps are not in order")
	}
}

func TestAnOverviewIsOfFullHours(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	for _, one := range []struct {
		name     string
		from, to time.Time
		hours    int
		step     time.Duration
		steps    int
		param    string
	}{
		{"two halves", at, at.Add(time.Hour), 2, time.Hour, 2, ""},
		{"three days", at.Truncate(time.Hour), at.Truncate(time.Hour).Add(72 * time.Hour), 72, time.Hour, 72, ""},
		{"more than three days", at.Truncate(time.Hour), at.Truncate(time.Hour).Add(73 * time.Hour), 73, 24 * time.Hour, 4, ""},
		{"nothing", at.Truncate(time.Hour), at.Truncate(time.Hour), 0, 0, 0, "to"},
		{"backwards", at, at.Add(-2 * time.Hour), 0, 0, 0, "to"},
		{"too long", at, at.Add(refund.MaxOverview + 2*time.Hour), 0, 0, 0, "from"},
	} {
		f, err := refund.NewOverviewFilter("mer_1", one.from, one.to)
		if one.param != "" {
			if fault := refund.As(err); fault == nil || fault.Param != one.param {
				t.Errorf("%s: %v", one.name, err)
			}
			continue
		}
		if err != nil || f.To.Sub(f.From) != time.Duration(one.hours)*time.Hour || f.Step != one.step || f.Steps() != one.steps {
			t.Errorf("%s: %+v, %d steps, %v", one.name, f, f.Steps(), err)
		}
	}
}

func TestOverviewsOfSeveralMerchantsAreAddedUp(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	f, err := refund.NewOverviewFilter("mer_1", at, at.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	make1 := func(merchantID string, oldest time.Time) refund.Overview {
		o := refund.Overview{
			OverviewFilter: f, Behind: 1, Series: refund.NewSeries(f), Times: refund.Histogram{time.Second: 2},
			Sums:   []refund.StateSum{{Currency: "CNY", State: refund.Succeeded, Refunds: 3, Minor: big.NewInt(300)}, {Currency: "CNY", State: refund.Failed, Refunds: 1, Minor: big.NewInt(5)}},
			Oldest: []refund.Oldest{{State: refund.Pending, MerchantID: merchantID, CreatedAt: oldest}}, NeedPerson: refund.Counted{N: 2, More: merchantID == "mer_2"},
			Deliveries: refund.DeliveryHealth{OldestDue: oldest},
		}
		o.MerchantID = merchantID
		o.Series[1].States[refund.Succeeded] = 3
		o.Series[1].Times[time.Second] = 2
		return o
	}
	all := refund.Join([]refund.Overview{make1("mer_1", at), make1("mer_2", at.Add(-time.Hour))})
	percent, some := all.SuccessPercent()
	if !some || percent != 7500 || all.Of(refund.Succeeded) != 6 || all.Sums[0].Minor.Int64() != 600 || all.Times[time.Second] != 4 || all.Behind != 2 ||
		all.Series[1].Accepted() != 6 || all.Series[1].Times.Count() != 4 || all.NeedPerson != (refund.Counted{N: 4, More: true}) || !all.Deliveries.OldestDue.Equal(at.Add(-time.Hour)) {
		t.Errorf("%+v", all)
	}
	want := []refund.Oldest{{State: refund.Pending, MerchantID: "mer_2", CreatedAt: at.Add(-time.Hour)}}
	if diff := cmp.Diff(want, all.Oldest); diff != "" {
		t.Error(diff)
	}
}
