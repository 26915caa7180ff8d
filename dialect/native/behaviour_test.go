package native_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/exactjson"
)

// request of every call, with the scope that it needs.
var scoped = []struct {
	method, path, body string
	scope              merchant.Scope
}{
	{"POST", "/charges", `{"order_no": "T1", "amount": 1, "currency": "CNY", "channel": "wx"}`, merchant.ScopeCharge},
	{"POST", "/charges/batch", "", merchant.ScopeCharge},
	{"GET", "/charges", "", merchant.ScopeRead},
	{"GET", "/charges/x", "", merchant.ScopeRead},
	{"POST", "/refunds", `{"charge": "x"}`, merchant.ScopeRefund},
	{"GET", "/refunds", "", merchant.ScopeRead},
	{"GET", "/refunds/x", "", merchant.ScopeRead},
	{"POST", "/refunds/x/cancel", "", merchant.ScopeRefund},
	{"POST", "/refunds/x/resolve", `{"state": "failed", "proof": "p"}`, merchant.ScopeResolve},
	{"POST", "/refunds/x/settle", `{"state": "failed", "proof": "p"}`, merchant.ScopeResolve},
	{"POST", "/refunds/x/correct", `{"state": "failed", "proof": "p"}`, merchant.ScopeResolve},
	{"POST", "/refunds/x/approve", `{}`, merchant.ScopeApprove},
	{"POST", "/refunds/x/refuse", `{"reason": "r"}`, merchant.ScopeApprove},
	{"GET", "/approvals", "", merchant.ScopeRead},
	{"GET", "/policies", "", merchant.ScopeRead},
	{"POST", "/policies", `{"name": "n", "expression": "false"}`, merchant.ScopePolicy},
	{"GET", "/policies/x", "", merchant.ScopeRead},
	{"PATCH", "/policies/x", `{"enabled": true}`, merchant.ScopePolicy},
	{"DELETE", "/policies/x", "", merchant.ScopePolicy},
	{"POST", "/policies/x/dry-run", "", merchant.ScopeRead},
	{"GET", "/audit", "", merchant.ScopeMerchant},
	{"GET", "/audit.ndjson", "", merchant.ScopeMerchant},
	{"GET", "/audit.csv", "", merchant.ScopeMerchant},
	{"GET", "/alerts", "", merchant.ScopeRead},
	{"POST", "/alerts/x/ack", "", merchant.ScopeMerchant},
	{"POST", "/quotes", `{"charge": "x"}`, merchant.ScopeRead},
	{"POST", "/bulk", "", merchant.ScopeRefund},
	{"GET", "/bulk", "", merchant.ScopeRead},
	{"GET", "/bulk/x", "", merchant.ScopeRead},
	{"GET", "/bulk/x/lines", "", merchant.ScopeRead},
	{"GET", "/bulk/x/result.csv", "", merchant.ScopeRead},
	{"POST", "/bulk/x/start", "", merchant.ScopeApprove},
	{"POST", "/bulk/x/pause", "", merchant.ScopeRefund},
	{"POST", "/bulk/x/resume", "", merchant.ScopeApprove},
	{"POST", "/bulk/x/stop", "", merchant.ScopeRefund},
	{"POST", "/endpoints", `{"url": "ftp://x", "dialect": "native"}`, merchant.ScopeEndpoint},
	{"GET", "/endpoints", "", merchant.ScopeRead},
	{"GET", "/channels", "", merchant.ScopeRead},
	{"GET", "/accounts", "", merchant.ScopeRead},
	{"POST", "/accounts", `{}`, merchant.ScopeMerchant},
	{"GET", "/accounts/x", "", merchant.ScopeRead},
	{"PATCH", "/accounts/x", `{}`, merchant.ScopeMerchant},
	{"POST", "/accounts/x/check", "", merchant.ScopeMerchant},
	{"POST", "/accounts/x/reconcile", "", merchant.ScopeMerchant},
	{"POST", "/accounts/x/rotate", `{}`, merchant.ScopeMerchant},
	{"POST", "/accounts/x/pause", "", merchant.ScopeMerchant},
	{"POST", "/accounts/x/resume", "", merchant.ScopeMerchant},
	{"POST", "/accounts/x/close", "", merchant.ScopeMerchant},
	{"GET", "/events", "", merchant.ScopeRead},
	{"GET", "/events/x", "", merchant.ScopeRead},
	{"GET", "/payin/reconciliation/x/2026-11-22.csv", "", merchant.ScopeRead},
	{"POST", "/endpoints/x/test", "", merchant.ScopeEndpoint},
	{"POST", "/sandbox/funds", `{"amount": 1, "currency": "CNY"}`, merchant.ScopeSandbox},
	{"POST", "/sandbox/refunds/x/settle", "", merchant.ScopeSandbox},
	{"POST", "/sandbox/refunds/x/reroute", "", merchant.ScopeSandbox},
	{"POST", "/sandbox/clock", `{"advance_seconds": 1}`, merchant.ScopeSandbox},
	{"POST", "/sandbox/reset", "", merchant.ScopeSandbox},
}

// keyed adds a merchant whose native key has some scopes, and gives the key.
func keyed(t *testing.T, s *dialecttest.Service, mode merchant.Mode, scopes []merchant.Scope, accounts ...merchant.ChannelAccount) string {
	t.Helper()
	fresh, err := merchant.NewFresh("scoped", mode, merchant.Dialects{native.Describe()}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for n := range fresh.Keys {
		fresh.Keys[n].Key.Scopes = scopes
	}
	for _, account := range accounts {
		account.MerchantID, account.CreatedAt = fresh.Merchant.ID, time.Now()
		fresh.Accounts = append(fresh.Accounts, account)
	}
	fresh.Merchant.Name += " " + fresh.Merchant.ID // no two merchants have one name
	if err := s.Store.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
	return fresh.Key(merchant.Native)
}

func TestAKeyMayDoWhatItsScopesSayAndNothingElse(t *testing.T) {
	s := dialecttest.Start(t)
	for _, scope := range merchant.Scopes() {
		key := keyed(t, s, merchant.Test, []merchant.Scope{scope})
		for _, call := range scoped {
			r := dialecttest.Request(t, call.method, s.URL+base+call.path, call.body, "Authorization", "Bearer "+key)
			answer, body := dialecttest.Do(t, r)
			lacks := answer.StatusCode == http.StatusForbidden && strings.Contains(body, "lacks the scope "+string(call.scope))
			if lacks == (scope == call.scope) {
				t.Errorf("a key with %s: %s %s answered %d %s", scope, call.method, call.path, answer.StatusCode, body)
			}
		}
	}
}

func TestTheSandboxIsForbiddenInLiveMode(t *testing.T) {
	s := dialecttest.Start(t)
	key := keyed(t, s, merchant.Live, merchant.Scopes())
	for _, call := range scoped {
		if call.scope != merchant.ScopeSandbox {
			continue
		}
		answer := send(t, s, key, call.method, call.path, call.body, http.StatusForbidden)
		if !strings.Contains(answer, "test mode only") {
			t.Errorf("%s answered %s", call.path, answer)
		}
	}
}

func TestInLiveModeAChargeSaysWhereAndWhenItWasPaid(t *testing.T) {
	s := dialecttest.Start(t)
	manual := func(id string) merchant.ChannelAccount {
		return merchant.ChannelAccount{ID: id, Channel: merchant.ChannelManual}
	}
	none := keyed(t, s, merchant.Live, merchant.Scopes())
	one := keyed(t, s, merchant.Live, merchant.Scopes(), manual("manual_1"))
	two := keyed(t, s, merchant.Live, merchant.Scopes(), manual("manual_2"), manual("manual_3"))
	for name, c := range map[string]struct {
		key, members string
		status       int
		param        string
	}{
		"no account at a channel":     {none, `, "transaction_id": "t", "paid_at": "2026-01-01T00:00:00Z"`, 201, ""},
		"two accounts, and none said": {two, `, "transaction_id": "t", "paid_at": "2026-01-01T00:00:00Z"`, 400, "channel_account"},
		"two accounts, and one said":  {two, `, "transaction_id": "t", "paid_at": "2026-01-01T00:00:00Z", "channel_account": "manual_3"`, 201, ""},
		"someone else's account":      {two, `, "transaction_id": "t", "paid_at": "2026-01-01T00:00:00Z", "channel_account": "manual_1"`, 403, "channel_account"},
		"no transaction":              {one, `, "paid_at": "2026-01-01T00:00:00Z"`, 400, "transaction_id"},
		"no time":                     {one, `, "transaction_id": "t"`, 400, "paid_at"},
		"all that it must say":        {one, `, "transaction_id": "t", "paid_at": "2026-01-01T00:00:00Z"`, 201, ""},
	} {
		answer := send(t, s, c.key, "POST", "/charges", `{"order_no": "T1", "amount": 1, "currency": "CNY", "channel": "wx"`+c.members+`}`, c.status)
		if text(answer, "param") != c.param {
			t.Errorf("%s: answered %s", name, answer)
		}
	}
}

func TestInTestModeAChargeIsTheSandboxsUnlessItSaysOtherwise(t *testing.T) {
	s := dialecttest.Start(t)
	key := keyed(t, s, merchant.Test, merchant.Scopes(), merchant.ChannelAccount{ID: "manual_4", Channel: merchant.ChannelManual})
	for members, want := range map[string]string{``: "sandbox_", `, "channel_account": "manual_4"`: "manual_4"} {
		answer := send(t, s, key, "POST", "/charges", `{"order_no": "`+want+`", "amount": 1, "currency": "CNY", "channel": "wx"`+members+`}`, http.StatusCreated)
		if got := text(answer, "channel_account"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: goes through %s", members, got)
		}
	}
}

func TestAChargeGoesToTheAccountThatTakesIt(t *testing.T) {
	s := dialecttest.Start(t)
	key := keyed(t, s, merchant.Live, merchant.Scopes(),
		merchant.ChannelAccount{ID: "taking_wx", Channel: "toy", Takes: []string{"wx", "both"}},
		merchant.ChannelAccount{ID: "taking_alipay", Channel: "toy", Takes: []string{"alipay", "both"}},
		merchant.ChannelAccount{ID: "taking_the_rest", Channel: merchant.ChannelManual},
		merchant.ChannelAccount{ID: "taking_nothing", Channel: "toy", Takes: []string{"old"}, State: merchant.AccountClosed})
	for name, c := range map[string]struct {
		channel, members string
		status           int
		want             string // account or parameter at fault
	}{
		"by its channel":         {"wx", "", 201, "taking_wx"},
		"by another":             {"alipay", "", 201, "taking_alipay"},
		"what is left":           {"upacp", "", 201, "taking_the_rest"},
		"by name":                {"wx", `, "channel_account": "taking_alipay"`, 201, "taking_alipay"},
		"one of two":             {"both", "", 400, "channel_account"},
		"a closed one's":         {"old", "", 201, "taking_the_rest"},
		"a closed one's by name": {"old", `, "channel_account": "taking_nothing"`, 422, "channel_account"},
	} {
		answer := send(t, s, key, "POST", "/charges", `{"order_no": "`+strings.ReplaceAll(name, " ", "_")+`", "amount": 1, "currency": "CNY", "transaction_id": "`+strings.ReplaceAll(name, " ", "_")+
			`", "paid_at": "2026-01-01T00:00:00Z", "channel": "`+c.channel+`"`+c.members+`}`, c.status)
		got := text(answer, "param")
		if c.status == 201 {
			got = text(answer, "channel_account")
		}
		if got != c.want || strings.Contains(answer, "warnings") {
			t.Errorf("%s: answered %s", name, answer)
		}
	}
}

func TestAChargeThatNoAccountTakesIsToldOf(t *testing.T) {
	s := dialecttest.Start(t)
	key := keyed(t, s, merchant.Live, merchant.Scopes())
	const body = `{"order_no": "T1", "amount": 100, "currency": "CNY", "channel": "wx", "transaction_id": "t1", "paid_at": "2026-01-01T00:00:00Z"}`
	for _, status := range []int{201, 200} {
		answer := send(t, s, key, "POST", "/charges", body, status)
		if !strings.Contains(answer, `"channel_account":""`) || !strings.Contains(answer, `"warnings":["no channel account takes wx`) {
			t.Errorf("answered %s", answer)
		}
	}
	if lines := send(t, s, key, "POST", "/charges/batch", body+"\n", 200); !strings.Contains(lines, `"status":200`) || !strings.Contains(lines, `"warnings":["no channel`) {
		t.Errorf("in a batch: %s", lines)
	}
	for path, body := range map[string]string{"/refunds": `{"charge": "t1", "amount": 1}`, "/quotes": `{"charge": "t1"}`} {
		if answer := send(t, s, key, "POST", path, body, 422); text(answer, "kind") != "no_channel_account" {
			t.Errorf("%s answered %s", path, answer)
		}
	}
}

// paid registers a charge of the demo merchant and gives its id.
func paid(t *testing.T, s *dialecttest.Service, amount int) string {
	t.Helper()
	return s.Charge(t, merchant.DemoID, moneyOf(amount), nil).ID
}

func TestOfManyRepeatsAtOnceOneRefundIsMade(t *testing.T) {
	const callers = 16
	s := dialecttest.Start(t)
	for name, header := range map[string][]string{
		"number":         nil,
		"key":            {"Idempotency-Key", "crowd"},
		"number and key": {"Idempotency-Key", "crowd-both"},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"charge": %q, "amount": 30`, paid(t, s, 100))
			if strings.Contains(name, "number") {
				body += fmt.Sprintf(`, "number": %q`, "crowd-"+name[len(name)-3:])
			}
			requests := make([]*http.Request, callers)
			for n := range requests {
				requests[n] = dialecttest.Request(t, "POST", s.URL+base+"/refunds", body+"}", append(header, "Authorization", "Bearer "+demo)...)
			}
			var all sync.WaitGroup
			ids, statuses := make([]string, callers), make([]int, callers)
			for n, r := range requests {
				all.Go(func() {
					response, err := http.DefaultClient.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					defer func() { _ = response.Body.Close() }()
					statuses[n], ids[n] = response.StatusCode, response.Header.Get("Location")
				})
			}
			all.Wait()
			slices.Sort(statuses)
			if statuses[callers-1] != http.StatusCreated || statuses[callers-2] != http.StatusOK || statuses[0] != http.StatusOK {
				t.Errorf("answered %v: one is made, the others are the same", statuses)
			}
			slices.Sort(ids)
			if ids[callers-2] != "" || ids[callers-1] == "" {
				t.Errorf("locations of new refunds: %v", ids)
			}
		})
	}
}

func TestKeyAndNumberMustStandForTheSameRefund(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 100)
	refundOf := func(number string) string {
		return fmt.Sprintf(`{"charge": %q, "amount": 10, "number": %q}`, charge, number)
	}
	first := send(t, s, demo, "POST", "/refunds", refundOf("both-1"), http.StatusCreated, "Idempotency-Key", "both-a")
	send(t, s, demo, "POST", "/refunds", refundOf("both-2"), http.StatusCreated, "Idempotency-Key", "both-b")
	for name, c := range map[string]struct {
		number, key string
		status      int
	}{
		"the same of both":                 {"both-1", "both-a", http.StatusOK},
		"the number with a new key":        {"both-1", "both-c", http.StatusOK},
		"the number with the other's key":  {"both-1", "both-b", http.StatusConflict},
		"a new number with the key":        {"both-3", "both-a", http.StatusConflict},
		"a new key and the other's number": {"both-2", "both-d", http.StatusOK},
	} {
		answer := send(t, s, demo, "POST", "/refunds", refundOf(c.number), c.status, "Idempotency-Key", c.key)
		if c.status == http.StatusOK && c.number == "both-1" && text(answer, "id") != text(first, "id") {
			t.Errorf("%s: answered %s", name, answer)
		}
	}
	if answer := send(t, s, demo, "POST", "/refunds", refundOf("both-2"), http.StatusConflict, "Idempotency-Key", "both-c"); text(answer, "kind") != "key_conflict" {
		t.Errorf("a key that was used again with a number has come to mean it: %s", answer)
	}
}

func TestARefusedRequestUsesUpNeitherNumberNorKey(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 100)
	refundOf := func(amount int) string {
		return fmt.Sprintf(`{"charge": %q, "amount": %d, "number": "again-1"}`, charge, amount)
	}
	send(t, s, demo, "POST", "/refunds", refundOf(101), http.StatusUnprocessableEntity, "Idempotency-Key", "again-a")
	send(t, s, demo, "POST", "/refunds", refundOf(100), http.StatusCreated, "Idempotency-Key", "again-a")
}

// A quote says what the refund then does, for every amount and for goods.
func TestAQuoteAndTheRefundAgree(t *testing.T) {
	s := dialecttest.Start(t)
	send(t, s, demo, "POST", "/charges", documented, http.StatusCreated)
	amounts := []string{`"amount": 1`, `"amount": 333`, `"amount": 7, "goods": [{"merchant_goods_id": "g1", "quantity": 1}]`, `"amount": 400`, ``, `"amount": 1`}
	for _, amount := range amounts {
		body := `{"charge": "ch_native"`
		if amount != "" {
			body += ", " + amount
		}
		body += "}"
		status, made := http.StatusOK, http.StatusCreated
		if amount == `"amount": 1` && text(send(t, s, demo, "GET", "/charges/ch_native", "", http.StatusOK), "refundable") == "0" {
			status, made = http.StatusUnprocessableEntity, http.StatusUnprocessableEntity
		}
		quote := send(t, s, demo, "POST", "/quotes", body, status)
		refunded := send(t, s, demo, "POST", "/refunds", body, made)
		for _, member := range []string{"amount", "parts", "charge", "kind", "detail", "param"} {
			if diff := cmp.Diff(raw(t, quote, member), raw(t, refunded, member)); diff != "" {
				t.Errorf("%s: %s (-quote +refund):\n%s", body, member, diff)
			}
		}
		if status == http.StatusOK {
			// A refusal says how much is under way: what was refunded has to be at its end.
			await(t, s, demo, text(refunded, "id"), refund.Succeeded)
			left := text(send(t, s, demo, "GET", "/charges/ch_native", "", http.StatusOK), "refundable")
			if left != text(quote, "refundable_after") {
				t.Errorf("%s: %s is left, the quote said %s", body, left, text(quote, "refundable_after"))
			}
		}
	}
}

// raw is a member as it stands in a JSON object.
func raw(t *testing.T, body, name string) string {
	t.Helper()
	v, err := exactjson.Decode([]byte(body), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	value, _ := v.Get(name)
	return string(value.Raw)
}

func TestAMerchantsLimitStopsQuoteAndRefundAlike(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "limited", merchant.Test, func(f *merchant.Fresh) {
		f.Merchant.Settings.Limits = merchant.Limits{MostAmount: 50, MostRefunds: 1}
	})
	key := fresh.Key(merchant.Native)
	charge := s.Charge(t, fresh.Merchant.ID, 100, nil)
	body := func(amount int) string { return fmt.Sprintf(`{"charge": %q, "amount": %d}`, charge.ID, amount) }
	for _, path := range []string{"/quotes", "/refunds"} {
		if answer := send(t, s, key, "POST", path, body(51), http.StatusUnprocessableEntity); text(answer, "kind") != "limit_exceeded" {
			t.Errorf("%s: %s", path, answer)
		}
	}
	made := send(t, s, key, "POST", "/refunds", body(50), http.StatusCreated)
	await(t, s, key, text(made, "id"), refund.Succeeded)
	for _, path := range []string{"/quotes", "/refunds"} {
		if answer := send(t, s, key, "POST", path, body(1), http.StatusUnprocessableEntity); text(answer, "kind") != "too_many_refunds" {
			t.Errorf("%s: %s", path, answer)
		}
	}
}

func TestOneMerchantSeesNothingOfAnother(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "other", merchant.Test, nil)
	key := fresh.Key(merchant.Native)
	charge := paid(t, s, 100)
	made := send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q}`, charge), http.StatusCreated)
	await(t, s, demo, text(made, "id"), refund.Succeeded)
	for _, path := range []string{"/charges/" + charge, "/refunds/" + text(made, "id")} {
		send(t, s, key, "GET", path, "", http.StatusNotFound)
	}
	for _, path := range []string{"/sandbox/refunds/" + text(made, "id") + "/settle", "/refunds/" + text(made, "id") + "/cancel"} {
		send(t, s, key, "POST", path, "", http.StatusNotFound)
	}
	for _, path := range []string{"/charges", "/refunds", "/events", "/endpoints"} {
		if answer := send(t, s, key, "GET", path, "", http.StatusOK); !strings.Contains(answer, `"data":[]`) {
			t.Errorf("%s: %s", path, answer)
		}
	}
	send(t, s, key, "POST", "/sandbox/reset", "", http.StatusForbidden)
}

func TestTooLargeABodyIsRefused(t *testing.T) {
	s := dialecttest.Start(t)
	body := `{"charge": "x", "reason": "` + strings.Repeat("x", 2<<20) + `"}`
	if answer := send(t, s, demo, "POST", "/refunds", body, http.StatusRequestEntityTooLarge); text(answer, "kind") != "too_large" {
		t.Errorf("answered %s", answer)
	}
}

func TestHeadIsAnsweredLikeGetWithoutABody(t *testing.T) {
	s := dialecttest.Start(t)
	if answer := send(t, s, demo, "HEAD", "/charges", "", http.StatusOK); answer != "" {
		t.Errorf("answered %s", answer)
	}
	send(t, s, demo, "HEAD", "/charges/none", "", http.StatusNotFound)
}
