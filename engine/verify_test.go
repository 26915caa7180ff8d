package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// paying is a scripted channel that looks payments up.
type paying struct {
	*listing
	lists   bool
	payment func(n int) (channel.Payment, error) // answers call n, from 1 on
	asked   int
}

func (c *paying) Capabilities() channel.Capabilities {
	return channel.Capabilities{Charges: true, List: c.lists}
}

func (c *paying) Charge(context.Context, channel.PaymentRef) (channel.Payment, error) {
	c.asked++
	return c.payment(c.asked)
}

// paidThere is a payment of 1000 of which something was refunded at the channel.
func paidThere(refunded money.Minor) channel.Payment {
	return channel.Payment{Amount: money.Amount{Minor: 1000, Currency: "CNY"}, Paid: true, Refunded: refunded}
}

func newPaying(payment func(n int) (channel.Payment, error)) *paying {
	return &paying{listing: &listing{scripted: newScripted()}, payment: payment}
}

func TestAChargeIsComparedWithItsPaymentBeforeItsFirstRefund(t *testing.T) {
	foreign := func(number string, amount money.Minor) channel.Listed {
		return channel.Listed{Number: number, ChannelRefundID: "id " + number, Amount: money.Amount{Minor: amount, Currency: "CNY"}, Kind: refund.OutcomeDone}
	}
	tests := []struct {
		name     string
		payment  channel.Payment
		err      error
		listed   []channel.Listed // nil: the channel has no list
		state    refund.State     // of a refund of 300
		code     string           // of its failure
		refunded money.Minor      // of the charge, in the end
		alerts   int
	}{
		{"what agrees is sent", paidThere(0), nil, nil, refund.Succeeded, "", 300, 0},
		{"an account that can't look this payment up sends", channel.Payment{}, channel.ErrUnsupported, nil, refund.Succeeded, "", 300, 0},
		{"a payment that the channel does not know is refused", channel.Payment{}, channel.ErrNotFound, nil, refund.Failed, channel.CodeNoPayment, 0, 1},
		{"a payment that has not succeeded is refused", channel.Payment{Amount: paidThere(0).Amount}, nil, nil, refund.Failed, channel.CodeNotPaid, 0, 1},
		{"another amount is refused", channel.Payment{Amount: money.Amount{Minor: 999, Currency: "CNY"}, Paid: true}, nil, nil, refund.Failed, channel.CodeOtherAmount, 0, 1},
		{"another currency is refused", channel.Payment{Amount: money.Amount{Minor: 1000, Currency: "USD"}, Paid: true}, nil, nil, refund.Failed, channel.CodeOtherCurrency, 0, 1},
		{"what was refunded there is counted", paidThere(200), nil, nil, refund.Succeeded, "", 500, 1},
		{"what was refunded there and leaves no room fails the refund", paidThere(800), nil, nil, refund.Failed, "MORE_THAN_REFUNDABLE", 800, 3},
		{"what is listed is adopted", paidThere(200), nil, []channel.Listed{foreign("a", 150), foreign("b", 50)}, refund.Succeeded, "", 500, 2},
		{"what a list leaves out is counted besides", paidThere(200), nil, []channel.Listed{foreign("a", 150)}, refund.Succeeded, "", 500, 2},
		{"an amount that is not said is an alert, and the refund is sent", channel.Payment{Amount: paidThere(0).Amount, Paid: true, RefundedUnknown: true}, nil, nil, refund.Succeeded, "", 300, 1},
		{"an amount that is not said and listed is adopted", channel.Payment{Amount: paidThere(0).Amount, Paid: true, RefundedUnknown: true}, nil, []channel.Listed{foreign("a", 150)}, refund.Succeeded, "", 450, 1},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				fake := newPaying(func(int) (channel.Payment, error) { return test.payment, test.err })
				fake.lists, fake.refunds = test.listed != nil, slices.Clone(test.listed)
				r := newRig(t, s, fake)
				c := r.charge(1000)
				for n := range fake.refunds {
					fake.refunds[n].TransactionID = c.TransactionID
				}
				rf := r.accept(c.ID, 300)
				r.steps(r.engine)
				got := r.refund(rf.ID)
				if got.State != test.state || got.FailureCode != test.code {
					t.Errorf("it is %s %q, want %s %q", got.State, got.FailureCode, test.state, test.code)
				}
				if sent := len(fake.said()) > 0; sent != (test.state == refund.Succeeded) {
					t.Errorf("calls %v", fake.said())
				}
				charge := r.chargeNow(c.ID)
				if err := charge.Check(); err != nil || charge.Refunded != test.refunded || charge.Reserved != 0 || charge.Excess != 0 {
					t.Errorf("the charge has refunded %d, reserved %d, excess %d, %v", charge.Refunded, charge.Reserved, charge.Excess, err)
				}
				if got := r.alertsRaised(); len(got) != test.alerts {
					t.Errorf("alerts %q, want %d", got, test.alerts)
				}
			})
		}
	})
}

func TestAPaymentIsLookedUpOnceForItsCharge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newPaying(func(int) (channel.Payment, error) { return paidThere(0), nil })
		r := newRig(t, s, fake)
		c := r.charge(1000)
		r.accept(c.ID, 100)
		r.steps(r.engine)
		r.engine = r.newEngine(fake) // another process
		r.startIntake()
		r.accept(c.ID, 200)
		r.steps(r.engine)
		if got := r.chargeNow(c.ID); fake.asked != 1 || got.Refunded != 300 || got.VerifiedAt.IsZero() || got.Counted != 0 {
			t.Errorf("looked up %d times; refunded %d, counted %d, verified at %v", fake.asked, got.Refunded, got.Counted, got.VerifiedAt)
		}
	})
}

// The submit of the first is at the channel when the second looks the payment up.
func TestOurOwnRefundIsNotTakenForAForeignOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newPaying(nil)
		fake.payment = func(n int) (channel.Payment, error) {
			if n == 1 {
				return channel.Payment{}, errors.New("no answer")
			}
			return paidThere(money.Minor(100 * len(fake.moved))), nil
		}
		r := newRig(t, s, fake)
		c := r.charge(1000)
		one, other := r.accept(c.ID, 100), r.accept(c.ID, 100)
		r.run(3)
		if a, b := r.refund(one.ID), r.refund(other.ID); a.State != refund.Succeeded || b.State != refund.Succeeded {
			t.Errorf("%s and %s", a.State, b.State)
		}
		if got := r.chargeNow(c.ID); got.Refunded != 200 || got.Counted != 0 || fake.asked != 2 {
			t.Errorf("refunded %d, counted %d, looked up %d times", got.Refunded, got.Counted, fake.asked)
		}
	})
}

func TestALookUpWithoutAnAnswerDecidesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const blind = 9 // look-ups without an answer
		fake := newPaying(func(n int) (channel.Payment, error) {
			switch {
			case n == 2:
				panic("broken")
			case n == 3:
				return channel.Payment{Paid: true}, nil // of no amount
			case n <= blind:
				return channel.Payment{}, context.DeadlineExceeded
			}
			return paidThere(0), nil
		})
		r := newRig(t, s, fake)
		rf := r.accept(r.charge(1000).ID, 100)
		for range blind {
			r.steps(r.engine)
			if got := r.refund(rf.ID); got.State != refund.Created || got.Unknown || len(fake.said()) != 0 {
				t.Fatalf("it is %s, calls %v", got.State, fake.said())
			}
			r.clock.advance(10 * time.Second)
		}
		if got := r.alertsRaised(); len(got) != 1 || !strings.Contains(got[0], "can't be looked up") {
			t.Errorf("alerts %q", got)
		}
		r.run(1)
		if got := r.refund(rf.ID); got.State != refund.Succeeded || fake.asked != blind+1 {
			t.Errorf("it is %s after %d look-ups", got.State, fake.asked)
		}
		for n, attempt := range r.attempts(rf.ID) {
			want := "submit try_later"
			if n == blind {
				want = "submit done"
			}
			if attempt != want {
				t.Errorf("attempt %d: %s, want %s", n, attempt, want)
			}
		}
	})
}

// fickle lists a payment's refunds differently from one time to the next.
type fickle struct {
	*paying
	lists [][]channel.Listed // call n is answered by the n-th, later ones by the last
	read  int
}

func (c *fickle) List(context.Context, channel.PaymentRef) ([]channel.Listed, error) {
	c.read++
	return c.lists[min(c.read, len(c.lists))-1], nil
}

// Nobody but the channel knows the amount of a refund that it made: a list that shows
// another one, once, is not believed.
func TestAListThatContradictsItsPaymentOnceIsNotAdopted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := &fickle{paying: newPaying(func(int) (channel.Payment, error) { return paidThere(200), nil })}
		fake.paying.lists = true
		r := newRig(t, s, fake)
		c := r.charge(1000)
		for _, amount := range []money.Minor{199, 200} {
			fake.lists = append(fake.lists, []channel.Listed{{
				Number: "a", ChannelRefundID: "id a", TransactionID: c.TransactionID, Amount: money.Amount{Minor: amount, Currency: "CNY"}, Kind: refund.OutcomeDone,
			}})
		}
		rf := r.accept(c.ID, 100)
		r.steps(r.engine)
		if got := r.refund(rf.ID); got.State != refund.Created || r.chargeNow(c.ID).Refunded != 0 || fake.read != 2 {
			t.Fatalf("it is %s, %d refunded, listed %d times", got.State, r.chargeNow(c.ID).Refunded, fake.read)
		}
		r.run(3)
		if got := r.refund(rf.ID); got.State != refund.Succeeded || r.chargeNow(c.ID).Refunded != 300 || r.chargeNow(c.ID).Counted != 0 {
			t.Errorf("then it is %s, %d refunded, %d of them counted", got.State, r.chargeNow(c.ID).Refunded, r.chargeNow(c.ID).Counted)
		}
	})
}

// A list that is not to be had now leaves open whose the refunds are.
func TestWhatCanNotBeListedNowIsNotCounted(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newPaying(func(int) (channel.Payment, error) { return paidThere(200), nil })
	fake.lists, fake.err = true, errors.New("no answer")
	r := newRig(t, s, fake)
	c := r.charge(1000)
	rf := r.accept(c.ID, 100)
	r.steps(r.engine)
	if got := r.refund(rf.ID); got.State != refund.Created || r.chargeNow(c.ID).Refunded != 0 {
		t.Errorf("it is %s, %d refunded", got.State, r.chargeNow(c.ID).Refunded)
	}
}

// The refund waits for another lease, and the payment is not looked up again.
func TestWhatALookUpThatTookLongFoundIsToldAllTheSame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var r *rig
		fake := newPaying(func(int) (channel.Payment, error) {
			r.clock.advance(engine.Lease)
			return channel.Payment{Amount: paidThere(0).Amount, Paid: true, RefundedUnknown: true}, nil
		})
		r = newRig(t, s, fake)
		c := r.charge(1000)
		rf := r.accept(c.ID, 100)
		r.run(3)
		kept, _, err := s.Alerts(t.Context(), r.owner, false, refund.Page{Limit: 10})
		if err != nil || len(kept) != 1 || !strings.Contains(kept[0].Text, "of charge "+c.ID) || kept[0].Times != 1 {
			t.Errorf("kept alerts %+v, %v", kept, err)
		}
		if got := r.alertsRaised(); len(got) != 1 || r.refund(rf.ID).State != refund.Succeeded || fake.asked != 1 {
			t.Errorf("raised %q, it is %s, looked up %d times", got, r.refund(rf.ID).State, fake.asked)
		}
	})
}

// A process that died while it looked the payment up leaves a lease: the channel is
// asked about the refund, and the payment is looked up all the same.
func TestAChargeIsVerifiedAlsoAfterALostLease(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newPaying(func(int) (channel.Payment, error) { return paidThere(200), nil })
		r := newRig(t, s, fake)
		c := r.charge(1000)
		rf := r.accept(c.ID, 100) // claimed for the first engine, which never calls
		r.engine = r.newEngine(fake)
		r.clock.advance(time.Minute)
		r.run(3)
		if got := r.chargeNow(c.ID); r.refund(rf.ID).State != refund.Succeeded || got.Refunded != 300 || got.Counted != 200 || fake.asked != 1 {
			t.Errorf("%s; refunded %d, counted %d, looked up %d times; %v", r.refund(rf.ID).State, got.Refunded, got.Counted, fake.asked, r.attempts(rf.ID))
		}
	})
}
