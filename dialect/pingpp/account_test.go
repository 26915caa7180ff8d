package pingpp_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

func TestAnswersAreSignedOverTheirBytes(t *testing.T) {
	s := dialecttest.Start(t)
	key, err := s.Store.PlatformKey(t.Context(), merchant.PingPP)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pemkey.ParseRSAPublicKey(key.PublicPEM)
	if err != nil {
		t.Fatal(err)
	}
	for path, status := range map[string]int{"/v1/charges/" + demoCharge: 200, "/v1/events?limit=0": 400} {
		response, body := dialecttest.Do(t, dialecttest.Request(t, http.MethodGet, s.URL+path, "", "Authorization", basic(demoKey)))
		if response.StatusCode != status {
			t.Fatalf("answered %d %s", response.StatusCode, body)
		}
		if err := pemkey.VerifySHA256(public, []byte(body), response.Header.Get("X-Pingplusplus-Signature")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAnswersAreUnsignedForMerchantsWhoWantThatAlone(t *testing.T) {
	s := dialecttest.Start(t)
	get := func(path string) string {
		response, _ := dialecttest.Do(t, dialecttest.Request(t, http.MethodGet, s.URL+path, "", "Authorization", basic(demoKey)))
		return response.Header.Get("X-Pingplusplus-Signature")
	}
	for _, unsigned := range []string{"true", "false"} {
		r := dialecttest.Request(t, http.MethodPatch, s.URL+"/refundry/v1/merchant/settings", `{"unsigned_answers": `+unsigned+`}`,
			"Authorization", "Bearer rk_test_demo", "Content-Type", "application/json")
		if response, body := dialecttest.Do(t, r); response.StatusCode != http.StatusOK {
			t.Fatalf("answered %d %s", response.StatusCode, body)
		}
		for _, path := range []string{"/v1/charges/" + demoCharge, "/v1/events?limit=0"} {
			if signature := get(path); (signature == "") != (unsigned == "true") {
				t.Errorf("%s: the signature is %q, unsigned_answers %s", path, signature, unsigned)
			}
		}
	}
}

func TestOnlyTheNodeClientsConnectionIsClosed(t *testing.T) {
	s := dialecttest.Start(t)
	for agent, closes := range map[string]bool{
		"Pingpp/v1 NodeBindings/2.1.6": true, "Pingpp/v1 JavaBindings/2.5.2": false, "Pingpp go SDK version:3.2.6": false, "": false,
	} {
		for _, key := range []string{demoKey, "wrong"} { // errors too
			r := dialecttest.Request(t, http.MethodGet, s.URL+"/v1/charges/"+demoCharge, "", "Authorization", basic(key), "User-Agent", agent)
			if response, _ := dialecttest.Do(t, r); response.Close != closes {
				t.Errorf("%q: close is %t", agent, response.Close)
			}
		}
	}
}

func TestHEADIsAGETWithoutABody(t *testing.T) {
	s := dialecttest.Start(t)
	response, body := dialecttest.Do(t, dialecttest.Request(t, http.MethodHead, s.URL+"/v1/charges/"+demoCharge, "", "Authorization", basic(demoKey)))
	if response.StatusCode != http.StatusOK || body != "" || response.ContentLength < 100 {
		t.Errorf("answered %d with %d bytes announced: %q", response.StatusCode, response.ContentLength, body)
	}
}

func TestALiveKeyCreatesNoCharges(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "live", merchant.Live, nil)
	app, _ := fresh.Identity(merchant.PingPP)
	body := `{"order_no":"L1234567","app":{"id":"` + app.Name + `"},"channel":"wx","amount":1,"client_ip":"127.0.0.1","currency":"cny","subject":"s","body":"b"}`
	s.Unchanged(t, func() {
		answer := post(t, s, fresh.Key(merchant.PingPP), "/v1/charges", body, http.StatusBadRequest)
		if !strings.Contains(answer, `"message": "当前 API KEY 无权进行此操作。"`) {
			t.Error(answer)
		}
	})
}

func TestACreatedChargeHasANameInEveryDialect(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "names", merchant.Test, nil)
	app, _ := fresh.Identity(merchant.PingPP)
	body := `{"order_no":"N1234567","app":{"id":"` + app.Name + `"},"channel":"wx","amount":1,"client_ip":"::1","currency":"CNY","subject":"s","body":"b"}`
	id := fmt.Sprint(decoded(t, post(t, s, fresh.Key(merchant.PingPP), "/v1/charges", body, http.StatusOK))["id"])
	charge, err := s.Store.ChargeByAlias(t.Context(), fresh.Merchant.ID, merchant.PingPP, id)
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, alias := range charge.Aliases {
		named = append(named, alias.Dialect)
	}
	for _, dialect := range []string{merchant.PingPP, merchant.Wallet, merchant.WeChatPay, merchant.Payin} {
		if !slices.Contains(named, dialect) {
			t.Errorf("no name in %s: %v", dialect, named)
		}
	}
	if charge.TransactionID == "" || charge.PaidAt.IsZero() {
		t.Errorf("not paid: %+v", charge)
	}
}

func TestARefundWaitsForTheChannelOnlyWhenAsked(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "patient", merchant.Test, nil) // waits 0 s by default
	key := fresh.Key(merchant.PingPP)
	path := "/v1/charges/" + s.Charge(t, fresh.Merchant.ID, 1000, nil).ID + "/refunds"
	if got := decoded(t, post(t, s, key, path, `{"description":"d","amount":1}`, 200)); got["status"] != "pending" || got["time_succeed"] != nil {
		t.Errorf("without a wait: %v", got)
	}
	if got := decoded(t, post(t, s, key, path, `{"description":"d","amount":1}`, 200, "Prefer", "wait=10")); got["status"] != "succeeded" {
		t.Errorf("with a wait: %v", got)
	}
	// 58 stays with the channel: that it has the refund is its word.
	began := time.Now()
	if got := decoded(t, post(t, s, key, path, `{"description":"d","amount":58}`, 200, "Prefer", "wait=20")); got["status"] != "pending" {
		t.Errorf("a refund that takes its time: %v", got)
	}
	if waited := time.Since(began); waited > 15*time.Second {
		t.Errorf("waited %s though the channel had spoken", waited)
	}
}

func TestSignedRequests(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pemkey.MarshalPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "signing", merchant.Test, func(f *merchant.Fresh) {
		// Older versions stored keys with text behind them.
		f.Merchant.Settings.CheckSignatures, f.Merchant.Settings.RequestKey = true, public+"the end"
	})
	path := "/v1/charges/" + s.Charge(t, fresh.Merchant.ID, 1000, nil).ID + "/refunds"
	const body = `{"description":"d","amount":1}`
	now := fmt.Sprint(time.Now().Unix())
	tests := []struct {
		name      string
		signed    string
		timestamp string
		ok        bool
	}{
		{"current clients: body, target and timestamp", body + path + now, now, true},
		{"one Node release: body and timestamp", body + now, now, true},
		{"the oldest: the body without a timestamp", body, "", true},
		{"another body", `{"description":"d","amount":2}` + path + now, now, false},
		{"another target", body + path + "x" + now, now, false},
		{"a timestamp that was not signed", body + path + now, fmt.Sprint(time.Now().Unix() + 1), false},
		{"a timestamp of an hour ago", body + path + fmt.Sprint(time.Now().Unix()-3600), fmt.Sprint(time.Now().Unix() - 3600), false},
		{"a timestamp of tomorrow", body + path + fmt.Sprint(time.Now().Unix()+86400), fmt.Sprint(time.Now().Unix() + 86400), false},
		{"no signature", "", now, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var headers []string
			if test.signed != "" {
				signature, err := pemkey.SignSHA256(private, []byte(test.signed))
				if err != nil {
					t.Fatal(err)
				}
				headers = append(headers, wire.HeaderRequestSignature, signature)
			}
			if test.timestamp != "" {
				headers = append(headers, wire.HeaderRequestTimestamp, test.timestamp)
			}
			if test.ok {
				post(t, s, fresh.Key(merchant.PingPP), path, body, http.StatusOK, headers...)
				return
			}
			s.Unchanged(t, func() {
				post(t, s, fresh.Key(merchant.PingPP), path, body, http.StatusUnauthorized, headers...)
			})
		})
	}
	t.Run("a GET needs none", func(t *testing.T) {
		get(t, s, fresh.Key(merchant.PingPP), path, http.StatusOK)
	})
}

func TestAChargeOfAnotherDialectIsRefundedHere(t *testing.T) {
	s := dialecttest.Start(t)
	// Registered without a word of Ping++; it has no client_ip and no texts.
	charge := s.Charge(t, merchant.DemoID, 1000, func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.Wallet, Identity: "wallet_demo", Name: "11SF0c6d432eb7894cc3191ff20c0000"}}
	})
	alias, _ := charge.Alias(merchant.PingPP)
	got := decoded(t, get(t, s, demoKey, "/v1/charges/"+alias.Name, 200))
	if got["client_ip"] != "0.0.0.0" || got["app"] != demoApp || got["description"] != nil || got["subject"] != "" {
		t.Errorf("got %v", got)
	}
	post(t, s, demoKey, "/v1/charges/"+alias.Name+"/refunds", `{"description":"d"}`, 200)
}
