package native_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
)

// The test's client calls from 127.0.0.1. Each dialect refuses a key in its own
// form, and does nothing.
func TestAKeyIsKnownFromItsNetworksAlone(t *testing.T) {
	s := dialecttest.Start(t)
	calls := map[string]struct {
		body, header, prefix, method, path string
		refused                            int
	}{
		merchant.Native: {`{"dialect": "native", `, "Authorization", "Bearer ", "GET", "/refundry/v1/merchant", http.StatusForbidden},
		merchant.PingPP: {`{"dialect": "pingpp", `, "Authorization", "Bearer ", "GET", "/v1/charges/ch_L8qn10mLmr1GS8e5OODmHaL4", http.StatusUnauthorized},
		merchant.Wallet: {`{"dialect": "wallet", `, "X-API-KEY", "", "GET", "/wallet/wallet_demo", http.StatusUnauthorized},
	}
	for name, c := range calls {
		for _, network := range []struct {
			list   string
			status int
		}{
			{`["127.0.0.0/8"]`, http.StatusOK},
			{`["192.0.2.1", "::1", "127.0.0.1"]`, http.StatusOK},
			{`["192.0.2.0/24"]`, c.refused},
			{`["127.0.0.2"]`, c.refused},
		} {
			key := text(send(t, s, demo, "POST", "/keys", c.body+`"allow_ips": `+network.list+`}`, http.StatusCreated), "secret")
			answer, body := dialecttest.Do(t, dialecttest.Request(t, c.method, s.URL+c.path, "", c.header, c.prefix+key))
			if answer.StatusCode != network.status {
				t.Errorf("%s from one of %s: %d, want %d: %s", name, network.list, answer.StatusCode, network.status, body)
			}
			if network.status != http.StatusOK && strings.Contains(body, "refundable") {
				t.Errorf("%s: a refusal tells of the charge: %s", name, body)
			}
		}
	}
}

func TestAKeysCeilingsBindItsRefunds(t *testing.T) {
	s := dialecttest.Start(t)
	made := send(t, s, demo, "POST", "/keys", `{"dialect": "native", "ceilings": [{"currency": "CNY", "max_refund": 300, "max_day": 500}]}`, http.StatusCreated)
	key, id := text(made, "secret"), text(made, "id")
	charge := s.Charge(t, "mer_demo", 10_000, nil)
	ask := func(amount string, status int) string {
		t.Helper()
		return send(t, s, key, "POST", "/refunds", `{"charge": "`+charge.ID+`", "amount": `+amount+`}`, status)
	}
	var told struct {
		Kind, Param string
		Limit       struct {
			Rule  string
			Value int64
			At    string
		}
	}
	read := func(body string) {
		t.Helper()
		if err := json.Unmarshal([]byte(body), &told); err != nil {
			t.Fatal(err)
		}
	}
	read(send(t, s, key, "POST", "/quotes", `{"charge": "`+charge.ID+`", "amount": 301}`, http.StatusUnprocessableEntity))
	if told.Limit.Rule != "key_refund" {
		t.Errorf("a quote: %+v", told)
	}
	read(ask("301", http.StatusUnprocessableEntity))
	if told.Kind != "limit_exceeded" || told.Limit.Rule != "key_refund" || told.Limit.Value != 300 {
		t.Errorf("above the ceiling for one: %+v", told)
	}
	ask("300", http.StatusCreated)
	read(ask("201", http.StatusUnprocessableEntity))
	if told.Limit.Rule != "key_day" || told.Limit.Value != 500 || told.Limit.At == "" {
		t.Errorf("above the ceiling for a day: %+v", told)
	}
	send(t, s, demo, "PATCH", "/keys/"+id, `{"ceilings": [{"currency": "CNY", "max_day": 501}]}`, http.StatusOK)
	ask("201", http.StatusCreated)
	ask("1", http.StatusUnprocessableEntity)
	send(t, s, demo, "POST", "/refunds", `{"charge": "`+charge.ID+`", "amount": 1}`, http.StatusCreated)
	if r := s.Refunds(t, charge)[1]; !r.By.Counted || r.By.Bounds != nil {
		t.Errorf("the asker is kept as %+v", r.By)
	}
}

// A key with limits that makes keys could otherwise rid itself of them.
func TestAKeyGivesNoLimitsThatAreWiderThanItsOwn(t *testing.T) {
	s := dialecttest.Start(t)
	key := text(send(t, s, demo, "POST", "/keys", `{"dialect": "native", "allow_ips": ["127.0.0.0/8"], "ceilings": [{"currency": "CNY", "max_day": 100}]}`, http.StatusCreated), "secret")
	for body, status := range map[string]int{
		`{"dialect": "native", "scopes": ["read"]}`:                                                                                                 http.StatusForbidden,
		`{"dialect": "native", "scopes": ["read"], "allow_ips": ["127.0.0.1"]}`:                                                                     http.StatusForbidden,
		`{"dialect": "native", "scopes": ["read"], "allow_ips": ["126.0.0.0/7"], "ceilings": [{"currency": "CNY", "max_day": 100}]}`:                http.StatusForbidden,
		`{"dialect": "native", "scopes": ["read"], "allow_ips": ["127.0.0.1"], "ceilings": [{"currency": "CNY", "max_day": 101}]}`:                  http.StatusForbidden,
		`{"dialect": "native", "scopes": ["read"], "allow_ips": ["127.0.0.1"], "ceilings": [{"currency": "CNY", "max_refund": 9}]}`:                 http.StatusForbidden,
		`{"dialect": "native", "scopes": ["read"], "allow_ips": ["127.0.0.1"], "ceilings": [{"currency": "CNY", "max_refund": 9, "max_day": 100}]}`: http.StatusCreated,
	} {
		send(t, s, key, "POST", "/keys", body, status)
	}
}
