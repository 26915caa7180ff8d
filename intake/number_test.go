package intake_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// sent is a request as a test writes it down.
type sent struct {
	charge      int // which of the test's charges
	amount      money.Minor
	absent      bool // no amount was sent
	number, key string
	name        string         // of the unit as a whole
	more        refund.Content // members that only some dialects have
}

func (s sent) unit(paid []refund.Charge) refund.Unit {
	u := ask(paid[s.charge], s.amount, s.number, s.key)
	u.Name = s.name
	if s.absent {
		u.Requests[0].Amount = nil
	}
	u.Members[0][refund.ContentAmount] = dialect.AmountContent(u.Requests[0].Amount)
	for name, value := range s.more {
		u.Members[0][name] = value
	}
	return u
}

// outcome of a request: which refund, counted in the order of their making, or
// what kind of error.
type outcome struct {
	refund   int
	repeated bool
	kind     refund.Kind
}

func made(n int) outcome               { return outcome{refund: n} }
func again(n int) outcome              { return outcome{refund: n, repeated: true} }
func refused(kind refund.Kind) outcome { return outcome{kind: kind} }

// step is a request and what must become of it.
type step struct {
	send sent
	want outcome
}

var numberCases = []struct {
	name  string
	steps []step
}{
	{"the same number and content is the same refund", []step{
		{sent{amount: 10, number: "A"}, made(1)},
		{sent{amount: 10, number: "A"}, again(1)},
		{sent{amount: 10, number: "A"}, again(1)},
	}},
	{"the same key and content is the same refund", []step{
		{sent{amount: 10, key: "K"}, made(1)},
		{sent{amount: 10, key: "K"}, again(1)},
	}},
	{"number and key are two namespaces", []step{
		{sent{amount: 10, number: "A"}, made(1)},
		{sent{amount: 10, key: "A"}, made(2)},
	}},
	{"requests with neither are never merged", []step{
		{sent{amount: 10}, made(1)},
		{sent{amount: 10}, made(2)},
	}},
	{"a number with another amount is an error", []step{
		{sent{amount: 10, number: "A"}, made(1)},
		{sent{amount: 11, number: "A"}, refused(refund.KindNumberConflict)},
		{sent{amount: 10, number: "A"}, again(1)},
	}},
	{"a number with another charge is an error", []step{
		{sent{amount: 10, number: "A"}, made(1)},
		{sent{charge: 1, amount: 10, number: "A"}, refused(refund.KindNumberConflict)},
	}},
	{"a key with another amount is an error", []step{
		{sent{amount: 10, key: "K"}, made(1)},
		{sent{amount: 11, key: "K"}, refused(refund.KindKeyConflict)},
	}},
	{"an absent amount stays absent, though it is the same money", []step{
		{sent{absent: true, number: "A"}, made(1)},
		{sent{amount: 100, number: "A"}, refused(refund.KindNumberConflict)},
		{sent{absent: true, number: "A"}, again(1)},
	}},
	{"an amount that was sent is not the absent one", []step{
		{sent{amount: 100, key: "K"}, made(1)},
		{sent{absent: true, key: "K"}, refused(refund.KindKeyConflict)},
	}},
	{"a member that only one of two dialects has is not compared", []step{
		{sent{amount: 10, number: "A", more: refund.Content{refund.ContentTotal: "100"}}, made(1)},
		{sent{amount: 10, number: "A"}, again(1)},
		{sent{amount: 10, number: "A", more: refund.Content{refund.ContentTotal: "99"}}, refused(refund.KindNumberConflict)},
		{sent{amount: 10, number: "A", more: refund.Content{refund.ContentGoods: "g"}}, again(1)},
	}},
	{"a refused request uses up neither number nor key", []step{
		{sent{amount: 101, number: "A", key: "K"}, refused(refund.KindAmountExceeded)},
		{sent{amount: 10, number: "A", key: "K"}, made(1)},
		{sent{amount: 10, number: "A", key: "K"}, again(1)},
	}},
	{"a conflict uses up no other key", []step{
		{sent{amount: 10, number: "A"}, made(1)},
		{sent{amount: 11, number: "A", key: "K"}, refused(refund.KindNumberConflict)},
		{sent{charge: 1, amount: 5, key: "K"}, made(2)},
	}},
	{"a conflict uses up no other number", []step{
		{sent{amount: 10, key: "K"}, made(1)},
		{sent{amount: 11, number: "A", key: "K"}, refused(refund.KindKeyConflict)},
		{sent{charge: 1, amount: 5, number: "A"}, made(2)},
	}},
	{"a key and a number that stand for different refunds are an error", []step{
		{sent{amount: 10, number: "A"}, made(1)},
		{sent{amount: 10, key: "K"}, made(2)},
		{sent{amount: 10, number: "A", key: "K"}, refused(refund.KindKeyConflict)},
	}},
	{"a new key for a number that is there means its refund from now on", []step{
		{sent{amount: 10, number: "A"}, made(1)},
		{sent{amount: 10, number: "A", key: "K"}, again(1)},
		{sent{amount: 10, key: "K"}, again(1)},
		{sent{amount: 11, key: "K"}, refused(refund.KindKeyConflict)},
	}},
	{"a known key without its number is the same refund", []step{
		{sent{amount: 10, number: "A", key: "K"}, made(1)},
		{sent{amount: 10, key: "K"}, again(1)},
		{sent{amount: 10, number: "A"}, again(1)},
	}},
	{"a known key with a number that its refund has not is an error", []step{
		{sent{amount: 10, number: "A", key: "K"}, made(1)},
		{sent{amount: 10, number: "B", key: "K"}, refused(refund.KindKeyConflict)},
		{sent{amount: 10, number: "B"}, made(2)},
	}},
	{"a unit has a name and a key, and either finds it", []step{
		{sent{amount: 10, name: " B", key: "K"}, made(1)},
		{sent{amount: 10, name: " B", key: "K"}, again(1)},
		{sent{amount: 10, name: " B"}, again(1)},
		{sent{amount: 10, key: "K"}, again(1)},
		{sent{amount: 10, name: " B", key: "L"}, again(1)},
		{sent{amount: 10, key: "L"}, again(1)},
	}},
	{"a key with the name of another unit is an error, and uses up nothing", []step{
		{sent{amount: 10, name: " B", key: "K"}, made(1)},
		{sent{amount: 10, name: " C"}, made(2)},
		{sent{amount: 10, name: " C", key: "K"}, refused(refund.KindKeyConflict)},
		{sent{amount: 11, name: " D", key: "K"}, refused(refund.KindKeyConflict)},
		{sent{amount: 11, name: " B", key: "L"}, refused(refund.KindKeyConflict)},
		{sent{amount: 11, name: " D", key: "L"}, made(3)},
	}},
	{"a repeat is answered even when nothing is left to refund", []step{
		{sent{amount: 100, number: "A"}, made(1)},
		{sent{amount: 100, number: "A"}, again(1)},
		{sent{amount: 1, number: "B"}, refused(refund.KindAmountExceeded)},
	}},
}

func TestNumbersAndKeysSayWhichRefundIsMeant(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, test := range numberCases {
			t.Run(test.name, func(t *testing.T) {
				desk, m := open(t, s, intake.Options{}), newMerchant()
				paid := chargesOf(t, s, m, 2, 100)
				var ids []string
				for n, step := range test.steps {
					result, err := desk.Accept(t.Context(), step.send.unit(paid), 0)
					got := told(&ids, result, err)
					if diff := cmp.Diff(step.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
						t.Fatalf("request %d (-want +got): %s", n+1, diff)
					}
				}
			})
		}
	})
}

// The same rules hold when all requests are in one batch, where the later ones
// must see what the earlier ones did.
func TestNumbersAndKeysHoldWithinOneBatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, test := range numberCases {
			t.Run(test.name, func(t *testing.T) {
				paid := chargesOf(t, s, newMerchant(), 2, 100)
				units := make([]refund.Unit, len(test.steps))
				for n, step := range test.steps {
					units[n] = step.send.unit(paid)
				}
				var ids []string
				for n, answer := range oneBatch(t, s, units) {
					got := told(&ids, answer.result, answer.err)
					if diff := cmp.Diff(test.steps[n].want, got, cmp.AllowUnexported(outcome{})); diff != "" {
						t.Fatalf("request %d (-want +got): %s", n+1, diff)
					}
				}
			})
		}
	})
}

// told returns which refund a result is, counting those that are new.
func told(ids *[]string, result intake.Result, err error) outcome {
	if err != nil {
		return refused(refund.KindOf(err))
	}
	id := result.Refunds[0].ID
	for n, known := range *ids {
		if known == id {
			return outcome{refund: n + 1, repeated: result.Repeated}
		}
	}
	*ids = append(*ids, id)
	return outcome{refund: len(*ids), repeated: result.Repeated}
}

type answer struct {
	result intake.Result
	err    error
}

// oneBatch takes units through one flush, in their order.
func oneBatch(t *testing.T, s intake.Store, units []refund.Unit) []answer {
	t.Helper()
	return oneBatchAt(t, idle(s, intake.Options{}), units)
}

func oneBatchAt(t *testing.T, desk *desk, units []refund.Unit) []answer {
	t.Helper()
	answers := make([]answer, len(units))
	var asking sync.WaitGroup
	for n, unit := range units {
		asking.Go(func() { answers[n].result, answers[n].err = desk.Accept(context.Background(), unit, 0) })
		waitUntil(t, fmt.Sprintf("request %d is queued", n+1), func() bool { return desk.Waiting() == n+1 })
	}
	if took := desk.Step(t.Context()); took != len(units) {
		t.Errorf("a batch of %d, want %d", took, len(units))
	}
	asking.Wait()
	return answers
}

func TestAUnitIsAcceptedTogetherOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		desk, m := open(t, s, intake.Options{}), newMerchant()
		paid := chargesOf(t, s, m, 3, 100)
		together := func(key string, all ...sent) refund.Unit {
			u := refund.Unit{MerchantID: m, Key: key}
			for _, one := range all {
				x := one.unit(paid)
				u.Requests, u.Members = append(u.Requests, x.Requests...), append(u.Members, x.Members...)
			}
			return u
		}
		bad := together("K", sent{amount: 10, number: "A"}, sent{charge: 1, amount: 101, number: "B"})
		if _, err := desk.Accept(t.Context(), bad, 0); refund.KindOf(err) != refund.KindAmountExceeded {
			t.Fatalf("one of two is too much: %v", err)
		}
		checkHeld(t, s, paid[0], 0)

		good := together("K", sent{amount: 10, number: "A"}, sent{charge: 1, amount: 100, number: "B"}, sent{amount: 20})
		first, err := desk.Accept(t.Context(), good, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(first.Refunds) != 3 || first.Refunds[0].Number != "A" || first.Refunds[1].ChargeID != paid[1].ID || first.Refunds[2].Amount != 20 {
			t.Errorf("the refunds are not in the order of their requests: %+v", first.Refunds)
		}
		for _, r := range first.Refunds {
			if r.UnitID != first.Refunds[0].ID {
				t.Errorf("refund %s is of unit %s", r.ID, r.UnitID)
			}
		}
		checkHeld(t, s, paid[0], 30)
		checkHeld(t, s, paid[1], 100)

		repeated, err := desk.Accept(t.Context(), good, 0)
		if err != nil || !repeated.Repeated || repeated.Refunds[2].ID != first.Refunds[2].ID {
			t.Errorf("the unit again: %+v, %v", repeated, err)
		}
		for name, unit := range map[string]refund.Unit{
			"fewer under the same key":        together("K", sent{amount: 10, number: "A"}),
			"another order":                   together("K", sent{charge: 1, amount: 100, number: "B"}, sent{amount: 10, number: "A"}, sent{amount: 20}),
			"some numbers known and some new": together("", sent{amount: 10, number: "A"}, sent{charge: 2, amount: 1, number: "C"}),
			"the same number twice":           together("", sent{charge: 2, amount: 1, number: "D"}, sent{charge: 2, amount: 1, number: "D"}),
		} {
			if result, err := desk.Accept(t.Context(), unit, 0); err == nil {
				t.Errorf("%s: accepted %+v", name, result.Refunds)
			}
		}
		checkHeld(t, s, paid[2], 0)
	})
}

func TestMerchantsShareNoNumbers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		desk := open(t, s, intake.Options{})
		for range 2 {
			c := chargesOf(t, s, newMerchant(), 1, 100)[0]
			result, err := desk.Accept(t.Context(), ask(c, 10, "A", "K"), 0)
			if err != nil || result.Repeated {
				t.Errorf("repeated %v, %v", result.Repeated, err)
			}
		}
	})
}

// A key that stands for another write than a refund is taken, and stays so.
func TestAKeyOfAnotherWriteIsNoRefunds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		desk := open(t, s, intake.Options{})
		c := chargesOf(t, s, newMerchant(), 1, 100)[0]
		w := &refund.Write{MerchantID: c.MerchantID, Key: "K", Call: "native POST /keys", Content: "c"}
		if err := s.KeepWrite(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		for _, number := range []string{"", "A"} {
			if _, err := desk.Accept(t.Context(), ask(c, 10, number, "K"), 0); refund.KindOf(err) != refund.KindKeyConflict {
				t.Errorf("number %q: %v", number, err)
			}
		}
		checkHeld(t, s, c, 0)
		if result, err := desk.Accept(t.Context(), ask(c, 10, "A", "L"), 0); err != nil || result.Repeated {
			t.Errorf("the number was used up: %+v, %v", result, err)
		}
		if kept, ok, err := s.KeptWrite(t.Context(), c.MerchantID, "K"); err != nil || !ok || kept.Call != w.Call {
			t.Errorf("%+v, %v, %v", kept, ok, err)
		}
	})
}
