package payin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/payin"
)

// newClient gives a merchant one more client, as the native API tells it.
func newClient(t *testing.T, s *dialecttest.Service, fresh merchant.Fresh, body string) (c client, keyID, clientID string) {
	t.Helper()
	r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/keys", body, "Authorization", "Bearer "+fresh.Key(merchant.Native))
	response, answer := dialecttest.Do(t, r)
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", response.StatusCode, answer)
	}
	key := decoded(t, answer)
	text := func(name string) string { out, _ := key[name].(string); return out }
	return client{s.URL, text("secret"), text("client_secret")}, text("id"), text("client_id")
}

// A merchant has one or more clients, each with a key of 32 characters and a
// secret of 64. While one replaces another both are good (Y1-6 and Y1-7).
func TestAMerchantHasSeveralClients(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "two clients", merchant.Test, nil)
	first := of(s, fresh)
	second, keyID, clientID := newClient(t, s, fresh, `{"dialect":"payin"}`)
	for name, c := range map[string]client{"first": first, "second": second} {
		if len(c.key) != 32 || len(c.secret) != 64 {
			t.Errorf("the %s client has a key of %d and a secret of %d characters", name, len(c.key), len(c.secret))
		}
	}
	if !wire.IsClientID(clientID) || second.secret == first.secret || second.key == first.key {
		t.Errorf("the second client is %s, %+v beside %+v", clientID, second, first)
	}
	path := "/merchants/" + payinName(fresh)
	first.send(t, "GET", path, "", http.StatusOK)
	second.send(t, "GET", path, "", http.StatusOK)
	client{s.URL, second.key, first.secret}.send(t, "GET", path, "", http.StatusUnauthorized)
	client{s.URL, first.key, second.secret}.send(t, "GET", path, "", http.StatusUnauthorized)

	order := newOrder(t, second, fresh, "T1", "")
	for _, c := range []client{first, second} {
		has(t, c.send(t, "GET", "/orders/"+order, "", http.StatusOK), map[string]string{"clientId": `"` + clientID + `"`})
		has(t, c.send(t, "GET", "/transactions/"+order+"_1/merchant", "", http.StatusOK), map[string]string{"clientId": `"` + clientID + `"`})
	}
	// merchantRefundId is the merchant's, whichever client sends it; the same
	// bytes in the same second from another client are another request.
	numbered := `{"amount":"1","reason":"r","merchantRefundId":"n-1"}`
	made := decoded(t, first.send(t, "POST", "/orders/"+order+"/refunds", numbered, http.StatusOK))["id"]
	if again := decoded(t, second.send(t, "POST", "/orders/"+order+"/refunds", numbered, http.StatusOK))["id"]; again != made {
		t.Errorf("the same number made %v and %v", made, again)
	}
	ids := map[string]bool{}
	at, uri := time.Now(), "/orders/"+order+"/refunds"
	for _, c := range []client{first, second, first} {
		r := dialecttest.Request(t, "POST", s.URL+uri, amount(`"1"`))
		wire.Authenticate(c.key, c.secret, wire.CreateRefund, uri, at).Set(r.Header)
		response, body := dialecttest.Do(t, r)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", response.StatusCode, body)
		}
		ids[fmt.Sprint(decoded(t, body)["id"])] = true
	}
	if len(ids) != 2 {
		t.Errorf("two clients and a repeat made %v", ids)
	}

	r := dialecttest.Request(t, "DELETE", s.URL+"/refundry/v1/keys/"+keyID, "", "Authorization", "Bearer "+fresh.Key(merchant.Native))
	if response, body := dialecttest.Do(t, r); response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	second.send(t, "GET", path, "", http.StatusUnauthorized)
	first.send(t, "GET", path, "", http.StatusOK)
}

// The hash can be demanded of one client alone (Y7.5-14).
func TestOneClientMustSendItsBodysHash(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "two clients", merchant.Test, nil)
	free := of(s, fresh)
	strict, _, _ := newClient(t, s, fresh, `{"dialect":"payin","require_body_sha256":true}`)
	order := newOrder(t, free, fresh, "T1", "")
	path, body := "/orders/"+order+"/refunds", amount(`"1"`)
	sum := sha256.Sum256([]byte(body))
	s.Unchanged(t, func() { strict.send(t, "POST", path, body, http.StatusUnauthorized) })
	strict.send(t, "POST", path, body, http.StatusOK, wire.HeaderBodySHA256, hex.EncodeToString(sum[:]))
	strict.send(t, "GET", "/orders/"+order, "", http.StatusOK)
	free.send(t, "POST", path, amount(`"2"`), http.StatusOK)
}

// The request that made a client, once more with its Idempotency-Key, is told
// both of its secrets again.
func TestAClientIsToldAgainToItsRequest(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "twice", merchant.Test, nil)
	made := map[string]any{}
	for n, status := range []int{http.StatusCreated, http.StatusOK} {
		r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/keys", `{"dialect":"payin"}`,
			"Authorization", "Bearer "+fresh.Key(merchant.Native), "Idempotency-Key", "k-1")
		response, body := dialecttest.Do(t, r)
		got := decoded(t, body)
		if response.StatusCode != status || len(fmt.Sprint(got["client_secret"])) != 64 || len(fmt.Sprint(got["secret"])) != 32 {
			t.Fatalf("%d %s", response.StatusCode, body)
		}
		if n == 0 {
			made = got
		} else if fmt.Sprint(got) != fmt.Sprint(made) {
			t.Errorf("once more %v, first %v", got, made)
		}
	}
}

// A key that another dialect's would not have is refused there.
func TestOnlyAPayinKeyCanDemandHashes(t *testing.T) {
	s := dialecttest.Start(t)
	r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/keys", `{"dialect":"pingpp","require_body_sha256":true}`, "Authorization", "Bearer rk_test_demo")
	if response, body := dialecttest.Do(t, r); response.StatusCode != http.StatusBadRequest && response.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}
