package stripe_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/stripe"
	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAPaymentIsLookedUpByItsChargeOrItsIntent(t *testing.T) {
	s := newShop(t)
	c := s.Pay(stripetest.Charge{Amount: 5120, Currency: "kwd"})
	s.Make(c.ID, 1000, nil)
	for id, other := range map[string]string{c.ID: c.Intent, c.Intent: c.ID} {
		p, err := s.connector.Charge(t.Context(), channel.PaymentRef{TransactionID: id})
		want := channel.Payment{TransactionID: id, OtherTransactionID: other, Amount: money.Amount{Minor: 5120, Currency: "KWD"}, Refunded: 1000, Paid: true, PaidAt: time.Unix(c.Created, 0)}
		if err != nil || p != want {
			t.Errorf("%s: %+v, %v", id, p, err)
		}
	}
	for _, id := range []string{"ch_none", "pi_none", "", "4200000000", "../balance"} {
		if p, err := s.connector.Charge(t.Context(), channel.PaymentRef{TransactionID: id, OrderNo: "A-1"}); !errors.Is(err, channel.ErrNotFound) {
			t.Errorf("%q: %+v, %v", id, p, err)
		}
		if list, err := s.connector.List(t.Context(), channel.PaymentRef{TransactionID: id}); !errors.Is(err, channel.ErrNotFound) {
			t.Errorf("%q: %+v, %v", id, list, err)
		}
	}
}

// What was not captured was never paid, and Stripe counts its release as refunded.
func TestOfAPartlyCapturedPaymentOnlyWhatWasCapturedWasPaid(t *testing.T) {
	s := newShop(t)
	c := s.Pay(stripetest.Charge{Amount: 5000, Captured: 3000, Currency: "sar"})
	s.Make(c.ID, 500, nil)
	r := s.Make(c.ID, 400, nil)
	s.End(r.ID, func(r *stripetest.Refund) { r.Status = "failed" })
	r = s.Make(c.ID, 300, nil)
	s.End(r.ID, func(r *stripetest.Refund) { r.Status = "pending" }) // it counts once it succeeds
	r = s.Make(c.ID, 2000, nil)
	s.End(r.ID, func(r *stripetest.Refund) { r.Reason = "expired_uncaptured_charge" })
	p, err := s.connector.Charge(t.Context(), channel.PaymentRef{TransactionID: c.ID})
	if err != nil || p.Amount.Minor != 3000 || p.Refunded != 500 || !p.Paid {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAPaymentThatIsNotWhatWasAskedForIsNone(t *testing.T) {
	charge := func(change string) string {
		return `{"id": "ch_1", "object": "charge", "amount": 5000, "amount_captured": 5000, "currency": "sar", "captured": true, "paid": true, "status": "succeeded", "created": 1` + change + `}`
	}
	for name, body := range map[string]string{
		"of another charge":     strings.Replace(charge(""), "ch_1", "ch_2", 1),
		"of the other mode":     charge(`, "livemode": true`),
		"in no currency":        strings.Replace(charge(""), "sar", "xxx", 1),
		"of a negative amount":  strings.Replace(charge(""), `captured": 5000`, `captured": -5000`, 1),
		"empty":                 `{}`,
		"null":                  `null`,
		"something else's fact": `{"id": "ch_1", "object": "refund"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := fixed(t, http.StatusOK, nil, body).Charge(t.Context(), channel.PaymentRef{TransactionID: "ch_1"}); err == nil {
				t.Errorf("%+v", p)
			}
		})
	}
	t.Run("an intent that nobody has paid is not paid", func(t *testing.T) {
		p, err := fixed(t, http.StatusOK, nil, `{"id": "pi_1", "object": "payment_intent", "amount": 100, "currency": "sar"}`).Charge(t.Context(), channel.PaymentRef{TransactionID: "pi_1"})
		if err != nil || p.Paid || p.TransactionID != "pi_1" {
			t.Errorf("%+v, %v", p, err)
		}
	})
	t.Run("a charge that is not captured or failed is not paid", func(t *testing.T) {
		for from, to := range map[string]string{`"captured": true`: `"captured": false`, `"paid": true`: `"paid": false`, `"status": "succeeded"`: `"status": "pending"`} {
			p, err := fixed(t, http.StatusOK, nil, strings.Replace(charge(""), from, to, 1)).Charge(t.Context(), channel.PaymentRef{TransactionID: "ch_1"})
			if err != nil || p.Paid {
				t.Errorf("%s: %+v, %v", to, p, err)
			}
		}
	})
}

// rows reads a day's bill to its end.
func (s *shop) rows(day time.Time) (out []channel.Listed, err error) {
	bill, err := s.connector.Bill(s.Context(), channel.BillDay{Day: day})
	if err != nil {
		return nil, err
	}
	defer func() { _ = bill.Close() }()
	for {
		row, err := bill.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, row)
	}
}

func TestABillIsTheDaysRefunds(t *testing.T) {
	s := newShop(t)
	today := s.Now().UTC().Truncate(24 * time.Hour)
	i := s.instruction(stripetest.Charge{Amount: 1_000_000, Currency: "sar"})
	for range 220 {
		s.Make(i.TransactionID, 100, nil)
	}
	s.connector.Submit(t.Context(), i)
	at := func(when time.Time) {
		r := s.Make(i.TransactionID, 100, nil)
		s.End(r.ID, func(r *stripetest.Refund) { r.Created = when.Unix() })
	}
	at(today.Add(-time.Second))
	at(today)
	at(today.AddDate(0, 0, 1).Add(-time.Second))
	at(today.AddDate(0, 0, 1))
	rows, err := s.rows(today)
	if err != nil || len(rows) != 223 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	ours := 0
	for _, row := range rows {
		if !strings.HasPrefix(row.TransactionID, "ch_") || !strings.HasPrefix(row.OtherTransactionID, "pi_") {
			t.Errorf("row %+v", row)
		}
		if row.Number == i.Number {
			ours++
			if row.ChannelRefundID == "" || row.Amount != i.Amount || row.Kind != refund.OutcomeDone {
				t.Errorf("row %+v", row)
			}
		}
	}
	if ours != 1 {
		t.Errorf("%d of ours", ours)
	}
	if _, err := s.rows(today.AddDate(0, 0, 1)); !errors.Is(err, channel.ErrBillNotReady) {
		t.Errorf("tomorrow's bill: %v", err)
	}
	for _, fault := range []string{"drop before", "500 before", "half", "empty"} {
		s.Spoil(http.MethodGet, "", "", fault)
		if rows, err := s.rows(today); err == nil || errors.Is(err, channel.ErrBillNotReady) {
			t.Errorf("with the last page %s there are %d rows, %v", fault, len(rows), err)
		}
	}
	t.Run("it can be closed before its end", func(t *testing.T) {
		bill, err := s.connector.Bill(t.Context(), channel.BillDay{Day: today})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bill.Next(); err != nil {
			t.Fatal(err)
		}
		if err := bill.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a lying list is none", func(t *testing.T) {
		body := `{"object": "list", "has_more": false, "data": [{"id": "re_1", "object": "refund", "amount": 1, "currency": "sar", "status": "succeeded", "created": 5}]}`
		bill, err := fixed(t, http.StatusOK, nil, body).Bill(t.Context(), channel.BillDay{Day: today})
		if err != nil {
			t.Fatal(err)
		}
		if row, err := bill.Next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("row %+v, %v", row, err)
		}
	})
}

func TestCheckNamesTheSettingThatIsWrong(t *testing.T) {
	s := newShop(t)
	wrong := func(connector channel.Connector) (names []string) {
		for _, one := range connector.Check(t.Context()) {
			if one.Err != nil {
				names = append(names, one.Name)
				if !strings.Contains(one.Err.Error(), "(hint: ") {
					t.Errorf("%s: %v", one.Name, one.Err)
				}
			}
		}
		return names
	}
	with := func(name, value string) channel.Connector {
		a := s.account
		a.Settings, a.Secrets = map[string]string{"base_url": s.URL}, map[string]string{"secret_key": testKey, "webhook_secret": webhookSecret}
		if name == "base_url" {
			a.Settings[name] = value
		} else {
			a.Secrets[name] = value
		}
		return s.open(a)
	}
	list := `{"object": "list", "data": [], "has_more": false}`
	for name, test := range map[string]struct {
		connector channel.Connector
		want      string
	}{
		"nothing":                         {s.connector, ""},
		"a key that Stripe does not know": {with("secret_key", "sk_test_51AnotherAnother"), "secret_key"},
		"an address where nobody is":      {with("base_url", "http://127.0.0.1:1"), "base_url"},
		"no webhook secret":               {with("webhook_secret", ""), "webhook_secret"},
		"a key without the permission":    {fixed(t, 403, nil, faultBody("invalid_request_error", "", "no")), "webhook_secret secret_key"},
		"Stripe's own trouble":            {fixed(t, 500, nil, faultBody("api_error", "", "no")), "webhook_secret base_url"},
		"an answer that is none":          {fixed(t, 200, nil, `<html>`), "webhook_secret base_url"},
		"no balance in the answer":        {fixed(t, 200, nil, list), "webhook_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(wrong(test.connector), " "); got != test.want {
				t.Errorf("wrong is %q, want %q", got, test.want)
			}
		})
	}
	t.Run("a live account that answers in test mode", func(t *testing.T) {
		live := stripetest.New(t, liveKey, webhookSecret)
		live.Live = false
		connector, err := stripe.New(stripe.Options{EgressAllow: loopback}).Open(channel.Account{
			ID: "stripe_2", Mode: merchant.Live, Settings: map[string]string{"base_url": live.URL}, Secrets: map[string]string{"secret_key": liveKey, "webhook_secret": webhookSecret},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := wrong(connector); len(got) != 1 || got[0] != "secret_key" {
			t.Errorf("wrong is %v", got)
		}
	})
	for _, seen := range s.Requests() {
		if seen.Method != http.MethodGet {
			t.Errorf("a check made %s %s", seen.Method, seen.URI)
		}
	}
}
