package native_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
)

// keyedWrite is a write that is sent with a key. prepare makes what it is
// about and gives its address; end brings what it left behind to rest.
type keyedWrite struct {
	name                string
	method, body, other string
	prepare             func(*testing.T, *dialecttest.Service) (path string)
	status              int // of the first answer; repeats are answered 200
	end                 func(*testing.T, *dialecttest.Service, string)
	// moves says that the answer shows an object that changes by itself: of a
	// repeat only the id is compared.
	moves bool
}

func at(path string) func(*testing.T, *dialecttest.Service) string {
	return func(*testing.T, *dialecttest.Service) string { return path }
}

// asked makes a refund that waits at the sandbox in a state, and gives what
// acts on it.
func asked(minor int, state refund.State, behind string) func(*testing.T, *dialecttest.Service) string {
	return askedBy(func(*testing.T, *dialecttest.Service) string { return demo }, minor, state, behind)
}

// anotherKey makes a key: where policies are enabled, whoever asked for a refund does
// not choose its new destination.
func anotherKey(t *testing.T, s *dialecttest.Service) string {
	return keyOf(t, s, merchant.ScopeRefund, merchant.ScopeRead)
}

func askedBy(who func(*testing.T, *dialecttest.Service) string, minor int, state refund.State, behind string) func(*testing.T, *dialecttest.Service) string {
	return func(t *testing.T, s *dialecttest.Service) string {
		made := send(t, s, who(t, s), "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": %d}`, paid(t, s, minor), minor), http.StatusCreated, "Prefer", "wait=10")
		await(t, s, demo, text(made, "id"), state)
		return strings.ReplaceAll(behind, "{}", text(made, "id"))
	}
}

// reaches waits until the refund of a path has ended so.
func reaches(state refund.State) func(*testing.T, *dialecttest.Service, string) {
	return func(t *testing.T, s *dialecttest.Service, path string) {
		await(t, s, demo, strings.Split(path[strings.Index(path, "/refunds/"):], "/")[2], state)
	}
}

// anAccount makes a channel account, and gives what acts on it.
func anAccount(behind string) func(*testing.T, *dialecttest.Service) string {
	return func(t *testing.T, s *dialecttest.Service) string {
		t.Helper()
		return "/accounts/" + text(send(t, s, demo, "POST", "/accounts", `{"channel": "manual", "takes": ["nothing"]}`, http.StatusCreated), "id") + behind
	}
}

const keyedEndpoint = `{"url": "http://127.0.0.1:9/keyed%d", "dialect": "native"}`

// Endpoints come behind the refunds, which would be told to them, and the
// sandbox's funds and clock last: they change what becomes of refunds.
var keyedWrites = []keyedWrite{
	{
		name:   "a charge",
		method: "POST", prepare: at("/charges"), status: http.StatusCreated,
		body:  `{"order_no": "ONCE-1", "amount": 100, "currency": "CNY", "channel": "wx"}`,
		other: `{"order_no": "ONCE-2", "amount": 100, "currency": "CNY", "channel": "wx"}`,
	},
	{
		name:   "a cancellation",
		method: "POST", prepare: asked(155, refund.Held, "/refunds/{}/cancel"), status: http.StatusAccepted, moves: true, end: reaches(refund.Canceled),
	},
	{
		name:   "another try",
		method: "POST", prepare: asked(158, refund.Pending, "/refunds/{}/retry"), status: http.StatusOK, moves: true,
		end: func(t *testing.T, s *dialecttest.Service, path string) {
			sendUntil(t, s, "POST", "/sandbox"+strings.Replace(path, "/retry", "/settle", 1), "", http.StatusOK)
			reaches(refund.Succeeded)(t, s, path)
		},
	},
	{
		name:   "an operator's word",
		method: "POST", prepare: asked(158, refund.Pending, "/refunds/{}/resolve"), status: http.StatusOK,
		body: `{"state": "failed", "proof": "p"}`, other: `{"state": "failed", "proof": "q"}`,
	},
	{
		name:   "an operator's word by its former name",
		method: "POST", prepare: asked(158, refund.Pending, "/refunds/{}/settle"), status: http.StatusOK,
		body: `{"state": "failed", "proof": "p"}`, other: `{"state": "failed", "proof": "q"}`,
	},
	{
		name:   "a correction",
		method: "POST", prepare: asked(151, refund.Failed, "/refunds/{}/correct"), status: http.StatusCreated,
		body: `{"state": "succeeded", "proof": "p"}`, other: `{"state": "succeeded", "proof": "q"}`,
	},
	{
		name:   "an approval",
		method: "POST", prepare: waits("/approve"), status: http.StatusOK, moves: true, end: reaches(refund.Succeeded),
		body: `{}`, other: `{"note": "n"}`,
	},
	{
		name:   "a refusal",
		method: "POST", prepare: waits("/refuse"), status: http.StatusOK,
		body: `{"reason": "r"}`, other: `{"reason": "s"}`,
	},
	{
		name:   "a policy",
		method: "POST", prepare: at("/policies"), status: http.StatusCreated,
		body: `{"name": "once", "expression": "false"}`, other: `{"name": "twice", "expression": "false"}`,
	},
	{
		name:   "a policy's change",
		method: "PATCH", prepare: policyAt("changed"), status: http.StatusOK,
		body: `{"hold_hours": 5}`, other: `{"hold_hours": 6}`,
	},
	{
		name:   "a policy's end",
		method: "DELETE", prepare: policyAt("removed"), status: http.StatusOK,
	},
	{
		name:   "the sandbox's word",
		method: "POST", prepare: asked(158, refund.Pending, "/sandbox/refunds/{}/settle"), status: http.StatusOK, moves: true,
		body: `{"state": "failed"}`, other: `{"state": "succeeded"}`, end: reaches(refund.Failed),
	},
	{
		name:   "a question",
		method: "POST", prepare: asked(158, refund.Pending, "/refunds/{}/ask"), status: http.StatusOK, moves: true,
		end: func(t *testing.T, s *dialecttest.Service, path string) {
			sendUntil(t, s, "POST", "/sandbox"+strings.Replace(path, "/ask", "/settle", 1), "", http.StatusOK)
			reaches(refund.Succeeded)(t, s, path)
		},
	},
	{
		name:   "a payer's card",
		method: "POST", prepare: askedBy(anotherKey, 152, refund.Abnormal, "/refunds/{}/reroute"), status: http.StatusOK, moves: true, end: reaches(refund.Succeeded),
		body: `{"to": "card", "bank_type": "ICBC_DEBIT", "bank_account": "6222020000000000123", "real_name": "Li Lei"}`, other: `{"to": "merchant"}`,
	},
	{
		name:   "an account whose funds are back",
		method: "POST", prepare: at("/accounts/sandbox_demo/retry"), status: http.StatusOK,
	},
	{
		name:   "another account",
		method: "POST", prepare: asked(152, refund.Abnormal, "/sandbox/refunds/{}/reroute"), status: http.StatusOK, moves: true, end: reaches(refund.Succeeded),
	},
	{name: "a bulk job's start", method: "POST", prepare: bulkAt(bulk.Ready, "/start"), status: http.StatusOK, body: `{}`, other: `{"skip_bad": true}`, moves: true, end: bulkRests},
	{name: "a bulk job's pause", method: "POST", prepare: bulkAt(bulk.Running, "/pause"), status: http.StatusOK, body: `{}`, other: `{"reason": "x"}`, moves: true, end: bulkRests},
	{name: "a bulk job's resumption", method: "POST", prepare: bulkAt(bulk.Paused, "/resume"), status: http.StatusOK, moves: true, end: bulkRests},
	{name: "a bulk job's end", method: "POST", prepare: bulkAt(bulk.Ready, "/stop"), status: http.StatusOK, body: `{}`, other: `{"reason": "x"}`, moves: true},
	{
		name:   "an endpoint",
		method: "POST", prepare: at("/endpoints"), status: http.StatusCreated,
		body: fmt.Sprintf(keyedEndpoint, 1), other: fmt.Sprintf(keyedEndpoint, 2),
	},
	{
		name:   "an endpoint that is there",
		method: "POST", status: http.StatusOK, body: fmt.Sprintf(keyedEndpoint, 3), other: fmt.Sprintf(keyedEndpoint, 4),
		prepare: func(t *testing.T, s *dialecttest.Service) string {
			send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(keyedEndpoint, 3), http.StatusCreated)
			return "/endpoints"
		},
	},
	{
		name:   "an endpoint's end",
		method: "DELETE", status: http.StatusOK,
		prepare: func(t *testing.T, s *dialecttest.Service) string {
			return "/endpoints/" + text(send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(keyedEndpoint, 5), http.StatusCreated), "id")
		},
	},
	{
		name:   "a new secret",
		method: "POST", status: http.StatusOK, body: `{"overlap_seconds": 60}`, other: `{"overlap_seconds": 61}`,
		prepare: func(t *testing.T, s *dialecttest.Service) string {
			return "/endpoints/" + text(send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(keyedEndpoint, 6), http.StatusCreated), "id") + "/rotate"
		},
	},
	{
		name:   "an alert",
		method: "POST", status: http.StatusOK,
		prepare: func(t *testing.T, s *dialecttest.Service) string {
			if err := s.Store.SaveAlert(t.Context(), refund.Alert{Account: merchant.DemoAccount, Text: "of this test"}); err != nil {
				t.Fatal(err)
			}
			var page struct{ Data []struct{ ID string } }
			if err := json.Unmarshal([]byte(send(t, s, demo, "GET", "/alerts?limit=1", "", http.StatusOK)), &page); err != nil || len(page.Data) != 1 {
				t.Fatalf("%v, %v", page, err)
			}
			return "/alerts/" + page.Data[0].ID + "/ack"
		},
	},
	{
		name:   "a notice",
		method: "POST", status: http.StatusOK,
		prepare: func(t *testing.T, s *dialecttest.Service) string {
			kept := refund.KeptNotice{Account: merchant.DemoAccount, ReceivedAt: time.Now(), Digest: refund.NewID(time.Now()), State: refund.NoticeSetAside, ChargeKnown: true}
			if err := s.Store.KeepNotice(t.Context(), kept); err != nil {
				t.Fatal(err)
			}
			var page struct{ Data []struct{ ID string } }
			if err := json.Unmarshal([]byte(send(t, s, demo, "GET", "/notices?limit=1", "", http.StatusOK)), &page); err != nil || len(page.Data) != 1 {
				t.Fatalf("%v, %v", page, err)
			}
			return "/notices/" + page.Data[0].ID + "/retry"
		},
	},
	{
		name:   "settings",
		method: "PATCH", prepare: at("/merchant/settings"), status: http.StatusOK,
		body: `{"refund_page_size": 30}`, other: `{"refund_page_size": 31}`,
	},
	{
		name:   "an identity",
		method: "POST", prepare: at("/identities"), status: http.StatusCreated,
		body: `{"dialect": "wallet"}`, other: `{"dialect": "wallet", "secrets": {"key": "sk_test_0123456789abcdefghijklmn"}}`,
	},
	{
		name:   "an identity's settings",
		method: "PATCH", prepare: at("/identities/wallet/wallet_demo"), status: http.StatusOK,
		body: `{"settings": {"wallet.appid": "a"}}`, other: `{"settings": {"wallet.appid": "b"}}`,
	},
	{
		name:   "a channel account",
		method: "POST", prepare: at("/accounts"), status: http.StatusCreated,
		body: `{"channel": "manual", "takes": ["once"]}`, other: `{"channel": "manual", "takes": ["twice"]}`,
	},
	{
		name:   "what an account takes",
		method: "PATCH", prepare: anAccount(""), status: http.StatusOK, body: `{"takes": ["one"]}`, other: `{"takes": ["two"]}`,
	},
	{
		name:   "an account's new credentials",
		method: "POST", prepare: at("/accounts/sandbox_demo/rotate"), status: http.StatusOK,
		body: `{"secrets": {"chinaums_communication_key": "a"}}`, other: `{"secrets": {"chinaums_communication_key": "b"}}`,
	},
	{name: "an account's pause", method: "POST", prepare: anAccount("/pause"), status: http.StatusOK},
	{name: "an account's resumption", method: "POST", prepare: anAccount("/resume"), status: http.StatusOK},
	{name: "an account's end", method: "POST", prepare: anAccount("/close"), status: http.StatusOK},
	{
		name:   "a merchant's pause",
		method: "POST", prepare: at("/merchant/pause"), status: http.StatusOK, body: `{"channel": "manual"}`, other: `{"channel": "manual", "reason": "r"}`,
	},
	{
		name:   "a merchant's resumption",
		method: "POST", prepare: at("/merchant/resume"), status: http.StatusOK, body: `{"channel": "manual"}`, other: `{}`,
	},
	{
		name:   "a key",
		method: "POST", prepare: at("/keys"), status: http.StatusCreated,
		body: `{"dialect": "native", "scopes": ["read"]}`, other: `{"dialect": "native", "scopes": []}`,
	},
	{
		name:   "a key's limits",
		method: "PATCH", status: http.StatusOK,
		prepare: func(t *testing.T, s *dialecttest.Service) string {
			return "/keys/" + text(send(t, s, demo, "POST", "/keys", `{"dialect": "native"}`, http.StatusCreated), "id")
		},
		body: `{"ceilings": [{"currency": "CNY", "max_day": 5}]}`, other: `{"ceilings": []}`,
	},
	{
		name:   "a key's end",
		method: "DELETE", status: http.StatusOK,
		prepare: func(t *testing.T, s *dialecttest.Service) string {
			return "/keys/" + text(send(t, s, demo, "POST", "/keys", `{"dialect": "native"}`, http.StatusCreated), "id")
		},
	},
	{
		name:   "a user",
		method: "POST", prepare: at("/users"), status: http.StatusCreated,
		body: `{"email": "once@example.com", "roles": ["viewer"]}`, other: `{"email": "once@example.com", "roles": ["support"]}`,
	},
	{
		name:   "a user's roles",
		method: "PATCH", prepare: aUser("roles", ""), status: http.StatusOK, body: `{"roles": ["support"]}`, other: `{"roles": ["viewer"]}`,
	},
	{name: "a user's password", method: "POST", prepare: aUser("password", "/password"), status: http.StatusOK},
	{name: "a user's pause", method: "POST", prepare: aUser("disable", "/disable"), status: http.StatusOK},
	{name: "a user's return", method: "POST", prepare: aUser("enable", "/enable"), status: http.StatusOK},
	{name: "a user's sessions' end", method: "POST", prepare: aUser("out", "/sign_out"), status: http.StatusOK},
	{name: "a user's second factor's end", method: "POST", prepare: aUser("totp", "/reset_totp"), status: http.StatusOK},
	{
		name: "a user's list", method: "POST", prepare: aUser("views", "/views"), status: http.StatusOK,
		body: `{"name": "open", "query": "state=pending"}`, other: `{"name": "open", "query": "state=failed"}`,
	},
	{name: "a user's list's end", method: "DELETE", prepare: aUser("drops", "/views/open"), status: http.StatusOK},
	{name: "a user's end", method: "DELETE", prepare: aUser("end", ""), status: http.StatusOK},
	{
		name:   "the sandbox's clock",
		method: "POST", prepare: at("/sandbox/clock"), status: http.StatusOK,
		body: `{"advance_seconds": 5}`, other: `{"advance_seconds": 6}`,
	},
	{
		name:   "funds",
		method: "POST", prepare: at("/sandbox/funds"), status: http.StatusOK,
		body: `{"amount": 1, "currency": "CNY"}`, other: `{"amount": 2, "currency": "CNY"}`,
	},
	{name: "a reset", method: "POST", prepare: at("/sandbox/reset"), status: http.StatusOK},
}

// aUser makes a user of a name; path is behind their address.
func aUser(name, path string) func(*testing.T, *dialecttest.Service) string {
	return func(t *testing.T, s *dialecttest.Service) string {
		body := fmt.Sprintf(`{"email": "%s-%d@example.com", "roles": ["viewer"]}`, name, time.Now().UnixNano())
		return "/users/" + text(send(t, s, demo, "POST", "/users", body, http.StatusCreated), "id") + path
	}
}

func withLoopback(o *service.Options) {
	o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// Each write takes effect once for its key, a repeat is answered from it, and
// the key with anything else changes nothing.
func TestAWriteIsDoneOnceForItsKey(t *testing.T) {
	s := dialecttest.Start(t, withLoopback)
	charge := paid(t, s, 100)
	for _, w := range keyedWrites {
		t.Run(w.name, func(t *testing.T) {
			key := []string{"Idempotency-Key", "once " + w.name}
			key[1] = strings.ReplaceAll(key[1], " ", "-")
			path := w.prepare(t, s)
			var first string
			for deadline := time.Now().Add(awaitTime); ; { // while the channel is being called, it is refused
				r := dialecttest.Request(t, w.method, s.URL+base+path, w.body, append(key, "Authorization", "Bearer "+demo)...)
				response, answer := dialecttest.Do(t, r)
				if first = answer; response.StatusCode == w.status {
					break
				}
				if response.StatusCode != http.StatusConflict || text(answer, "kind") != "state_conflict" || time.Now().After(deadline) {
					t.Fatalf("answered %d %s", response.StatusCode, answer)
				}
			}
			if w.end != nil {
				w.end(t, s, path)
			}
			s.Unchanged(t, func() {
				again := send(t, s, demo, w.method, path, " "+w.body, http.StatusOK, key...)
				if w.moves && text(again, "id") != text(first, "id") || !w.moves && again != first {
					t.Errorf("the repeat is answered %s, the first was %s", again, first)
				}
				taken := func(method, path, body string) {
					t.Helper()
					if answer := send(t, s, demo, method, path, body, http.StatusConflict, key...); text(answer, "kind") != "key_conflict" {
						t.Errorf("answered %s", answer)
					}
				}
				if w.other != "" {
					taken(w.method, path, w.other)
				}
				taken("POST", "/endpoints", fmt.Sprintf(keyedEndpoint, 99))
				taken("POST", "/refunds/re_0/cancel", "")
				taken("POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 1}`, charge))
				taken("POST", "/charges/batch", `{}`)
			})
		})
	}
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("%v, %v", findings, err)
	}
}

// A key of a refund is taken for every other write.
func TestARefundsKeyIsNoOtherWrites(t *testing.T) {
	s := dialecttest.Start(t)
	made := send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 10}`, paid(t, s, 100)), http.StatusCreated, "Idempotency-Key", "refund")
	await(t, s, demo, text(made, "id"), refund.Succeeded)
	s.Unchanged(t, func() {
		for _, body := range []string{`{"dialect": "native"}`, ""} {
			path := "/keys"
			if body == "" {
				path = "/sandbox/reset"
			}
			if answer := send(t, s, demo, "POST", path, body, http.StatusConflict, "Idempotency-Key", "refund"); text(answer, "kind") != "key_conflict" {
				t.Errorf("%s answered %s", path, answer)
			}
		}
	})
}

// delivered makes an endpoint and a refund that it was told of, and gives the
// address of the delivery's replay.
func delivered(t *testing.T, s *dialecttest.Service) string {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "native"}`, receiver.URL), http.StatusCreated)
	asked(10, refund.Succeeded, "/refunds/{}")(t, s)
	for deadline := time.Now().Add(awaitTime); ; {
		list := send(t, s, demo, "GET", "/deliveries?state=delivered", "", http.StatusOK)
		if _, after, ok := strings.Cut(list, `"id":"`); ok {
			id, _, _ := strings.Cut(after, `"`)
			return "/deliveries/" + id + "/replay"
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing was delivered: %s", list)
		}
	}
}

// A replay is a delivery of its own, made once for its key.
func TestAReplayIsDoneOnceForItsKey(t *testing.T) {
	s := dialecttest.Start(t, withLoopback)
	var calls atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	endpoint := text(send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "native"}`, receiver.URL), http.StatusCreated), "id")
	made := send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 10}`, paid(t, s, 100)), http.StatusCreated)
	await(t, s, demo, text(made, "id"), refund.Succeeded)
	delivered := func(n int) string {
		for deadline := time.Now().Add(awaitTime); ; {
			list := send(t, s, demo, "GET", "/deliveries", "", http.StatusOK)
			if strings.Count(list, `"state":"delivered"`) == n {
				return list
			}
			if time.Now().After(deadline) {
				t.Fatalf("not %d were delivered: %s", n, list)
			}
		}
	}
	path := "/deliveries/" + strings.Split(strings.Split(delivered(1), `"id":"`)[1], `"`)[0] + "/replay"
	first := send(t, s, demo, "POST", path, "", http.StatusCreated, "Idempotency-Key", "replay")
	delivered(2)
	s.Unchanged(t, func() {
		if again := send(t, s, demo, "POST", path, "{}", http.StatusOK, "Idempotency-Key", "replay"); text(again, "id") != text(first, "id") {
			t.Errorf("answered %s, first %s", again, first)
		}
	})
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
	// Out of use: refused, and the key stays free.
	send(t, s, demo, "DELETE", "/endpoints/"+endpoint, "", http.StatusOK)
	send(t, s, demo, "POST", path, "", http.StatusConflict, "Idempotency-Key", "late")
	if _, known, err := s.Store.KeptWrite(t.Context(), merchant.DemoID, "late"); known || err != nil {
		t.Errorf("a refused request used up its key: %v", err)
	}
}

// Of requests at the same moment one makes a key, and all are told it.
func TestManyRequestsWithOneKeyMakeOneThing(t *testing.T) {
	s := dialecttest.Start(t)
	const many = 12
	answers := make([]string, many)
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			r := dialecttest.Request(t, "POST", s.URL+base+"/keys", `{"dialect": "native"}`, "Authorization", "Bearer "+demo, "Idempotency-Key", "crowd")
			response, answer := dialecttest.Do(t, r)
			if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusOK {
				t.Errorf("answered %d %s", response.StatusCode, answer)
			}
			answers[n] = answer
		})
	}
	all.Wait()
	for _, answer := range answers {
		if answer != answers[0] || text(answer, "secret") == "" {
			t.Errorf("answered %s and %s", answers[0], answer)
		}
	}
	if got := strings.Count(send(t, s, demo, "GET", "/keys", "", 200), `"dialect":"native"`); got != 2 {
		t.Errorf("%d keys", got)
	}
}

// A refused write uses up no key, also where the refusal comes late.
func TestARefusedWriteUsesUpNoKey(t *testing.T) {
	s := dialecttest.Start(t)
	key := []string{"Idempotency-Key", "refused"}
	path := asked(10, refund.Succeeded, "/refunds/{}")(t, s)
	s.Unchanged(t, func() {
		send(t, s, demo, "POST", path+"/cancel", "", http.StatusConflict, key...)
		send(t, s, demo, "POST", "/sandbox"+path+"/settle", `{"state": "failed"}`, http.StatusConflict, key...)
		send(t, s, demo, "POST", "/charges", `{"order_no": "X", "amount": 0, "currency": "CNY", "channel": "wx"}`, http.StatusBadRequest, key...)
		send(t, s, demo, "POST", "/charges", `{"order_no": "X", "amount": 1, "currency": "CNY", "channel": "wx",
			"identities": {"pingpp": {"charge": "ch_L8qn10mLmr1GS8e5OODmHaL4"}}}`, http.StatusConflict, key...)
		send(t, s, demo, "DELETE", "/keys/key_none", "", http.StatusNotFound, key...)
		send(t, s, demo, "POST", "/keys", `{`, http.StatusBadRequest, key...)
	})
	send(t, s, demo, "POST", "/keys", `{"dialect": "native"}`, http.StatusCreated, key...)
}

// A secret that was told once is told to repeats for a day; what it belongs to
// is answered after that too.
func TestASecretIsToldToRepeatsForADay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "day.db")
	s := dialecttest.Start(t, func(o *service.Options) { o.Database = "sqlite:" + file })
	ask := func(status int) string {
		t.Helper()
		return send(t, s, demo, "POST", "/keys", `{"dialect": "native"}`, status, "Idempotency-Key", "day")
	}
	first := ask(http.StatusCreated)
	if again := ask(http.StatusOK); again != first {
		t.Errorf("answered %s, first %s", again, first)
	}
	age := fmt.Sprintf(`UPDATE refund_numbers SET created_at = created_at - %d WHERE value = 'day'`, refund.WriteSecretLife.Microseconds())
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), age); err != nil {
		t.Fatal(err)
	}
	again := ask(http.StatusOK)
	if text(again, "id") != text(first, "id") || strings.Contains(again, "secret") {
		t.Errorf("answered %s", again)
	}
}

// A batch is not one commit: its key says what it is before the first, and the
// same once more goes on where it broke off.
func TestABatchWithAKeyIsTheSameBatch(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	s := dialecttest.Start(t)
	line := func(n int) string {
		return fmt.Sprintf(`{"order_no": "ONCE-B%d", "amount": 100, "currency": "CNY", "channel": "wx"}`, n) + "\n"
	}
	ask := func(body string, status int) string {
		t.Helper()
		return send(t, s, demo, "POST", "/charges/batch", body, status, "Idempotency-Key", "batch")
	}
	whole := line(1) + line(2)
	// As if the process had ended right behind the record: no line is there yet.
	err := s.Store.KeepWrite(t.Context(), &refund.Write{
		MerchantID: merchant.DemoID, Key: "batch", Call: "native POST /charges/batch", Content: fmt.Sprintf("%x", sha256.Sum256([]byte(whole))),
	})
	if err != nil {
		t.Fatal(err)
	}
	first := ask(whole, http.StatusOK)
	if strings.Count(first, `"status":201`) != 2 {
		t.Errorf("answered %s", first)
	}
	s.Unchanged(t, func() {
		again := ask(whole, http.StatusOK)
		if again != strings.ReplaceAll(first, `"status":201`, `"status":200`) || again == first {
			t.Errorf("answered %s, first %s", again, first)
		}
		for _, other := range []string{line(1), line(2) + line(1), whole + line(3), whole + "\n"} {
			if answer := ask(other, http.StatusConflict); text(answer, "kind") != "key_conflict" {
				t.Errorf("answered %s", answer)
			}
		}
		// One that is too large is refused as a whole, and uses up no key.
		answer := send(t, s, demo, "POST", "/charges/batch", line(4)+strings.Repeat(" ", 64<<20), http.StatusRequestEntityTooLarge, "Idempotency-Key", "large")
		if text(answer, "kind") != "too_large" {
			t.Errorf("answered %s", answer)
		}
	})
	if left, err := filepath.Glob(filepath.Join(temporary, "*")); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// Replicas share keys: what one process did, another answers.
func TestReplicasShareKeys(t *testing.T) {
	database, data := storetest.Postgres(t), t.TempDir()
	replica := func(o *service.Options) { o.Database, o.Data = database, data }
	one, two := dialecttest.Start(t, replica), dialecttest.Start(t, replica)
	made := send(t, one, demo, "POST", "/keys", `{"dialect": "native"}`, http.StatusCreated, "Idempotency-Key", "replicas")
	if again := send(t, two, demo, "POST", "/keys", `{"dialect": "native"}`, http.StatusOK, "Idempotency-Key", "replicas"); again != made {
		t.Errorf("answered %s, first %s", again, made)
	}
	send(t, two, demo, "POST", "/sandbox/clock", `{"advance_seconds": 1}`, http.StatusConflict, "Idempotency-Key", "replicas")
	if findings, err := service.Verify(context.Background(), one.Store); err != nil || len(findings) > 0 {
		t.Errorf("%v, %v", findings, err)
	}
}
