package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/stripe"
	"github.com/refundry/refundry/money"
)

// shop is a merchant's client.
type shop struct {
	testing.TB
	*channelsim.Simulator
	now    time.Time
	keys   map[string]string
	server *httptest.Server

	mu     sync.Mutex
	events []event
}

type event struct {
	Type string
	Data struct{ Object map[string]any }
	good int // how many v1 hold
	v1   int
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{TB: t, now: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)}
	s.server = httptest.NewUnstartedServer(nil)
	s.server.Start()
	t.Cleanup(s.server.Close)
	dir := t.TempDir()
	var err error
	s.Simulator, err = channelsim.New(channelsim.Options{URL: s.server.URL, Data: dir, Now: func() time.Time { return s.now }}, stripe.New())
	if err != nil {
		t.Fatal(err)
	}
	s.server.Config.Handler = s.Simulator
	if s.keys, err = channelsim.ReadAccount(filepath.Join(dir, channelsim.AccountFile), stripe.Name); err != nil {
		t.Fatal(err)
	}
	merchant := httptest.NewServer(http.HandlerFunc(s.told))
	t.Cleanup(merchant.Close)
	if err := s.NotifyAt(stripe.Name, merchant.URL); err != nil {
		t.Fatal(err)
	}
	return s
}

// told takes an event and checks its signature by the page's formula.
func (s *shop) told(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		s.Errorf("%s: %v", body, err)
	}
	stamp := ""
	for part := range strings.SplitSeq(r.Header.Get("Stripe-Signature"), ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			stamp = value
		case "v1":
			e.v1++
			mac := hmac.New(sha256.New, []byte(s.keys["webhook_secret"]))
			mac.Write([]byte(stamp + "." + string(body)))
			if value == hex.EncodeToString(mac.Sum(nil)) {
				e.good++
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// types are the types of all events that came, once everything due was sent.
func (s *shop) types() (out []string) {
	for s.Step(s.Context()) > 0 {
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		out = append(out, e.Type)
	}
	slices.Sort(out)
	return out
}

// pay makes a payment of 10.00 and returns the charge.
func (s *shop) pay(number string, currency money.Currency) string {
	s.Helper()
	id, err := s.AddPayment(channelsim.Payment{Channel: stripe.Name, Number: number, Amount: 1000, Currency: currency})
	if err != nil {
		s.Fatal(err)
	}
	return id
}

// call makes a request; a key is an idempotency key.
func (s *shop) call(method, path, key string, pairs ...string) (status int, out map[string]any, header http.Header) {
	s.Helper()
	form := url.Values{}
	for n := 0; n+1 < len(pairs); n += 2 {
		form.Add(pairs[n], pairs[n+1])
	}
	target, body := s.server.URL+path, ""
	if method == http.MethodGet {
		target += "?" + form.Encode()
	} else {
		body = form.Encode()
	}
	r, err := http.NewRequestWithContext(s.Context(), method, target, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.SetBasicAuth(s.keys["secret_key"], "")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, nil
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
		s.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, out, response.Header
}

// code is an error's code, or its type where it has none.
func code(out map[string]any) string {
	problem, _ := out["error"].(map[string]any)
	if text, _ := problem["code"].(string); text != "" {
		return text
	}
	text, _ := problem["type"].(string)
	return text
}

func (s *shop) refund(key string, pairs ...string) map[string]any {
	s.Helper()
	status, out, _ := s.call(http.MethodPost, "/v1/refunds", key, pairs...)
	if status != http.StatusOK {
		s.Fatalf("%d %v", status, out)
	}
	return out
}

func (s *shop) movesOf(number string) (moves, refunds int) {
	for _, e := range s.Books(stripe.Name) {
		if e.Number == number {
			moves, refunds = moves+e.Moves, refunds+1
		}
	}
	return moves, refunds
}

func TestARefundSucceedsAndIsShownTheSameEverywhere(t *testing.T) {
	s := open(t)
	charge := s.pay("O1", "USD")
	made := s.refund("k1", "charge", charge, "amount", "300", "reason", "duplicate", "metadata[number]", "R1")
	if made["object"] != "refund" || made["amount"] != 300.0 || made["currency"] != "usd" || made["status"] != "pending" || made["charge"] != charge || made["reason"] != "duplicate" {
		t.Errorf("%v", made)
	}
	s.now = s.now.Add(3 * time.Second)
	id := made["id"].(string)
	if _, got, header := s.call(http.MethodGet, "/stripe/v1/refunds/"+id, ""); got["status"] != "succeeded" || got["metadata"].(map[string]any)["number"] != "R1" || header.Get("Request-Id") == "" {
		t.Errorf("%v", got)
	}
	_, got, _ := s.call(http.MethodGet, "/v1/charges/"+charge, "", "expand[]", "refunds")
	if got["amount_refunded"] != 300.0 || got["refunded"] != false || len(got["refunds"].(map[string]any)["data"].([]any)) != 1 {
		t.Errorf("%v", got)
	}
	intent := got["payment_intent"].(string)
	if _, got, _ = s.call(http.MethodGet, "/v1/payment_intents/"+intent, "", "expand[]", "latest_charge"); got["latest_charge"].(map[string]any)["id"] != charge {
		t.Errorf("%v", got)
	}
	if rest := s.refund("k2", "payment_intent", intent); rest["amount"] != 700.0 {
		t.Errorf("all that is left: %v", rest)
	}
	if _, got, _ = s.call(http.MethodGet, "/v1/charges/search", "", "query", "metadata['order_id']:'O1' AND status:'succeeded'"); len(got["data"].([]any)) != 1 || got["object"] != "search_result" {
		t.Errorf("%v", got)
	}
	if _, got, _ = s.call(http.MethodGet, "/v1/balance", ""); got["object"] != "balance" {
		t.Errorf("%v", got)
	}
	s.now = s.now.Add(3 * time.Second)
	want := []string{"charge.refunded", "charge.refunded", "refund.created", "refund.created", "refund.updated", "refund.updated"}
	if got := s.types(); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	for _, e := range s.events {
		if e.good != 1 || e.v1 != 1 {
			t.Errorf("%s: %d of %d signatures hold", e.Type, e.good, e.v1)
		}
	}
}

// A key's first answer is repeated for a day, whatever became of the refund; with other
// parameters it is refused, and afterwards it is a new one.
func TestAnIdempotencyKeyIsKeptForADay(t *testing.T) {
	s := open(t)
	charge := s.pay("O1", "USD")
	same := []string{"charge", charge, "amount", "100", "metadata[number]", "R1"}
	first := s.refund("k", same...)
	s.now = s.now.Add(23 * time.Hour)
	status, again, header := s.call(http.MethodPost, "/v1/refunds", "k", same...)
	if status != http.StatusOK || again["id"] != first["id"] || again["status"] != "pending" || header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %v", status, again)
	}
	for name, pairs := range map[string][]string{
		"another amount": {"charge", charge, "amount", "101", "metadata[number]", "R1"}, "other metadata": {"charge", charge, "amount", "100", "metadata[number]", "R2"},
	} {
		if status, out, _ := s.call(http.MethodPost, "/v1/refunds", "k", pairs...); status != http.StatusBadRequest || code(out) != "idempotency_error" {
			t.Errorf("%s: %d %v", name, status, out)
		}
	}
	if moves, refunds := s.movesOf("R1"); moves != 1 || refunds != 1 {
		t.Errorf("%d moves of %d refunds", moves, refunds)
	}
	s.now = s.now.Add(time.Hour)
	if later := s.refund("k", same...); later["id"] == first["id"] {
		t.Error("after a day the key is still known")
	}
	t.Run("an error is kept, a request that was not executed is not", func(t *testing.T) {
		if status, out, _ := s.call(http.MethodPost, "/v1/refunds", "e", "charge", charge, "amount", "5000"); status != http.StatusBadRequest {
			t.Errorf("%d %v", status, out)
		}
		if _, _, header := s.call(http.MethodPost, "/v1/refunds", "e", "charge", charge, "amount", "5000"); header.Get("Idempotent-Replayed") != "true" {
			t.Error("the error was not kept")
		}
		if status, out, _ := s.call(http.MethodPost, "/v1/refunds", "v", "charge", charge, "amount", "x"); status != http.StatusBadRequest || code(out) != "parameter_invalid_integer" {
			t.Errorf("%d %v", status, out)
		}
		if status, _, header := s.call(http.MethodPost, "/v1/refunds", "v", "charge", charge, "amount", "1"); status != http.StatusOK || header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%d", status)
		}
	})
	t.Run("too little money is an error that is kept", func(t *testing.T) {
		if err := s.Inject(channelsim.Injection{Channel: stripe.Name, Step: channelsim.StepSubmit, Fault: channelsim.ShortOfFunds}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, out, _ := s.call(http.MethodPost, "/v1/refunds", "f", "charge", charge, "amount", "1"); code(out) != "balance_insufficient" {
				t.Errorf("%v", out)
			}
		}
		s.refund("f-2", "charge", charge, "amount", "1")
	})
}

// Of requests with one key at once, one is executed; the others wait or are told so.
func TestAKeyThatIsInUseIsRefused(t *testing.T) {
	s := open(t)
	charge := s.pay("O1", "USD")
	var calls sync.WaitGroup
	codes := make([]string, 40)
	for n := range codes {
		calls.Go(func() {
			status, out, _ := s.call(http.MethodPost, "/v1/refunds", "k", "charge", charge, "amount", "100", "metadata[number]", "R1")
			if codes[n] = code(out); status == http.StatusConflict && codes[n] != "idempotency_key_in_use" || status != http.StatusConflict && status != http.StatusOK {
				codes[n] = fmt.Sprint(status, codes[n])
			}
		})
	}
	calls.Wait()
	for _, one := range codes {
		if one != "" && one != "idempotency_key_in_use" {
			t.Error(one)
		}
	}
	if _, refunds := s.movesOf("R1"); refunds != 1 {
		t.Errorf("%d refunds", refunds)
	}
}

func TestWhatStripeRefuses(t *testing.T) {
	s := open(t)
	charge, other := s.pay("O1", "USD"), s.pay("O2", "USD")
	full := s.pay("O3", "USD")
	s.refund("", "charge", full)
	for name, of := range map[string]struct {
		status int
		code   string
		pairs  []string
	}{
		"no charge":                    {400, "parameter_missing", []string{"amount", "1"}},
		"a charge that there is not":   {404, "resource_missing", []string{"charge", "ch_none"}},
		"an intent that there is not":  {404, "resource_missing", []string{"payment_intent", "pi_none"}},
		"another charge's intent":      {400, "invalid_request_error", []string{"charge", charge, "payment_intent", "pi_" + other[3:]}},
		"nothing":                      {400, "parameter_invalid_integer", []string{"charge", charge, "amount", "0"}},
		"less than nothing":            {400, "parameter_invalid_integer", []string{"charge", charge, "amount", "-1"}},
		"a fraction":                   {400, "parameter_invalid_integer", []string{"charge", charge, "amount", "1.0"}},
		"more than is left":            {400, "invalid_request_error", []string{"charge", charge, "amount", "1001"}},
		"what was refunded":            {400, "charge_already_refunded", []string{"charge", full, "amount", "1"}},
		"a reason that there is not":   {400, "invalid_request_error", []string{"charge", charge, "reason", "because"}},
		"a parameter that there isn't": {400, "parameter_unknown", []string{"charge", charge, "out_refund_no", "1"}},
		"a parameter twice":            {400, "parameter_invalid_string_blank", []string{"charge", charge, "charge", other}},
		"a long value of metadata":     {400, "invalid_request_error", []string{"charge", charge, "metadata[a]", strings.Repeat("x", 501)}},
	} {
		if status, out, _ := s.call(http.MethodPost, "/v1/refunds", "", of.pairs...); status != of.status || code(out) != of.code {
			t.Errorf("%s: %d %v", name, status, out)
		}
	}
	for path, want := range map[string]string{"/v1/refunds/re_none": "resource_missing", "/v1/charges/ch_none": "resource_missing", "/v1/payment_intents/pi_none": "resource_missing", "/v1/customers": "invalid_request_error"} {
		if status, out, _ := s.call(http.MethodGet, path, ""); status != http.StatusNotFound || code(out) != want {
			t.Errorf("%s: %d %v", path, status, out)
		}
	}
	secret := s.keys["secret_key"]
	for key, want := range map[string]string{"": "invalid_request_error", "sk_test_other": "api_key_invalid"} {
		s.keys["secret_key"] = key
		if status, out, _ := s.call(http.MethodGet, "/v1/balance", ""); status != http.StatusUnauthorized || code(out) != want {
			t.Errorf("%q: %d %v", key, status, out)
		}
	}
	s.keys["secret_key"] = secret
}

func TestAmountsAreCountedAsStripeDoes(t *testing.T) {
	s := open(t)
	for _, of := range []struct {
		currency    money.Currency
		amount      string
		books       money.Minor
		whole, code string
	}{
		{"KWD", "120", 120, "1000", ""},
		{"KWD", "125", 0, "1000", "invalid_charge_amount"},
		{"JPY", "7", 7, "1000", ""},
		{"ISK", "700", 7, "100000", ""},
		{"UGX", "750", 0, "100000", "invalid_charge_amount"},
		{"MGA", "7", 700, "10", ""},
		{"TWD", "700", 700, "1000", ""},
	} {
		number := string(of.currency) + of.amount
		charge := s.pay(number, of.currency)
		_, out, _ := s.call(http.MethodPost, "/v1/refunds", "", "charge", charge, "amount", of.amount, "metadata[number]", number)
		if code(out) != of.code || of.code == "" && fmt.Sprint(out["amount"]) != of.amount {
			t.Errorf("%s of %s: %v", of.amount, of.currency, out)
		}
		at := slices.IndexFunc(s.Books(stripe.Name), func(e channelsim.Entry) bool { return e.Number == number })
		if of.code == "" && (at < 0 || s.Books(stripe.Name)[at].Amount != of.books) {
			t.Errorf("%s of %s: %+v", of.amount, of.currency, s.Books(stripe.Name))
		}
		if _, charged, _ := s.call(http.MethodGet, "/v1/charges/"+charge, ""); fmt.Sprint(charged["amount"]) != of.whole {
			t.Errorf("%s: %v", of.currency, charged["amount"])
		}
	}
	if _, err := s.AddPayment(channelsim.Payment{Channel: stripe.Name, Number: "K", Amount: 1001, Currency: "KWD"}); err == nil {
		t.Error("a charge of 1.001 KWD")
	}
}

func TestRefundsAreListedByPage(t *testing.T) {
	s := open(t)
	charge, other := s.pay("O1", "USD"), s.pay("O2", "USD")
	var made []string
	began := s.now
	for n := range 12 {
		of := charge
		if n == 5 {
			of = other
		}
		id := s.refund("", "charge", of, "amount", "1", "metadata[number]", fmt.Sprint("R", n))["id"].(string)
		if of == charge {
			made = append(made, id)
		}
		s.now = s.now.Add(time.Minute)
	}
	slices.Reverse(made)
	list := func(pairs ...string) (ids []string, more bool) {
		t.Helper()
		status, out, _ := s.call(http.MethodGet, "/v1/refunds", "", pairs...)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, out)
		}
		for _, one := range out["data"].([]any) {
			ids = append(ids, one.(map[string]any)["id"].(string))
		}
		return ids, out["has_more"].(bool)
	}
	stamp := fmt.Sprint(began.Add(6 * time.Minute).Unix())
	for name, of := range map[string]struct {
		pairs []string
		want  []string
		more  bool
	}{
		"ten by default":        {[]string{"charge", charge}, made[:10], true},
		"all":                   {[]string{"charge", charge, "limit", "100"}, made, false},
		"by intent":             {[]string{"payment_intent", "pi_" + charge[3:], "limit", "2"}, made[:2], true},
		"the page behind":       {[]string{"charge", charge, "starting_after", made[9]}, made[10:], false},
		"the page before":       {[]string{"charge", charge, "ending_before", made[3], "limit", "2"}, made[1:3], true},
		"since a time":          {[]string{"charge", charge, "created[gte]", stamp}, made[:6], false},
		"before a time":         {[]string{"charge", charge, "created[lt]", stamp}, made[6:], false},
		"of a payment with one": {[]string{"charge", "ch_none"}, nil, false},
	} {
		if got, more := list(of.pairs...); !slices.Equal(got, of.want) || more != of.more {
			t.Errorf("%s: %v, more %v", name, got, more)
		}
	}
	if got, _ := list("created[gte]", fmt.Sprint(began.Unix()), "limit", "100"); len(got) != 12 {
		t.Errorf("a day has %d", len(got))
	}
	for name, pairs := range map[string][]string{"limit": {"limit", "101"}, "created": {"created[gte]", "today"}, "starting_after": {"starting_after", "re_none"}, "unknown": {"status", "failed"}} {
		if status, _, _ := s.call(http.MethodGet, "/v1/refunds", "", pairs...); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
}

func TestMetadataIsUpdatedAndARefundThatWaitsForItsPayerIsCanceled(t *testing.T) {
	s := open(t)
	charge := s.pay("O1", "USD")
	id := s.refund("", "charge", charge, "amount", "100", "metadata[number]", "R1", "metadata[a]", "1")["id"].(string)
	_, out, _ := s.call(http.MethodPost, "/v1/refunds/"+id, "", "metadata[a]", "", "metadata[b]", "2")
	if got := out["metadata"].(map[string]any); len(got) != 2 || got["b"] != "2" || got["number"] != "R1" {
		t.Errorf("%v", got)
	}
	if status, out, _ := s.call(http.MethodPost, "/v1/refunds/"+id, "", "amount", "1"); status != http.StatusBadRequest || code(out) != "parameter_unknown" {
		t.Errorf("%v", out)
	}
	if status, _, _ := s.call(http.MethodPost, "/v1/refunds/"+id+"/cancel", ""); status != http.StatusBadRequest {
		t.Errorf("a pending refund is canceled: %d", status)
	}
	decide(t, s, "R1", "abnormal")
	if _, out, _ := s.call(http.MethodGet, "/v1/refunds/"+id, ""); out["status"] != "requires_action" || out["next_action"] == nil {
		t.Errorf("%v", out)
	}
	if status, out, _ := s.call(http.MethodPost, "/v1/refunds/"+id+"/cancel", "c"); status != http.StatusOK || out["status"] != "canceled" {
		t.Errorf("%d %v", status, out)
	}
	if _, out, _ := s.call(http.MethodGet, "/v1/charges/"+charge, ""); out["amount_refunded"] != 0.0 {
		t.Errorf("%v", out["amount_refunded"])
	}
}

func decide(t *testing.T, s *shop, number, state string) {
	t.Helper()
	control(t, s, "/sim/refunds/"+number, `{"state": "`+state+`"}`)
}

func control(t *testing.T, s *shop, path, body string) {
	t.Helper()
	response, err := http.Post(s.server.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if answer, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", path, response.StatusCode, answer)
	}
}

func TestARefundThatComesBackIsFailedLater(t *testing.T) {
	s := open(t)
	id := s.refund("", "charge", s.pay("O1", "USD"), "metadata[number]", "R1")["id"].(string)
	s.now = s.now.Add(time.Hour)
	decide(t, s, "R1", "returned")
	if _, out, _ := s.call(http.MethodGet, "/v1/refunds/"+id, ""); out["status"] != "failed" || out["failure_reason"] != "expired_or_canceled_card" {
		t.Errorf("%v", out)
	}
	if got := s.types(); !slices.Contains(got, "refund.failed") {
		t.Errorf("events %v", got)
	}
}

func TestADisputeBlocksRefundsUntilItIsWon(t *testing.T) {
	s := open(t)
	charge := s.pay("O1", "USD")
	dispute := func(status string) {
		control(t, s, "/sim/disputes", `{"channel": "stripe", "order_no": "O1", "status": "`+status+`"}`)
	}
	dispute("needs_response")
	if status, out, _ := s.call(http.MethodPost, "/v1/refunds", "", "charge", charge, "amount", "1"); status != http.StatusBadRequest || code(out) != "charge_disputed" {
		t.Errorf("%d %v", status, out)
	}
	if _, out, _ := s.call(http.MethodGet, "/v1/charges/"+charge, ""); out["disputed"] != true {
		t.Errorf("%v", out)
	}
	dispute("under_review")
	dispute("won")
	s.refund("", "charge", charge, "amount", "1")
	want := []string{"charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_reinstated", "charge.dispute.funds_withdrawn", "charge.dispute.updated", "charge.refunded", "refund.created"}
	if got := s.types(); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	for _, e := range s.events {
		if e.Type == "charge.dispute.created" && (e.Data.Object["status"] != "needs_response" || e.Data.Object["amount"] != 1000.0 || e.Data.Object["charge"] != charge) {
			t.Errorf("%v", e.Data.Object)
		}
	}
}

func TestWhileTheSecretIsRolledBothSign(t *testing.T) {
	s := open(t)
	if err := s.Inject(channelsim.Injection{Channel: stripe.Name, Step: channelsim.StepNotice, Fault: channelsim.CertificateSwitch}); err != nil {
		t.Fatal(err)
	}
	if err := s.Inject(channelsim.Injection{Channel: stripe.Name, Step: channelsim.StepNotice, Fault: channelsim.WrongSignature}); err != nil {
		t.Fatal(err)
	}
	s.refund("", "charge", s.pay("O1", "USD"), "amount", "1")
	s.types()
	if len(s.events) != 2 || s.events[0].v1 != 2 || s.events[0].good+s.events[1].good != 1 {
		t.Errorf("%+v", s.events)
	}
}
