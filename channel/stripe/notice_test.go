package stripe_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86/webhook"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const address = "https://pay.example/notify/stripe/stripe_1"

// receive has the driver read an event.
func (s *shop) receive(kind string, object any) ([]channel.Notified, error) {
	notices, _, err := s.driver.Receive(s.account, s.Request(address, s.Event(kind, object)))
	return notices, err
}

func TestStripeIsAReceiver(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	s.connector.Submit(t.Context(), i)
	event := s.Event("refund.updated", s.Object(s.Refunds("")[0]))
	rotated := s.account
	rotated.Version, rotated.Secrets = 2, map[string]string{"secret_key": testKey, "webhook_secret": webhookSecret + "Rotated"}
	channeltest.RunReceiver(t, channeltest.ReceiverPeer{
		Driver: s.driver, Account: s.account, Rotated: rotated, Number: i.Number,
		Notice: func(_ *testing.T, a channel.Account) *http.Request {
			r := s.Request(address, event)
			r.Header.Set("Stripe-Signature", stripetest.Sign(event, s.Now(), a.Secrets["webhook_secret"]))
			return r
		},
	})
}

func TestSignatureAgreesWithStripesClient(t *testing.T) {
	s := newShop(t)
	body := s.Event("balance.available", map[string]any{"object": "balance"})
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: webhookSecret, Timestamp: s.Now()})
	r := s.Request(address, body)
	r.Header.Set("Stripe-Signature", signed.Header)
	if notices, _, err := s.driver.Receive(s.account, r); err != nil || len(notices) != 0 {
		t.Errorf("%+v, %v", notices, err)
	}
	if err := webhook.ValidatePayload(body, stripetest.Sign(body, time.Now(), webhookSecret), webhookSecret); err != nil {
		t.Errorf("the fake does not sign as Stripe does: %v", err)
	}
}

func TestAnEventThatIsNotTheAccountsIsRefused(t *testing.T) {
	s := newShop(t)
	s.connector.Submit(t.Context(), s.instruction(stripetest.Charge{}))
	body := s.Event("refund.updated", s.Object(s.Refunds("")[0]))
	signed := func(at time.Time, secrets ...string) string { return stripetest.Sign(body, at, secrets...) }
	for name, test := range map[string]struct {
		header string
		ok     bool
	}{
		"signed now":                           {signed(s.Now(), webhookSecret), true},
		"signed by two secrets":                {signed(s.Now(), "whsec_another", webhookSecret), true},
		"signed almost five minutes ago":       {signed(s.Now().Add(-295*time.Second), webhookSecret), true},
		"signed more than five minutes ago":    {signed(s.Now().Add(-305*time.Second), webhookSecret), false},
		"signed more than five minutes ahead":  {signed(s.Now().Add(305*time.Second), webhookSecret), false},
		"signed by another secret":             {signed(s.Now(), "whsec_another"), false},
		"signed by the API key":                {signed(s.Now(), testKey), false},
		"signed by nothing":                    {signed(s.Now(), ""), false},
		"without a signature":                  {"t=1", false},
		"without a time":                       {strings.SplitN(signed(s.Now(), webhookSecret), ",", 2)[1], false},
		"with two times":                       {"t=5," + signed(s.Now(), webhookSecret), false},
		"with a time that is none":             {"t=now,v1=00", false},
		"with a signature of the test scheme":  {strings.Replace(signed(s.Now(), webhookSecret), "v1=", "v0=", 1), false},
		"with half a signature":                {signed(s.Now(), webhookSecret)[:60], false},
		"with an empty header":                 {"", false},
		"with a header of more than two pages": {signed(s.Now(), webhookSecret) + strings.Repeat(",v1=00", 1000), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.Request(address, body)
			r.Header.Set("Stripe-Signature", test.header)
			notices, reply, err := s.driver.Receive(s.account, r)
			if (err == nil) != test.ok || test.ok != (len(notices) == 1) {
				t.Fatalf("%+v, %v", notices, err)
			}
			if a := reply(err); test.ok != (a.Status == http.StatusOK) || !test.ok && a.Status != http.StatusBadRequest {
				t.Errorf("answered %d", a.Status)
			}
		})
	}
	t.Run("an account without a webhook secret takes none", func(t *testing.T) {
		a := s.account
		a.Secrets = map[string]string{"secret_key": testKey}
		for _, secret := range []string{"", webhookSecret} {
			r := s.Request(address, body)
			r.Header.Set("Stripe-Signature", signed(s.Now(), secret))
			if notices, _, err := s.driver.Receive(a, r); err == nil {
				t.Errorf("%+v", notices)
			}
		}
	})
	t.Run("an event of the other mode", func(t *testing.T) {
		a := s.account
		a.Mode = merchant.Live
		if notices, _, err := s.driver.Receive(a, s.Request(address, body)); err == nil {
			t.Errorf("%+v", notices)
		}
	})
	t.Run("a compressed event, however small", func(t *testing.T) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(body)
		_ = w.Close()
		r := s.Request(address, packed.Bytes())
		r.Header.Set("Content-Encoding", "gzip")
		if notices, _, err := s.driver.Receive(s.account, r); err == nil {
			t.Errorf("%+v", notices)
		}
	})
	t.Run("an event that can't be read", func(t *testing.T) {
		for name, text := range map[string]string{
			"two megabytes": `{"object": "event", "x": "` + strings.Repeat("x", 2<<20) + `"}`,
			"half":          string(body[:len(body)/2]),
			"a name twice":  strings.Replace(string(body), `"object":"event"`, `"object":"event","object":"event"`, 1),
			"no object":     `{"id": "evt_1", "object": "event", "type": "refund.updated"}`,
		} {
			r := s.Request(address, []byte(text))
			r.Header.Set("Stripe-Signature", stripetest.Sign([]byte(text), s.Now(), webhookSecret))
			notices, reply, err := s.driver.Receive(s.account, r)
			if err == nil || reply(err).Status != http.StatusBadRequest {
				t.Errorf("%s: %+v, %v", name, notices, err)
			}
		}
	})
}

func TestEachEventOfARefund(t *testing.T) {
	for status, want := range map[string]refund.OutcomeKind{
		"pending": refund.OutcomeAccepted, "requires_action": refund.OutcomeAccepted, "succeeded": refund.OutcomeDone,
		"failed": refund.OutcomeFailed, "canceled": refund.OutcomeFailed,
	} {
		for _, kind := range []string{"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"} {
			t.Run(kind+" "+status, func(t *testing.T) {
				s := newShop(t)
				i := s.instruction(stripetest.Charge{Amount: 50000, Currency: "kwd"})
				s.connector.Submit(t.Context(), i)
				r := s.End(s.Refunds("")[0].ID, func(r *stripetest.Refund) { r.Status = status })
				notices, err := s.receive(kind, s.Object(r))
				if err != nil || len(notices) != 1 {
					t.Fatalf("%+v, %v", notices, err)
				}
				n := notices[0]
				if n.Number != i.Number || n.TransactionID != i.TransactionID || n.Currency != "KWD" || n.Hint || n.Dispute != nil {
					t.Errorf("notice %+v", n)
				}
				if n.Outcome.Kind != want || n.Outcome.ChannelRefundID != r.ID || *n.Outcome.Amount != 1000 || n.Outcome.SucceededAt.IsZero() == (want == refund.OutcomeDone) {
					t.Errorf("outcome %+v", n.Outcome)
				}
			})
		}
	}
	t.Run("a status that is not known has Stripe asked", func(t *testing.T) {
		s := newShop(t)
		s.connector.Submit(t.Context(), s.instruction(stripetest.Charge{}))
		r := s.End(s.Refunds("")[0].ID, func(r *stripetest.Refund) { r.Status = "reversed" })
		if notices, err := s.receive("refund.updated", s.Object(r)); err != nil || len(notices) != 1 || !notices[0].Hint {
			t.Errorf("%+v, %v", notices, err)
		}
	})
}

// A refund that somebody made on Stripe's pages names its payment both ways, since
// either may be how it is registered here.
func TestARefundOfStripesPagesNamesItsPayment(t *testing.T) {
	s := newShop(t)
	c := s.Pay(stripetest.Charge{Amount: 5000, Currency: "sar"})
	notices, err := s.receive("refund.created", s.Object(s.Make(c.ID, 700, map[string]string{"note": "by hand"})))
	if err != nil || len(notices) != 1 {
		t.Fatalf("%+v, %v", notices, err)
	}
	if one := notices[0]; one.Number != "" || one.TransactionID != c.ID || one.OtherTransactionID != c.Intent || one.Outcome.ChannelRefundID == "" || *one.Outcome.Amount != 700 {
		t.Errorf("notice %+v", one)
	}
	t.Run("and says when it was made, however late the event is", func(t *testing.T) {
		made := s.Make(c.ID, 800, nil)
		object := s.Object(made)
		object["created"] = made.Created - int64(72*time.Hour/time.Second)
		for _, kind := range []string{"refund.updated", "charge.refund.updated"} {
			notices, err := s.receive(kind, object)
			if err != nil || len(notices) != 1 || notices[0].MadeAt.Unix() != object["created"] || !notices[0].Outcome.SucceededAt.After(notices[0].MadeAt.Add(71*time.Hour)) {
				t.Errorf("%s: %+v, %v", kind, notices, err)
			}
		}
		list, err := s.connector.List(t.Context(), channel.PaymentRef{TransactionID: c.ID})
		if err != nil || len(list) != 2 || list[0].MadeAt.IsZero() || list[1].MadeAt.IsZero() {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("and a charge without an intent has one name", func(t *testing.T) {
		c := s.Pay(stripetest.Charge{ID: "ch_3Old", Amount: 5000, Currency: "sar"})
		if notices, err := s.receive("refund.created", s.Object(s.Make(c.ID, 700, nil))); err != nil || len(notices) != 1 || notices[0].OtherTransactionID != "" {
			t.Errorf("%+v, %v", notices, err)
		}
	})
}

func TestAnEventOfAChargeTellsOfItsRefunds(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	s.connector.Submit(t.Context(), i)
	charge := map[string]any{"id": i.TransactionID, "object": "charge"}
	if notices, err := s.receive("charge.refunded", charge); err != nil || len(notices) != 0 {
		t.Errorf("without refunds in it: %+v, %v", notices, err)
	}
	charge["refunds"] = map[string]any{"object": "list", "data": []any{s.Object(s.Refunds("")[0])}}
	if notices, err := s.receive("charge.refunded", charge); err != nil || len(notices) != 1 || notices[0].Number != i.Number {
		t.Errorf("%+v, %v", notices, err)
	}
}

func TestADisputeIsToldInNeutralWords(t *testing.T) {
	s := newShop(t)
	c := s.Pay(stripetest.Charge{Amount: 5000, Currency: "sar"})
	for name, test := range map[string]struct {
		event, status string
		want          refund.DisputeState
	}{
		"a question":             {"charge.dispute.created", "warning_needs_response", refund.DisputeInquiry},
		"a question in review":   {"charge.dispute.updated", "warning_under_review", refund.DisputeInquiry},
		"a question that is out": {"charge.dispute.closed", "warning_closed", refund.DisputeWon},
		"a claim":                {"charge.dispute.created", "needs_response", refund.DisputeOpen},
		"a claim in review":      {"charge.dispute.updated", "under_review", refund.DisputeOpen},
		"money is taken":         {"charge.dispute.funds_withdrawn", "needs_response", refund.DisputeWithdrawn},
		"money comes back":       {"charge.dispute.funds_reinstated", "won", refund.DisputeWon},
		"won":                    {"charge.dispute.closed", "won", refund.DisputeWon},
		"lost":                   {"charge.dispute.closed", "lost", refund.DisputeLost},
		"prevented":              {"charge.dispute.closed", "prevented", refund.DisputeWon},
	} {
		t.Run(name, func(t *testing.T) {
			notices, err := s.receive(test.event, stripetest.DisputeObject("dp_1", c, 4000, test.status))
			if err != nil || len(notices) != 1 || notices[0].TransactionID != c.ID || notices[0].OtherTransactionID != c.Intent {
				t.Fatalf("%+v, %v", notices, err)
			}
			d := notices[0].Dispute
			if d.State != test.want || d.ChannelDisputeID != "dp_1" || d.Amount.Minor != 4000 || d.Amount.Currency != "SAR" || d.Reason != "fraudulent" || d.ChannelAt.IsZero() {
				t.Errorf("dispute %+v", d)
			}
			if notices[0].Outcome.Kind != "" || notices[0].Number != "" {
				t.Errorf("notice %+v", notices[0])
			}
		})
	}
	t.Run("a status that is not known holds the amount, and a person is told", func(t *testing.T) {
		notices, err := s.receive("charge.dispute.updated", stripetest.DisputeObject("dp_1", c, 4000, "charge_refunded"))
		if err != nil || len(notices) != 2 {
			t.Fatalf("%+v, %v", notices, err)
		}
		if told, d := notices[0], notices[1].Dispute; !strings.Contains(told.Aside, "charge_refunded") || told.Dispute != nil || d == nil || d.State != refund.DisputeOpen || d.Amount.Minor != 4000 {
			t.Errorf("%+v", notices)
		}
	})
}

// Stripe disables an endpoint that refuses its events for days: then all others of the
// account are missing too.
func TestAnEventOfStripesThatCannotBeUnderstoodIsTakenAndSetAside(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	s.connector.Submit(t.Context(), i)
	made := string(s.Event("refund.updated", s.Object(s.Refunds("")[0])))
	dispute := string(s.Event("charge.dispute.created", stripetest.DisputeObject("dp_1", s.Pay(stripetest.Charge{Amount: 5000, Currency: "sar"}), 4000, "needs_response")))
	for name, text := range map[string]string{
		"a charge as a refund":             strings.Replace(made, `"object":"refund"`, `"object":"charge"`, 1),
		"a refund of nothing":              strings.NewReplacer(`"charge":"`, `"c":"`, `"payment_intent":"`, `"p":"`).Replace(made),
		"a refund in an unknown currency":  strings.Replace(made, `"sar"`, `"xxx"`, 1),
		"a refund of a negative amount":    strings.Replace(made, `"amount":1000`, `"amount":-1000`, 1),
		"a refund whose amount is a text":  strings.Replace(made, `"amount":1000`, `"amount":"ten"`, 1),
		"a dispute in an unknown currency": strings.Replace(dispute, `"sar"`, `"xxx"`, 1),
		"a dispute without an id":          strings.Replace(dispute, `"dp_1"`, `""`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if text == made || text == dispute {
				t.Fatal("the event is as it was")
			}
			r := s.Request(address, []byte(text))
			r.Header.Set("Stripe-Signature", stripetest.Sign([]byte(text), s.Now(), webhookSecret))
			notices, reply, err := s.driver.Receive(s.account, r)
			if err != nil || len(notices) != 1 || notices[0].Aside == "" || notices[0].Dispute != nil || notices[0].Outcome.Kind != "" || !strings.Contains(notices[0].Text, "evt_") {
				t.Fatalf("%+v, %v", notices, err)
			}
			if a := reply(nil); a.Status != http.StatusOK {
				t.Errorf("answered %d", a.Status)
			}
		})
	}
}

func TestWhatTellsOfNeitherARefundNorADisputeIsTakenAndSaysNothing(t *testing.T) {
	s := newShop(t)
	s.connector.Submit(t.Context(), s.instruction(stripetest.Charge{}))
	object := s.Object(s.Refunds("")[0])
	for _, kind := range []string{"payment_intent.succeeded", "invoice.paid", "refund.invented", "charge.succeeded"} {
		if notices, err := s.receive(kind, object); err != nil || len(notices) != 0 {
			t.Errorf("%s: %+v, %v", kind, notices, err)
		}
	}
	t.Run("an event of a connected account", func(t *testing.T) {
		var event map[string]any
		if err := json.Unmarshal(s.Event("refund.updated", object), &event); err != nil {
			t.Fatal(err)
		}
		connected := maps.Clone(event)
		connected["account"] = "acct_1"
		body, err := json.Marshal(connected)
		if err != nil {
			t.Fatal(err)
		}
		notices, reply, err := s.driver.Receive(s.account, s.Request(address, body))
		if err != nil || len(notices) != 0 || reply(nil).Status != http.StatusOK {
			t.Errorf("%+v, %v", notices, err)
		}
	})
}

func TestABodyThatBreaksOffIsNoEvent(t *testing.T) {
	s := newShop(t)
	r := s.Request(address, nil)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"object":`), broken{}))
	if notices, _, err := s.driver.Receive(s.account, r); err == nil {
		t.Errorf("%+v", notices)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
