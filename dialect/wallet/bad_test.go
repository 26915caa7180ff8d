package wallet_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/wallet"
)

// badRequest is a request that must be refused with an exact answer. {ch} is a
// charge of 100 of which 70 are refunded, {re} that refund, {full} a charge
// that is refunded in full, {other} another merchant's charge in {theirs},
// their wallet.
type badRequest struct {
	name   string
	method string
	path   string
	body   string
	want   string // status, code, message
	header []string
}

// refunding is a refund request with a whole body.
func refunding(name, body, want string, header ...string) badRequest {
	return badRequest{name, "POST", "/wallet/wallet_demo/refund", body, want, header}
}

// replaced is a refund request of {ch} that is right but for one member.
func replaced(name, member, value, want string) badRequest {
	return refunding(name, object(refundMembers, member, value), want)
}

func reading(name, path, want string, header ...string) badRequest {
	return badRequest{name, "GET", path, "", want, header}
}

// creating is a charge that is right but for one member.
func creating(name, member, value, want string) badRequest {
	return badRequest{name, "POST", "/wallet/wallet_demo/charges", object(chargeMembers, member, value), want, nil}
}

func older(name, body, want string) badRequest {
	return badRequest{name, "POST", "/charges/{ch}/refunds", body, want, nil}
}

var (
	refundMembers = [][2]string{{"charges_id", `"{ch}"`}, {"client_ip", `"127.0.0.1"`}, {"amount", "1"}}
	chargeMembers = [][2]string{
		{"channel", `"wechat_qrcode"`},
		{"order_no", `"B1"`},
		{"client_ip", `"127.0.0.1"`},
		{"amount", "1"},
		{"currency", `"CHY"`},
		{"subject", `"s"`},
	}
)

// object writes members as an object in which one has another value, "" for
// none, or is added.
func object(members [][2]string, name, value string) string {
	var parts []string
	added := false
	for _, member := range members {
		if member[0] == name {
			member[1], added = value, true
		}
		if member[1] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", member[0], member[1]))
		}
	}
	if !added {
		parts = append(parts, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func quoted(text string) string { return `"` + text + `"` }

const (
	noKey       = "401 401 api_key_require"
	badKey      = "401 401 the key is missing, unknown or expired"
	noAddress   = "404 -1 nothing is served at this address"
	noCharge    = "404 10002 charge not found"
	noRefund    = "404 100030 refund not found"
	noObject    = "400 100044 the body must be a JSON object"
	badAmount   = "400 10002 amount must be a whole JSON number above 0 in the minor unit of the charge's currency, such as 100 fen for 1 yuan"
	badIP       = "400 10002 client_ip must be an IPv4 or IPv6 address"
	badNumber   = "400 10002 extra.refund_order must be a string of 1 to 32 characters of 0-9, A-Z, a-z, _ and -"
	badKeyValue = "400 10002 Idempotency-Key is one value of 1 to 255 visible ASCII characters"
	badSeal     = "401 401 the envelope can't be opened"
	badExpire   = "400 10002 time_expire must be a duration such as 30m or 1h"
	badCurrency = "400 10002 currency must be CHY or a code of ISO 4217"
	key         = "X-Api-Key"
	idempotent  = "Idempotency-Key"
	refundsOf   = "/wallet/wallet_demo/charges/{ch}/refunds"
)

var badRequests = []badRequest{
	// 1. Key and envelope.
	refunding("no key", `{}`, noKey, key, ""),
	refunding("an unknown key", `{}`, badKey, key, "sk_test_000000000000000000000000"),
	refunding("a key of another dialect", `{}`, badKey, key, "rk_test_demo"),
	refunding("a key without end", `{}`, badKey, key, strings.Repeat("k", 300)),
	refunding("another merchant's key", `{}`, "404 100034 api_key_wallet_mismatching", key, "{key}"),
	refunding("an envelope that is none", `{"version":2,"payload":"AAAA","nonce":"AAAA"}`, badSeal),
	refunding("an envelope of version 1", `{"version":1,"payload":"AAAA","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}`, badSeal),
	refunding("an envelope for someone else", `{"version":2,"payload":"mNMWds+9SxnFDCxkfRL27A==","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}`, badSeal),
	refunding("an envelope of other kinds", `{"version":"2","payload":1,"nonce":null}`, badSeal),
	{"an envelope that is none, for a wallet that is not there", "POST", "/wallet/none/refund", `{"version":2,"payload":"","nonce":""}`, badSeal, nil},
	{"no key at an unknown address", "GET", "/wallet/a/b/c/d", "", noKey, []string{key, ""}},

	// 2. The wallet.
	{"an unknown wallet", "POST", "/wallet/none/refund", `{}`, "404 10001 wallet_not_exist", nil},
	{"an unknown wallet comes before a body that is none", "POST", "/wallet/none/refund", `no JSON`, "404 10001 wallet_not_exist", nil},
	{"another merchant's wallet", "POST", "/wallet/{theirs}/refund", `{}`, "404 100034 api_key_wallet_mismatching", nil},
	{"a wallet with U+0000", "POST", "/wallet/a%00b/refund", `{}`, "404 10001 wallet_not_exist", nil},
	{"a wallet that is no UTF-8", "POST", "/wallet/%ff/refund", `{}`, "404 10001 wallet_not_exist", nil},
	{"a wallet without end", "POST", "/wallet/" + strings.Repeat("w", 500) + "/refund", `{}`, "404 10001 wallet_not_exist", nil},
	{"no wallet", "POST", "/wallet/refund", `{}`, "400 100048 walletid_is_null", nil},
	{"no wallet, below /api/v1", "POST", "/api/v1/wallet/refund", `{}`, "400 100048 walletid_is_null", nil},

	// 3. The body.
	refunding("no body", ``, "400 100044 the body is missing"),
	refunding("blanks", "  \n", "400 100044 the body is missing"),
	refunding("no JSON", `amount=1`, "400 100044 the body is not JSON: malformed JSON at byte 0"),
	refunding("half an object", `{"charges_id":"{ch}"`, "400 100044 the body is not JSON: malformed JSON at byte 43"),
	refunding("two objects", `{}{}`, "400 100044 the body is not JSON: data after the JSON value at byte 2"),
	refunding("null", `null`, noObject),
	refunding("a list", `[]`, noObject),
	refunding("a text for a body", `"{}"`, noObject),
	refunding("a name twice", `{"amount":1,"amount":2}`, "400 10002 the body is refused: duplicate name in JSON object at byte 12"),
	refunding("broken UTF-8", "{\"description\":\"\xff\"}", "400 10002 the body is refused: JSON is not valid UTF-8 at byte 16"),
	refunding("U+0000", `{"description":"\u0000"}`, "400 10002 the body is refused: forbidden character in JSON string at byte 16"),
	refunding("half a surrogate pair", `{"description":"\ud83d"}`, "400 10002 the body is refused: forbidden character in JSON string at byte 16"),
	refunding("33 lists in each other", `{"extra":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`, "400 10002 the body is refused: JSON nested too deeply at byte 40"),
	refunding("a body of 2 MiB", `{"description":"`+strings.Repeat("x", 2<<20)+`"}`, "400 10002 the body is larger than 1048576 bytes"),

	// 4. charges_id.
	replaced("no charges_id", "charges_id", "", "400 10002 charges_id is required"),
	replaced("an empty charges_id", "charges_id", `""`, "400 10002 charges_id is required"),
	replaced("a null charges_id", "charges_id", `null`, "400 10002 charges_id is required"),
	replaced("a charges_id that is a number", "charges_id", `1`, "400 10002 charges_id must be a string, not a number"),
	replaced("a charges_id of 65 characters", "charges_id", quoted(strings.Repeat("c", 65)), "400 10002 charges_id must have at most 64 characters"),
	refunding("the name of one charge", `{"charge_id":"{ch}","client_ip":"127.0.0.1","amount":1}`, "400 10002 charges_id is required"),

	// 5. client_ip.
	replaced("no client_ip", "client_ip", "", "400 10002 client_ip is required"),
	replaced("an empty client_ip", "client_ip", `""`, "400 10002 client_ip is required"),
	replaced("a client_ip that is a number", "client_ip", `2130706433`, "400 10002 client_ip must be a string, not a number"),
	replaced("a port", "client_ip", `"127.0.0.1:80"`, badIP),
	replaced("a network", "client_ip", `"127.0.0.0/8"`, badIP),
	replaced("a zone", "client_ip", `"fe80::1%eth0"`, badIP),
	replaced("brackets", "client_ip", `"[::1]"`, badIP),
	replaced("blanks around it", "client_ip", `" 127.0.0.1"`, badIP),
	replaced("leading zeros", "client_ip", `"127.000.000.001"`, badIP),
	replaced("three numbers", "client_ip", `"127.0.1"`, badIP),
	replaced("a number above 255", "client_ip", `"127.0.0.256"`, badIP),
	replaced("a name", "client_ip", `"localhost"`, badIP),

	// 6. amount.
	replaced("no amount", "amount", "", "400 10002 amount is required"),
	replaced("a null amount", "amount", "null", "400 10002 amount is required"),
	replaced("0", "amount", "0", badAmount),
	replaced("a negative amount", "amount", "-1", badAmount),
	replaced("yuan with fen", "amount", "0.01", badAmount),
	replaced("a whole number with a point", "amount", "1.00", badAmount),
	replaced("an exponent", "amount", "1e2", badAmount),
	replaced("a text", "amount", `"1"`, badAmount),
	replaced("an empty text", "amount", `""`, badAmount),
	replaced("true", "amount", "true", badAmount),
	replaced("a list of one", "amount", "[1]", badAmount),
	replaced("16 digits", "amount", "1000000000000000", badAmount),
	replaced("one above 64 bits", "amount", "9223372036854775808", badAmount),
	replaced("a leading zero", "amount", "01", "400 100044 the body is not JSON: malformed JSON at byte 78"),
	replaced("NaN", "amount", "NaN", "400 100044 the body is not JSON: malformed JSON at byte 77"),
	replaced("a number of 65 digits", "amount", strings.Repeat("9", 65), "400 10002 the body is refused: JSON too large at byte 77"),

	// 7. description, 8. extra.
	replaced("a description of 256 characters", "description", quoted(strings.Repeat("退", 256)), "400 10002 description must have at most 255 characters"),
	replaced("a description of 256 emoji", "description", quoted(strings.Repeat("🍎", 256)), "400 10002 description must have at most 255 characters"),
	replaced("a description that is a number", "description", "1", "400 10002 description must be a string, not a number"),
	replaced("an extra that is a text", "extra", `"x"`, "400 10002 extra must be an object, not a string"),
	replaced("an extra that is a list", "extra", `[]`, "400 10002 extra must be an object, not an array"),
	replaced("an empty number", "extra", `{"refund_order":""}`, badNumber),
	replaced("a number that is a number", "extra", `{"refund_order":1}`, badNumber),
	replaced("a number of 33 characters", "extra", `{"refund_order":"`+strings.Repeat("r", 33)+`"}`, badNumber),
	replaced("a number with a blank", "extra", `{"refund_order":"a b"}`, badNumber),
	replaced("a number with a star", "extra", `{"refund_order":"a*b"}`, badNumber),
	refunding("an idempotency key with a blank", object(refundMembers, "x", "1"), badKeyValue, idempotent, "a key"),
	refunding("an empty idempotency key", object(refundMembers, "x", "1"), badKeyValue, idempotent, ""),
	refunding("an idempotency key without end", object(refundMembers, "x", "1"), badKeyValue, idempotent, strings.Repeat("k", 256)),

	// 9. The charge. 10. The amount.
	replaced("an unknown charge", "charges_id", `"ch_000000000000000000000000"`, noCharge),
	replaced("another merchant's charge", "charges_id", `"{other}"`, noCharge),
	replaced("a refund's id for a charge's", "charges_id", `"{re}"`, noCharge),
	replaced("the charge's name in another dialect alone", "charges_id", `"M948164T2023072607034709567189"`, noCharge),
	replaced("a charge that is refunded in full", "charges_id", `"{full}"`, "402 10003 the charge is refunded in full already"),
	replaced("one fen above the rest", "amount", "31", "402 100028 amount is more than is still refundable"),
	replaced("15 digits", "amount", "999999999999999", "402 100028 amount is more than is still refundable"),
	replaced("a number that was used with another amount", "extra", `{"refund_order":"used"}`, "400 10002 extra.refund_order was used for another refund"),
	refunding("a key that was used with another amount", object(refundMembers, "x", "1"), "400 10002 Idempotency-Key was used for another request", idempotent, "used"),

	// Reads and lists.
	reading("a list without page", "/wallet/wallet_demo/charges/list?count=1", "400 100051 page is required"),
	reading("an empty page", "/wallet/wallet_demo/charges/list?page=&count=1", "400 100051 page is required"),
	reading("a list without count", "/wallet/wallet_demo/charges/list?page=1", "400 100052 count is required"),
	reading("page 0", refundsOf+"?page=0&count=1", "400 10002 page must be a number from 1 to 1000000"),
	reading("page -1", refundsOf+"?page=-1&count=1", "400 10002 page must be a number from 1 to 1000000"),
	reading("a page that is none", refundsOf+"?page=one&count=1", "400 10002 page must be a number from 1 to 1000000"),
	reading("a count of 0", refundsOf+"?page=1&count=0", "400 10002 count must be a number from 1 to 1000"),
	reading("a count of 1001", refundsOf+"?page=1&count=1001", "400 10002 count must be a number from 1 to 1000"),
	reading("a begin_time that is a date", refundsOf+"?page=1&count=1&begin_time=2026-01-01", "400 10002 begin_time must be Unix seconds"),
	reading("an end_time in the year 300000", refundsOf+"?page=1&count=1&end_time=9999999999999", "400 10002 end_time must be Unix seconds"),
	reading("an unknown status", "/wallet/wallet_demo/charges/list?page=1&count=1&status=paid", "400 10002 status must be created, pending, succeeded, failed or refund"),
	reading("refunds of an unknown charge", "/wallet/wallet_demo/charges/none/refunds?page=1&count=1", noCharge),
	reading("refunds of another merchant's charge", "/wallet/wallet_demo/charges/{other}/refunds?page=1&count=1", noCharge),
	reading("an unknown object", "/wallet/wallet_demo/obj/none", noCharge),
	reading("an object with U+0000", "/wallet/wallet_demo/obj/a%00b", noCharge),
	reading("another merchant's charge as an object", "/wallet/wallet_demo/obj/{other}", noCharge),
	reading("an unknown refund", "/wallet/wallet_demo/obj/re_000000000000000000000000", noRefund),
	reading("another merchant's refund", "/wallet/wallet_demo/obj/{theirRefund}", noRefund),
	reading("a refund with U+0000", "/wallet/wallet_demo/obj/re_%00", noRefund),
	reading("another merchant's wallet, read", "/wallet/{theirs}", "404 100034 api_key_wallet_mismatching"),
	reading("an unknown address", "/wallet/wallet_demo/refunds", noAddress),
	reading("an unknown address below /api/v1", "/api/v1/orders", noAddress),
	reading("nothing below /api/v1", "/api/v1", noAddress),
	reading("charges without a wallet", "/charges", noAddress),
	reading("a path without end", "/wallet/"+strings.Repeat("a/", 50), noAddress),
	reading("a refund by GET", "/wallet/wallet_demo/refund", "405 -1 this address is not served by GET"),
	{"a list by PUT", "PUT", "/wallet/wallet_demo/charges/list?page=1&count=1", "", "405 -1 this address is not served by PUT", nil},

	// Charges.
	creating("no channel", "channel", "", "400 10002 channel is required"),
	creating("no order_no", "order_no", `""`, "400 10002 order_no is required"),
	creating("an order_no of 65 characters", "order_no", quoted(strings.Repeat("o", 65)), "400 10002 order_no must have at most 64 characters"),
	creating("no subject", "subject", "null", "400 10002 subject is required"),
	creating("a subject of 33 characters", "subject", quoted(strings.Repeat("主", 33)), "400 10002 subject must have at most 32 characters"),
	creating("a body of 101 characters", "body", quoted(strings.Repeat("b", 101)), "400 10002 body must have at most 100 characters"),
	creating("no currency", "currency", "", "400 10002 currency is required"),
	creating("an unknown currency", "currency", `"XYZ"`, badCurrency),
	creating("a sign for a currency", "currency", `"¥"`, badCurrency),
	creating("an amount of 0", "amount", "0", badAmount),
	creating("a payer without address", "client_ip", `"nowhere"`, badIP),
	creating("a time_expire without unit", "time_expire", `"30"`, badExpire),
	creating("a time_expire of nothing", "time_expire", `"0m"`, badExpire),
	creating("a time_expire without end", "time_expire", `"99999999999d"`, badExpire),
	creating("an extra of a charge that is a text", "extra", `"x"`, "400 10002 extra must be an object, not a string"),
	creating("an order_no that was used", "order_no", `"USED1"`, "402 100024 order_no was used for another charge"),

	// The older generation.
	older("no description", `{"amount":1}`, "400 10002 description is required"),
	older("an empty description", `{"amount":1,"description":""}`, "400 10002 description is required"),
	older("a description of 100 characters", `{"amount":1,"description":"`+strings.Repeat("旧", 100)+`"}`, "400 10002 description must have at most 99 characters"),
	older("an amount with a point", `{"amount":1.5,"description":"d"}`, badAmount),
	older("an address that is none", `{"amount":1,"description":"d","client_ip":"x"}`, badIP),
	older("more than is left", `{"amount":31,"description":"d"}`, "402 100028 amount is more than is still refundable"),
	older("no body at all", ``, "400 100044 the body is missing"),
	{"an unknown charge, older", "POST", "/charges/none/refunds", `{"amount":1,"description":"d"}`, noCharge, nil},
	reading("an older list without page", "/charges/{ch}/refunds", "400 100051 page is required"),
	reading("a refund of another charge", "/charges/{full}/refunds/{re}", noRefund),
	reading("an older refund that is unknown", "/charges/{ch}/refunds/none", noRefund),
}

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) {
	s := dialecttest.Start(t)
	fill := badWorld(t, s)
	seen := map[string]bool{}
	for _, test := range badRequests {
		if seen[test.name] {
			t.Errorf("two are called %q", test.name)
		}
		seen[test.name] = true
		t.Run(test.name, func(t *testing.T) {
			s.Unchanged(t, func() {
				r := dialecttest.Request(t, test.method, s.URL+fill.Replace(test.path), fill.Replace(test.body), key, demoKey)
				for n := 0; n < len(test.header); n += 2 {
					r.Header[test.header[n]] = []string{fill.Replace(test.header[n+1])}
				}
				response, body := dialecttest.Do(t, r)
				if got, want := brief(t, response, body), fill.Replace(test.want); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// badWorld makes what the requests speak of.
func badWorld(t *testing.T, s *dialecttest.Service) *strings.Replacer {
	t.Helper()
	ch := nameIn(t, s.Charge(t, merchant.DemoID, 100, nil))
	full := nameIn(t, s.Charge(t, merchant.DemoID, 100, func(c *refund.Charge) { c.OrderNo = "USED1" }))
	theirs := s.Merchant(t, "other", merchant.Test, nil)
	wallet, _ := theirs.Identity(merchant.Wallet)
	other := nameIn(t, s.Charge(t, theirs.Merchant.ID, 100, nil))
	path := "/wallet/" + demoWallet + "/refund"
	re := decoded(t, post(t, s, demoKey, path, strings.TrimSuffix(asking(ch, 70), "}")+`,"extra":{"refund_order":"used"}}`, 200, idempotent, "used"))
	post(t, s, demoKey, path, asking(full, 100), 200)
	theirRefund := decoded(t, post(t, s, theirs.Key(merchant.Wallet), "/wallet/"+wallet.Name+"/refund", asking(other, 10), 200))
	return strings.NewReplacer("{ch}", ch, "{full}", full, "{other}", other, "{re}", fmt.Sprint(re["id"]), "{theirs}", wallet.Name,
		"{theirRefund}", fmt.Sprint(theirRefund["id"]), "{key}", theirs.Key(merchant.Wallet))
}

// brief checks the wrapper and puts it into one line: status, code, message.
func brief(t *testing.T, response dialecttest.Answer, body string) string {
	t.Helper()
	if response.Header.Get("Content-Type") != jsonType || response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Request-Id") == "" {
		t.Errorf("headers %v", response.Header)
	}
	var reply map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &reply); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	if len(reply) != 3 || string(reply["data"]) != "null" {
		t.Errorf("the wrapper is %s", body)
	}
	var failure wire.Reply
	if err := json.Unmarshal([]byte(body), &failure); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %d %s", response.StatusCode, failure.Code, failure.Message)
}
