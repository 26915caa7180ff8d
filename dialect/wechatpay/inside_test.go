package wechatpay

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// That the table is complete is held by internal/tidy. A 4xx other than 429
// says that nothing was accepted, which no unknown outcome may say.
func TestEveryKindIsToldWithACodeAndItsStatus(t *testing.T) {
	known := []int{400, 401, 403, 404, 405, 429, 500, 503}
	for kind := range answers {
		status, answer := told(refund.Errorf(kind, "", "detail"))
		if !slices.Contains(known, status) || answer.Code == "" || answer.Message == "" {
			t.Errorf("%s is told as %d %+v", kind, status, answer)
		}
		if unknown := kind == refund.KindUnknownOutcome || kind == refund.KindBusy; unknown && !wire.OutcomeUnknown(status) {
			t.Errorf("%s is told as %d, which denies the refund", kind, status)
		}
		if strings.Contains(answer.Message, "detail") != (kind == refund.KindCorrupt) { // it names the damaged row
			t.Errorf("%s repeats our words to the caller: %s", kind, answer.Message)
		}
	}
	for kind, want := range map[refund.Kind]wire.Code{
		refund.KindWindowOver: wire.CodeInvalidRequest, refund.KindTooManyRefunds: wire.CodeInvalidRequest, refund.KindTooSoon: wire.CodeFrequencyLimited,
		refund.KindFullyRefunded: wire.CodeInvalidRequest, refund.KindNumberConflict: wire.CodeInvalidRequest, refund.KindUnknownOutcome: wire.CodeSystem,
		refund.KindBusy: wire.CodeServiceUnavailable, refund.KindForbidden: wire.CodeNoAuth, refund.KindUnauthenticated: wire.CodeSign,
	} {
		if _, answer := told(refund.Errorf(kind, "", "")); answer.Code != want {
			t.Errorf("%s is told as %s", kind, answer.Code)
		}
	}
	if status, answer := told(context.DeadlineExceeded); status != 500 || answer.Code != wire.CodeSystem {
		t.Errorf("an error of no kind is told as %d %s", status, answer.Code)
	}
}

// A bill is never changed by what happens after it was made (W2.6-31).
func TestABillTellsTheStateOfTheMomentItWasMade(t *testing.T) {
	made := time.Date(2026, 11, 21, 9, 0, 0, 0, wire.Beijing)
	before, after := made.Add(-time.Second), made
	for name, test := range map[string]struct {
		refund refund.Refund
		want   string
	}{
		"succeeded before":                {refund.Refund{State: refund.Succeeded, SucceededAt: before, UpdatedAt: after}, wire.StatusSuccess},
		"succeeded after":                 {refund.Refund{State: refund.Succeeded, SucceededAt: after, UpdatedAt: after}, wire.StatusProcessing},
		"failed before":                   {refund.Refund{State: refund.Failed, UpdatedAt: before}, wire.StatusClosed},
		"failed after":                    {refund.Refund{State: refund.Failed, UpdatedAt: after}, wire.StatusProcessing},
		"abnormal before":                 {refund.Refund{State: refund.Abnormal, UpdatedAt: before}, wire.StatusAbnormal},
		"still pending":                   {refund.Refund{State: refund.Pending, UpdatedAt: before}, wire.StatusProcessing},
		"withdrawn before it was told of": {refund.Refund{State: refund.Canceled, UpdatedAt: before}, wire.StatusClosed},
	} {
		if got := statusAt(test.refund, made); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// What was reversed is another state in a bill (W2.6-32).
func TestABillTellsReversalsFromRefunds(t *testing.T) {
	for call, want := range map[string]string{"": wire.BillStateRefund, refund.ByReverse: wire.BillStateReversed} {
		row := refundRow(refund.Refund{Amount: 100, State: refund.Pending, By: refund.Asker{Call: call}}, refund.Charge{Amount: 100}, day{}, &account{})
		if row.TradeState != want || row.RefundType != wire.ChannelOriginal {
			t.Errorf("%q: %s by %s", call, row.TradeState, row.RefundType)
		}
	}
}

// Which of our events is told, and to whom.
func TestSubscriptions(t *testing.T) {
	d := New(Services{Log: slog.New(slog.DiscardHandler)})
	charge := refund.Charge{Currency: "CNY", Aliases: []refund.Alias{{Dialect: merchant.WeChatPay, Identity: "1900009191", Name: "n"}}}
	foreign := charge
	foreign.Currency = "SAR"
	own := refund.Refund{By: refund.Asker{Dialect: merchant.WeChatPay, Identity: "1900009191"}, Detail: refund.RefundDetail{NotifyURL: "https://x.example/"}}
	others := own
	others.By.Dialect = merchant.PingPP
	onRecord := merchant.Endpoint{ID: "ep_1", Dialect: merchant.WeChatPay}
	named := func(events ...string) merchant.Endpoint {
		e := onRecord
		e.Events = events
		return e
	}
	for name, test := range map[string]struct {
		endpoint merchant.Endpoint
		event    webhook.Event
		want     bool
	}{
		"a success":                            {onRecord, webhook.Event{Type: "refund.succeeded", Charge: charge}, true},
		"a withdrawal":                         {onRecord, webhook.Event{Type: "refund.canceled", Charge: charge}, true},
		"one that was made":                    {onRecord, webhook.Event{Type: "refund.created", Charge: charge}, false},
		"one that is pending":                  {onRecord, webhook.Event{Type: "refund.pending", Charge: charge}, false},
		"one in another currency":              {onRecord, webhook.Event{Type: "refund.succeeded", Charge: foreign}, false},
		"one without a name here":              {onRecord, webhook.Event{Type: "refund.succeeded", Charge: refund.Charge{Currency: "CNY"}}, false},
		"one with an address of its own":       {onRecord, webhook.Event{Type: "refund.succeeded", Charge: charge, Refund: own}, false},
		"that address itself":                  {merchant.Endpoint{}, webhook.Event{Type: "refund.succeeded", Charge: charge, Refund: own}, true},
		"an address that is another dialect's": {onRecord, webhook.Event{Type: "refund.succeeded", Charge: charge, Refund: others}, true},
		"by our name":                          {named("refund.abnormal"), webhook.Event{Type: "refund.abnormal", Charge: charge}, true},
		"by the platform's name":               {named("REFUND.CLOSED"), webhook.Event{Type: "refund.failed", Charge: charge}, true},
		"another one":                          {named("refund.abnormal"), webhook.Event{Type: "refund.succeeded", Charge: charge}, false},
		"of another account":                   {merchant.Endpoint{ID: "ep_2", Identity: "1900000100"}, webhook.Event{Type: "refund.succeeded", Charge: charge}, false},
	} {
		if got := d.Subscribed(webhook.Known{}, test.endpoint, test.event); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if got := d.Addresses(webhook.Event{MerchantID: "m", Refund: own}); len(got) != 1 || got[0].URL != "https://x.example/" || got[0].Identity != "1900009191" || got[0].ID != "" {
		t.Errorf("addresses %+v", got)
	}
	if got := d.Addresses(webhook.Event{Refund: others}); got != nil {
		t.Errorf("another dialect's address is told here: %+v", got)
	}
}

// Fifteen tries after the first, 24 hours and 4 minutes; 200 and 204 alone end
// them (W2.4-10 and W2.4-9).
func TestTheScheduleOfNotifications(t *testing.T) {
	d := New(Services{})
	var sum time.Duration
	for _, pause := range d.Schedule() {
		sum += pause
	}
	if len(d.Schedule()) != 15 || sum != 24*time.Hour+4*time.Minute {
		t.Errorf("%d tries in %s", len(d.Schedule()), sum)
	}
	for status, want := range map[int]bool{200: true, 204: true, 201: false, 202: false, 302: false, 400: false, 500: false} {
		if d.Succeeded(merchant.Delivery{}, status, []byte(`{"code":"FAIL"}`)) != want {
			t.Errorf("%d is taken: %t", status, !want)
		}
	}
}

// A try that comes a day later is signed anew, so that receivers who look at
// its age take it; the body stays (W1.5-2).
func TestEachTryOfANotificationIsSignedAnew(t *testing.T) {
	s := fuzzed()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	d := New(Services{Directory: s, Now: func() time.Time { return now }})
	public, err := pemkey.ParseRSAPublicKey(s.identity.Public[merchant.PlatformPublicPEM])
	if err != nil {
		t.Fatal(err)
	}
	serial := s.identity.Public[merchant.PlatformSerial]
	keys := wire.PlatformKeys{wire.NormalSerial(serial): public}
	nonces := map[string]bool{}
	for range 2 {
		header := http.Header{}
		if err := d.Sign(t.Context(), s.identity.Name+"/"+serial, []byte("{}"), header); err != nil {
			t.Fatal(err)
		}
		signature, err := wire.ReadAnswerSignature(header)
		if err != nil || header.Get("Content-Type") != "application/json" || signature.Serial != serial {
			t.Errorf("signed %v, %v", header, err)
		}
		if err := keys.Verify(signature, []byte("{}"), now); err != nil {
			t.Error(err)
		}
		nonces[signature.Nonce] = true
		now = now.Add(24 * time.Hour)
	}
	if len(nonces) != 2 {
		t.Error("the second try has the first one's nonce")
	}
}

// stranger knows one account, and nothing that it may ask for.
type stranger struct {
	dialect.Directory
	dialect.Reader
	identity merchant.Identity
}

func (s stranger) Identity(_ context.Context, _, name string) (merchant.Merchant, merchant.Identity, error) {
	if name != s.identity.Name {
		return merchant.Merchant{}, merchant.Identity{}, refund.Errorf(refund.KindUnauthenticated, "", "unknown")
	}
	return merchant.Merchant{ID: "mer_1"}, s.identity, nil
}

func (stranger) ChargeByAlias(_ context.Context, merchantID, _, name string) (refund.Charge, error) {
	return refund.Charge{
		MerchantID: merchantID, ID: "ch_1", Currency: "CNY", Amount: 1000, TransactionID: "4200",
		Aliases: []refund.Alias{{Dialect: merchant.WeChatPay, Identity: "1", Name: name}},
	}, nil
}

func (s stranger) ChargeByTransaction(ctx context.Context, merchantID, dialect, _ string) (refund.Charge, error) {
	return s.ChargeByAlias(ctx, merchantID, dialect, "order1")
}

func (stranger) RefundList(context.Context, refund.Filter) ([]refund.Refund, bool, error) {
	return nil, false, nil
}

func (stranger) ChargeList(context.Context, refund.ChargeFilter) ([]refund.Charge, bool, error) {
	return nil, false, nil
}

func (stranger) RefundByChannelNumber(context.Context, string, string) (refund.Refund, error) {
	return refund.Refund{}, refund.Errorf(refund.KindRefundNotFound, "", "unknown")
}

func (s stranger) Accept(ctx context.Context, unit refund.Unit, _ time.Duration) (intake.Result, error) {
	if unit.ByName != nil {
		charge, err := s.ChargeByAlias(ctx, unit.MerchantID, unit.ByName.Dialect, unit.ByName.Name)
		if err == nil {
			unit, err = unit.ByName.Complete(charge)
		}
		if err != nil {
			return intake.Result{}, err
		}
	}
	one := unit.Requests[0]
	return intake.Result{Refunds: []refund.Refund{{ID: "re_1", Number: one.Number, Amount: *one.Amount, State: refund.Created, Detail: one.Detail}}}, nil
}

var fuzzed = sync.OnceValue(func() stranger {
	fresh, err := merchant.NewFresh("fuzzed", merchant.Test, merchant.Dialects{Describe()}, nil, time.Now())
	if err != nil {
		panic(err)
	}
	for _, identity := range fresh.Identities {
		if identity.Sub == "" {
			return stranger{identity: identity}
		}
	}
	panic("there is a direct merchant among the fresh identities")
})

func fuzzedDialect(s stranger) http.Handler {
	mux := http.NewServeMux()
	New(Services{Directory: s, Reader: s, Finder: s, Acceptor: s, Log: slog.New(slog.DiscardHandler)}).Register(mux)
	return mux
}

// jsonError demands what the Java client needs of every answer.
func jsonAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Errorf("answered %d %q: %v", w.Code, w.Body, err)
	}
	if w.Code >= http.StatusInternalServerError {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

// Whatever somebody without a key sends is told in JSON, and never a fault.
func FuzzUnsignedRequests(f *testing.F) {
	f.Add("GET", "certificates", wire.Scheme+` mchid="1",nonce_str="n",timestamp="1",serial_no="A",signature="AAAA"`, "")
	f.Add("POST", "refund/domestic/refunds", "Basic x", "{}")
	handler := fuzzedDialect(fuzzed())
	f.Fuzz(func(t *testing.T, method, path, authorization, body string) {
		r := httptest.NewRequest(http.MethodPost, "/v3/", strings.NewReader(body))
		r.Method, r.URL.Path, r.RequestURI = method, "/v3/"+strings.ReplaceAll(path, "/", ""), "/v3/"+path
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusMovedPermanently || w.Code == http.StatusTemporaryRedirect {
			return // the mux cleans paths before it asks
		}
		if jsonAnswer(t, w); w.Code != http.StatusUnauthorized && w.Code != http.StatusBadRequest {
			t.Errorf("answered %d", w.Code)
		}
	})
}

// Whatever somebody with a key sends is answered in JSON, signed, and never a
// fault.
func FuzzSignedRequests(f *testing.F) {
	f.Add(0, "x", `{"out_trade_no":"order1","out_refund_no":"R","amount":{"refund":1,"total":1000,"currency":"CNY"},"goods_detail":[],"reason":"r"}`)
	f.Add(1, "50000", `{"out_refund_no":"R","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":"AAAA","real_name":"AAAA"}`)
	f.Add(2, "R%7C?sub_mchid=1", "")
	f.Add(3, "id/1?mchid=1", "")
	f.Add(4, "bill_date=2026-11-20&bill_type=ALL", "")
	f.Add(5, "token=eA.eA", "")
	f.Add(6, "sub_mchid=1&bill_date=2026-11-20&account_type=BASIC&algorithm=AEAD_AES_256_GCM", "")
	s := fuzzed()
	handler := fuzzedDialect(s)
	key, err := pemkey.ParseRSAPrivateKey(s.identity.Secrets[merchant.MerchantKeyPEM])
	if err != nil {
		f.Fatal(err)
	}
	signer := wire.Signer{Serial: s.identity.Public[merchant.MerchantSerial], Key: key}
	f.Fuzz(func(t *testing.T, which int, more, body string) {
		calls := []struct{ method, target string }{
			{"POST", wire.PathRefunds},
			{"POST", wire.PathRefunds + "/" + more + "/apply-abnormal-refund"},
			{"GET", wire.PathRefunds + "/" + more},
			{"GET", "/v3/pay/transactions/" + more},
			{"GET", wire.PathTradeBill + "?" + more},
			{"GET", wire.PathBillFile + "?" + more},
			{"GET", wire.PathSubMerchantBill + "?" + more},
		}
		call := calls[uint(which)%uint(len(calls))]
		r, err := http.NewRequestWithContext(t.Context(), call.method, "http://x"+call.target, strings.NewReader(body))
		if err != nil {
			return // no HTTP server would read such a request line
		}
		r.RequestURI = call.target
		authorization, err := signer.Authorize(s.identity.Name, call.method, call.target, []byte(body), rand.Text(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization.String())
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusMovedPermanently || w.Code == http.StatusTemporaryRedirect {
			return // the mux cleans paths before it asks
		}
		if jsonAnswer(t, w); w.Header().Get(wire.HeaderSignature) == "" {
			t.Errorf("%s %s: the answer is not signed: %d %s", call.method, call.target, w.Code, w.Body)
		}
	})
}

// 5000 a minute of orders older than a month, for each account and process.
func TestOldOrdersHaveALimitAMinute(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 30, 0, time.UTC)
	d := New(Services{Now: func() time.Time { return now }})
	c := &call{account: &account{identity: merchant.Identity{Name: "1"}}}
	other := &call{account: &account{identity: merchant.Identity{Name: "2"}}}
	c.account.merchant.Settings.ChannelRules, other.account.merchant.Settings.ChannelRules = true, true
	old, recent := refund.Charge{PaidAt: now.AddDate(0, 0, -31)}, refund.Charge{PaidAt: now.AddDate(0, 0, -30)}
	for n := range 5000 {
		if err := d.admitOld(c, old); err != nil {
			t.Fatalf("refund %d: %v", n+1, err)
		}
	}
	var limited *wire.Error
	if err := d.admitOld(c, old); !errors.As(err, &limited) || limited.Code != wire.CodeFrequencyLimited || limited.Message != wire.MessageOldOrder {
		t.Errorf("one more: %v", err)
	}
	if err := d.admitOld(c, recent); err != nil {
		t.Errorf("a recent order: %v", err)
	}
	if err := d.admitOld(other, old); err != nil {
		t.Errorf("another account: %v", err)
	}
	now = now.Add(30 * time.Second)
	if err := d.admitOld(c, old); err != nil {
		t.Errorf("in the next minute: %v", err)
	}
}
