package wallet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/wallet"
)

// Each call is there below /api/v1 and without it, with and without a slash
// behind it, and reads give the same bytes.
func TestEveryCallHasItsAddresses(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	charge := w.charge(t, 100, nil)
	id := decoded(t, w.refund(t, asking(charge, 1), 200, "Prefer", "wait=5"))["id"].(string)
	root := "/wallet/" + w.wallet
	for _, test := range []struct {
		name, method, path, body string
	}{
		{"create a refund", "POST", root + "/refund", asking(charge, 1)},
		{"create a charge, whose order_no was used", "POST", root + "/charges", chargeOf("USED", 1)},
		{"create a refund, older", "POST", "/charges/" + charge + "/refunds", `{"amount":1,"description":"d"}`},
		{"read a charge", "GET", root + "/obj/" + charge, ""},
		{"read a refund", "GET", root + "/obj/" + id, ""},
		{"read the wallet by its id", "GET", root + "/obj/" + w.wallet, ""},
		{"read the wallet", "GET", root, ""},
		{"list charges", "GET", root + "/charges/list?page=1&count=9", ""},
		{"list refunds", "GET", root + "/charges/" + charge + "/refunds?page=1&count=9", ""},
		{"list refunds, older", "GET", "/charges/" + charge + "/refunds?page=1&count=9", ""},
		{"read a refund, older", "GET", "/charges/" + charge + "/refunds/" + id, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			status := 200
			if strings.Contains(test.body, "order_no") {
				post(t, s, w.key, test.path, test.body, 200)
				status = 402
			}
			path, query, _ := strings.Cut(test.path, "?")
			if query != "" {
				query = "?" + query
			}
			var first string
			for _, address := range []string{path, "/api/v1" + path, path + "/", "/api/v1" + path + "/"} {
				got := send(t, dialecttest.Request(t, test.method, s.URL+address+query, test.body, "X-API-KEY", w.key, "Prefer", "wait=5"), status)
				if test.method == "GET" && first != "" && got != first {
					t.Errorf("%s gives\n%s\nand not\n%s", address, got, first)
				}
				first = got
			}
		})
	}
}

func TestHowAddressesAndMethodsAreAnswered(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct {
		name, method, path string
		status             int
		allow, code        string
	}{
		{"an unknown address", "GET", "/wallet/wallet_demo/nothing", 404, "", `{"code":-1,`},
		{"below /api/v1 alone", "GET", "/api/v1/nothing", 404, "", `{"code":-1,`},
		{"a refund by GET", "GET", "/wallet/wallet_demo/refund", 405, "POST", `{"code":-1,`},
		{"a list by DELETE", "DELETE", "/wallet/wallet_demo/charges/list", 405, "GET", `{"code":-1,`},
		{"two methods that there are", "PUT", "/charges/" + demoCharge + "/refunds", 405, "GET, POST", `{"code":-1,`},
		{"a method that nobody knows", "BREW", "/wallet/wallet_demo", 405, "GET", `{"code":-1,`},
		{"an escaped slash belongs to the name", "GET", "/wallet/wallet_demo%2Fobj/x", 404, "", `{"code":-1,`},
		{"an escaped name is the name", "GET", "/wallet/wallet%5Fdemo", 200, "", `{"id":"wallet_demo",`},
		{"a wallet in other letters is another", "GET", "/wallet/Wallet_Demo", 404, "", `{"code":10001,`},
		{"no wallet where one should stand", "POST", "/wallet//refund", 400, "", `{"code":100048,`},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, body := dialecttest.Do(t, dialecttest.Request(t, test.method, s.URL+test.path, "", "X-API-KEY", demoKey))
			if response.StatusCode != test.status || response.Header.Get("Allow") != test.allow || !strings.HasPrefix(body, test.code) {
				t.Errorf("%d, Allow %q, %s", response.StatusCode, response.Header.Get("Allow"), body)
			}
			if response.Header.Get("Content-Type") != jsonType {
				t.Errorf("Content-Type %q", response.Header.Get("Content-Type"))
			}
		})
	}
}

// HEAD is GET without its body, and tells the length of that.
func TestHEADIsGETWithoutABody(t *testing.T) {
	s := dialecttest.Start(t)
	for path, status := range map[string]int{"/wallet/wallet_demo": 200, "/wallet/wallet_demo/obj/none": 404, "/wallet/wallet_demo/refund": 405} {
		head, body := dialecttest.Do(t, dialecttest.Request(t, "HEAD", s.URL+path, "", "X-API-KEY", demoKey))
		if head.StatusCode != status || body != "" || head.Header.Get("Content-Type") != jsonType {
			t.Errorf("%s: %d %q %v", path, head.StatusCode, body, head.Header)
		}
		if whole := get(t, s, demoKey, path, status); path != "/wallet/wallet_demo/refund" && head.ContentLength != int64(len(whole)) {
			t.Errorf("%s: %d bytes are announced, GET has %d", path, head.ContentLength, len(whole))
		}
	}
}

// A fault of ours is told in the form of the request: wrapped, and sealed where
// the request was. Before a refund was asked for it is an internal error.
func TestAPanicIsToldInTheFormOfTheRequest(t *testing.T) {
	failing := outcome(func() (intake.Result, error) { panic(errors.New("fault")) })
	url := serve(t, wallet.Services{Directory: sealing(), Acceptor: failing})
	const want = `{"code":100027,`
	r := dialecttest.Request(t, "POST", url+"/wallet/"+demoWallet+"/refund", seal(t, asking(demoCharge, 1), merchantSide(t)), "X-API-KEY", "k")
	if got := unseal(t, send(t, r, 504), merchantSide(t)); !strings.HasPrefix(got, want) {
		t.Errorf("sealed: %s", got)
	}
	r = dialecttest.Request(t, "POST", url+"/wallet/"+demoWallet+"/refund", asking(demoCharge, 1), "X-API-KEY", "k")
	if got := send(t, r, 504); !strings.HasPrefix(got, want) {
		t.Errorf("plain: %s", got)
	}
	r = dialecttest.Request(t, "POST", serve(t, wallet.Services{})+"/wallet/"+demoWallet+"/refund", asking(demoCharge, 1), "X-API-KEY", "k")
	if got := send(t, r, 500); got != `{"code":-1,"message":"internal error","data":null}` {
		t.Errorf("without a directory: %s", got)
	}
}

// The key's header is found in any letter case; what stands elsewhere is no key.
func TestWhereTheKeyStands(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct {
		name   string
		header [2]string
		status int
	}{
		{"as printed", [2]string{"X-API-KEY", demoKey}, 200},
		{"in small letters", [2]string{"x-api-key", demoKey}, 200},
		{"with blanks around it", [2]string{"X-API-KEY", " " + demoKey + " "}, 200},
		{"as a bearer token", [2]string{"Authorization", "Bearer " + demoKey}, 401},
		{"in capitals", [2]string{"X-API-KEY", strings.ToUpper(demoKey)}, 401},
		{"an empty key", [2]string{"X-API-KEY", ""}, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := dialecttest.Request(t, "GET", s.URL+"/wallet/"+demoWallet, "")
			r.Header[test.header[0]] = []string{test.header[1]} // as it stands
			send(t, r, test.status)
		})
	}
	r := dialecttest.Request(t, "GET", s.URL+"/wallet/"+demoWallet+"?api_key="+demoKey, "")
	if got := send(t, r, 401); got != `{"code":401,"message":"api_key_require","data":null}` {
		t.Errorf("got %s", got)
	}
}

// What comes after the address is refused in a fixed order (L2.6-4 to L2.6-29):
// each request mends what the one before was refused for.
func TestTheOrderOfChecks(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	locked := with(t, s, merchant.Test, map[string]string{wire.SettingBlock: wire.SettingOn})
	whole, half := w.charge(t, 100, nil), w.charge(t, 100, nil)
	w.refund(t, asking(whole, 100), 200, "Prefer", "wait=5")
	w.refund(t, asking(half, 50), 200, "Prefer", "wait=5")
	const bad = `"description":5,"extra":"x"}`
	long := `"description":"` + strings.Repeat("字", 256) + `","extra":"x"}`
	head := func(charge, ip, amount string) string {
		return `{"charges_id":` + charge + `,"client_ip":` + ip + `,"amount":` + amount + `,`
	}
	own := "/wallet/" + w.wallet + "/refund"
	for _, step := range []struct {
		name, key, path, body string
		status                int
		want                  string
	}{
		{"the key, before all", "", "/wallet/none/refund", "no JSON", 401, `401,"message":"api_key_require"`},
		{"a key that nobody has", "sk_test_none", "/wallet/none/refund", "no JSON", 401, `401,"message":"the key is missing, unknown or expired"`},
		{"the envelope, before the wallet", w.key, "/wallet/none/refund", `{"version":2,"payload":"","nonce":""}`, 401, `401,"message":"the envelope can't be opened"`},
		{"the wallet, before the body", w.key, "/wallet/none/refund", "no JSON", 404, `10001,"message":"wallet_not_exist"`},
		{"whose wallet it is", w.key, "/wallet/wallet_demo/refund", "no JSON", 404, `100034,"message":"api_key_wallet_mismatching"`},
		{"whether it may be used", locked.key, "/wallet/" + locked.wallet + "/refund", "no JSON", 402, `100036,"message":"the wallet is locked or not approved"`},
		{"the body", w.key, own, "no JSON", 400, `100044,"message":"the body is not JSON: malformed JSON at byte 0"`},
		{"that it is an object", w.key, own, "[]", 400, `100044,"message":"the body must be a JSON object"`},
		{"charges_id, before client_ip", w.key, own, head(`""`, `"x"`, "1.5") + bad, 400, `10002,"message":"charges_id is required"`},
		{"client_ip, before amount", w.key, own, head(`"none"`, `"x"`, "1.5") + bad, 400, `10002,"message":"client_ip must be an IPv4 or IPv6 address"`},
		{"amount, before description", w.key, own, head(`"none"`, `"::1"`, "1.5") + bad, 400, `10002,"message":"amount must be`},
		{"description, before extra", w.key, own, head(`"none"`, `"::1"`, "51") + long, 400, `10002,"message":"description must have at most 255 characters"`},
		{"extra, before the key of the repeat", w.key, own, head(`"none"`, `"::1"`, "51") + `"extra":"x"}`, 400, `10002,"message":"extra must be an object, not a string"`},
		{"the charge, before the amount", w.key, own, head(`"none"`, `"::1"`, "51") + `"extra":{}}`, 404, `10002,"message":"charge not found"`},
		{"a charge that is refunded in full, before the amount", w.key, own, head(`"`+whole+`"`, `"::1"`, "101") + `"extra":{}}`, 402, `10003,"message":"the charge is refunded in full already"`},
		{"the amount", w.key, own, head(`"`+half+`"`, `"::1"`, "51") + `"extra":{}}`, 402, `100028,"message":"amount is more than is still refundable"`},
	} {
		t.Run(step.name, func(t *testing.T) {
			r := dialecttest.Request(t, "POST", s.URL+step.path, step.body, "X-API-KEY", step.key, "Idempotency-Key", "two words")
			if step.status == 404 && strings.Contains(step.want, "charge") || step.status == 402 && step.key == w.key {
				r.Header.Set("Idempotency-Key", "one")
			}
			if got := send(t, r, step.status); !strings.HasPrefix(got, `{"code":`+step.want) || !strings.HasSuffix(got, `,"data":null}`) {
				t.Errorf("got %s", got)
			}
		})
	}
	// Nothing was wrong any more.
	w.refund(t, head(`"`+half+`"`, `"::1"`, "50")+`"extra":{}}`, 200, "Idempotency-Key", "one")
}
