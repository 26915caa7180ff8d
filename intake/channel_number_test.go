package intake_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// owner adds a merchant with one account, whose terms are these, and n charges of
// amount.
func owner(t *testing.T, s *store.Store, terms refund.Terms, n int, amount money.Minor) []refund.Charge {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	fresh, err := merchant.NewFresh("shop", merchant.Test, nil, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
	s.UseAccountTerms(func(context.Context, merchant.Settings, merchant.ChannelAccount) refund.Terms { return terms })
	list := make([]refund.Charge, n)
	for i := range list {
		id := refund.NewID(now)
		list[i], _, err = s.RegisterCharge(t.Context(), refund.Charge{
			MerchantID: fresh.Merchant.ID, ID: "ch_" + id, OrderNo: fmt.Sprintf("T%d", i), Channel: "wx", ChannelAccount: fresh.Accounts[0].ID,
			TransactionID: id, Currency: "CNY", Amount: amount, PaidAt: now, CreatedAt: now,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// An account has six numbers, and each refund tries them in the same order.
func TestANumberThatClashesTakesTheNextTry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const numbers = 6
		terms := refund.Terms{Number: func(_ string, try int) string { return fmt.Sprintf("no_%d", min(try, numbers-1)) }}
		charges := owner(t, s, terms, 3, 1000)
		seen := make(map[string]bool)
		accepted := func(answers []answer) {
			t.Helper()
			for _, a := range answers {
				if a.err != nil {
					t.Fatal(a.err)
				}
				for _, r := range a.result.Refunds {
					if seen[r.ChannelNumber] {
						t.Errorf("number %s was given twice", r.ChannelNumber)
					}
					seen[r.ChannelNumber] = true
				}
			}
		}
		accepted(oneBatch(t, s, []refund.Unit{ask(charges[0], 1, "", "")}))
		// Two of one batch, of which both clash with the first and with each other.
		accepted(oneBatch(t, s, []refund.Unit{ask(charges[1], 1, "", "k1"), ask(charges[2], 1, "", "k2")}))
		both := ask(charges[0], 1, "A", "")
		other := ask(charges[0], 1, "B", "")
		both.Requests, both.Members = append(both.Requests, other.Requests...), append(both.Members, other.Members...)
		accepted(oneBatch(t, s, []refund.Unit{both}))
		accepted(oneBatch(t, s, []refund.Unit{ask(charges[1], 1, "", "")}))
		if len(seen) != numbers {
			t.Fatalf("numbers %v", seen)
		}
		for _, a := range oneBatch(t, s, []refund.Unit{ask(charges[1], 1, "C", "")}) {
			if refund.KindOf(a.err) != refund.KindInternal {
				t.Errorf("with no number left: %v", a.err)
			}
		}
		checkHeld(t, s, charges[1], 2)
	})
}

func TestASubmitThatComesTooSoonIsSentLater(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		terms := refund.Terms{Rules: func(string) refund.Rules { return refund.Rules{SubmitSpacing: time.Minute} }}
		charges := owner(t, s, terms, 2, 1000)
		d := idle(s, intake.Options{})
		d.engine.room = 100
		first := oneBatchAt(t, d, []refund.Unit{ask(charges[0], 1, "", ""), ask(charges[1], 1, "", ""), ask(charges[0], 2, "", "")})
		var claimed, waiting []refund.Refund
		for _, a := range first {
			if a.err != nil {
				t.Fatal(a.err)
			}
			stored, err := s.Refund(t.Context(), charges[0].MerchantID, a.result.Refunds[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if stored.LeaseUntil.IsZero() {
				waiting = append(waiting, stored)
			} else {
				claimed = append(claimed, stored)
			}
		}
		if len(claimed) != 2 || len(waiting) != 1 || len(d.engine.taken) != 2 {
			t.Fatalf("%d are claimed and %d wait", len(claimed), len(waiting))
		}
		c, err := s.Charge(t.Context(), charges[0].MerchantID, waiting[0].ChargeID)
		if err != nil || c.NotBefore.IsZero() || !waiting[0].DueAt.Equal(c.NotBefore) || c.NotBefore.Sub(waiting[0].CreatedAt) != time.Minute {
			t.Errorf("due %s, the charge's next submit %s, %v", waiting[0].DueAt, c.NotBefore, err)
		}
		// The room that it did not use is free again.
		if d.engine.reserved != 0 || d.engine.room != 98 {
			t.Errorf("reserved %d, room %d", d.engine.reserved, d.engine.room)
		}
	})
}
