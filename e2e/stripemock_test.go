package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/stripe"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// mocked is Stripe's mock behind a proxy that notes what it answers.
type mocked struct {
	*httptest.Server
	mu      sync.Mutex
	answers []string // "status method path"
}

// newMock starts stripe-mock 0.203.0, which holds each request against Stripe's
// OpenAPI document.
func newMock(t *testing.T) *mocked {
	t.Helper()
	binary, address := filepath.Join(t.TempDir(), "stripe-mock"), freeAddress(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/stripe/stripe-mock")
	build.Dir = "stripemock"
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v (hint: make setup-e2e)\n%s", err, text)
	}
	mock := exec.CommandContext(t.Context(), binary, "-http-addr", address)
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("stripe-mock does not answer")
		}
	}
	m := &mocked{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.ModifyResponse = func(r *http.Response) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.answers = append(m.answers, fmt.Sprintf("%d %s %s", r.StatusCode, r.Request.Method, r.Request.URL.Path))
		return nil
	}
	m.Server = httptest.NewServer(proxy)
	t.Cleanup(m.Close)
	return m
}

// answered are the answers since the last look.
func (m *mocked) answered() (out []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out, m.answers = m.answers, nil
	return out
}

// Every request of the connector has the shape that Stripe's own document demands:
// the mock refuses names and types that are not in it.
func TestStripesMockTakesEachRequest(t *testing.T) {
	m := newMock(t)
	connector, err := stripe.New(stripe.Options{EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}).Open(channel.Account{
		ID: "stripe_1", Mode: merchant.Test, Version: 1, Settings: map[string]string{"base_url": m.URL}, Secrets: map[string]string{"secret_key": "sk_test_51RefundryRefundry"},
	})
	if err != nil {
		t.Fatal(err)
	}
	instruction := func(transactionID, reason string, currency money.Currency) channel.Instruction {
		return channel.Instruction{
			RefundID: "re_0VcP40BYOcJOQIfVvChbFrV4", Number: "0VcP40BYOcJOQIfVvChbFrV4", TransactionID: transactionID,
			Amount: money.Amount{Minor: 1230, Currency: currency}, Total: money.Amount{Minor: 5000, Currency: currency},
			Refund: refund.Refund{Amount: 1230, Currency: currency, ReasonCode: reason},
		}
	}
	byID := instruction("ch_1", "", "SAR")
	byID.ChannelRefundID = "re_3Test1"
	ref := func(id string) channel.PaymentRef { return channel.PaymentRef{TransactionID: id} }
	for _, test := range []struct {
		name string
		call func(context.Context)
		want []string
	}{
		{"a refund of a charge", func(ctx context.Context) { connector.Submit(ctx, instruction("ch_1", "", "SAR")) }, []string{"200 POST /v1/refunds"}},
		{"a refund of an intent", func(ctx context.Context) { connector.Submit(ctx, instruction("pi_1", "fraudulent", "KWD")) }, []string{"200 POST /v1/refunds"}},
		{"a refund for a reason", func(ctx context.Context) { connector.Submit(ctx, instruction("py_1", "duplicate", "ISK")) }, []string{"200 POST /v1/refunds"}},
		{"a question by the id", func(ctx context.Context) { connector.Query(ctx, byID) }, []string{"200 GET /v1/refunds/re_3Test1"}},
		{"a question by the charge", func(ctx context.Context) { connector.Query(ctx, instruction("ch_1", "", "SAR")) }, []string{"200 GET /v1/refunds"}},
		{"a list by the intent", func(ctx context.Context) { _, _ = connector.List(ctx, ref("pi_1")) }, []string{"200 GET /v1/refunds"}},
		{"a charge", func(ctx context.Context) { _, _ = connector.Charge(ctx, ref("ch_1")) }, []string{"200 GET /v1/charges/ch_1"}},
		{"an intent", func(ctx context.Context) { _, _ = connector.Charge(ctx, ref("pi_1")) }, []string{"200 GET /v1/payment_intents/pi_1"}},
		{"a check", func(ctx context.Context) { connector.Check(ctx) }, []string{"200 GET /v1/refunds", "200 GET /v1/balance"}},
		{"a bill", func(ctx context.Context) {
			if bill, err := connector.Bill(ctx, channel.BillDay{Day: time.Now().UTC()}); err == nil {
				_, _ = bill.Next()
				_ = bill.Close()
			}
		}, []string{"200 GET /v1/refunds"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.call(t.Context())
			if got := m.answered(); !slices.Equal(got, test.want) {
				t.Errorf("answered %v, want %v", got, test.want)
			}
		})
	}
	t.Run("and refuses what is not in the document", func(t *testing.T) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL+"/v1/refunds?charge_id=ch_1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer sk_test_51RefundryRefundry")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := m.answered(); !slices.Equal(got, []string{"400 GET /v1/refunds"}) {
			t.Errorf("answered %v", got)
		}
	})
}
