package intake_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// judged adds a merchant with one enabled policy that holds, and returns its id.
func judged(t testing.TB, s *store.Store, expression string, effect merchant.PolicyEffect) string {
	t.Helper()
	id := newMerchant()
	now := time.Now().UTC().Truncate(time.Microsecond)
	m := merchant.Merchant{ID: id, Name: id, Mode: merchant.Test, CreatedAt: now}
	if err := s.AddMerchant(t.Context(), merchant.Fresh{Merchant: m}, storetest.Record(id)); err != nil {
		t.Fatal(err)
	}
	p := merchant.Policy{
		MerchantID: id, ID: "pol_1", Name: "p", Expression: expression, Effect: effect, HoldHours: 1, Enabled: true, Version: 1,
		CreatedAt: now, UpdatedAt: now, UpdatedBy: audit.ByCommand("test"),
	}
	if err := s.AddPolicy(t.Context(), p, nil, storetest.Record(id)); err != nil {
		t.Fatal(err)
	}
	return id
}

func askFor(c refund.Charge, amount money.Minor, customer, number string) refund.Unit {
	unit := ask(c, amount, number, "")
	unit.Requests[0].Customer = customer
	return unit
}

func TestAPolicyHoldsOrRefusesAndWhatItAcceptsIsSent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		d := open(t, s, intake.Options{})
		d.engine.room = 100
		c := chargesOf(t, s, judged(t, s, "refund.amount > 10", merchant.PolicyHold), 1, 100)[0]
		small, err := d.Accept(t.Context(), askFor(c, 10, "", "N1"), 0)
		if err != nil || small.Refunds[0].State != refund.Created {
			t.Fatalf("%+v, %v", small.Refunds, err)
		}
		large, err := d.Accept(t.Context(), askFor(c, 11, "", "N2"), 0)
		if err != nil || large.Refunds[0].State != refund.Held || large.Refunds[0].HeldReason != refund.HeldForApproval {
			t.Fatalf("%+v, %v", large.Refunds, err)
		}
		again, err := d.Accept(t.Context(), askFor(c, 11, "", "N2"), 0)
		if err != nil || !again.Repeated || again.Refunds[0].ID != large.Refunds[0].ID {
			t.Fatalf("again %+v, %v", again, err)
		}
		if a, err := s.Approval(t.Context(), c.MerchantID, large.Refunds[0].ID); err != nil || a.State != refund.ApprovalWaiting || a.Requester != audit.ByKey("key_1") {
			t.Errorf("%+v, %v", a, err)
		}
		checkHeld(t, s, c, 21)
		if len(d.engine.taken) != 1 || d.engine.taken[0].Refund.ID != small.Refunds[0].ID {
			t.Errorf("the engine took %+v", d.engine.taken)
		}
		c = chargesOf(t, s, judged(t, s, "true", merchant.PolicyRefuse), 1, 100)[0]
		if _, err := d.Accept(t.Context(), askFor(c, 11, "", "N1"), 0); refund.KindOf(err) != refund.KindPolicyRefused {
			t.Errorf("%v", err)
		}
		checkHeld(t, s, c, 0)
	})
}

// countsOf how many of a merchant's refunds are held and how many are not.
func countsOf(t testing.TB, s *store.Store, charges []refund.Charge) (held, sent int) {
	t.Helper()
	for _, c := range charges {
		for _, r := range refundsOf(t, s, c) {
			if r.HeldReason == refund.HeldForApproval {
				held++
			} else {
				sent++
			}
		}
	}
	return held, sent
}

// TestTwoReplicasCountEachOthersRefundsOfACustomer: of sixteen requests at once for
// one customer's sixteen charges, exactly three pass, through whichever replica and
// batch they come. Other customers' do.
func TestTwoReplicasCountEachOthersRefundsOfACustomer(t *testing.T) {
	for engine, url := range map[string]func(testing.TB) string{"SQLite": storetest.SQLite, "PostgreSQL": storetest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			address := url(t)
			s := storetest.Open(t, address)
			desks := []*desk{open(t, s, intake.Options{}), open(t, s, intake.Options{})}
			if engine == "PostgreSQL" {
				desks[1] = open(t, storetest.Open(t, address), intake.Options{})
			}
			for _, d := range desks {
				d.engine.room = 100
			}
			charges := chargesOf(t, s, judged(t, s, "customer.refunds_24h >= 3 || customer.amount_24h > 1000000", merchant.PolicyHold), 18, 100)
			var all sync.WaitGroup
			for n, c := range charges[:16] {
				all.Go(func() {
					if _, err := desks[n%2].Accept(context.WithoutCancel(t.Context()), askFor(c, 10, "cus_1", fmt.Sprint("N", n)), 0); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if held, sent := countsOf(t, s, charges); held != 13 || sent != 3 {
				t.Errorf("%d are held, %d are sent", held, sent)
			}
			for n, customer := range []string{"cus_2", ""} {
				got, err := desks[0].Accept(t.Context(), askFor(charges[16+n], 10, customer, fmt.Sprint("M", n)), 0)
				if err != nil || got.Refunds[0].State != refund.Created {
					t.Errorf("customer %q: %+v, %v", customer, got.Refunds, err)
				}
			}
		})
	}
}

func TestRefundsOfOneUnitCountEachOtherAndARefusedUnitCountsNothing(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	d := open(t, s, intake.Options{})
	d.engine.room = 100
	charges := chargesOf(t, s, judged(t, s, "merchant.refunds_24h >= 2", merchant.PolicyRefuse), 4, 100)
	unit := func(cs ...refund.Charge) refund.Unit {
		var u refund.Unit
		for _, c := range cs {
			one := askFor(c, 10, "", "")
			u.MerchantID, u.By = one.MerchantID, one.By
			u.Requests, u.Members = append(u.Requests, one.Requests...), append(u.Members, one.Members...)
		}
		return u
	}
	if _, err := d.Accept(t.Context(), unit(charges[:3]...), 0); refund.KindOf(err) != refund.KindPolicyRefused {
		t.Errorf("three: %v", err)
	}
	if got, err := d.Accept(t.Context(), unit(charges[:2]...), 0); err != nil || len(got.Refunds) != 2 {
		t.Errorf("two: %v", err)
	}
	if _, err := d.Accept(t.Context(), unit(charges[3]), 0); refund.KindOf(err) != refund.KindPolicyRefused {
		t.Errorf("one more: %v", err)
	}
}

// TestARequestCanNotHideWhoseTheRefundIs: who asks names another customer each time, and
// the charge's is counted all the same, in one batch and in later ones; so are those of
// whom the request names, if they have more.
func TestARequestCanNotHideWhoseTheRefundIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		d := open(t, s, intake.Options{})
		d.engine.room = 100
		owned := func(expression string) (first, other refund.Charge) {
			charges := chargesOf(t, s, judged(t, s, expression, merchant.PolicyHold), 2, 100)
			c := charges[0]
			made, err := s.RegisterCharges(t.Context(), []refund.Charge{{
				MerchantID: c.MerchantID, ID: c.ID + "x", OrderNo: "OWN", Channel: c.Channel, ChannelAccount: c.ChannelAccount,
				TransactionID: c.TransactionID + "x", Currency: c.Currency, Amount: 100, PaidAt: c.PaidAt, CreatedAt: c.CreatedAt, Customer: "cus_1",
			}}, nil)
			if err != nil || made[0].Err != nil {
				t.Fatal(err, made[0].Err)
			}
			return made[0].Charge, charges[1]
		}
		holds := func(name string, unit refund.Unit, want bool) {
			t.Helper()
			got, err := d.Accept(t.Context(), unit, 0)
			if err != nil {
				t.Fatal(name, err)
			}
			if is := got.Refunds[len(got.Refunds)-1].HeldReason == refund.HeldForApproval; is != want {
				t.Errorf("%s: held is %v", name, is)
			}
		}
		for _, expression := range []string{"customer.refunds_24h >= 2", "customer.amount_24h >= 20"} {
			c, other := owned(expression)
			holds("the first", askFor(c, 10, "x0", "N0"), false)
			holds("the second", askFor(c, 10, "x1", "N1"), false)
			holds("the third under another name", askFor(c, 10, "x2", "N2"), true)
			holds("the fourth without a name", askFor(c, 10, "", "N3"), true)
			holds("a charge of nobody's, for the same customer", askFor(other, 10, "cus_1", "N4"), true)
			holds("a charge of nobody's, for another customer", askFor(other, 10, "y0", "N5"), false)
		}
		c, other := owned("customer.refunds_24h >= 2")
		holds("one of somebody", askFor(other, 10, "z", "N0"), false)
		holds("another of theirs", askFor(other, 10, "z", "N1"), false)
		holds("theirs, of the first customer's charge", askFor(c, 10, "z", "N2"), true)
		c, _ = owned("customer.id == 'cus_1'")
		holds("of a customer who is looked at", askFor(c, 10, "x", "N0"), true)
		c, _ = owned("customer.refunds_24h >= 2")
		all := askFor(c, 10, "x0", "N0")
		for _, name := range []string{"x1", "x2"} {
			one := askFor(c, 10, name, "")
			all.Requests, all.Members = append(all.Requests, one.Requests...), append(all.Members, one.Members...)
		}
		all.Requests[0].Number = ""
		holds("three in one unit", all, true)
	})
}
