package service

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/payin"
)

const (
	stripeKey     = "sk_test_51RefundryRefundryRefundry"
	stripeWebhook = "whsec_RefundryRefundryRefundry"
)

// stripeShop is a service whose merchant speaks Payin and refunds cards through
// Stripe.
type stripeShop struct {
	*testing.T
	*Service
	stripe  *stripetest.Server
	by      admin.By
	owner   string
	payin   merchant.Identity
	key     string // of the Payin client
	account merchant.ChannelAccount
	// orders and asked count what was made.
	orders, asked int
}

// newStripeShop makes the shop in a service. base is where it calls Stripe.
func newStripeShop(t *testing.T, shop *Service, stripe *stripetest.Server, base string) *stripeShop {
	t.Helper()
	s := &stripeShop{T: t, Service: shop, stripe: stripe, by: admin.By{Actor: audit.Actor{Kind: "command", Name: "root"}}}
	described, _ := s.dialects().Find(merchant.Payin)
	fresh, err := merchant.NewFresh("shop", merchant.Test, merchant.Dialects{described}, nil, s.now())
	if err != nil {
		t.Fatal(err)
	}
	s.owner, s.payin, s.key = fresh.Merchant.ID, fresh.Identities[0], fresh.Key(merchant.Payin)
	if err := s.Store.AddMerchant(t.Context(), fresh, storetest.Record(s.owner)); err != nil {
		t.Fatal(err)
	}
	s.account, err = s.admin.AddAccount(t.Context(), s.by, s.owner, admin.NewAccount{
		Channel: "stripe", Takes: []string{"mastercard"}, Settings: map[string]string{"base_url": base},
		Secrets: map[string]string{"secret_key": stripeKey, "webhook_secret": stripeWebhook},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// order is a payment of 50 by card, by its number at Stripe, that Payin knows as an
// order.
func (s *stripeShop) order(currency money.Currency, minor money.Minor, notify string, byIntent bool) (refund.Charge, stripetest.Charge) {
	s.Helper()
	s.orders++
	paid := s.stripe.Pay(stripetest.Charge{Amount: int64(minor), Currency: strings.ToLower(string(currency))})
	number := paid.ID
	if byIntent {
		number = paid.Intent
	}
	name := fmt.Sprintf("%sT20261129%06d", s.payin.Name, s.orders)
	c, _, err := s.Store.RegisterCharge(s.Context(), refund.Charge{
		MerchantID: s.owner, ID: "ch_" + refund.NewID(s.now()), OrderNo: name, Channel: "mastercard", ChannelAccount: s.account.ID, TransactionID: number,
		Currency: currency, Amount: minor, PaidAt: s.now(), CreatedAt: s.now(), Detail: refund.Detail{NotifyURL: notify},
		Aliases: []refund.Alias{{Dialect: merchant.Payin, Identity: s.payin.Name, Name: name}},
	}, nil)
	if err != nil {
		s.Fatal(err)
	}
	return c, paid
}

// payinRefund asks for a refund as a Payin client does, and returns its id there.
func (s *stripeShop) payinRefund(address string, c refund.Charge, amount string) string {
	s.Helper()
	uri := "/orders/" + c.Aliases[0].Name + "/refunds"
	s.asked++ // the same bytes in the same second would be a repeat
	body := fmt.Sprintf(`{"amount": %q, "reason": "broken", "merchantRefundId": "R%d"}`, amount, s.asked)
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, address+payin.Prefix+uri, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	payin.Authenticate(s.key, s.payin.Secrets[merchant.ClientSecret], payin.CreateRefund, uri, time.Now()).Set(r.Header)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	got, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	var made struct {
		ID string `json:"id"`
	}
	if err != nil || json.Unmarshal(got, &made) != nil || answer.StatusCode != http.StatusOK {
		s.Fatalf("%d %s, %v", answer.StatusCode, got, err)
	}
	return made.ID
}

// refunds are those of a charge.
func (s *stripeShop) refunds(c refund.Charge) []refund.Refund {
	s.Helper()
	list, _, err := s.Store.RefundList(s.Context(), refund.Filter{MerchantID: s.owner, ChargeID: c.ID, Page: refund.Page{Limit: 20}})
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// await waits until a condition holds.
func (s *stripeShop) await(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !holds(); runtime.Gosched() {
		if time.Now().After(end) {
			s.Fatalf("%s did not come about", what)
		}
	}
}

// sound fails unless the books are right, and as much was refunded as Stripe says.
func (s *stripeShop) sound(c refund.Charge, paid stripetest.Charge, want money.Minor) {
	s.Helper()
	var theirs int64
	for _, r := range s.stripe.Refunds(paid.ID) {
		if r.Status == "succeeded" {
			theirs += r.Amount
		}
	}
	ours, err := s.Store.Charge(s.Context(), s.owner, c.ID)
	if err != nil || ours.Refunded != want || theirs != int64(want) {
		s.Errorf("refunded %d, at Stripe %d, want %d; %v", ours.Refunded, theirs, want, err)
	}
	if found, err := Verify(s.Context(), s.Store); err != nil || len(found) != 0 {
		s.Errorf("verify finds %v, %v", found, err)
	}
}

// told is what a Payin merchant's own address was told.
type told struct {
	*httptest.Server
	mu      sync.Mutex
	queries []string
}

func newTold(t *testing.T) *told {
	t.Helper()
	l := &told{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.queries = append(l.queries, r.URL.RawQuery)
		_, _ = io.WriteString(w, "COMPLETED::"+r.URL.Query().Get("_orderId"))
	}))
	t.Cleanup(l.Close)
	return l
}

// of reports whether a refund was told of.
func (l *told) of(refundID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.queries, " "), refundID)
}

// A Payin card refund goes over Stripe from the signed request to the merchant's
// notification, at once or by Stripe's webhook.
func TestAPayinCardRefundGoesOverStripe(t *testing.T) {
	for _, test := range []struct {
		currency money.Currency
		paid     money.Minor
		amount   string
		minor    money.Minor
	}{{"SAR", 5000, "12.34", 1234}, {"KWD", 50000, "12.34", 12340}} {
		for _, byIntent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by its intent %v", test.currency, byIntent), func(t *testing.T) {
				stripe := stripetest.New(t, stripeKey, stripeWebhook)
				shop, address := listening(t, Options{Database: storetest.SQLite(t)})
				s, listener := newStripeShop(t, shop, stripe, stripe.URL), newTold(t)
				checks, err := s.admin.CheckAccount(t.Context(), s.owner, s.account.ID)
				if err != nil || len(checks) != 4 {
					t.Errorf("checked %+v, %v", checks, err)
				}
				for _, one := range checks {
					if one.Err != nil {
						t.Errorf("check of %s: %v", one.Name, one.Err)
					}
				}
				c, paid := s.order(test.currency, test.paid, listener.URL, byIntent)
				id := s.payinRefund(address, c, test.amount)
				s.await("the notification of "+id, func() bool { return listener.of(id) })
				if r := s.refunds(c)[0]; r.State != refund.Succeeded || r.Amount != test.minor || r.ChannelRefundID == "" {
					t.Errorf("refund %+v", r)
				}
				s.sound(c, paid, test.minor)

				// One that waits at Stripe ends by Stripe's event.
				stripe.Change(paid.ID, func(p *stripetest.Charge) { p.Starts, p.Pending = "pending", "insufficient_funds" })
				id = s.payinRefund(address, c, test.amount)
				s.await("a refund that waits at Stripe", func() bool { list := stripe.Refunds(paid.ID); return len(list) == 2 && list[1].Status == "pending" })
				after := stripe.End(stripe.Refunds(paid.ID)[1].ID, func(r *stripetest.Refund) { r.Status, r.PendingReason = "succeeded", "" })
				if code := stripe.Send(address+"/notify/stripe/"+s.account.ID, "refund.updated", stripe.Object(after)); code != http.StatusOK {
					t.Errorf("the event is answered %d", code)
				}
				s.await("the notification of "+id, func() bool { return listener.of(id) })
				s.sound(c, paid, 2*test.minor)
			})
		}
	}
}

// notify sends a refund's event to the shop.
func (s *stripeShop) notify(address, kind string, object map[string]any) {
	s.Helper()
	if code := s.stripe.Send(address+"/notify/stripe/"+s.account.ID, kind, object); code != http.StatusOK {
		s.Errorf("the event is answered %d", code)
	}
}

// A refund that somebody makes on Stripe's pages is adopted once, under whichever of
// its names the payment is registered; one that fails later is returned.
func TestWhatHappensAtStripeIsFollowed(t *testing.T) {
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	shop, address := listening(t, Options{Database: storetest.SQLite(t)})
	s := newStripeShop(t, shop, stripe, stripe.URL)
	for _, byIntent := range []bool{false, true} {
		c, paid := s.order("SAR", 5000, "", byIntent)
		made := stripe.Make(paid.ID, 700, nil)
		for range 2 {
			s.notify(address, "refund.created", stripe.Object(made))
			s.notify(address, "refund.updated", stripe.Object(made))
		}
		if list := s.refunds(c); len(list) != 1 || list[0].ChannelRefundID != made.ID || list[0].State != refund.Succeeded {
			t.Errorf("adopted %+v", list)
		}
		s.sound(c, paid, 700)

		s.payinRefund(address, c, "10.00")
		s.await("the refund", func() bool {
			list := s.refunds(c)
			return len(list) == 2 && list[0].State.Final() && list[1].State.Final()
		})
		s.sound(c, paid, 1700)
		back := stripe.Refunds(paid.ID)[1]
		back = stripe.End(back.ID, func(r *stripetest.Refund) { r.Status, r.FailureReason = "failed", "expired_or_canceled_card" })
		s.notify(address, "refund.failed", stripe.Object(back))
		s.await("the return", func() bool {
			for _, r := range s.refunds(c) {
				if r.ChannelRefundID == back.ID {
					return r.State == refund.Failed && r.FailureCode == "expired_or_canceled_card"
				}
			}
			return false
		})
		s.sound(c, paid, 700)
	}
}

// A charge that differs from what Stripe knows moves nothing; what was refunded there
// before is counted.
func TestAChargeIsComparedWithStripeBeforeItsFirstRefund(t *testing.T) {
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	shop, address := listening(t, Options{Database: storetest.SQLite(t)})
	s := newStripeShop(t, shop, stripe, stripe.URL)
	c, paid := s.order("SAR", 5000, "", false)
	stripe.Change(paid.ID, func(p *stripetest.Charge) { p.Amount, p.Captured = 4000, 4000 })
	s.payinRefund(address, c, "10.00")
	s.await("the refusal", func() bool {
		r := s.refunds(c)[0]
		return r.State == refund.Failed && r.FailureCode == channel.CodeOtherAmount
	})
	if len(stripe.Refunds(paid.ID)) != 0 {
		t.Error("money moved")
	}
	c, paid = s.order("SAR", 5000, "", false)
	stripe.Make(paid.ID, 4500, nil)
	s.payinRefund(address, c, "5.00")
	s.await("the refund of what is left", func() bool { return len(stripe.Refunds(paid.ID)) == 2 })
	s.await("both refunds", func() bool {
		list := s.refunds(c)
		return len(list) == 2 && list[0].State.Final() && list[1].State.Final()
	})
	s.sound(c, paid, 5000)
}

// A refund that was made on Stripe's pages before its payment was found is there once,
// whenever Stripe tells of it again.
func TestAFoundPaymentsRefundAtStripeIsAdoptedOnce(t *testing.T) {
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	shop, address := listening(t, Options{Database: storetest.SQLite(t)})
	s := newStripeShop(t, shop, stripe, stripe.URL)
	native := nativeKey(t, shop, s.by, s.owner)
	paid := stripe.Pay(stripetest.Charge{Amount: 10000, Currency: "sar"})
	made := stripe.Make(paid.ID, 3000, nil)
	ask := func(amount int, number string) (int, string) {
		return asked(shop, "POST", "/refundry/v1/refunds", fmt.Sprintf(`{"charge": %q, "amount": %d, "number": %q}`, paid.ID, amount, number), "Authorization", native)
	}
	if code, body := ask(7001, "R1"); code < 400 || code >= 500 {
		t.Errorf("more than is left: %d %s", code, body)
	}
	c, err := shop.Store.ChargeByAny(t.Context(), s.owner, paid.ID)
	if err != nil || c.AlreadyRefunded != 0 || c.Refunded != 3000 || c.Counted != 0 || c.VerifiedAt.IsZero() {
		t.Fatalf("found %+v, %v", c, err)
	}
	if list := s.refunds(c); len(list) != 1 || list[0].ChannelRefundID != made.ID {
		t.Errorf("refunds %+v", list)
	}
	for _, kind := range []string{"refund.created", "refund.updated", "charge.refund.updated"} {
		s.notify(address, kind, stripe.Object(made))
	}
	if code, body := ask(7000, "R2"); code != http.StatusCreated {
		t.Fatalf("what is left: %d %s", code, body)
	}
	s.await("what is left", func() bool { return len(stripe.Refunds(paid.ID)) == 2 })
	s.await("both refunds", func() bool {
		list := s.refunds(c)
		return len(list) == 2 && list[0].State == refund.Succeeded && list[1].State == refund.Succeeded
	})
	s.sound(c, paid, 10000)
}

// A dispute that came before its payment was registered holds its amount before the
// request is accepted that has the payment found.
func TestADisputeThatWaitsHoldsItsAmountBeforeAFoundPaymentIsRefunded(t *testing.T) {
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	shop, address := listening(t, Options{Database: storetest.SQLite(t)})
	s := newStripeShop(t, shop, stripe, stripe.URL)
	native := nativeKey(t, shop, s.by, s.owner)
	paid := stripe.Pay(stripetest.Charge{Amount: 10000, Currency: "sar"})
	s.notify(address, "charge.dispute.created", stripetest.DisputeObject("du_1", paid, 4000, "needs_response"))
	body := fmt.Sprintf(`{"charge": %q, "amount": 6001, "number": "R1"}`, paid.ID)
	if code, answer := asked(shop, "POST", "/refundry/v1/refunds", body, "Authorization", native); code < 400 || code >= 500 {
		t.Errorf("more than the dispute leaves: %d %s", code, answer)
	}
	if c, err := shop.Store.ChargeByAny(t.Context(), s.owner, paid.ID); err != nil || c.Blocked != 4000 || len(stripe.Refunds(paid.ID)) != 0 {
		t.Errorf("blocked %d, refunds %+v, %v", c.Blocked, stripe.Refunds(paid.ID), err)
	}
}

// Stripe's list of a day agrees with the books, and what somebody made on Stripe's pages
// is adopted by it, under whichever of its names the payment is registered.
func TestADayAtStripeIsReconciled(t *testing.T) {
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	shop, address := listening(t, Options{Database: storetest.SQLite(t)})
	s := newStripeShop(t, shop, stripe, stripe.URL)
	for _, byIntent := range []bool{false, true} {
		c, paid := s.order("SAR", 5000, "", byIntent)
		s.payinRefund(address, c, "10.00")
		s.await("the refund", func() bool { r := s.refunds(c); return len(r) == 1 && r[0].State == refund.Succeeded })
		made := stripe.Make(paid.ID, 700, nil)
		date := s.now().UTC().Format(time.DateOnly)
		found, err := s.admin.Reconcile(t.Context(), s.by, s.owner, admin.BillToReconcile{Account: s.account.ID, Date: date}, func(channel.Difference) error { return nil })
		if err != nil || found.Found[channel.DiffersAdopted] != 1 || found.Found[channel.DiffersRepeated] != 0 {
			t.Errorf("%+v, %v", found, err)
		}
		if list := s.refunds(c); len(list) != 2 || list[0].ChannelRefundID != made.ID && list[1].ChannelRefundID != made.ID {
			t.Errorf("refunds %+v", list)
		}
		s.sound(c, paid, 1700)
		again, err := s.admin.Reconcile(t.Context(), s.by, s.owner, admin.BillToReconcile{Account: s.account.ID, Date: date}, func(channel.Difference) error { return nil })
		if err != nil || again.Differs() {
			t.Errorf("read again: %+v, %v", again, err)
		}
	}
}

// A payment that is registered by its charge and by its intent has one cap: money is
// refunded of the charge that came first alone, whichever is asked for first.
func TestAPaymentAtStripeThatIsRegisteredTwiceIsRefundedOfOneChargeAlone(t *testing.T) {
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	shop, address := listening(t, Options{Database: storetest.SQLite(t)})
	s := newStripeShop(t, shop, stripe, stripe.URL)
	first, paid := s.order("SAR", 5000, "", false)
	twin := first
	twin.ID, twin.TransactionID, twin.OrderNo = "ch_"+refund.NewID(s.now()), paid.Intent, first.OrderNo+"9"
	twin.CreatedAt = first.CreatedAt.Add(time.Second)
	twin.Aliases = []refund.Alias{{Dialect: merchant.Payin, Identity: s.payin.Name, Name: twin.OrderNo}}
	twin, _, err := s.Store.RegisterCharge(t.Context(), twin, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.payinRefund(address, twin, "50.00")
	s.await("the refund of the second charge", func() bool {
		list := s.refunds(twin)
		return len(list) == 1 && list[0].State == refund.Failed && list[0].FailureCode == "PAYMENT_REGISTERED_TWICE"
	})
	s.payinRefund(address, first, "50.00")
	s.await("the refund of the first charge", func() bool { list := s.refunds(first); return len(list) == 1 && list[0].State == refund.Succeeded })
	s.sound(first, paid, 5000)
}

// A dispute holds its amount until it is won.
func TestADisputeAtStripeHoldsItsAmount(t *testing.T) {
	stripe := stripetest.New(t, stripeKey, stripeWebhook)
	shop, address := listening(t, Options{Database: storetest.SQLite(t)})
	s := newStripeShop(t, shop, stripe, stripe.URL)
	for n, byIntent := range []bool{false, true} {
		c, paid := s.order("SAR", 5000, "", byIntent)
		id := fmt.Sprintf("dp_%d", n)
		blocked := func(want money.Minor) {
			t.Helper()
			if now, err := s.Store.Charge(t.Context(), s.owner, c.ID); err != nil || now.Blocked != want {
				t.Errorf("%d is blocked, want %d; %v", now.Blocked, want, err)
			}
		}
		for _, step := range []struct {
			event, status string
			want          money.Minor
		}{
			{"charge.dispute.created", "warning_needs_response", 0},
			{"charge.dispute.updated", "needs_response", 4000},
			{"charge.dispute.funds_withdrawn", "needs_response", 4000},
			{"charge.dispute.updated", "under_review", 4000},
			{"charge.dispute.closed", "won", 0},
			{"charge.dispute.updated", "under_review", 0},
		} {
			s.notify(address, step.event, stripetest.DisputeObject(id, paid, 4000, step.status))
			blocked(step.want)
		}
		if found, err := Verify(t.Context(), s.Store); err != nil || len(found) != 0 {
			t.Errorf("verify finds %v, %v", found, err)
		}
	}
}
