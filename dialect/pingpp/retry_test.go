package pingpp_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// requestKey makes a merchant's key pair; public is the PEM to register.
func requestKey(t testing.TB) (private *rsa.PrivateKey, public string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text, err := pemkey.MarshalPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return private, text
}

// signedRequest is a POST as current clients sign it.
func signedRequest(t testing.TB, s *dialecttest.Service, private *rsa.PrivateKey, key, path, body string) *http.Request {
	t.Helper()
	return signedAt(t, s, private, key, path, body, time.Now().Unix())
}

func signedAt(t testing.TB, s *dialecttest.Service, private *rsa.PrivateKey, key, path, body string, at int64) *http.Request {
	t.Helper()
	timestamp := strconv.FormatInt(at, 10)
	signature, err := pemkey.SignSHA256(private, []byte(body+path+timestamp))
	if err != nil {
		t.Fatal(err)
	}
	return dialecttest.Request(t, http.MethodPost, s.URL+path, body, "Authorization", "Bearer "+key, "Content-Type", jsonType,
		wire.HeaderRequestTimestamp, timestamp, wire.HeaderRequestSignature, signature)
}

func TestATransportRetryGetsTheFirstRefund(t *testing.T) {
	s := dialecttest.Start(t)
	private, _ := requestKey(t)
	charge := s.Charge(t, merchant.DemoID, 1000, nil)
	path := "/v1/charges/" + charge.ID + "/refunds"
	at := time.Now().Unix()
	refundOf := func(body string, at int64) string {
		return decoded(t, send(t, signedAt(t, s, private, demoKey, path, body, at), 200))["id"].(string)
	}
	first := refundOf(`{"amount":1,"description":"d"}`, at)
	if again := refundOf(`{"amount":1,"description":"d"}`, at); again != first {
		t.Errorf("the same bytes again made %s after %s", again, first)
	}
	for name, other := range map[string]string{
		"a second later":       refundOf(`{"amount":1,"description":"d"}`, at+1),
		"with other words":     refundOf(`{"amount":1,"description":"e"}`, at),
		"with another amount":  refundOf(`{"amount":2,"description":"d"}`, at),
		"in another byte form": refundOf(`{"amount":1, "description":"d"}`, at),
	} {
		if other == first {
			t.Errorf("%s it is taken for the first", name)
		}
	}
	t.Run("a client that does not sign means a new one", func(t *testing.T) {
		before := len(s.Refunds(t, charge))
		for range 2 {
			post(t, s, demoKey, path, `{"amount":1,"description":"d"}`, 200)
		}
		if made := len(s.Refunds(t, charge)) - before; made != 2 {
			t.Errorf("%d refunds", made)
		}
	})
}
