package wallet_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/wallet"
)

// keysOf is the merchant's side: its own secret and the platform's public key.
func keysOf(t testing.TB, identity merchant.Identity) wire.Keys {
	t.Helper()
	secret, err := wire.ParseKey(identity.Secrets[merchant.MerchantSecretKey])
	if err != nil {
		t.Fatal(err)
	}
	peer, err := wire.ParseKey(identity.Public[merchant.PlatformPublicKey])
	if err != nil {
		t.Fatal(err)
	}
	return wire.Keys{Secret: secret, Peer: peer}
}

// seal is a sealed body; a request without one carries 16 random bytes.
func seal(t testing.TB, body string, keys wire.Keys) string {
	t.Helper()
	plaintext := []byte(body)
	if body == "" {
		var err error
		if plaintext, err = wire.Placeholder(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	nonce, err := wire.NewNonce(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := wire.Seal(plaintext, nonce, keys)
	if err != nil {
		t.Fatal(err)
	}
	text, err := wire.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unseal opens a sealed answer.
func unseal(t testing.TB, answer string, keys wire.Keys) string {
	t.Helper()
	value, err := exactjson.Decode([]byte(answer), exactjson.Limits{})
	if err != nil || !wire.IsEnvelope(value) {
		t.Fatalf("no envelope (%v): %s", err, answer)
	}
	envelope, err := wire.ReadEnvelope(value)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := wire.Open(envelope, keys)
	if err != nil {
		t.Fatal(err)
	}
	return string(plaintext)
}

// sealed sends a sealed request and opens the answer.
func sealed(t testing.TB, base, key string, keys wire.Keys, method, path, body string, status int) string {
	t.Helper()
	return unseal(t, send(t, dialecttest.Request(t, method, base+path, seal(t, body, keys), "X-API-KEY", key), status), keys)
}

// data is what a wrapped success holds.
func data(t testing.TB, reply string) string {
	t.Helper()
	var success struct {
		Code    *int            `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(reply), &success); err != nil || success.Code == nil || *success.Code != 0 || success.Message != "success" {
		t.Fatalf("no success (%v): %s", err, reply)
	}
	return string(success.Data)
}

func TestSealedRequestsGetSealedAndWrappedAnswers(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "sealed", merchant.Test, nil)
	wallet, _ := fresh.Identity(merchant.Wallet)
	keys, key, root := keysOf(t, wallet), fresh.Key(merchant.Wallet), "/wallet/"+wallet.Name
	charge := nameIn(t, s.Charge(t, fresh.Merchant.ID, 100, nil))

	// It waits for the end, so that both reads see the same.
	asked := dialecttest.Request(t, "POST", s.URL+root+"/refund", seal(t, asking(charge, 30), keys), "X-API-KEY", key, "Prefer", "wait=20")
	made := data(t, unseal(t, send(t, asked, 200), keys))
	id := decoded(t, made)["id"].(string)
	// The same object by a sealed GET and by a plain one.
	read := data(t, sealed(t, s.URL, key, keys, "GET", root+"/obj/"+id, "", 200))
	if plain := get(t, s, key, root+"/obj/"+id, 200); plain != read {
		t.Errorf("sealed\n%s\nplain\n%s", read, plain)
	}
	for _, path := range []string{root, "/api/v1" + root + "/charges/list?page=1&count=1", "/charges/" + charge + "/refunds?page=1&count=1"} {
		if got := data(t, sealed(t, s.URL, key, keys, "GET", path, "", 200)); got == "null" {
			t.Errorf("%s gives nothing", path)
		}
	}
	// Errors are sealed too, once the envelope has been opened.
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", root + "/refund", asking(charge, 71), 402, `{"code":100028,"message":"amount is more than is still refundable","data":null}`},
		{"POST", root + "/refund", "no JSON", 400, `{"code":100044,"message":"the body is not JSON: malformed JSON at byte 0","data":null}`},
		{"POST", root + "/refund", asking(charge, "1.5"), 400, `{"code":10002,"message":"amount must be a whole JSON number above 0 in the minor unit of the charge's currency, such as 100 fen for 1 yuan","data":null}`},
		{"POST", "/wallet/wallet_demo/refund", asking(charge, 1), 404, `{"code":100034,"message":"api_key_wallet_mismatching","data":null}`},
		{"GET", root + "/obj/none", "", 404, `{"code":10002,"message":"charge not found","data":null}`},
		{"GET", root + "/nothing", "", 404, `{"code":-1,"message":"nothing is served at this address","data":null}`},
	} {
		if got := sealed(t, s.URL, key, keys, test.method, test.path, test.body, test.status); got != test.want {
			t.Errorf("%s %s: %s", test.method, test.path, got)
		}
	}
	// An envelope for the demo's wallet does not open with this key.
	demo := s.Merchant(t, "third", merchant.Test, nil)
	theirs, _ := demo.Identity(merchant.Wallet)
	want := `{"code":401,"message":"the envelope can't be opened","data":null}`
	body := seal(t, asking(charge, 1), keysOf(t, theirs))
	if got := post(t, s, key, root+"/refund", body, http.StatusUnauthorized); got != want {
		t.Errorf("got %s", got)
	}
}

func TestNoTwoAnswersShareANonce(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "sealed", merchant.Test, nil)
	wallet, _ := fresh.Identity(merchant.Wallet)
	keys := keysOf(t, wallet)
	nonces := map[any]bool{}
	for range 20 {
		r := dialecttest.Request(t, "GET", s.URL+"/wallet/"+wallet.Name, seal(t, "", keys), "X-API-KEY", fresh.Key(merchant.Wallet))
		nonces[decoded(t, send(t, r, 200))["nonce"]] = true
	}
	if len(nonces) != 20 {
		t.Errorf("20 answers have %d nonces", len(nonces))
	}
}

// The contract's vector (L1.1-3), computed by someone else: keys, nonce and the
// bytes of the envelope.
func TestTheVectorOfTheContractMakesARefund(t *testing.T) {
	const envelope = `{"version": 2, "payload": "mNMWds+9SxnFDCxkfRL27MZYm4YDy6+1+xiOSw2MZVY46IwsjxEVTNinJtlajc626h4vF7xmRDrIj9GVY2NMRuOipfvRptyM",` +
		` "nonce": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}`
	bytes := func(from byte) string {
		raw := make([]byte, wire.KeySize)
		for n := range raw {
			raw[n] = from + byte(n)
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	fromHex := func(text string) string {
		raw, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	var identity merchant.Identity
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "vector", merchant.Test, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect != merchant.Wallet {
				continue
			}
			f.Identities[n].Secrets = map[string]string{merchant.PlatformSecretKey: bytes(0xa0), merchant.MerchantSecretKey: bytes(0x01)}
			f.Identities[n].Public = map[string]string{
				merchant.MerchantPublicKey: fromHex("07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"),
				merchant.PlatformPublicKey: fromHex("605a725d2a4adfeeb1a29e17edd621c1b7593ee8cdbc44ac6c4ab6e2f805d23c"),
				wire.SettingPlain:          wire.SettingOff,
			}
			identity = f.Identities[n]
		}
	})
	s.Charge(t, fresh.Merchant.ID, 100, func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.Wallet, Identity: identity.Name, Name: "c1"}}
	})
	r := dialecttest.Request(t, "POST", s.URL+"/wallet/"+identity.Name+"/refund", envelope, "X-API-KEY", fresh.Key(merchant.Wallet), "Prefer", "wait=5")
	got := decoded(t, data(t, unseal(t, send(t, r, 200), keysOf(t, identity))))
	if got["charges_id"] != "c1" || got["client_ip"] != "127.0.0.1" || got["status"] != "succeeded" || got["amount"] != json.Number("100") {
		t.Errorf("got %v", got)
	}
	// One changed bit of the payload opens nothing.
	broken := strings.Replace(envelope, "mNMW", "nNMW", 1)
	post(t, s, fresh.Key(merchant.Wallet), "/wallet/"+identity.Name+"/refund", broken, http.StatusUnauthorized)
	// Its keys are marked as not plain.
	want := `{"code":401,"message":"this key takes sealed requests only","data":null}`
	if got := post(t, s, fresh.Key(merchant.Wallet), "/wallet/"+identity.Name+"/refund", asking("c1", 1), http.StatusUnauthorized); got != want {
		t.Errorf("got %s", got)
	}
	if got := get(t, s, fresh.Key(merchant.Wallet), "/wallet/"+identity.Name, http.StatusUnauthorized); got != want {
		t.Errorf("got %s", got)
	}
}
