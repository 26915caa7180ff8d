package service

import (
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
)

func TestTheDemosPasswordIsToldAgainUntilItIsAnother(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		opts := Options{Database: database, Data: t.TempDir(), MasterKey: storetest.MasterKey, Demo: true}
		first := start(t, opts)
		email, password := first.DemoSignIn()
		stop(t, first)
		second := start(t, opts)
		if again, told := second.DemoSignIn(); password == "" || again != email || told != password {
			t.Errorf("after a restart the password is %q, not %q", told, password)
		}
		u, _, err := second.Store.UserByEmail(t.Context(), email)
		if err == nil {
			_, err = second.admin.ResetPassword(t.Context(), admin.By{Actor: Operator()}, u.ID, admin.UserBounds{}, "another password than the first")
		}
		if err != nil {
			t.Fatal(err)
		}
		stop(t, second)
		if _, told := start(t, opts).DemoSignIn(); told != "" {
			t.Errorf("a password that was changed is told as %q", told)
		}
	})
}

// A password that an older version made has no hash beside it.
func TestAPasswordOfAnOlderDemoIsToldAgain(t *testing.T) {
	opts := Options{Database: storetest.SQLite(t), Data: t.TempDir(), MasterKey: storetest.MasterKey, Demo: true}
	first := start(t, opts)
	email, password := first.DemoSignIn()
	u, hash, err := first.Store.UserByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	older := u
	older.ID, older.Email = "usr_older", "older@example.com"
	err = first.Store.AddUser(t.Context(), older, hash, map[string]string{merchant.SecretPassword: password}, storetest.Record(""))
	if err != nil {
		t.Fatal(err)
	}
	told, err := first.demoUser(t.Context(), first.admin, older.Email, merchant.RoleAdmin)
	if err != nil || told != password {
		t.Errorf("it is %q, %v", told, err)
	}
}
