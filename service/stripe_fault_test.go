package service

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// hurriedStripeShop is a shop behind a line that spoils calls, under a clock that
// runs ahead. Stripe goes by the same clock.
func hurriedStripeShop(t *testing.T) (*stripeShop, *badLine, *hurriedClock) {
	t.Helper()
	clock, line := &hurriedClock{}, &badLine{}
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	stripe.Now, line.platform = clock.now, stripe
	server := httptest.NewServer(line)
	// On a connection that was used before, package net/http asks again by itself.
	server.Config.SetKeepAlivesEnabled(false)
	t.Cleanup(server.Close)
	shop := start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now})
	return newStripeShop(t, shop, stripe, server.URL), line, clock
}

// ask asks for a refund and does not wait for it.
func (s *stripeShop) ask(c refund.Charge, amount money.Minor) string {
	s.Helper()
	result, err := s.intake.Accept(s.Context(), refund.Unit{
		MerchantID: s.owner, Requests: []refund.Request{{ChargeID: c.ID, Amount: &amount}}, Members: []refund.Content{{}},
	}, 0)
	if err != nil {
		s.Fatal(err)
	}
	return result.Refunds[0].ID
}

// Whatever becomes of a call, before or after the money moved, Stripe moves it once
// and the shop finds out by asking alone: no event comes.
func TestEachFaultOnTheWayToStripeEndsInOneMovement(t *testing.T) {
	s, line, clock := hurriedStripeShop(t)
	for name, spoiled := range lossy("drop before", "drop after", "half", "202", "302", "409", "429", "500", "502") {
		t.Run(name, func(t *testing.T) {
			s.T = t
			c, paid := s.order("SAR", 5000, "", s.orders%2 == 0)
			line.spoil(spoiled[0], spoiled[1])
			r := clock.hurry(t, s.Service, s.owner, s.ask(c, 100), refund.Succeeded)
			s.sound(c, paid, 100)
			if made := s.stripe.Refunds(paid.ID); len(made) != 1 || made[0].ID != r.ChannelRefundID {
				t.Errorf("Stripe has made %+v", made)
			}
			attempts, err := s.Store.Attempts(t.Context(), s.owner, r.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range attempts {
				if strings.Contains(a.Code+a.Message+a.Note, stripeKey) {
					t.Errorf("the key stands in %+v", a)
				}
			}
			line.happened(t)
		})
	}
	s.T = t
}

// An answer that was lost, and a day in which Stripe could not be asked: the key may
// be forgotten, and only the list says whether money moved.
func TestAKeyOfStripesProvesNothingAfterADay(t *testing.T) {
	for name, lost := range map[string]string{"the money had moved": "drop after", "the request was lost": "drop before", "the answer was an error": "500"} {
		t.Run(name, func(t *testing.T) {
			s, line, clock := hurriedStripeShop(t)
			c, paid := s.order("SAR", 5000, "", false)
			clock.hurry(t, s.Service, s.owner, s.ask(c, 100), refund.Succeeded) // the payment is known to be right
			const longOutage = 200
			outage := make([]string, longOutage)
			for n := range outage {
				outage[n] = "drop before"
			}
			before := len(s.stripe.Requests())
			line.spoil([]string{lost}, outage)
			id := s.ask(c, 200)
			s.await("the submit", func() bool { line.mu.Lock(); defer line.mu.Unlock(); return len(line.submits) == 0 })
			clock.ahead.Add(int64(25 * time.Hour))
			s.stripe.DropKeys()
			line.spoil(nil, nil)
			s.engine.Wake()
			clock.hurry(t, s.Service, s.owner, id, refund.Succeeded)
			s.sound(c, paid, 300)
			submits := 0
			for _, seen := range s.stripe.Requests()[before:] {
				if seen.Method == http.MethodPost {
					submits++
				}
			}
			if submits != 1 {
				t.Errorf("Stripe got %d submits", submits)
			}
		})
	}
}

// Stripe keeps an error under its key: the submit after funds ran short takes another.
func TestARefundThatFundsWereShortOfAtStripeGoesOnceTheyAreThere(t *testing.T) {
	s, line, clock := hurriedStripeShop(t)
	for name, lost := range map[string]string{"at once": "", "with a lost answer": "drop after", "with a lost request": "drop before"} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			c, paid := s.order("SAR", 5000, "", false)
			s.stripe.Change(paid.ID, func(p *stripetest.Charge) { p.NoFunds = true })
			id := s.ask(c, 100)
			held := clock.hurry(t, s.Service, s.owner, id, refund.Held)
			if held.HeldReason != refund.HeldForFunds || held.Shown["idempotency_key"] != held.ChannelNumber {
				t.Errorf("held %+v", held)
			}
			s.stripe.Change(paid.ID, func(p *stripetest.Charge) { p.NoFunds = false })
			if lost != "" {
				line.spoil([]string{lost}, nil)
			}
			clock.hurry(t, s.Service, s.owner, id, refund.Succeeded)
			s.sound(c, paid, 100)
			line.happened(t)
		})
	}
	s.T = t
}
