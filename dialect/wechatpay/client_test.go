package wechatpay_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

const (
	direct     = "1900009191"
	partner    = "1900000100"
	subMchID   = "1900000109"
	demoKey    = "0123456789abcdef0123456789abcdef"
	demoOrder  = "1217752501201407033233368018"
	demoTrade  = "4200000000202607010000000001"
	jsonType   = "application/json"
	refundPath = "/v3/refund/domestic/refunds"
)

// client signs like an official one and trusts nothing that it can't verify.
type client struct {
	url    string
	mchID  string
	sub    string
	serial string // of its certificate, as it writes it
	signer wire.Signer
	keys   wire.PlatformKeys
	// platformSerial and publicKeyID name the platform's keys.
	platformSerial, publicKeyID string
	identity                    merchant.Identity
	now                         func() time.Time
}

// demo returns the demo merchant's client as one of its two accounts.
func demo(t testing.TB, s *dialecttest.Service, mchID string) client {
	t.Helper()
	_, identity, err := s.Store.Identity(t.Context(), merchant.WeChatPay, mchID)
	if err != nil {
		t.Fatal(err)
	}
	return clientOf(t, s.URL, identity)
}

func clientOf(t testing.TB, url string, identity merchant.Identity) client {
	t.Helper()
	key, err := pemkey.ParseRSAPrivateKey(identity.Secrets[merchant.MerchantKeyPEM])
	if err != nil {
		t.Fatal(err)
	}
	public, err := pemkey.ParseRSAPublicKey(identity.Public[merchant.PlatformPublicPEM])
	if err != nil {
		t.Fatal(err)
	}
	serial := identity.Public[merchant.MerchantSerial]
	c := client{
		url: url, mchID: identity.Name, sub: identity.Sub, serial: serial, signer: wire.Signer{Serial: serial, Key: key},
		platformSerial: identity.Public[merchant.PlatformSerial], publicKeyID: identity.Public[merchant.PlatformPublicKeyID],
		identity: identity, now: time.Now,
	}
	c.keys = wire.PlatformKeys{wire.NormalSerial(c.platformSerial): public, wire.NormalSerial(c.publicKeyID): public}
	return c
}

// request makes a signed request. The target goes out exactly as it stands.
func (c client) request(t testing.TB, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	return c.signedAs(t, method, target, target, body, headers...)
}

// signedAs signs another target than the one that is sent.
func (c client) signedAs(t testing.TB, method, signed, target, body string, headers ...string) *http.Request {
	t.Helper()
	nonce, err := wire.NewNonce(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := wire.Signer{Serial: c.serial, Key: c.signer.Key}
	authorization, err := signer.Authorize(c.mchID, method, signed, []byte(body), nonce, c.now())
	if err != nil {
		t.Fatal(err)
	}
	r := dialecttest.Request(t, method, c.url+"/", body, "Authorization", authorization.String(), "Accept", "*/*")
	path, query, _ := strings.Cut(target, "?")
	r.URL.Opaque, r.URL.RawQuery = path, query
	if body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	return r
}

// send sends a request, verifies the answer's signature and demands a status.
func (c client) send(t testing.TB, r *http.Request, status int) string {
	t.Helper()
	answer, body := dialecttest.Do(t, r)
	if answer.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d: %s", r.Method, r.URL.Opaque, answer.StatusCode, status, body)
	}
	c.verify(t, answer, body)
	return body
}

func (c client) verify(t testing.TB, answer dialecttest.Answer, body string) wire.AnswerSignature {
	t.Helper()
	signature, err := wire.ReadAnswerSignature(answer.Header)
	if err != nil {
		t.Fatalf("%d %s: %v", answer.StatusCode, body, err)
	}
	if err := c.keys.Verify(signature, []byte(body), c.now()); err != nil {
		t.Errorf("%d %s: %v", answer.StatusCode, body, err)
	}
	return signature
}

func (c client) get(t testing.TB, target string, status int, headers ...string) string {
	t.Helper()
	return c.send(t, c.request(t, http.MethodGet, target, "", headers...), status)
}

func (c client) post(t testing.TB, target, body string, status int, headers ...string) string {
	t.Helper()
	return c.send(t, c.request(t, http.MethodPost, target, body, headers...), status)
}

// decoded reads an answer as a map, with numbers as they stand.
func decoded(t testing.TB, body string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var out map[string]any
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return out
}

func exact(t testing.TB, body string) exactjson.Value {
	t.Helper()
	value, err := exactjson.Decode([]byte(body), exactjson.Limits{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return value
}
