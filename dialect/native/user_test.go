package native_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/wire/exactjson"
)

func TestAKeyManagesItsMerchantsUsersAndGivesNoScopeThatItLacks(t *testing.T) {
	s := dialecttest.Start(t)
	desk, err := service.NewAdmin(t.Context(), s.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	by := admin.By{Actor: audit.ByCommand("test")}
	other, _, err := desk.AddUser(t.Context(), by, admin.NewUser{Email: "all@example.com", Grants: []merchant.Grant{{Role: merchant.RoleViewer}}})
	if err != nil {
		t.Fatal(err)
	}
	boss := text(send(t, s, demo, "POST", "/users", `{"email": "operator@example.com", "roles": ["operator"]}`, http.StatusCreated), "id")
	key := text(send(t, s, demo, "POST", "/keys", `{"dialect": "native", "scopes": ["users:write", "read"]}`, http.StatusCreated), "secret")

	send(t, s, key, "POST", "/users", `{"email": "v@example.com", "roles": ["viewer"]}`, http.StatusCreated)
	send(t, s, key, "POST", "/users", `{"email": "a@example.com", "roles": ["admin"]}`, http.StatusForbidden)
	send(t, s, key, "PATCH", "/users/"+boss, `{"roles": ["viewer"]}`, http.StatusForbidden)
	send(t, s, key, "POST", "/users/"+boss+"/password", "", http.StatusForbidden)
	send(t, s, key, "POST", "/users/"+boss+"/disable", "", http.StatusForbidden)
	send(t, s, key, "DELETE", "/users/"+boss, "", http.StatusForbidden)
	for _, path := range []string{"/users/" + other.ID, "/users/usr_0"} {
		send(t, s, demo, "GET", path, "", http.StatusNotFound)
		send(t, s, demo, "POST", path+"/password", "", http.StatusNotFound)
		send(t, s, demo, "DELETE", path, "", http.StatusNotFound)
	}
	if listed := send(t, s, demo, "GET", "/users", "", http.StatusOK); strings.Contains(listed, "all@example.com") {
		t.Errorf("a user of all merchants is listed: %s", listed)
	}
	standard := text(send(t, s, demo, "POST", "/keys", `{"dialect": "native"}`, http.StatusCreated), "secret")
	send(t, s, standard, "GET", "/users", "", http.StatusForbidden)
}

// A key with limits would otherwise give itself a user without them.
func TestAKeyWithLimitsManagesNobodyWithoutThem(t *testing.T) {
	s := dialecttest.Start(t)
	viewer := text(send(t, s, demo, "POST", "/users", `{"email": "viewer@example.com", "roles": ["viewer"]}`, http.StatusCreated), "id")
	support := text(send(t, s, demo, "POST", "/users", `{"email": "support@example.com", "roles": ["support"]}`, http.StatusCreated), "id")
	for limit, status := range map[string]int{
		`"allow_ips": ["127.0.0.1"]`:                           http.StatusForbidden,
		`"ceilings": [{"currency": "CNY", "max_refund": 100}]`: http.StatusCreated, // for who asks for no refund
	} {
		made := send(t, s, demo, "POST", "/keys", `{"dialect": "native", "scopes": ["users:write", "read", "refunds:write"], `+limit+`}`, http.StatusCreated)
		key, name := text(made, "secret"), text(made, "id")
		send(t, s, key, "POST", "/users", `{"email": "`+name+`@example.com", "roles": ["support"]}`, http.StatusForbidden)
		send(t, s, key, "POST", "/users", `{"email": "`+name+`@example.com", "roles": ["viewer"]}`, status)
		send(t, s, key, "PATCH", "/users/"+viewer, `{"roles": ["support"]}`, http.StatusForbidden)
		send(t, s, key, "POST", "/users/"+support+"/password", "", http.StatusForbidden)
		send(t, s, key, "GET", "/users/"+support, "", http.StatusOK)
	}
}

func TestNoHashFromWhichASecretCouldBeFoundIsKept(t *testing.T) {
	s := dialecttest.Start(t)
	for path, body := range map[string]string{
		"/users":                        `{"email": "given@example.com", "roles": ["viewer"], "password": "a good password"}`,
		"/accounts/sandbox_demo/rotate": `{"secrets": {"chinaums_communication_key": "a"}}`,
	} {
		key := "k" + strings.ReplaceAll(path, "/", "-")
		for n := range 2 {
			r := dialecttest.Request(t, "POST", s.URL+base+path, body, "Authorization", "Bearer "+demo, "Idempotency-Key", key)
			if response, answer := dialecttest.Do(t, r); response.StatusCode >= http.StatusMultipleChoices {
				t.Fatalf("%s, try %d: %d %s", path, n, response.StatusCode, answer)
			}
		}
		w, ok, err := s.Store.KeptWrite(t.Context(), merchant.DemoID, key)
		if err != nil || !ok {
			t.Fatalf("%s: %v %v", path, ok, err)
		}
		said, err := exactjson.Decode([]byte(body), exactjson.Limits{})
		if err != nil || w.Content == dialect.WriteContent(said) {
			t.Errorf("%s: a hash of the secret is kept (%v)", path, err)
		}
	}
}
