package wallet_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/wallet"
)

// Envelopes that can't be opened, whatever is wrong with them, are 401 in plain
// and wrapped form; what is no envelope is a plain request.
func TestEnvelopesAreOpenedInOneFormOnly(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	charge := w.charge(t, 1000, nil)
	var good wire.Envelope
	if err := json.Unmarshal([]byte(seal(t, asking(charge, 1), w.keys)), &good); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(good.Payload)
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := base64.StdEncoding.DecodeString(good.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	envelope := func(version, payload, nonce any) string {
		return fmt.Sprintf(`{"version":%v,"payload":%q,"nonce":%q}`, version, payload, nonce)
	}
	other := with(t, s, merchant.Test, nil)
	// Bytes whose base64 has all of what differs between the alphabets.
	odd := base64.StdEncoding.EncodeToString([]byte{0xfb, 0xff, 0xfe, 0xfb, 0xff})
	for _, test := range []struct{ name, body string }{
		{"version 1", envelope(1, good.Payload, good.Nonce)},
		{"version 3", envelope(3, good.Payload, good.Nonce)},
		{"version 0", envelope(0, good.Payload, good.Nonce)},
		{"a version that is negative", envelope(-2, good.Payload, good.Nonce)},
		{"a version with a point", envelope("2.0", good.Payload, good.Nonce)},
		{"a version with an exponent", envelope("2e0", good.Payload, good.Nonce)},
		{"a version that is a text", envelope(`"2"`, good.Payload, good.Nonce)},
		{"a version of a hundred digits", envelope(strings.Repeat("2", 100), good.Payload, good.Nonce)},
		{"no version", envelope("null", good.Payload, good.Nonce)},
		{"a name twice", strings.Replace(envelope(2, good.Payload, good.Nonce), "{", `{"version":2,`, 1)},
		{"a nonce of 23 bytes", envelope(2, good.Payload, base64.StdEncoding.EncodeToString(nonce[:23]))},
		{"a nonce of 25 bytes", envelope(2, good.Payload, base64.StdEncoding.EncodeToString(append(nonce[:24:24], 0)))},
		{"a nonce of nothing", envelope(2, good.Payload, "")},
		{"a nonce in hexadecimal", envelope(2, good.Payload, fmt.Sprintf("%x", nonce))},
		{"a nonce with U+0000", strings.Replace(envelope(2, good.Payload, good.Nonce), `"nonce":"`, `"nonce":"\u0000`, 1)},
		{"another nonce", envelope(2, good.Payload, base64.StdEncoding.EncodeToString(make([]byte, 24)))},
		{"a payload without padding", envelope(2, base64.RawStdEncoding.EncodeToString(payload), good.Nonce)},
		{"a payload with a line end", envelope(2, good.Payload[:8]+"\n"+good.Payload[8:], good.Nonce)},
		{"a payload with a blank", envelope(2, good.Payload+" ", good.Nonce)},
		{"a payload in the alphabet of addresses", envelope(2, strings.NewReplacer("+", "-", "/", "_").Replace(odd), good.Nonce)},
		{"a payload in hexadecimal", envelope(2, fmt.Sprintf("%x", payload), good.Nonce)},
		{"a payload of nothing", envelope(2, "", good.Nonce)},
		{"a payload that is cut short", envelope(2, base64.StdEncoding.EncodeToString(payload[:15]), good.Nonce)},
		{"one bit that is changed", envelope(2, base64.StdEncoding.EncodeToString(append([]byte{payload[0] ^ 1}, payload[1:]...)), good.Nonce)},
		{"an envelope that another wallet sealed", seal(t, asking(charge, 1), other.keys)},
		{"an envelope that was sealed for the sender", seal(t, asking(charge, 1), wire.Keys{Secret: w.keys.Secret, Peer: public(t, w.keys.Secret)})},
		{"an envelope that we sealed ourselves", send(t, dialecttest.Request(t, "GET", s.URL+"/wallet/"+other.wallet, seal(t, "", other.keys), "X-API-KEY", other.key), 200)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Unchanged(t, func() {
				for _, method := range []string{"POST", "GET", "DELETE"} {
					r := dialecttest.Request(t, method, s.URL+"/wallet/"+w.wallet+"/refund", test.body, "X-API-KEY", w.key)
					if got := send(t, r, 401); got != `{"code":401,"message":"the envelope can't be opened","data":null}` {
						t.Errorf("%s: %s", method, got)
					}
				}
			})
		})
	}
	// The good one, in another order and with blanks, is opened.
	w.refund(t, fmt.Sprintf("\n{ \"nonce\" : %q,\n\"payload\":%q , \"version\": 2}\t", good.Nonce, good.Payload), 200)
	for name, body := range map[string]string{
		"a member more": strings.Replace(envelope(2, good.Payload, good.Nonce), "{", `{"a":1,`, 1), "a member less": `{"version":2,"payload":""}`,
		"other names": `{"Version":2,"Payload":"","Nonce":""}`,
	} {
		if got := w.refund(t, body, 400); got != `{"code":10002,"message":"charges_id is required","data":null}` {
			t.Errorf("%s is no plain request: %s", name, got)
		}
	}
}

// The demo's key may send both forms, sealed ones with the keys that the data
// folder lists.
func TestTheDemoTakesBothForms(t *testing.T) {
	data := t.TempDir()
	s := dialecttest.Start(t, func(o *service.Options) { o.Data = data })
	text, err := os.ReadFile(filepath.Join(data, "demo", "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Wallet map[string]string `json:"wallet"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	demo := document.Wallet
	if demo["wallet_id"] != demoWallet || demo["api_key"] != demoKey {
		t.Errorf("the demo is %v", demo)
	}
	keys := keysOf(t, merchant.Identity{
		Public:  map[string]string{merchant.PlatformPublicKey: demo["platform_public_key"]},
		Secrets: map[string]string{merchant.MerchantSecretKey: demo["merchant_secret_key"]},
	})
	if own := wire.FormatKey(public(t, keys.Secret)); own != demo["merchant_public_key"] {
		t.Errorf("the merchant's keys do not belong together: %s", own)
	}
	path := "/wallet/" + demoWallet + "/refund"
	made := sealed(t, s.URL, demoKey, keys, "POST", path, asking(demoCharge, 30), 200)
	if !strings.HasPrefix(made, `{"code":0,"message":"success","data":{"id":"re_`) {
		t.Errorf("sealed: %s", made)
	}
	if plain := post(t, s, demoKey, path, asking(demoCharge, 30), 200); !strings.HasPrefix(plain, `{"id":"re_`) {
		t.Errorf("plain: %s", plain)
	}
}

// What an envelope holds is the request, and everything about it is told in a
// sealed and wrapped answer.
func TestWhatStandsInAnEnvelope(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	charge := w.charge(t, 1000, nil)
	root := "/wallet/" + w.wallet
	for _, test := range []struct {
		name, method, path, plaintext string
		status                        int
		want                          string
	}{
		{"16 random bytes of a GET", "GET", root, "", 200, `{"code":0,"message":"success","data":{"id":`},
		{"a GET may hold anything", "GET", root, "\xff\x00{", 200, `{"code":0,"message":"success","data":{"id":`},
		{"a GET may hold nothing", "GET", root, "\x00", 200, `{"code":0,"message":"success","data":{"id":`},
		{"a POST of 16 random bytes", "POST", root + "/refund", "", 400, `{"code":100044,"message":"the body is `},
		{"a POST of a list", "POST", root + "/refund", "[]", 400, `{"code":100044,"message":"the body must be a JSON object","data":null}`},
		{"a name twice", "POST", root + "/refund", `{"amount":1,"amount":1}`, 400, `{"code":10002,"message":"the body is refused: duplicate name in JSON object at byte 12","data":null}`},
		{"an envelope in the envelope is no request", "POST", root + "/refund", seal(t, asking(charge, 1), w.keys), 400, `{"code":10002,"message":"charges_id is required","data":null}`},
		{"a refund", "POST", root + "/refund", asking(charge, 1), 200, `{"code":0,"message":"success","data":{"id":"re_`},
		{"a refund, older", "POST", "/charges/" + charge + "/refunds", `{"amount":1,"description":"d"}`, 200, `{"code":0,"message":"success","data":{"id":"re_`},
		{"an older list", "GET", "/charges/" + charge + "/refunds?page=1&count=9", "", 200, `{"code":0,"message":"success","data":[{"id":"re_`},
		{"a list", "GET", root + "/charges/list?page=1&count=9", "", 200, `{"code":0,"message":"success","data":{"total":1,"data":[{"id":`},
		{"a wrong method", "DELETE", root + "/refund", "", 405, `{"code":-1,`},
		{"a page that is missing", "GET", root + "/charges/list?count=9", "", 400, `{"code":100051,"message":"page is required","data":null}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := sealed(t, s.URL, w.key, w.keys, test.method, test.path, test.plaintext, test.status); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// The form of an answer is the request's: sealed and wrapped, or plain and bare,
// or plain and wrapped where the wallet wants it; errors are wrapped in all.
func TestTheFormOfAnAnswerIsTheRequests(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct {
		name, reply, result string
	}{
		{"a wallet without the switch", "", `{"id":`},
		{"bare", wire.ReplyBare, `{"id":`},
		{"wrapped", wire.ReplyWrapped, `{"code":0,"message":"success","data":{"id":`},
		{"a word that nobody knows is bare", "boxed", `{"id":`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := with(t, s, merchant.Test, map[string]string{wire.SettingReply: test.reply})
			if got := w.get(t, "", 200); !strings.HasPrefix(got, test.result) {
				t.Errorf("a result is %s", got)
			}
			const missing = `{"code":10002,"message":"charge not found","data":null}`
			if got := w.get(t, "/obj/none", 404); got != missing {
				t.Errorf("an error is %s", got)
			}
			if got := sealed(t, s.URL, w.key, w.keys, "GET", "/wallet/"+w.wallet, "", 200); !strings.HasPrefix(got, `{"code":0,"message":"success","data":{"id":`) {
				t.Errorf("a sealed result is %s", got)
			}
			if got := sealed(t, s.URL, w.key, w.keys, "GET", "/wallet/"+w.wallet+"/obj/none", "", 404); got != missing {
				t.Errorf("a sealed error is %s", got)
			}
		})
	}
}
