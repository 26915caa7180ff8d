package storetest

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
)

// keyed writes a key that stands for refunds, as the intake does.
func (f *fixture) keyed(t testing.TB, value, app string, second int, refunds ...refund.Refund) {
	t.Helper()
	n := refund.Number{
		NumberKey: refund.NumberKey{MerchantID: f.merchant, Namespace: refund.KeyNamespace, Value: value}, CreatedAt: at(second),
	}
	for _, r := range refunds {
		n.Refunds = append(n.Refunds, r.ID)
		n.Contents = append(n.Contents, refund.Content{"charge": r.ChargeID, "app": app})
	}
	err := f.InTx(t.Context(), func(tx intake.Tx) error {
		_, err := tx.ClaimNumbers(t.Context(), []refund.Number{n})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func unitsAreTheirKeys(t *testing.T, f *fixture) {
	c, d := f.registered(t, f.charge(1000)), f.registered(t, f.charge(1000))
	one := f.accept(t, c, at(3), request(c, 10))[0]
	two := f.accept(t, d, at(3), request(d, 20))[0]
	for n, key := range []string{"151", "152", "153"} {
		f.keyed(t, pingpp.BatchKey+key, "app_1", 3+n, two, one)
	}
	f.keyed(t, pingpp.BatchKey+"154", "appX1", 6, one) // LIKE would take the underscore for the X
	f.keyed(t, "pingpp batch 155", "app_1", 7, one)    // no batch: the blank is missing
	f.keyed(t, " pingpp retry 156", "app_1", 8, one)

	unit, ok, err := f.Unit(t.Context(), f.merchant, pingpp.BatchKey+"152")
	if err != nil || !ok || len(unit.Refunds) != 2 || unit.Refunds[0].ID != two.ID || unit.Refunds[1].ID != one.ID ||
		unit.Charges[c.ID].ID != c.ID || unit.Charges[d.ID].ID != d.ID || !unit.CreatedAt.Equal(at(4)) || unit.Contents[0]["charge"] != d.ID {
		t.Errorf("unit %+v, %t, %v", unit, ok, err)
	}
	for _, key := range []string{"", "15", pingpp.BatchKey + "15", pingpp.BatchKey} {
		if _, ok, err := f.Unit(t.Context(), f.merchant, key); ok || err != nil {
			t.Errorf("key %q: %t, %v", key, ok, err)
		}
	}
	if _, ok, err := f.Unit(t.Context(), "mer_of_no_one", pingpp.BatchKey+"152"); ok || err != nil {
		t.Errorf("another merchant's: %t, %v", ok, err)
	}
	for _, test := range []struct {
		name   string
		filter refund.BatchFilter
		want   []string
		more   bool
	}{
		{"all", refund.BatchFilter{Limit: 10}, []string{"154", "153", "152", "151"}, false},
		{"the first page", refund.BatchFilter{Limit: 2}, []string{"154", "153"}, true},
		{"the last page", refund.BatchFilter{Limit: 2, Offset: 2}, []string{"152", "151"}, false},
		{"behind the last", refund.BatchFilter{Limit: 2, Offset: 1 << 40}, nil, false},
		{"an app's", refund.BatchFilter{Limit: 10, Member: "app", Value: "app_1"}, []string{"153", "152", "151"}, false},
		{"no app's", refund.BatchFilter{Limit: 10, Member: "app", Value: "app"}, nil, false},
		{"from a time", refund.BatchFilter{Limit: 10, CreatedFrom: at(5)}, []string{"154", "153"}, false},
		{"before a time", refund.BatchFilter{Limit: 10, CreatedTo: at(5)}, []string{"152", "151"}, false},
	} {
		test.filter.MerchantID = f.merchant
		units, more, err := f.Batches(t.Context(), test.filter)
		var got []string
		for _, unit := range units {
			got = append(got, unit.Key[len(pingpp.BatchKey):])
		}
		if err != nil || !slices.Equal(got, test.want) || more != test.more {
			t.Errorf("%s: %v, more %t, %v; want %v, more %t", test.name, got, more, err, test.want, test.more)
		}
	}
}

func ordersAndReversals(t *testing.T, f *fixture) {
	ordered := f.charge(1000)
	ordered.Aliases[0].Sub = "2001"
	ordered, other := f.registered(t, ordered), f.registered(t, f.charge(1000))
	mine := f.accept(t, ordered, at(3), request(ordered, 10))[0]
	theirs := f.accept(t, other, at(3), request(other, 10))[0]

	charges, _, err := f.ChargeList(t.Context(), refund.ChargeFilter{
		MerchantID: f.merchant, Dialect: "pingpp", Sub: "2001", Page: refund.Page{Limit: 10},
	})
	if err != nil || len(charges) != 1 || charges[0].ID != ordered.ID {
		t.Errorf("charges of the order: %v, %v", charges, err)
	}
	refunds, total, err := f.RefundPage(t.Context(), refund.Filter{
		MerchantID: f.merchant, Dialect: "pingpp", Sub: "2001", Page: refund.Page{Limit: 10},
	}, 0)
	if err != nil || total != 1 || len(refunds) != 1 || refunds[0].ID != mine.ID {
		t.Errorf("refunds of the order: %v, %v", refunds, err)
	}

	reversed := func(wanted bool) (ids []string) {
		charges, _, err := f.ChargeList(t.Context(), refund.ChargeFilter{
			MerchantID: f.merchant, Reversed: &wanted, Page: refund.Page{Limit: 10},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range charges {
			ids = append(ids, c.ID)
		}
		return ids
	}
	if got := reversed(true); got != nil {
		t.Errorf("reversed: %v", got)
	}
	f.must(t, `UPDATE refunds SET asked_by = '{"key":"k","call":"reverse"}' WHERE id = $1`, theirs.ID)
	if got := reversed(true); !slices.Equal(got, []string{other.ID}) {
		t.Errorf("reversed: %v, want %s", got, other.ID)
	}
	if got := reversed(false); !slices.Equal(got, []string{ordered.ID}) {
		t.Errorf("not reversed: %v, want %s", got, ordered.ID)
	}
	f.must(t, `UPDATE refunds SET state = 'failed' WHERE id = $1`, theirs.ID)
	if got := reversed(true); got != nil {
		t.Errorf("a failed reversal counts: %v", got)
	}
}
