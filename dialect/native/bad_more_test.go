package native_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
)

// badCalls collects bad requests of one kind of call.
type badCalls []badRequest

func (b *badCalls) add(name, method, path, body, want string, header ...string) {
	*b = append(*b, badRequest{name, method, path, body, want, header})
}

// badMore are the bad requests about what a merchant manages: {own} is the id
// of the key that asks, {reader} a key that may only read and {giver} one that
// may only manage, {theirs} another merchant's key and {live} one of live mode,
// {endpoint} an endpoint of Ping++. W-1 is the key of {reader}'s making.
func badMore() []badRequest {
	var all badCalls
	badRefundCalls(&all)
	badEndpoints(&all)
	badMerchant(&all)
	badIdentities(&all)
	badKeys(&all)
	badSandbox(&all)
	badRights(&all)
	return all
}

func badRefundCalls(all *badCalls) {
	all.add("members of another try", "POST", "/refunds/{re}/retry", `{"now": true}`, "400 invalid now")
	all.add("another try of what has ended", "POST", "/refunds/{re}/retry", "", "409 state_conflict refund")
	all.add("another try of an unknown refund", "POST", "/refunds/re_0/retry", "", "404 refund_not_found refund")
	all.add("another try of a refund with a NUL", "POST", "/refunds/%00/retry", "", "404 refund_not_found id")
	all.add("a cancellation that is a list", "POST", "/refunds/{re}/cancel", "[]", "400 invalid -")

	settle := func(name, body, want string) { all.add(name, "POST", "/refunds/{re}/resolve", body, want) }
	settle("a word without a proof", `{"state": "failed"}`, "400 invalid proof")
	settle("a word with an empty proof", `{"state": "failed", "proof": ""}`, "400 invalid proof")
	settle("a proof of 257 characters", `{"state": "failed", "proof": "`+strings.Repeat("款", 257)+`"}`, "400 invalid proof")
	settle("a proof that is a number", `{"state": "failed", "proof": 7}`, "400 invalid proof")
	settle("a proof without a word", `{"proof": "p"}`, "400 invalid state")
	settle("a word that is no end", `{"state": "pending", "proof": "p"}`, "400 invalid state")
	settle("the time of a failure", `{"state": "failed", "proof": "p", "succeeded_at": "2026-01-01T00:00:00Z"}`, "400 invalid succeeded_at")
	settle("a success in the future", `{"state": "succeeded", "proof": "p", "succeeded_at": "2999-01-01T00:00:00Z"}`, "400 invalid succeeded_at")
	settle("a success before the refund", `{"state": "succeeded", "proof": "p", "succeeded_at": "2001-01-01T00:00:00Z"}`, "400 invalid succeeded_at")
	all.add("a word about an unknown refund", "POST", "/refunds/re_0/resolve", `{"state": "failed", "proof": "p"}`, "404 refund_not_found refund")

	all.add("a search for nothing", "GET", "/refunds?q=", "", "400 invalid q")
	all.add("an empty state", "GET", "/refunds?state=", "", "400 invalid state")
	all.add("an empty charge", "GET", "/refunds?charge=&limit=1", "", "400 invalid charge")
	all.add("an empty order number", "GET", "/charges?order_no=", "", "400 invalid order_no")
	all.add("a search with a filter", "GET", "/refunds?q=a&state=failed", "", "400 invalid state")
	all.add("a search for two numbers", "GET", "/refunds?q=a&q=b", "", "400 invalid q")
	all.add("a search for a NUL", "GET", "/refunds?q=%00", "", "400 invalid q")
	all.add("a search from a place that no list gave", "GET", "/refunds?q=a&cursor=x", "", "400 invalid cursor")
	all.add("a search of 0", "GET", "/refunds?q=a&limit=0", "", "400 invalid limit")

	quote := func(name, body, want string) { all.add(name, "POST", "/quotes", body, want) }
	quote("a quote without a charge", `{"amount": 1}`, "400 invalid charge")
	quote("a quote with a misspelt member", `{"charge": "{ch}", "amuont": 1}`, "400 invalid amuont")
	quote("a quote of null", `{"charge": "{ch}", "amount": null}`, "400 invalid amount")
	quote("a quote of half a fen", `{"charge": "{ch}", "amount": 0.5}`, "400 invalid amount")
	quote("a quote of goods that were not bought", `{"charge": "{ch}", "amount": 1, "goods": [{"merchant_goods_id": "g1", "quantity": 1}]}`, "400 invalid goods")
	quote("a quote of another merchant's charge", `{"charge": "{other}", "amount": 1}`, "404 charge_not_found charge")
	quote("a quote of what is refunded in full", `{"charge": "{full}"}`, "422 fully_refunded amount")
	quote("a quote that is truncated", `{"charge": "{ch}"`, "400 invalid -")
}

func badEndpoints(all *badCalls) {
	all.add("a page of endpoints", "GET", "/endpoints?limit=1", "", "400 invalid limit")
	all.add("an unknown endpoint", "GET", "/endpoints/ep_0", "", "404 not_found id")
	all.add("the end of an unknown endpoint", "DELETE", "/endpoints/ep_0", "", "404 not_found id")
	all.add("the end of an endpoint, with members", "DELETE", "/endpoints/{endpoint}", `{"why": "so"}`, "400 invalid why")
	rotate := func(name, body, want string) {
		all.add(name, "POST", "/endpoints/{endpoint}/rotate", body, want)
	}
	rotate("a new secret of an endpoint that has none", "", "409 state_conflict id")
	rotate("an overlap below 0", `{"overlap_seconds": -1}`, "400 invalid overlap_seconds")
	rotate("an overlap of 31 days", `{"overlap_seconds": 2678400}`, "400 invalid overlap_seconds")
	rotate("an overlap as a text", `{"overlap_seconds": "60"}`, "400 invalid overlap_seconds")
	rotate("a misspelt overlap", `{"overlap": 60}`, "400 invalid overlap")
	all.add("a new secret of an unknown endpoint", "POST", "/endpoints/ep_0/rotate", "", "404 not_found id")

	all.add("deliveries in a state that is none", "GET", "/deliveries?state=lost", "", "400 invalid state")
	all.add("0 deliveries", "GET", "/deliveries?limit=0", "", "400 invalid limit")
	all.add("deliveries from a place that no list gave", "GET", "/deliveries?cursor=x", "", "400 invalid cursor")
	all.add("deliveries by a misspelt filter", "GET", "/deliveries?events=evt_0", "", "400 invalid events")
	all.add("a replay of an unknown delivery", "POST", "/deliveries/0/replay", "", "404 not_found delivery")
	all.add("a replay with members", "POST", "/deliveries/0/replay", `{"url": "https://1.1.1.1/"}`, "400 invalid url")
	all.add("0 events", "GET", "/events?limit=0", "", "400 invalid limit")
	all.add("events by a misspelt filter", "GET", "/events?type=refund.failed", "", "400 invalid type")
	all.add("an event with a parameter", "GET", "/events/evt_0?after=x", "", "400 invalid after")
}

func badMerchant(all *badCalls) {
	all.add("a parameter of the merchant", "GET", "/merchant?id=mer_other", "", "400 invalid id")
	all.add("a parameter of the overview", "GET", "/overview?since=2026-11-22", "", "400 invalid since")
	all.add("an overview of nothing", "GET", "/overview?from=2026-11-22&to=2026-11-21", "", "400 invalid to")
	all.add("an overview of a year", "GET", "/overview?from=2025-11-22&to=2026-11-21", "", "400 invalid from")
	all.add("an overview from an empty time", "GET", "/overview?from=", "", "400 invalid from")
	all.add("a parameter of balances", "GET", "/balances?currency=CNY", "", "400 invalid currency")
	set := func(name, body, want string) { all.add(name, "PATCH", "/merchant/settings", body, want) }
	set("a setting that is none", `{"mode": "live"}`, "400 invalid mode")
	set("a wait of 21 seconds", `{"wait_seconds": {"pingpp": 21}}`, "400 invalid wait_seconds.pingpp")
	set("a wait in an unknown dialect", `{"wait_seconds": {"paypal": 1}}`, "400 invalid wait_seconds.paypal")
	set("a wait that is no object", `{"wait_seconds": 5}`, "400 invalid wait_seconds")
	set("a page of 101", `{"refund_page_size": 101}`, "400 invalid refund_page_size")
	set("signatures without a key", `{"check_signatures": true}`, "400 invalid check_signatures")
	set("a switch that is a text", `{"check_signatures": "on"}`, "400 invalid check_signatures")
	set("a key that is no PEM", `{"request_key": "MIIB"}`, "400 invalid request_key")
	set("a key of more than 16 KiB", `{"request_key": "`+strings.Repeat("k", 16<<10+1)+`"}`, "400 invalid request_key")
	set("a limit below 0", `{"limits": {"most_amount": -1}}`, "400 invalid limits.most_amount")
	set("a limit that no JSON client can hold", `{"limits": {"most_refunds": 9007199254740992}}`, "400 invalid limits.most_refunds")
	set("a spacing of more than a day", `{"limits": {"spacing_seconds": 86401}}`, "400 invalid limits.spacing_seconds")
	set("a misspelt limit", `{"limits": {"most_amuont": 1}}`, "400 invalid limits.most_amuont")
	set("null for a limit", `{"limits": {"most_amount": null}}`, "400 invalid limits.most_amount")
	set("settings that are a list", `[]`, "400 invalid -")
}

func badIdentities(all *badCalls) {
	change := func(name, identity, body, want string) {
		all.add(name, "PATCH", "/identities/"+identity, body, want)
	}
	change("an identity in an unknown dialect", "paypal/x", `{"settings": {}}`, "404 not_found name")
	change("an identity of the native dialect", "native/x", `{"settings": {}}`, "404 not_found name")
	change("an unknown identity", "wallet/wallet_none", `{"settings": {}}`, "404 not_found name")
	change("another merchant's identity", "wallet/{wallet}", `{"settings": {}}`, "404 not_found name")
	change("a NUL as an identity", "wallet/%00", `{"settings": {}}`, "404 not_found name")
	change("an identity without settings", "wallet/wallet_demo", "", "400 invalid settings")
	change("an identity's setting that is none", "wallet/wallet_demo", `{"settings": {"color": "red"}}`, "400 invalid settings.color")
	change("a setting of another dialect", "wallet/wallet_demo", `{"settings": {"three_decimals": "true"}}`, "400 invalid settings.three_decimals")
	change("a word that a setting has not", "wallet/wallet_demo", `{"settings": {"wallet.plain": "yes"}}`, "400 invalid settings.wallet.plain")
	change("a setting that is a switch", "payin/M948164", `{"settings": {"three_decimals": true}}`, "400 invalid settings.three_decimals")
	change("a setting that is null", "payin/M948164", `{"settings": {"three_decimals": null}}`, "400 invalid settings.three_decimals")
	change("a name with a blank", "wallet/wallet_demo", `{"settings": {"wallet.appid": "a b"}}`, "400 invalid settings.wallet.appid")
	change("a box key of 31 bytes", "wallet/wallet_demo", `{"settings": {"merchant_public_key": "`+strings.Repeat("A", 40)+`AA=="}}`, "400 invalid settings.merchant_public_key")
	change("a key that is taken away", "wallet/wallet_demo", `{"settings": {"merchant_public_key": ""}}`, "400 invalid settings.merchant_public_key")
	change("a certificate that is taken away", "wechatpay/1900009191", `{"settings": {"merchant_cert": ""}}`, "400 invalid settings.merchant_cert")
	change("a certificate that is none", "wechatpay/1900009191", `{"settings": {"merchant_cert": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"}}`, "400 invalid settings.merchant_cert")
	change("a secret as a setting", "payin/M948164", `{"settings": {"secret": "s"}}`, "400 invalid settings.secret")
	change("a setting as a secret", "payin/M948164", `{"secrets": {"three_decimals": "true"}}`, "400 invalid secrets.three_decimals")
	change("a secret that is none", "payin/M948164", `{"secrets": {"color": "red"}}`, "400 invalid secrets.color")
	change("a secret twice", "payin/M948164", `{"secrets": {"secret": "s", "payin.secret": "t"}}`, "400 invalid secrets.payin.secret")
	change("a key of an identity that is there", "pingpp/app_1Gqj58ynP0mHeX1q", `{"secrets": {"key": "sk_test_abcdefghijklmnopqrstuvwx"}}`, "400 invalid secrets.key")
	make := func(name, body, want string) { all.add(name, "POST", "/identities", body, want) }
	make("an identity in no dialect", `{}`, "400 invalid dialect")
	make("an identity in the native dialect", `{"dialect": "native"}`, "400 invalid dialect")
	make("an identity of a dialect that is not there", `{"dialect": "paypal"}`, "400 invalid dialect")
	make("an identity with a setting that is none", `{"dialect": "payin", "settings": {"color": "red"}}`, "400 invalid settings.color")
	make("an identity with an empty name", `{"dialect": "pingpp", "settings": {"app": ""}}`, "400 invalid settings.app")
	make("an identity with a name that is none", `{"dialect": "wechatpay", "settings": {"mchid": "12"}}`, "400 invalid settings.mchid")
	make("an identity with a secret among settings", `{"dialect": "wechatpay", "settings": {"apiv3_key": "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"}}`, "400 invalid settings.apiv3_key")
	make("an identity with a short secret", `{"dialect": "wechatpay", "secrets": {"apiv3_key": "s"}}`, "400 invalid secrets.apiv3_key")
	make("an identity with a certificate that is none", `{"dialect": "wechatpay", "settings": {"merchant_cert": "x"}}`, "400 invalid settings.merchant_cert")
	make("an identity with a live key in test mode", `{"dialect": "pingpp", "secrets": {"key": "sk_live_abcdefghijklmnopqrstuvwx"}}`, "400 invalid secrets.key")
	make("an identity with a setting that an account has now", `{"dialect": "wallet", "settings": {"chinaums.mid": "1"}}`, "400 invalid settings.chinaums.mid")
	make("an identity with a sub-merchant alone", `{"dialect": "wechatpay", "settings": {"sub_mchid": "1900000109"}}`, "400 invalid settings.sub_mchid")
}

func badKeys(all *badCalls) {
	all.add("a page of keys", "GET", "/keys?limit=1", "", "400 invalid limit")
	create := func(name, body, want string, header ...string) {
		all.add(name, "POST", "/keys", body, want, header...)
	}
	create("a key of no dialect", `{}`, "400 invalid dialect")
	create("a key of an unknown dialect", `{"dialect": "paypal"}`, "400 invalid dialect")
	create("a key of WeChat Pay, which has none", `{"dialect": "wechatpay"}`, "400 invalid dialect")
	create("a scope that is none", `{"dialect": "native", "scopes": ["all"]}`, "400 invalid scopes[0]")
	create("no scope at all", `{"dialect": "native", "scopes": []}`, "400 invalid scopes")
	create("an empty identity", `{"dialect": "payin", "identity": ""}`, "400 invalid identity")
	create("scopes as a text", `{"dialect": "native", "scopes": "read"}`, "400 invalid scopes")
	create("a scope that a dialect's keys have not", `{"dialect": "payin", "identity": "M948164", "scopes": ["merchants:write"]}`, "400 invalid scopes")
	create("a native key of an identity", `{"dialect": "native", "identity": "wallet_demo"}`, "400 invalid identity")
	create("a key of someone else's identity", `{"dialect": "pingpp", "identity": "app_other"}`, "403 forbidden identity")
	create("a key that is over", `{"dialect": "native", "expires_at": "2020-01-01T00:00:00Z"}`, "400 invalid expires_at")
	create("a key until a day that is none", `{"dialect": "native", "expires_at": "2999-02-30T00:00:00Z"}`, "400 invalid expires_at")
	create("a native key for plain requests", `{"dialect": "native", "plain": "on"}`, "400 invalid plain")
	create("a scope that the giver lacks", `{"dialect": "native", "scopes": ["refunds:write"]}`, "403 forbidden scopes", "Authorization", "Bearer {giver}")
	create("networks that are no list", `{"dialect": "native", "allow_ips": "192.0.2.0/24"}`, "400 invalid allow_ips")
	create("no network at all", `{"dialect": "native", "allow_ips": []}`, "400 invalid allow_ips")
	create("a network that is none", `{"dialect": "native", "allow_ips": ["192.0.2.0/33"]}`, "400 invalid allow_ips[0]")
	create("a network with bits behind its prefix", `{"dialect": "native", "allow_ips": ["192.0.2.1/24"]}`, "400 invalid allow_ips[0]")
	create("a ceiling without an amount", `{"dialect": "native", "ceilings": [{"currency": "CNY"}]}`, "400 invalid ceilings")
	create("a ceiling of 0", `{"dialect": "native", "ceilings": [{"currency": "CNY", "max_day": 0}]}`, "400 invalid ceilings[0].max_day")
	create("a ceiling in no currency", `{"dialect": "native", "ceilings": [{"currency": "XXQ", "max_day": 1}]}`, "400 invalid ceilings")
	create("two ceilings in a currency", `{"dialect": "native", "ceilings": [{"currency": "CNY", "max_day": 1}, {"currency": "CNY", "max_day": 2}]}`, "400 invalid ceilings")
	create("a refund's ceiling above a day's", `{"dialect": "native", "ceilings": [{"currency": "CNY", "max_refund": 2, "max_day": 1}]}`, "400 invalid ceilings")
	create("a ceiling as a text", `{"dialect": "native", "ceilings": [{"currency": "CNY", "max_day": "1.00"}]}`, "400 invalid ceilings[0].max_day")
	all.add("a change of nothing", "PATCH", "/keys/{own}", `{}`, "400 invalid -")
	all.add("a change of a key's dialect", "PATCH", "/keys/{own}", `{"dialect": "payin"}`, "400 invalid dialect")
	all.add("a change of an unknown key", "PATCH", "/keys/key_0", `{"expires_at": null}`, "404 not_found id")
	all.add("a change to no scope", "PATCH", "/keys/{own}", `{"scopes": []}`, "400 invalid scopes")
	create("a key's text of the caller's own", `{"dialect": "native", "secret": "rk_test_mine"}`, "400 invalid secret")
	all.add("the end of an unknown key", "DELETE", "/keys/key_0", "", "404 not_found id")
	all.add("the end of the key that asks", "DELETE", "/keys/{own}", "", "409 state_conflict id")
	all.add("the end of a key, with members", "DELETE", "/keys/key_0", `{"at": "now"}`, "400 invalid at")

	const used = "Idempotency-Key"
	create("a write's key with other content", `{"dialect": "native"}`, "409 key_conflict idempotency_key", used, "W-1")
	all.add("a write's key at another address", "DELETE", "/keys/{own}", "", "409 key_conflict idempotency_key", used, "W-1")
	all.add("a write's key for a refund", "POST", "/refunds", `{"charge": "{ch}", "amount": 1}`, "409 key_conflict idempotency_key", used, "W-1")
	all.add("a write's key for a batch", "POST", "/charges/batch", "{}", "409 key_conflict idempotency_key", used, "W-1")
	all.add("a refund's key for a charge", "POST", "/charges", `{"order_no": "K1", "amount": 1, "currency": "CNY", "channel": "wx"}`, "409 key_conflict idempotency_key", used, "K-1")
	create("a key with a blank for a write", `{"dialect": "native"}`, "400 invalid Idempotency-Key", used, "a b")
	all.add("an empty key for a batch", "POST", "/charges/batch", "{}", "400 invalid Idempotency-Key", used, "")
}

func badSandbox(all *badCalls) {
	all.add("a reset with members", "POST", "/sandbox/reset", `{"all": true}`, "400 invalid all")
	all.add("a reset by another merchant", "POST", "/sandbox/reset", "", "403 forbidden -", "Authorization", "Bearer {theirs}")
	all.add("a clock that stands still", "POST", "/sandbox/clock", `{}`, "400 invalid advance_seconds")
	all.add("a clock's text", "POST", "/sandbox/clock", `{"advance_seconds": "60"}`, "400 invalid advance_seconds")
	all.add("half a fen of funds", "POST", "/sandbox/funds", `{"amount": 0.5, "currency": "CNY"}`, "400 invalid amount")
	all.add("funds of an unknown currency", "POST", "/sandbox/funds", `{"amount": 1, "currency": "XXX"}`, "400 invalid currency")
	all.add("a misspelt state", "POST", "/sandbox/refunds/{re}/settle", `{"sate": "failed"}`, "400 invalid sate")
	all.add("an account to reroute to", "POST", "/sandbox/refunds/{re}/reroute", `{"account": "x"}`, "400 invalid account")
	all.add("an unknown refund that is rerouted", "POST", "/sandbox/refunds/re_0/reroute", "", "404 refund_not_found refund")
	all.add("another merchant's refund that is settled", "POST", "/sandbox/refunds/{re}/settle", "", "404 refund_not_found refund", "Authorization", "Bearer {theirs}")
	for _, path := range []string{"/sandbox/reset", "/sandbox/clock", "/sandbox/funds", "/sandbox/refunds/x/settle", "/sandbox/refunds/x/reroute"} {
		all.add("the sandbox in live mode: "+path, "POST", path, "", "403 forbidden -", "Authorization", "Bearer {live}")
	}
}

// badRights are calls that a key which may only read lacks the scope for, and
// such that no key can make.
func badRights(all *badCalls) {
	for _, one := range [][2]string{
		{"POST", "/charges"},
		{"POST", "/charges/batch"},
		{"POST", "/refunds"},
		{"POST", "/refunds/{re}/cancel"},
		{"POST", "/refunds/{re}/retry"},
		{"POST", "/refunds/{re}/resolve"},
		{"POST", "/refunds/{re}/settle"},
		{"POST", "/endpoints/{endpoint}/test"},
		{"GET", "/audit"},
		{"GET", "/audit.ndjson"},
		{"GET", "/audit.csv"},
		{"POST", "/alerts/0/ack"},
		{"POST", "/endpoints"},
		{"DELETE", "/endpoints/{endpoint}"},
		{"POST", "/endpoints/{endpoint}/rotate"},
		{"POST", "/deliveries/0/replay"},
		{"PATCH", "/merchant/settings"},
		{"PATCH", "/identities/wallet/wallet_demo"},
		{"GET", "/keys"},
		{"POST", "/keys"},
		{"PATCH", "/keys/{own}"},
		{"DELETE", "/keys/{own}"},
		{"POST", "/sandbox/reset"},
		{"POST", "/sandbox/clock"},
	} {
		all.add("without the scope: "+one[0]+" "+one[1], one[0], one[1], "", "403 forbidden -", "Authorization", "Bearer {reader}")
	}
	for _, path := range []string{"/openapi.yaml", "/balances", "/events", "/deliveries"} {
		all.add("POST where there is only GET: "+path, "POST", path, "{}", "405 method_not_allowed -")
	}
	for _, path := range []string{"/merchant/settings", "/identities/wallet/wallet_demo"} {
		all.add("PUT where there is only PATCH: "+path, "PUT", path, "{}", "405 method_not_allowed -")
	}
}

// preparedMore makes what badMore speaks of.
func preparedMore(t *testing.T, s *dialecttest.Service, fill map[string]string) {
	t.Helper()
	made := func(scopes string, header ...string) string {
		return text(send(t, s, demo, "POST", "/keys", `{"dialect": "native", "scopes": [`+scopes+`]}`, 201, header...), "secret")
	}
	fill["{reader}"], fill["{giver}"] = made(`"read"`, "Idempotency-Key", "W-1"), made(`"merchants:write"`)
	endpoint := merchant.Endpoint{
		ID: "ep_0VbwixUcFmd59EwPyFkUKdgb", MerchantID: merchant.DemoID, Dialect: merchant.PingPP,
		URL: "https://1.1.1.1/", Events: []string{"refund.failed"}, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	if _, err := s.Store.AddEndpoint(t.Context(), endpoint, storetest.Record(endpoint.MerchantID)); err != nil {
		t.Fatal(err)
	}
	fill["{endpoint}"] = endpoint.ID
	caller, err := s.Store.Caller(t.Context(), merchant.Native, demo)
	if err != nil {
		t.Fatal(err)
	}
	fill["{own}"] = caller.Key.ID
	for name, mode := range map[string]merchant.Mode{"{theirs}": merchant.Test, "{live}": merchant.Live} {
		fresh := s.Merchant(t, "other "+string(mode), mode, func(f *merchant.Fresh) {
			for n := range f.Keys {
				if f.Keys[n].Key.Dialect == merchant.Native {
					f.Keys[n].Key.Scopes = merchant.Scopes()
					fill[name] = f.Keys[n].Secret
				}
			}
		})
		for _, identity := range fresh.Identities {
			if identity.Dialect == merchant.Wallet {
				fill["{wallet}"] = identity.Name
			}
		}
	}
}
