package native_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
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
