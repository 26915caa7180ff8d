package stripe_test

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/stripe"
	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	testKey       = "sk_test_51RefundryRefundryRefundry"
	liveKey       = "rk_live_51RefundryRefundryRefundry"
	webhookSecret = "whsec_RefundryRefundryRefundry"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// shop is an account at a Stripe of its own, whose clock both sides go by.
type shop struct {
	*stripetest.Server
	driver    *stripe.Driver
	account   channel.Account
	connector channel.Connector
	ahead     time.Duration
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{Server: stripetest.New(t, testKey, webhookSecret)}
	s.Now = func() time.Time { return time.Now().Add(s.ahead) }
	s.driver = stripe.New(stripe.Options{EgressAllow: loopback, Now: s.Now})
	s.account = channel.Account{
		ID: "stripe_1", Channel: stripe.Name, Mode: merchant.Test, Version: 1,
		Settings: map[string]string{"base_url": s.URL}, Secrets: map[string]string{"secret_key": testKey, "webhook_secret": webhookSecret},
	}
	s.connector = s.open(s.account)
	return s
}

func (s *shop) open(a channel.Account) channel.Connector {
	s.Helper()
	connector, err := s.driver.Open(a)
	if err != nil {
		s.Fatal(err)
	}
	return connector
}

// instruction is a refund of 10 of 50 riyals that were paid just now.
func (s *shop) instruction(c stripetest.Charge) channel.Instruction {
	if c.Amount == 0 {
		c.Amount, c.Currency = 5000, "sar"
	}
	c = s.Pay(c)
	currency := money.Currency(strings.ToUpper(c.Currency))
	id := "re_" + refund.NewID(time.Now())
	return channel.Instruction{
		RefundID: id, Number: s.connector.Number(id, 0), Account: "stripe_1", TransactionID: c.ID, Reason: "broken",
		Amount: money.Amount{Minor: 1000, Currency: currency}, Total: money.Amount{Minor: money.Minor(c.Amount), Currency: currency},
		Charge: refund.Charge{TransactionID: c.ID, OrderNo: "A-1", Amount: money.Minor(c.Amount), Currency: currency},
		Refund: refund.Refund{Amount: 1000, Currency: currency},
	}
}

// moves is how often money moved for a refund.
func (s *shop) moves(i channel.Instruction) (n int) {
	for _, r := range s.Refunds("") {
		if r.Metadata["number"] == i.Number && r.Status != "failed" && r.Status != "canceled" {
			n++
		}
	}
	return n
}

func TestStripeIsADriver(t *testing.T) {
	s := newShop(t)
	channeltest.RunDriver(t, channeltest.DriverPeer{
		Driver: s.driver, Account: s.account, Channels: []string{"mastercard", "visa"},
		Wrong: map[string]channeltest.WrongSetting{
			"a key that is none":             {Name: "secret_key", Value: "not-a-key"},
			"a publishable key":              {Name: "secret_key", Value: "pk_test_51RefundryRefundryRefundry"},
			"a key with a line break":        {Name: "secret_key", Value: testKey + "\n"},
			"a live key of a test merchant":  {Name: "secret_key", Value: liveKey},
			"an API key as a webhook secret": {Name: "webhook_secret", Value: testKey},
			"an address that is none":        {Name: "base_url", Value: "api.stripe.com"},
			"an address with a query":        {Name: "base_url", Value: "https://api.stripe.com/?a=b"},
			"an address with the version":    {Name: "base_url", Value: "https://api.stripe.com/v1/"},
		},
	})
	t.Run("test and live keys never mix", func(t *testing.T) {
		for _, one := range []struct {
			key  string
			mode merchant.Mode
			ok   bool
		}{
			{testKey, merchant.Test, true},
			{strings.Replace(testKey, "sk_", "rk_", 1), merchant.Test, true},
			{liveKey, merchant.Test, false},
			{testKey, merchant.Live, false},
			{strings.Replace(testKey, "sk_", "rk_", 1), merchant.Live, false},
			{liveKey, merchant.Live, true},
			{strings.Replace(liveKey, "rk_", "sk_", 1), merchant.Live, true},
		} {
			a := s.account
			a.Mode, a.Secrets = one.mode, map[string]string{"secret_key": one.key}
			_, err := s.driver.Open(a)
			if (err == nil) != one.ok || err != nil && refund.As(err).Param != "secret_key" {
				t.Errorf("%s of a %s merchant: %v", one.key[:8], one.mode, err)
			}
			if err != nil && strings.Contains(err.Error(), one.key) {
				t.Errorf("the error shows the key: %v", err)
			}
		}
	})
}

func TestStripeIsAConnector(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Peer {
		s := newShop(t)
		return channeltest.Peer{
			Connector: s.connector, Number: regexp.MustCompile(`^[0-9A-Za-z]{24,}$`),
			Instruction: func(_ *testing.T, scenario channeltest.Scenario) (channel.Instruction, bool) {
				switch scenario {
				case channeltest.Succeeds:
				case channeltest.RefusedAlways:
					return s.instruction(stripetest.Charge{Amount: 5000, Currency: "sar", Disputed: true}), true
				case channeltest.AnswerLost:
					s.Spoil(http.MethodPost, "drop after")
				case channeltest.RequestLost:
					s.Spoil(http.MethodPost, "drop before")
				case channeltest.Throttled:
					s.Spoil(http.MethodPost, "429 before")
				case channeltest.ShortOfFunds:
					return s.instruction(stripetest.Charge{Amount: 5000, Currency: "sar", NoFunds: true}), true
				default:
					return channel.Instruction{}, false
				}
				return s.instruction(stripetest.Charge{}), true
			},
			Moves: func(_ *testing.T, i channel.Instruction) int { return s.moves(i) },
			Day:   func(*testing.T) channel.BillDay { return channel.BillDay{Day: s.Now().UTC().Truncate(24 * time.Hour)} },
		}
	})
}

func TestWhatIsSentToStripe(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	i.Refund.ReasonCode = "duplicate"
	o := s.connector.Submit(t.Context(), i)
	if o.Kind != refund.OutcomeDone || *o.Amount != 1000 || o.SucceededAt.IsZero() || !strings.Contains(o.Message, "74850120752") {
		t.Errorf("outcome %+v", o)
	}
	if len(o.Sent.Digest) != 64 || o.Sent.UpstreamRequestID == "" || o.Sent.Shown["idempotency_key"] != i.Number ||
		!strings.HasPrefix(o.Sent.Request, "POST /v1/refunds\namount=1000\n") || !strings.HasPrefix(o.Sent.Answer, "HTTP 200\n") || !strings.Contains(o.Sent.Answer, `"status": "succeeded"`) {
		t.Errorf("sent %+v", o.Sent)
	}
	sent := s.Requests()[0]
	want := map[string]string{"amount": "1000", "charge": i.TransactionID, "reason": "duplicate", "metadata[refund_id]": i.RefundID, "metadata[number]": i.Number}
	for name, value := range want {
		if sent.Form.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, sent.Form.Get(name), value)
		}
	}
	if len(sent.Form) != len(want) || sent.Header.Get("Idempotency-Key") != i.Number || sent.Header.Get("Stripe-Version") != "2026-06-24.dahlia" {
		t.Errorf("form %v, header %v", sent.Form, sent.Header)
	}
	if sent.Header.Get("X-Stripe-Client-Telemetry") != "" {
		t.Error("telemetry is sent")
	}
	t.Run("a payment intent is named as one, and a reason that Stripe has not is left out", func(t *testing.T) {
		i := s.instruction(stripetest.Charge{})
		c := s.Pay(stripetest.Charge{Amount: 5000, Currency: "sar"})
		i.TransactionID, i.Refund.ReasonCode = c.Intent, "broken"
		if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeDone {
			t.Errorf("outcome %+v", o)
		}
		sent := s.Requests()[1]
		if sent.Form.Get("payment_intent") != c.Intent || sent.Form.Has("charge") || sent.Form.Has("reason") {
			t.Errorf("form %v", sent.Form)
		}
		if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeDone {
			t.Errorf("asked, outcome %+v", o)
		}
	})
	t.Run("a charge of another payment method is one too", func(t *testing.T) {
		i := s.instruction(stripetest.Charge{ID: "py_3TestOther", Amount: 5000, Currency: "eur"})
		i.Amount.Currency, i.Total.Currency = "EUR", "EUR"
		if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeDone {
			t.Errorf("outcome %+v", o)
		}
	})
	t.Run("a number that is none of Stripe's is refused, and nothing is sent", func(t *testing.T) {
		before := len(s.Requests())
		for _, number := range []string{"", "4200000000202607010000000001", "ch_", "ch_1/../refunds", "re_123", "pi_1 "} {
			i := s.instruction(stripetest.Charge{})
			i.TransactionID = number
			if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeRefused || o.Code != "NO_CHARGE" || o.Sent.Digest != "" {
				t.Errorf("%q: outcome %+v", number, o)
			}
			if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeNotFound {
				t.Errorf("%q: asked, outcome %+v", number, o)
			}
		}
		if len(s.Requests()) != before {
			t.Error("something was sent")
		}
	})
}
