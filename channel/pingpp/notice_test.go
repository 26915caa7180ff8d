package pingpp_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// received has the driver read a webhook that the platform has signed.
func (f *fake) received(kind string, object map[string]any, change func(map[string]any)) ([]channel.Notified, channel.Reply, error) {
	f.Helper()
	event := f.event(kind, object)
	if change != nil {
		change(event)
	}
	return newDriver().Receive(f.account(nil), webhook(f, event, func(body string) string { return signature(f, f.platform, body) }))
}

func TestAWebhookSaysWhatItMay(t *testing.T) {
	f := newFake(t)
	object := func(how string, metadata map[string]any, more map[string]any) map[string]any {
		if metadata == nil {
			metadata = map[string]any{}
		}
		one := f.refund("re_1", 100, metadata)
		f.settle(one, how)
		for name, value := range more {
			one[name] = value
		}
		return one
	}
	ours := map[string]any{"refundry_number": "R1"}
	for name, test := range map[string]struct {
		kind, how string
		metadata  map[string]any
		more      map[string]any
		hint      bool
		number    string
		orderNo   string
	}{
		"ours that succeeded is a hint":              {"refund.succeeded", "succeeded", ours, nil, true, "R1", ""},
		"ours that failed is a hint":                 {"refund.failed", "failed refund_refused", ours, nil, true, "R1", ""},
		"one that was made elsewhere is believed":    {"refund.succeeded", "succeeded", nil, nil, false, "", ""},
		"with the app it names the order":            {"refund.succeeded", "succeeded", nil, map[string]any{"app": app}, false, "", orderNo},
		"one that was made elsewhere and failed":     {"refund.failed", "failed refund_refused", nil, nil, true, "", ""},
		"a success that does not say so is not done": {"refund.succeeded", "pending", nil, nil, true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			notices, reply, err := f.received(test.kind, object(test.how, test.metadata, test.more), nil)
			if err != nil || len(notices) != 1 {
				t.Fatalf("%+v, %v", notices, err)
			}
			n := notices[0]
			if n.Hint != test.hint || n.Number != test.number || n.OrderNo != test.orderNo || n.TransactionID != chargeID || n.Outcome.ChannelRefundID != "re_1" || *n.Outcome.Amount != 100 {
				t.Errorf("%+v", n)
			}
			if !test.hint && (n.Outcome.Kind != refund.OutcomeDone || !n.Outcome.SucceededAt.Equal(time.Unix(1409634192, 0))) {
				t.Errorf("%+v", n.Outcome)
			}
			if a := reply(nil); a.Status != http.StatusOK {
				t.Errorf("kept, it is answered %+v", a)
			}
			if a := reply(io.ErrUnexpectedEOF); a.Status != http.StatusInternalServerError {
				t.Errorf("not kept, it is answered %+v", a)
			}
		})
	}
	for _, kind := range []string{"charge.succeeded", "summary.daily.available", "batch_refund.succeeded"} {
		if notices, reply, err := f.received(kind, f.charge, nil); err != nil || len(notices) != 0 || reply(nil).Status != http.StatusOK {
			t.Errorf("%s: %+v, %v", kind, notices, err)
		}
	}
}

func TestWhatIsNoWebhookOfTheAccountsIsRefused(t *testing.T) {
	f := newFake(t)
	one := f.refund("re_1", 100, map[string]any{"refundry_number": "R1"})
	f.settle(one, "succeeded")
	with := func(name string, value any) func(map[string]any) {
		return func(event map[string]any) { event["data"].(map[string]any)["object"].(map[string]any)[name] = value }
	}
	for name, change := range map[string]func(map[string]any){
		"the other mode's":        func(event map[string]any) { event["livemode"] = true },
		"no mode's":               func(event map[string]any) { delete(event, "livemode") },
		"another app's":           with("app", "app_other00000000000"),
		"no refund's":             with("object", "charge"),
		"no amount":               with("amount", nil),
		"an amount of 0":          with("amount", 0),
		"an amount below 0":       with("amount", -100),
		"an amount with a point":  with("amount", 1.5),
		"an amount in quotes":     with("amount", "100"),
		"no metadata":             with("metadata", nil),
		"a state that disagrees":  with("succeed", false),
		"a body of 2 MB":          with("description", strings.Repeat("x", 2<<20)),
		"no event":                func(event map[string]any) { event["object"] = "refund" },
		"no object":               func(event map[string]any) { event["data"] = map[string]any{} },
		"nesting without an end":  func(event map[string]any) { event["x"] = nested(100) },
		"a number beyond 64 bits": with("amount", "99999999999999999999"),
	} {
		t.Run(name, func(t *testing.T) {
			copied := clone(one)
			notices, reply, err := f.received("refund.succeeded", copied, change)
			if err == nil {
				t.Fatalf("taken: %+v", notices)
			}
			if a := reply(err); a.Status != http.StatusBadRequest {
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
		})
	}
	t.Run("an account without Ping++'s key", func(t *testing.T) {
		r := webhook(t, f.event("refund.succeeded", one), func(body string) string { return signature(t, f.platform, body) })
		if notices, reply, err := newDriver().Receive(f.account(map[string]string{"platform_public_key": ""}), r); err == nil || reply(err).Status != http.StatusBadRequest {
			t.Errorf("taken: %+v", notices)
		}
	})
	t.Run("the merchant's own signature", func(t *testing.T) {
		r := webhook(t, f.event("refund.succeeded", one), func(body string) string { return signature(t, keysOnce().merchant, body) })
		if notices, _, err := newDriver().Receive(f.account(nil), r); err == nil {
			t.Errorf("taken: %+v", notices)
		}
	})
	t.Run("a body that is compressed", func(t *testing.T) {
		r := webhook(t, f.event("refund.succeeded", one), func(body string) string { return signature(t, f.platform, body) })
		r.Header.Set("Content-Encoding", "gzip")
		if notices, _, err := newDriver().Receive(f.account(nil), r); err == nil {
			t.Errorf("taken: %+v", notices)
		}
	})
}

func nested(depth int) any {
	if depth == 0 {
		return 1
	}
	return []any{nested(depth - 1)}
}

func TestCheckSaysWhichSettingIsWrong(t *testing.T) {
	for name, of := range map[string]struct {
		change map[string]string
		fault  func(*fake)
		wrong  string // the setting, "" for none
		hint   string
	}{
		"all is well":             {},
		"requests are not signed": {change: map[string]string{"merchant_private_key": ""}, fault: func(f *fake) { f.merchant = nil }},
		"another key":             {change: map[string]string{"api_key": "sk_test_000000000000000000000000"}, wrong: "api_key", hint: "of the merchant's mode"},
		"another app":             {change: map[string]string{"app": "app_other00000000000"}, wrong: "app", hint: "the key's"},
		"another platform key":    {fault: func(f *fake) { f.platform = keysOnce().other }, wrong: "platform_public_key", hint: "dashboard"},
		"no platform key":         {change: map[string]string{"platform_public_key": ""}, wrong: "platform_public_key", hint: "dashboard"},
		"another key of ours":     {fault: func(f *fake) { f.merchant = &keysOnce().other.PublicKey }, wrong: "merchant_private_key", hint: "registered"},
		"no key of ours":          {change: map[string]string{"merchant_private_key": ""}, wrong: "merchant_private_key", hint: "registered"},
		"nobody answers":          {fault: func(f *fake) { f.Close() }, wrong: "base_url", hint: "--egress-allow"},
		"somebody else answers":   {fault: func(f *fake) { f.gets = []string{"by 502"} }, change: map[string]string{"platform_public_key": ""}, wrong: "base_url", hint: "at this address"},
		"the key may not refund":  {fault: func(f *fake) { f.always = "403 invalid_request_error" }, wrong: "merchant_private_key", hint: "may the key refund"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if of.fault != nil {
				of.fault(f)
			}
			var wrong []channel.Check
			for _, one := range f.open(f.account(of.change)).Check(t.Context()) {
				if one.Err != nil {
					wrong = append(wrong, one)
				}
			}
			switch {
			case of.wrong == "" && len(wrong) > 0, of.wrong != "" && (len(wrong) != 1 || wrong[0].Name != of.wrong):
				t.Errorf("found %+v, want %q", wrong, of.wrong)
			case of.wrong != "" && (!strings.Contains(wrong[0].Err.Error(), of.hint) || !strings.Contains(wrong[0].Err.Error(), "(hint: ")):
				t.Errorf("%v", wrong[0].Err)
			}
			if f.posts != 0 {
				t.Error("a check has moved money")
			}
		})
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	f := newFake(t)
	a := f.account(nil)
	connector := f.open(a)
	f.Close()
	o := connector.Submit(t.Context(), instruction("R1"))
	_, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: chargeID})
	for _, text := range []string{o.Message, err.Error(), a.String(), errors.Join(err).Error()} {
		for _, secret := range a.Secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q shows a secret", text)
			}
		}
		if strings.Contains(text, f.URL) {
			t.Errorf("%q shows the address", text)
		}
	}
}
