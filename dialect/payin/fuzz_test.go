package payin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

const (
	fuzzMerchant = "M948164"
	fuzzOrder    = "M948164T2023072607034709567189"
	fuzzSecret   = "secret"
)

// world is a merchant with one order, and notes what reaches the core.
type world struct {
	dialect.Directory
	dialect.Reader
	t *testing.T
}

func (w world) Caller(_ context.Context, _, key string) (merchant.Caller, error) {
	if key != "AK1" {
		return merchant.Caller{}, refund.Errorf(refund.KindUnauthenticated, "", "unknown")
	}
	return merchant.Caller{
		Merchant: merchant.Merchant{ID: "mer_1", Mode: merchant.Test},
		Key:      merchant.Key{ID: "key_1", Dialect: merchant.Payin, Identity: fuzzMerchant, Scopes: merchant.Scopes()},
	}, nil
}

func (w world) Identity(context.Context, string, string) (merchant.Merchant, merchant.Identity, error) {
	return merchant.Merchant{}, merchant.Identity{Dialect: merchant.Payin, Name: fuzzMerchant, Secrets: map[string]string{merchant.ClientSecret: fuzzSecret}}, nil
}

func (w world) Identities(context.Context, string) ([]merchant.Identity, error) { return nil, nil }

func (w world) ChannelAccounts(context.Context, string) ([]merchant.ChannelAccount, error) {
	return []merchant.ChannelAccount{{ID: "sandbox_1", Channel: merchant.ChannelSandbox}}, nil
}

func (w world) ChargeByAlias(_ context.Context, _, _, name string) (refund.Charge, error) {
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		w.t.Errorf("the database is asked for %q", name)
	}
	if name != fuzzOrder {
		return refund.Charge{}, refund.Errorf(refund.KindChargeNotFound, "", "unknown")
	}
	return refund.Charge{
		ID: "ch_1", MerchantID: "mer_1", Currency: "SAR", Amount: 1000, Refunds: 2,
		Aliases: []refund.Alias{{Dialect: merchant.Payin, Identity: fuzzMerchant, Name: fuzzOrder}},
	}, nil
}

func (w world) RefundList(_ context.Context, f refund.Filter) ([]refund.Refund, bool, error) {
	if f.Sequence < 1 || f.Sequence > 2 {
		w.t.Errorf("the database is asked for refund %d", f.Sequence)
	}
	return []refund.Refund{{ID: "re_1", Sequence: f.Sequence, Amount: 1, Currency: "SAR", State: refund.Succeeded}}, false, nil
}

func (w world) RegisterPaid(_ context.Context, c refund.Charge, eventType string, _ *refund.Write) (refund.Charge, bool, error) {
	if eventType != wire.EventPaymentSucceeded {
		w.t.Errorf("the event is %s", eventType)
	}
	if _, err := refund.Register(c); err != nil {
		w.t.Errorf("a charge that can't be registered: %v", err)
	}
	if text := c.OrderNo + c.Detail.Subject + c.Detail.NotifyURL; !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		w.t.Errorf("texts that can't be stored: %q", text)
	}
	return c, false, nil
}

func (w world) PaymentSummary(context.Context, string, refund.Charge) (merchant.DeliverySummary, error) {
	return merchant.DeliverySummary{}, nil
}

func (w world) DeliverySummary(context.Context, string, refund.Refund) (merchant.DeliverySummary, error) {
	return merchant.DeliverySummary{}, nil
}

func (w world) Accept(ctx context.Context, unit refund.Unit, _ time.Duration) (intake.Result, error) {
	if unit.ByName != nil {
		charge, err := w.ChargeByAlias(ctx, unit.MerchantID, unit.ByName.Dialect, unit.ByName.Name)
		if err == nil {
			unit, err = unit.ByName.Complete(charge)
		}
		if err != nil {
			return intake.Result{}, err
		}
	}
	in := unit.Requests[0]
	if *in.Amount <= 0 || in.Reason == "" || !utf8.ValidString(in.Reason) || strings.ContainsRune(in.Reason, 0) || len(in.Number) > wire.MaxMerchantRefundID {
		w.t.Errorf("the intake is asked for %+v", in)
	}
	if in.Number == "" && unit.Key == "" {
		w.t.Error("a request without any number can't be known again")
	}
	return intake.Result{Refunds: []refund.Refund{{
		ID: "re_1", Sequence: 1, Amount: *in.Amount, Currency: "SAR", State: refund.Created, Number: in.Number, Reason: in.Reason,
	}}}, nil
}

// FuzzServe holds for any request, signed or not: an answer in the dialect's
// form, no fault of ours, nothing but sound requests for the core, and nothing
// without a signature.
func FuzzServe(f *testing.F) {
	refunds := "/api_v1/orders/" + fuzzOrder + "/refunds"
	for _, seed := range []struct{ method, target, body string }{
		{"POST", refunds, `{"amount":"1.35","reason":"r","merchantRefundId":"n"}`},
		{"POST", refunds, `{"amount":"1.351","reason":"r"}`},
		{"POST", "/merchants/" + fuzzMerchant + "/orders", `{"merchantOrderId":"O","amount":"1","currency":"KWD","name":"n","products":[{}],"customer":{}}`},
		{"GET", "/orders/" + fuzzOrder + "?a=1", ""},
		{"GET", "/refunds/" + fuzzOrder + "_R2", ""},
		{"GET", "/transactions/" + fuzzOrder + "_3/merchant", ""},
		{"GET", "/merchants/" + fuzzMerchant, ""},
		{"GET", "/orders/%ff%00", ""},
		{"GET", "/orders/%zz", ""},
	} {
		f.Add(seed.method, seed.target, seed.body, true)
		f.Add(seed.method, seed.target, seed.body, false)
	}
	now := time.Unix(1_690_344_393, 0)
	f.Fuzz(func(t *testing.T, method, target, body string, signed bool) {
		w := world{t: t}
		d := New(Services{Directory: w, Reader: w, Orders: w, Acceptor: w, Deliveries: w, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
		address, err := url.ParseRequestURI(target)
		if err != nil {
			return // which net/http answers
		}
		r := &http.Request{Method: method, RequestURI: target, URL: address, Header: http.Header{}}
		r.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
		path, _, _ := strings.Cut(wire.WithoutPrefix(target), "?")
		operation, _, _ := wire.FindOperation(method, path)
		secret := fuzzSecret
		if !signed {
			secret = "another"
		}
		wire.Authenticate("AK1", secret, operation, path, now).Set(r.Header)
		answer := httptest.NewRecorder()
		d.api().ServeHTTP(answer, r)
		if answer.Code >= http.StatusInternalServerError || !signed && answer.Code < http.StatusBadRequest {
			t.Errorf("%s %q answered %d %s", method, target, answer.Code, answer.Body)
		}
		var object map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &object); err != nil {
			t.Errorf("%v in %s", err, answer.Body)
		}
		if _, told := object["code"]; told != (answer.Code != http.StatusOK) {
			t.Errorf("%d is answered %s", answer.Code, answer.Body)
		}
	})
}
