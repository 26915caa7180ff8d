package native_test

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/openapi"
	"github.com/refundry/refundry/openapi/openapitest"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
)

// demo is the demo merchant's native key.
const demo = "rk_test_demo"

// documented is the charge of the published interface, with everything that a
// charge may have.
const documented = `{"order_no": "T1", "amount": 1000, "currency": "CNY", "channel": "wx", "paid_at": "2026-11-22T18:00:00+08:00", "transaction_id": "4200000000000000000000000042", "fee": 6,
 "already_refunded": 0, "received_account": "支付用户零钱", "funds_account": "BASIC", "profit_sharing": "waiting", "notify_url": "", "client_ip": "203.0.113.7", "subject": "s", "body": "b", "description": "d",
 "coupons": [{"id": "109519", "scope": "SINGLE", "type": "CASH", "amount": 100, "goods": [{"merchant_goods_id": "g1", "quantity": 2, "discount": 100}]},
             {"id": "109520", "scope": "GLOBAL", "type": "NOCASH", "amount": 50}],
 "goods": [{"merchant_goods_id": "g1", "goods_name": "n", "unit_price": 500, "quantity": 2}],
 "splits": [{"account": "2088000000000001", "amount": 100, "desc": ""}],
 "identities": {"pingpp": {"app": "app_1Gqj58ynP0mHeX1q", "charge": "ch_native", "order": "o1"}, "wallet": {"wallet_id": "wallet_demo", "charges_id": "native"},
                "wechatpay": {"mchid": "1900009191", "sub_mchid": "", "out_trade_no": "native1"}, "payin": {"merchant_id": "M948164", "order_id": "M948164T1"}}}`

// TestConversations plays every call of the contract against the real service,
// on both engines, which must say the same.
func TestConversations(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { converse(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { converse(t, storetest.Postgres(t)) })
}

func converse(t *testing.T, database string) {
	s := dialecttest.Start(t, func(o *service.Options) {
		o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Database = cmp.Or(database, o.Database)
	})
	contract := openapitest.Load(t, openapi.Native())
	play := func(name string, steps []dialecttest.Step) {
		t.Run(name, func(t *testing.T) {
			for n := range steps {
				steps[n].Path = base + steps[n].Path
				steps[n].Header = append([]string{"Authorization", "Bearer " + demo}, steps[n].Header...)
			}
			dialecttest.Transcript{
				Name: name, URL: s.URL, Rules: rules(), Steps: steps,
				Check: func(t testing.TB, r *http.Request, body string, answer *http.Response, text string) {
					contract.Check(t, r, body, answer.StatusCode, answer.Header, text)
				},
				Headers: []string{"Content-Type", "Content-Disposition", "Location"},
			}.Run(t)
		})
	}
	play("charges", chargeSteps())
	play("refunds", refundSteps())
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer receiver.Close()
	play("endpoints", endpointSteps(receiver.URL))
	play("events", eventSteps())
	play("merchant", merchantSteps())
	play("accounts", accountSteps())
	play("sandbox", sandboxSteps())
	play("approvals", approvalSteps(keyOf(t, s, merchant.ScopeRefund, merchant.ScopeApprove)))
	keepNotices(t, s)
	play("notices", noticeSteps())
	play("audit", auditSteps())
	play("bulk", bulkSteps(keyOf(t, s, merchant.ScopeRead, merchant.ScopeRefund)))
	play("reset", resetSteps())
	unseen := strings.Join(contract.Unseen(), " ")
	// Its answer is longer than a transcript should be, and has its own test.
	if unseen != "getContract getReconciliation" {
		t.Errorf("the transcripts lack: %s", unseen)
	}
}

func chargeSteps() []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "how the refunds are", Method: "GET", Path: "/overview?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z"},
		{Title: "how much waits for a person", Method: "GET", Path: "/queues"},
		{Title: "a charge with everything it may have", Method: "POST", Path: "/charges", Body: documented, Keep: map[string]string{"ch": "id"}},
		{Title: "the same charge again", Method: "POST", Path: "/charges", Body: documented},
		{Title: "the same transaction with another amount", Method: "POST", Path: "/charges", Body: strings.Replace(documented, `"amount": 1000`, `"amount": 1001`, 1)},
		{
			Title: "a charge with what it must have; each dialect makes up its name", Method: "POST", Path: "/charges",
			Body: `{"order_no": "T2", "amount": 5000, "currency": "KWD", "channel": "mastercard"}`,
		},
		{
			Title: "the same order again, without a transaction id, is the same charge", Method: "POST", Path: "/charges",
			Body: `{"order_no": "T2", "amount": 5000, "currency": "KWD", "channel": "mastercard"}`,
		},
		{
			Title: "an unknown fee is left out, 0 is shown, and the app may be named without a charge", Method: "POST", Path: "/charges",
			Body: `{"order_no": "T3", "amount": 100, "currency": "CNY", "channel": "alipay", "fee": 0, "already_refunded": 40, "identities": {"pingpp": {"app": "app_1Gqj58ynP0mHeX1q", "order": "o3"}, "wechatpay": {"mchid": "1900000100", "sub_mchid": "1900000109"}}}`,
		},
		{Title: "by its id", Method: "GET", Path: "/charges/{ch}"},
		{Title: "by another dialect's name", Method: "GET", Path: "/charges/M948164T1"},
		{Title: "by the order number", Method: "GET", Path: "/charges?order_no=T1"},
		{Title: "what it says of a person is masked", Method: "POST", Path: "/charges/T3/mask"},
		{Title: "so is a customer who has nothing", Method: "POST", Path: "/customers/mask", Body: `{"customer": "nobody"}`},
		{Title: "charges as a file", Method: "GET", Path: "/charges.csv?order_no=T1&created_from=2026-01-01&amount_max=1000"},
		{Title: "a page", Method: "GET", Path: "/charges?limit=1", Keep: map[string]string{"next": "next"}},
		{Title: "the next page", Method: "GET", Path: "/charges?limit=1&cursor={next}"},
		{Title: "an order that is not there", Method: "GET", Path: "/charges?order_no=none"},
		{
			Title: "three lines, one of them bad", Method: "POST", Path: "/charges/batch",
			Body: `{"order_no": "L1", "amount": 100, "currency": "CNY", "channel": "wx"}` + "\n\n" +
				`{"order_no": "L2", "amount": "100", "currency": "CNY", "channel": "wx"}` + "\n" + strings.ReplaceAll(documented, "\n", "") + "\n",
		},
	}
}

func refundSteps() []dialecttest.Step {
	const body = `{"charge": "ch_native", "amount": 300, "reason": "returned", "number": "R-1"}`
	return []dialecttest.Step{
		{Title: "what a refund would give back", Method: "POST", Path: "/quotes", Body: body},
		{Title: "what it would give back with its goods", Method: "POST", Path: "/quotes", Body: `{"charge": "ch_native", "amount": 500, "goods": [{"merchant_goods_id": "g1", "quantity": 1}]}`},
		{Title: "what the rest would be", Method: "POST", Path: "/quotes", Body: `{"charge": "ch_native"}`},
		{Title: "the rule that would stop it", Method: "POST", Path: "/quotes", Body: `{"charge": "ch_native", "amount": 1001}`},
		{Title: "a refund that is not as it was quoted", Method: "POST", Path: "/refunds", Body: `{"charge": "ch_native", "amount": 300, "quote": "0123456789abcdef0123456789abcdef"}`},
		{
			Title: "a refund that waits for the channel's word", Method: "POST", Path: "/refunds", Body: body,
			Header: []string{"Prefer", "wait=10", "Idempotency-Key", "key-1"}, Keep: map[string]string{"re": "id"},
		},
		{Title: "the same number and content, by another of the charge's names, without the key", Method: "POST", Path: "/refunds", Body: strings.Replace(body, "ch_native", "native1", 1)},
		{Title: "the same number with another amount", Method: "POST", Path: "/refunds", Body: strings.Replace(body, "300", "301", 1)},
		{
			Title: "goods that come back", Method: "POST", Path: "/refunds", Header: []string{"Prefer", "wait=10"},
			Body: `{"charge": "ch_native", "amount": 300, "goods": [{"merchant_goods_id": "g1", "quantity": 1}]}`,
		},
		{Title: "a refund that the channel refuses", Method: "POST", Path: "/refunds", Body: `{"charge": "ch_native", "amount": 51}`, Header: []string{"Prefer", "wait=10"}},
		{Title: "the refund with its attempts and transfers", Method: "GET", Path: "/refunds/{re}"},
		{Title: "everything that happened to it", Method: "GET", Path: "/refunds/{re}/trace"},
		{Title: "refunds by number", Method: "GET", Path: "/refunds?number=R-1"},
		{Title: "refunds as a file", Method: "GET", Path: "/refunds.csv?number=R-1&state=pending,succeeded&created_from=2026-01-01"},
		{Title: "refunds of a charge in a state", Method: "GET", Path: "/refunds?charge=native1&state=failed&created_from=2020-01-01T00:00:00Z&created_to=2200-01-01T00:00:00Z"},
		{Title: "a refund by its number in Payin's dialect", Method: "GET", Path: "/refunds?q=M948164T1_R1"},
		{Title: "a number that nobody holds", Method: "GET", Path: "/refunds?q=none"},
		{Title: "a refund at its end is not tried again", Method: "POST", Path: "/refunds/{re}/retry"},
		{Title: "refunds of a charge that is not there", Method: "GET", Path: "/refunds?charge=none"},
		{Title: "a page of refunds", Method: "GET", Path: "/refunds?limit=1", Keep: map[string]string{"next": "next"}},
		{Title: "the last page", Method: "GET", Path: "/refunds?limit=2&cursor={next}"},
		{Title: "the charge afterwards", Method: "GET", Path: "/charges/ch_native"},
	}
}

func endpointSteps(receiver string) []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "an address for all that the native dialect promises", Method: "POST", Path: "/endpoints", Body: `{"url": "http://127.0.0.1:9/hook", "dialect": "native"}`, Keep: map[string]string{"ep": "id"}},
		{Title: "the same again", Method: "POST", Path: "/endpoints", Body: `{"url": "http://127.0.0.1:9/hook", "dialect": "native", "events": []}`},
		{Title: "the same address for other events", Method: "POST", Path: "/endpoints", Body: `{"url": "http://127.0.0.1:9/hook", "dialect": "native", "events": ["refund.held"]}`},
		{
			Title: "an address for two events of Ping++", Method: "POST", Path: "/endpoints",
			Body: `{"url": "http://127.0.0.1:9/pingpp", "dialect": "pingpp", "events": ["refund.succeeded", "refund.failed"]}`,
		},
		{Title: "an address in WeChat's dialect", Method: "POST", Path: "/endpoints", Body: `{"url": "http://127.0.0.1:9/wx", "dialect": "wechatpay", "identity": "1900009191"}`},
		{Title: "an address in the wallet's dialect", Method: "POST", Path: "/endpoints", Body: `{"url": "http://127.0.0.1:9/wallet", "dialect": "wallet"}`},
		{Title: "all of them", Method: "GET", Path: "/endpoints"},
		{Title: "a new secret beside the old one", Method: "POST", Path: "/endpoints/{ep}/rotate", Body: `{"overlap_seconds": 3600}`},
		{Title: "a test event for an endpoint that is not there", Method: "POST", Path: "/endpoints/ep_none/test"},
		{Title: "one of them", Method: "GET", Path: "/endpoints/{ep}"},
		{Title: "", Method: "POST", Path: "/charges", Body: `{"order_no": "E1", "amount": 100, "currency": "CNY", "channel": "wx"}`, Keep: map[string]string{"ch": "id"}, Quiet: true},
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 10}`, Header: []string{"Prefer", "wait=10"}, Quiet: true},
		{Title: "", Method: "GET", Path: "/deliveries?endpoint={ep}", Until: `"status":null`, Keep: map[string]string{"delivery": "data.0.id"}, Quiet: true},
		{Title: "what is on its way is not sent twice", Method: "POST", Path: "/deliveries/{delivery}/replay"},
		{Title: "it is out of use, and what was on its way is dead", Method: "DELETE", Path: "/endpoints/{ep}"},
		{Title: "what was told to it", Method: "GET", Path: "/deliveries?endpoint={ep}&state=dead"},
		{Title: "it is not told again", Method: "POST", Path: "/deliveries/{delivery}/replay"},
		{Title: "an address that listens", Method: "POST", Path: "/endpoints", Body: `{"url": "` + receiver + `", "dialect": "native"}`, Keep: map[string]string{"ep": "id"}},
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 10}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"told": "id"}, Quiet: true},
		{Title: "", Method: "GET", Path: "/deliveries?endpoint={ep}", Until: `"state":"delivered"`, Keep: map[string]string{"delivery": "data.0.id"}, Quiet: true},
		{Title: "an event of a try is sent to it", Method: "POST", Path: "/endpoints/{ep}/test"},
		{Title: "what was sent about a refund is sent once more", Method: "POST", Path: "/refunds/{told}/replay"},
		{Title: "several are sent once more, as far as they can be", Method: "POST", Path: "/deliveries/replay", Body: `{"deliveries": ["none", "none"]}`},
		{Title: "nothing was given up", Method: "GET", Path: "/queues/deliveries"},
		{Title: "what it took is sent once more", Method: "POST", Path: "/deliveries/{delivery}/replay"},
	}
}

func eventSteps() []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "the fan-out has numbered the events of before", Method: "GET", Path: "/events?limit=100", Until: `"state":"failed"`, Quiet: true},
		{Title: "the feed from its beginning", Method: "GET", Path: "/events?limit=2", Keep: map[string]string{"next": "next", "evt": "data.0.id"}},
		{Title: "what came next", Method: "GET", Path: "/events?limit=1&after={next}"},
		{Title: "one event", Method: "GET", Path: "/events/{evt}"},
	}
}

func merchantSteps() []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "who calls", Method: "GET", Path: "/merchant"},
		{Title: "what the named accounts hold", Method: "GET", Path: "/balances"},
		{Title: "nothing is sent through one kind of channel", Method: "POST", Path: "/merchant/pause", Body: `{"channel": "manual", "reason": "the bank asked"}`},
		{Title: "nothing is sent at all", Method: "POST", Path: "/merchant/pause", Body: `{}`},
		{Title: "a channel that there is not can't be paused", Method: "POST", Path: "/merchant/pause", Body: `{"channel": "paypal"}`},
		{Title: "what waited is sent", Method: "POST", Path: "/merchant/resume", Body: `{}`},
		{Title: "through the other channel, too", Method: "POST", Path: "/merchant/resume", Body: `{"channel": "manual"}`},
		{Title: "settings change, and the others stay", Method: "PATCH", Path: "/merchant/settings", Body: `{"wait_seconds": {"native": 0, "payin": 1}, "refund_page_size": 50, "limits": {"most_amount": 100000}}`},
		{Title: "signatures are checked with a key alone", Method: "PATCH", Path: "/merchant/settings", Body: `{"check_signatures": true}`},
		{Title: "an identity's settings change", Method: "PATCH", Path: "/identities/payin/M948164", Body: `{"settings": {"three_decimals": "true", "client_id": "c1"}}`},
		{Title: "a setting is taken back", Method: "PATCH", Path: "/identities/payin/M948164", Body: `{"settings": {"three_decimals": ""}}`},
		{Title: "a setting of another dialect", Method: "PATCH", Path: "/identities/payin/M948164", Body: `{"settings": {"wallet.reply": "bare"}}`},
		{Title: "an identity of nobody", Method: "PATCH", Path: "/identities/payin/M000000", Body: `{"settings": {}}`},
		{Title: "an identity's secret changes", Method: "PATCH", Path: "/identities/payin/M948164", Body: `{"secrets": {"secret": "another-payin-secret"}}`},
		{Title: "what each dialect has settings for", Method: "GET", Path: "/dialects"},
		{Title: "a key that only reads", Method: "POST", Path: "/keys", Body: `{"dialect": "native", "scopes": ["read"], "expires_at": "2199-01-01T00:00:00Z"}`, Keep: map[string]string{"key": "id"}},
		{Title: "a key for Ping++", Method: "POST", Path: "/keys", Body: `{"dialect": "pingpp"}`},
		{Title: "all keys", Method: "GET", Path: "/keys"},
		{Title: "a key with limits", Method: "POST", Path: "/keys", Body: `{"dialect": "native", "allow_ips": ["192.0.2.0/24", "2001:db8::1"], "ceilings": [{"currency": "CNY", "max_refund": 10000, "max_day": 50000}]}`, Keep: map[string]string{"bounded": "id"}},
		{Title: "a key's limits change", Method: "PATCH", Path: "/keys/{bounded}", Body: `{"allow_ips": [], "ceilings": [{"currency": "CNY", "max_day": 20000}, {"currency": "KWD", "max_refund": 1000}], "expires_at": "2199-01-01T00:00:00Z"}`},
		{Title: "a key without limits again", Method: "PATCH", Path: "/keys/{bounded}", Body: `{"ceilings": [], "expires_at": null, "scopes": ["read"]}`},
		{Title: "a key can't change itself", Method: "PATCH", Path: "/keys/key_demo_native", Body: `{"allow_ips": ["192.0.2.0/24"]}`},
		{Title: "its life ends", Method: "DELETE", Path: "/keys/{key}"},
		{Title: "a user of the console", Method: "POST", Path: "/users", Body: `{"email": "Ann@Example.com", "name": "Ann", "roles": ["support", "approver"]}`, Keep: map[string]string{"user": "id"}},
		{Title: "a user's address again", Method: "POST", Path: "/users", Body: `{"email": "ann@example.com", "roles": ["viewer"]}`},
		{Title: "a user with a password that is too short", Method: "POST", Path: "/users", Body: `{"email": "bob@example.com", "roles": ["viewer"], "password": "short"}`},
		{Title: "a user without a role", Method: "POST", Path: "/users", Body: `{"email": "bob@example.com", "roles": []}`},
		{Title: "a list is kept for the user", Method: "POST", Path: "/users/{user}/views", Body: `{"name": "failed 失败", "query": "state=failed&q="}`},
		{Title: "the lists of the user", Method: "GET", Path: "/users/{user}/views"},
		{Title: "a list that can't be read", Method: "POST", Path: "/users/{user}/views", Body: `{"name": "bad", "query": "state=%zz"}`},
		{Title: "a list is forgotten", Method: "DELETE", Path: "/users/{user}/views/failed%20%E5%A4%B1%E8%B4%A5"},
		{Title: "lists of a user of nobody", Method: "GET", Path: "/users/usr_none/views"},
		{Title: "a user gets another role", Method: "PATCH", Path: "/users/{user}", Body: `{"roles": ["viewer"]}`},
		{Title: "a user's sessions end", Method: "POST", Path: "/users/{user}/sign_out"},
		{Title: "a user's second factor ends", Method: "POST", Path: "/users/{user}/reset_totp"},
		{Title: "a user gets another password", Method: "POST", Path: "/users/{user}/password"},
		{Title: "a user may not sign in", Method: "POST", Path: "/users/{user}/disable"},
		{Title: "a user may sign in again", Method: "POST", Path: "/users/{user}/enable"},
		{Title: "one user", Method: "GET", Path: "/users/{user}"},
		{Title: "all users of the merchant", Method: "GET", Path: "/users"},
		{Title: "a user is removed", Method: "DELETE", Path: "/users/{user}"},
		{Title: "a user who is not there", Method: "GET", Path: "/users/usr_0"},
		{Title: "a key can't end its own life", Method: "DELETE", Path: "/keys/key_demo_native"},
		{Title: "one more app", Method: "POST", Path: "/identities", Body: `{"dialect": "pingpp", "settings": {"app": "app_0123456789abcdef"}, "secrets": {"key": "sk_test_abcdefghijklmnopqrstuvwx"}}`},
		{Title: "an app that the merchant has already", Method: "POST", Path: "/identities", Body: `{"dialect": "pingpp", "settings": {"app": "app_0123456789abcdef"}}`},
	}
}

func accountSteps() []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "what an account may be of", Method: "GET", Path: "/channels"},
		{Title: "an account for what is paid at the counter", Method: "POST", Path: "/accounts", Body: `{"channel": "manual", "takes": ["cash"]}`, Keep: map[string]string{"acc": "id"}},
		{Title: "a channel that there is not", Method: "POST", Path: "/accounts", Body: `{"channel": "paypal"}`},
		{Title: "a setting that the channel has not", Method: "POST", Path: "/accounts", Body: `{"channel": "manual", "settings": {"mchid": "1900009191"}}`},
		{Title: "a list that takes nothing", Method: "POST", Path: "/accounts", Body: `{"channel": "manual", "takes": []}`},
		{Title: "all accounts", Method: "GET", Path: "/accounts"},
		{Title: "it takes another channel, too", Method: "PATCH", Path: "/accounts/{acc}", Body: `{"takes": ["cash", "cheque"], "default": true}`},
		{Title: "a rotation without anything new", Method: "POST", Path: "/accounts/{acc}/rotate", Body: `{"overlap_seconds": 3600}`},
		{Title: "new credentials beside the old ones", Method: "POST", Path: "/accounts/sandbox_demo/rotate", Body: `{"secrets": {"chinaums_communication_key": "k2"}, "overlap_seconds": 3600}`},
		{Title: "a secret in a place for settings", Method: "PATCH", Path: "/accounts/sandbox_demo", Body: `{"settings": {"chinaums_communication_key": "k3"}}`},
		{Title: "what is wrong with it", Method: "POST", Path: "/accounts/{acc}/check"},
		{Title: "there is no bill of what was done by hand", Method: "POST", Path: "/accounts/{acc}/reconcile", Body: `{"date": "2026-11-22"}`},
		{Title: "the sandbox's bill of a day without refunds", Method: "POST", Path: "/accounts/sandbox_demo/reconcile", Body: `{"date": "2026-01-22"}`},
		{Title: "nobody can be asked what was done by hand", Method: "POST", Path: "/accounts/{acc}/check", Body: `{"since": "2026-11-22T10:00:00Z"}`},
		{Title: "it accepts, and sends nothing", Method: "POST", Path: "/accounts/{acc}/pause"},
		{Title: "a charge of its own", Method: "POST", Path: "/charges", Body: `{"order_no": "A1", "amount": 100, "currency": "CNY", "channel": "cash", "transaction_id": "receipt-1"}`, Keep: map[string]string{"ch": "id"}},
		{Title: "it sends again", Method: "POST", Path: "/accounts/{acc}/resume"},
		{Title: "no more refunds are accepted", Method: "POST", Path: "/accounts/{acc}/close"},
		{Title: "a refund after its end", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 10}`},
		{Title: "its state", Method: "GET", Path: "/accounts/{acc}"},
		{Title: "an account of nobody", Method: "GET", Path: "/accounts/manual_0000000000000000"},
	}
}

func sandboxSteps() []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "", Method: "POST", Path: "/charges", Body: `{"order_no": "S1", "amount": 10000, "currency": "CNY", "channel": "wx"}`, Keep: map[string]string{"ch": "id"}, Quiet: true},
		{Title: "a refund without funds is held", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 55}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"held": "id"}},
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 155}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"canceled": "id"}, Quiet: true},
		{Title: "one that was tried and is held is withdrawn once the channel does not know it", Method: "POST", Path: "/refunds/{canceled}/cancel"},
		{Title: "", Method: "GET", Path: "/refunds/{canceled}", Until: `"state":"canceled"`, Quiet: true},
		{Title: "it is withdrawn", Method: "POST", Path: "/refunds/{canceled}/cancel"},
		{Title: "what waits for funds, and how much is needed", Method: "GET", Path: "/queues/funds"},
		{Title: "a queue that there is not", Method: "GET", Path: "/queues/others"},
		{Title: "there is nothing to ask the channel about", Method: "POST", Path: "/refunds/{held}/ask", Until: "nothing of the refund"},
		{Title: "the funds are back", Method: "POST", Path: "/accounts/sandbox_demo/retry", Until: `"retried":1`},
		{Title: "a held refund is tried again", Method: "POST", Path: "/refunds/{held}/retry", Until: `"state":"held"`},
		{Title: "funds are added", Method: "POST", Path: "/sandbox/funds", Body: `{"amount": 100000, "currency": "CNY"}`},
		{Title: "", Method: "GET", Path: "/refunds/{held}", Until: `"state":"succeeded"`, Quiet: true},
		{Title: "a refund that is pending", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 58}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"pending": "id"}},
		{Title: "the channel is asked now", Method: "POST", Path: "/refunds/{pending}/ask"},
		{Title: "it is settled at the sandbox", Method: "POST", Path: "/sandbox/refunds/{pending}/settle", Body: `{"state": "failed"}`},
		{Title: "", Method: "GET", Path: "/refunds/{pending}", Until: `"state":"failed"`, Quiet: true},
		{Title: "a bank statement says that the payer has the money after all, which needs a second person", Method: "POST", Path: "/refunds/{pending}/resolve", Body: `{"state": "succeeded", "proof": "statement 7, line 3"}`},
		{Title: "a refund that is abnormal", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 52}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"abnormal": "id"}},
		{Title: "it waits for a person", Method: "GET", Path: "/queues/abnormal"},
		{Title: "a card needs its number", Method: "POST", Path: "/refunds/{abnormal}/reroute", Body: `{"to": "card"}`},
		{Title: "it is rerouted", Method: "POST", Path: "/sandbox/refunds/{abnormal}/reroute", Body: `{}`},
		{Title: "", Method: "GET", Path: "/refunds/{abnormal}", Until: `"state":"succeeded"`, Quiet: true},
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 158}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"late": "id"}, Quiet: true},
		{Title: "the clock is moved", Method: "POST", Path: "/sandbox/clock", Body: `{"advance_seconds": 3600}`},
		{Title: "", Method: "GET", Path: "/refunds/{late}", Until: `"state":"succeeded"`, Quiet: true},
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 252}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"other": "id"}, Until: `"state":"abnormal"`, Quiet: true},
		{Title: "it is sent to the merchant's own account", Method: "POST", Path: "/refunds/{other}/reroute", Body: `{"to": "merchant"}`},
		{Title: "settling it after its end", Method: "POST", Path: "/sandbox/refunds/{late}/settle"},
	}
}

func auditSteps() []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "", Method: "GET", Path: "/audit?limit=100", Keep: map[string]string{"before": "next"}, Quiet: true},
		{Title: "", Method: "POST", Path: "/charges", Body: `{"order_no": "A1", "amount": 10000, "currency": "CNY", "channel": "wx"}`, Keep: map[string]string{"ch": "id"}, Quiet: true},
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 258}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"open": "id"}, Quiet: true},
		{Title: "a bank statement says that the payer has the money", Method: "POST", Path: "/refunds/{open}/resolve", Body: `{"state": "succeeded", "proof": "statement 7, line 3"}`, Until: `"state":"succeeded"`},
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "{ch}", "amount": 358}`, Header: []string{"Prefer", "wait=10"}, Keep: map[string]string{"second": "id"}, Quiet: true},
		{Title: "another says that they have not, by the former name", Method: "POST", Path: "/refunds/{second}/settle", Body: `{"state": "failed", "proof": "statement 8"}`, Until: `"state":"failed"`},
		{Title: "what has ended needs a second person", Method: "POST", Path: "/refunds/{second}/resolve", Body: `{"state": "succeeded", "proof": "statement 9"}`},
		{Title: "", Method: "POST", Path: "/sandbox/clock", Body: `{"advance_seconds": 3600}`, Quiet: true},
		{Title: "the channel says otherwise, and nobody has looked at that", Method: "GET", Path: "/alerts?limit=1", Until: ": corrected", Keep: map[string]string{"alert": "data.0.id"}},
		{Title: "somebody looks at it", Method: "POST", Path: "/alerts/{alert}/ack"},
		{Title: "what somebody has looked at", Method: "GET", Path: "/alerts?all=true&limit=1"},
		{Title: "who did what", Method: "GET", Path: "/audit?after={before}"},
		{Title: "what was done to keys", Method: "GET", Path: "/audit?action=key.&after={before}"},
		{Title: "nothing by that name", Method: "GET", Path: "/audit?actor=nobody&object=x&from=2026-01-01T00:00:00Z&to=2199-01-01T00:00:00Z"},
		{Title: "a file of nothing", Method: "GET", Path: "/audit.csv?actor=nobody"},
		{Title: "lines of nothing", Method: "GET", Path: "/audit.ndjson?actor=nobody"},
		{Title: "a time that is none", Method: "GET", Path: "/audit.csv?from=yesterday"},
		{Title: "a cursor of another list", Method: "GET", Path: "/audit?after=ZmVlZC4w"},
	}
}

// keepNotices has three notices in the inbox: of a refund that was made at the
// channel, of nothing that we know, and one that was refused.
func keepNotices(t *testing.T, s *dialecttest.Service) {
	t.Helper()
	amount := money.Minor(7)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	kept := refund.KeptNotice{
		Account: merchant.DemoAccount, Channel: merchant.ChannelSandbox, ReceivedAt: at, Digest: "one", Times: 2, Text: "refund 7 CNY", Note: "names neither a refund nor a charge of ours",
		State: refund.NoticeSetAside, Tries: 24, ChargeKnown: true, // the loop leaves it alone
		Noticed: refund.Noticed{
			Number: "made elsewhere", TransactionID: "4200000000202607010000000001", Currency: "CNY",
			Outcome: refund.Outcome{Kind: refund.OutcomeDone, ChannelRefundID: "5000", Amount: &amount, SucceededAt: at},
		},
	}
	unknown := kept
	unknown.Digest, unknown.ReceivedAt, unknown.Noticed.TransactionID, unknown.Noticed.Number = "other", at.Add(time.Second), "none", "of nothing"
	unknown.Noticed.Outcome.ChannelRefundID = "5001"
	for _, n := range []refund.KeptNotice{kept, unknown} {
		if err := s.Store.KeepNotice(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	refused := refund.KeptNotice{Account: merchant.DemoAccount, Channel: merchant.ChannelSandbox, ReceivedAt: at.Add(2 * time.Second), Text: "POST /notify/sandbox/sandbox_demo", Note: "not the channel's"}
	if err := s.Store.RefuseNotice(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
}

func noticeSteps() []dialecttest.Step {
	return []dialecttest.Step{
		{Title: "the inbox", Method: "GET", Path: "/notices", Keep: map[string]string{"refused": "data.0.id", "unknown": "data.1.id", "foreign": "data.2.id"}},
		{Title: "those that a person must place", Method: "GET", Path: "/notices?state=set_aside&limit=1"},
		{Title: "a state that there is not", Method: "GET", Path: "/notices?state=lost"},
		{Title: "a refund that was made at the channel is adopted", Method: "POST", Path: "/notices/{foreign}/retry"},
		{Title: "it is about that refund", Method: "GET", Path: "/notices/{foreign}"},
		{Title: "it needs no other try", Method: "POST", Path: "/notices/{foreign}/retry"},
		{Title: "what is about nothing stays where it is", Method: "POST", Path: "/notices/{unknown}/retry"},
		{Title: "of what was refused nothing was kept", Method: "POST", Path: "/notices/{refused}/retry"},
		{Title: "a notice that there is not", Method: "GET", Path: "/notices/notice_000000000000000000000000"},
	}
}

func resetSteps() []dialecttest.Step {
	const example = "ch_L8qn10mLmr1GS8e5OODmHaL4"
	return []dialecttest.Step{
		{Title: "", Method: "POST", Path: "/refunds", Body: `{"charge": "` + example + `"}`, Header: []string{"Prefer", "wait=10"}, Until: `"state":"succeeded"`, Quiet: true},
		{Title: "the printed example is used up", Method: "POST", Path: "/quotes", Body: `{"charge": "` + example + `", "amount": 100}`},
		{Title: "the demo charges are renewed", Method: "POST", Path: "/sandbox/reset"},
		{Title: "the printed example works again", Method: "POST", Path: "/quotes", Body: `{"charge": "` + example + `", "amount": 100}`},
	}
}

func TestTheContractIsServedWithoutAKey(t *testing.T) {
	s := dialecttest.Start(t)
	response, body := dialecttest.Do(t, dialecttest.Request(t, http.MethodGet, s.URL+base+"/openapi.yaml", ""))
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(body, "openapi:") || body != string(openapi.Native()) {
		t.Errorf("answered %d %.100s", response.StatusCode, body)
	}
}
