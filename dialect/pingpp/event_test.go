package pingpp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/pemkey"
)

// keys is a directory that has only platform keys.
type keys struct {
	dialect.Directory
	old, current merchant.PlatformKey
}

func (k keys) PlatformKey(context.Context, string) (merchant.PlatformKey, error) {
	return k.current, nil
}

func (k keys) PlatformKeyByID(_ context.Context, id string) (merchant.PlatformKey, error) {
	if id == k.old.ID {
		return k.old, nil
	}
	return k.current, nil
}

func platformKey(t *testing.T, id string) (merchant.PlatformKey, *rsa.PublicKey) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return merchant.PlatformKey{ID: id, PrivatePEM: pemkey.MarshalRSAPrivateKey(private)}, &private.PublicKey
}

func TestAWebhookIsTheEventInCompactJSONAndSigned(t *testing.T) {
	old, oldPublic := platformKey(t, "old")
	current, _ := platformKey(t, "current")
	d := New(Services{Directory: keys{old: old, current: current}})
	known, err := d.Know(t.Context(), "mer_1")
	if err != nil {
		t.Fatal(err)
	}
	message, err := d.Render(known, merchant.Endpoint{}, webhook.Event{
		Mode: merchant.Live, ID: "evt_ugB6x3K43D16wXCcqbplWAJo", Type: "refund.succeeded", At: succeededAt, Pending: 1,
		Refund: testRefund(refund.Succeeded), Charge: testCharge(),
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"evt_ugB6x3K43D16wXCcqbplWAJo","created":1409634192,"livemode":true,"type":"refund.succeeded","data":{"object":` +
		`{"id":"re_y1u944PmfnrTHyvnL0nD0iD1","object":"refund","order_no":"y1u944PmfnrTHyvnL0nD0iD1","amount":1,"created":1409634160,` +
		`"succeed":true,"status":"succeeded","time_succeed":1409634192,"description":"Refund Description","failure_code":null,` +
		`"failure_msg":null,"metadata":{},"charge":"ch_L8qn10mLmr1GS8e5OODmHaL4","charge_order_no":"123456789",` +
		`"transaction_no":"2004450349201512090096425284","funding_source":null,"extra":{}}},"object":"event","pending_webhooks":1,` +
		`"request":"iar_y1u944PmfnrTHyvnL0nD0iD2"}`
	body := message.Body
	if string(body) != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
	if message.KeyID != "current" {
		t.Errorf("new deliveries are signed with %q", message.KeyID)
	}
	// A delivery keeps the key of its first attempt, also after a rotation.
	header := http.Header{}
	if err := d.Sign(t.Context(), "old", body, header); err != nil {
		t.Fatal(err)
	}
	if err := pemkey.VerifySHA256(oldPublic, body, header.Get("X-Pingplusplus-Signature")); err != nil {
		t.Error(err)
	}
	if got := header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
}

func TestWhoIsToldOfWhat(t *testing.T) {
	d := New(Services{})
	const app, other = "app_1Gqj58ynP0mHeX1q", "app_other00000000000"
	tests := []struct {
		name      string
		app       string
		events    []string
		eventType string
		nameless  bool
		want      bool
	}{
		{"no types named: a success is told", app, nil, "refund.succeeded", false, true},
		{"no types named: a failure is not", app, nil, "refund.failed", false, false},
		{"a failure that was asked for", app, []string{"refund.failed"}, "refund.failed", false, true},
		{"a withdrawn refund is a failed one", app, []string{"refund.failed"}, "refund.canceled", false, true},
		{"a success that was not asked for", app, []string{"refund.failed"}, "refund.succeeded", false, false},
		{"what has no name here", app, []string{"refund.abnormal", "refund.created"}, "refund.abnormal", false, false},
		{"an endpoint without an app hears of all", "", nil, "refund.succeeded", false, true},
		{"an endpoint of another app hears nothing", other, nil, "refund.succeeded", false, false},
		{"a charge without a name here", "", nil, "refund.succeeded", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			charge := testCharge()
			if test.nameless {
				charge.Aliases = nil
			}
			got := d.Subscribed(webhook.Known{}, merchant.Endpoint{Identity: test.app, Events: test.events}, webhook.Event{Type: test.eventType, Charge: charge})
			if got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestDeliveryFollowsTheContract(t *testing.T) {
	d := New(Services{})
	var sum time.Duration
	for _, wait := range d.Schedule() {
		sum += wait
	}
	if len(d.Schedule()) != 10 || sum.Round(time.Hour) != 25*time.Hour {
		t.Errorf("%d retries within %s", len(d.Schedule()), sum)
	}
	succeeded := map[int]bool{}
	for _, status := range []int{199, 200, 204, 299, 300, 302, 404, 500} {
		succeeded[status] = d.Succeeded(merchant.Delivery{}, status, []byte("whatever"))
	}
	want := map[int]bool{199: false, 200: true, 204: true, 299: true, 300: false, 302: false, 404: false, 500: false}
	if diff := cmp.Diff(want, succeeded); diff != "" {
		t.Error(diff)
	}
}

func TestATestCaseIsForTestModeAlone(t *testing.T) {
	d := New(Services{})
	r := testRefund(refund.Succeeded)
	r.Detail.Metadata = []byte(`{"pingpp_tc":"001"}`)
	event := webhook.Event{Type: "refund.succeeded", Mode: merchant.Test, Refund: r}
	if got := d.Waits(event); len(got) != 2 {
		t.Errorf("in test mode %v", got)
	}
	event.Mode = merchant.Live
	if got := d.Waits(event); got != nil {
		t.Errorf("in live mode %v", got)
	}
}
