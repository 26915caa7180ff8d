package storetest

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// batchKey is the key of a Ping++ batch.
func batchKey(id string) string { return refund.Batch{Dialect: merchant.PingPP, ID: id}.Key() }

// keyed writes a key that stands for refunds, as the intake does.
func (f *fixture) keyed(t testing.TB, value, app string, second int, refunds ...refund.Refund) {
	t.Helper()
	n := refund.Number{
		NumberKey: refund.NumberKey{MerchantID: f.merchant, Namespace: refund.KeyNamespace, Value: value}, CreatedAt: at(second),
	}
	if n.Batch = refund.BatchOf(value); n.Batch.ID != "" {
		n.Batch.Identity = app
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
		f.keyed(t, batchKey(key), "app_1", 3+n, two, one)
	}
	f.keyed(t, batchKey("154"), "appX1", 6, one)    // LIKE would take the underscore for the X
	f.keyed(t, "pingpp batch 155", "app_1", 7, one) // no batch: the blank is missing
	f.keyed(t, " pingpp retry 156", "app_1", 8, one)

	unit, ok, err := f.Unit(t.Context(), f.merchant, batchKey("152"))
	if err != nil || !ok || len(unit.Refunds) != 2 || unit.Refunds[0].ID != two.ID || unit.Refunds[1].ID != one.ID ||
		unit.Charges[c.ID].ID != c.ID || unit.Charges[d.ID].ID != d.ID || !unit.CreatedAt.Equal(at(4)) || unit.Contents[0]["charge"] != d.ID {
		t.Errorf("unit %+v, %t, %v", unit, ok, err)
	}
	for _, key := range []string{"", "15", batchKey("15"), " pingpp batch "} {
		if _, ok, err := f.Unit(t.Context(), f.merchant, key); ok || err != nil {
			t.Errorf("key %q: %t, %v", key, ok, err)
		}
	}
	if _, ok, err := f.Unit(t.Context(), "mer_of_no_one", batchKey("152")); ok || err != nil {
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
		{"an app's", refund.BatchFilter{Limit: 10, Identity: "app_1"}, []string{"153", "152", "151"}, false},
		{"no app's", refund.BatchFilter{Limit: 10, Identity: "app"}, nil, false},
		{"from a time", refund.BatchFilter{Limit: 10, CreatedFrom: at(5)}, []string{"154", "153"}, false},
		{"before a time", refund.BatchFilter{Limit: 10, CreatedTo: at(5)}, []string{"152", "151"}, false},
	} {
		test.filter.MerchantID, test.filter.Dialect = f.merchant, merchant.PingPP
		units, more, err := f.Batches(t.Context(), test.filter)
		var got []string
		for _, unit := range units {
			got = append(got, unit.Batch.ID)
		}
		if err != nil || !slices.Equal(got, test.want) || more != test.more {
			t.Errorf("%s: %v, more %t, %v; want %v, more %t", test.name, got, more, err, test.want, test.more)
		}
	}
}

// olderBatches: a batch that a replica of the version before schema 14 accepts is
// one batch with that of this version, is found by its key at once, and is listed
// from the next start on, or the next request for it.
func olderBatches(t *testing.T, f *fixture) {
	f.own(t)
	f.must(t, `INSERT INTO identities (dialect, name, merchant_id, settings, sealed, created_at) VALUES ('pingpp', $2, $1, '{}', '', 1)`, f.merchant, "app_"+f.merchant)
	c := f.registered(t, f.charge(1000))
	one := f.accept(t, c, at(3), request(c, 10))[0]
	theirs := func(id string) {
		f.must(t, `INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at) VALUES ($1, 'key', $2, $3, $4, 5)`,
			f.merchant, batchKey(id), `["`+one.ID+`"]`, `[{"app":"app_`+f.merchant+`","charge":"`+c.ID+`"}]`)
	}
	listed := func(identity string, want ...string) {
		t.Helper()
		units, _, err := f.Batches(t.Context(), refund.BatchFilter{MerchantID: f.merchant, Dialect: merchant.PingPP, Identity: identity, Limit: 10})
		var ids []string
		for _, unit := range units {
			ids = append(ids, unit.Batch.ID)
		}
		if err != nil || !slices.Equal(ids, want) {
			t.Errorf("batches %v, want %v, %v", ids, want, err)
		}
	}
	theirs("1")
	unit, ok, err := f.Unit(t.Context(), f.merchant, batchKey("1"))
	if err != nil || !ok || unit.Batch.ID != "1" || unit.Refunds[0].ID != one.ID {
		t.Errorf("unit %+v, %t, %v", unit, ok, err)
	}
	listed("")
	if err := f.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	listed("app_"+f.merchant, "1")
	listed("app_other")
	theirs("2")
	f.keyed(t, batchKey("2"), "app_1", 9, one) // a repeat, which does not own the claim
	listed("", "2", "1")
	f.must(t, `DELETE FROM refund_numbers WHERE merchant_id = $1 AND value = $2`, f.merchant, batchKey("1"))
	listed("", "2")
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
