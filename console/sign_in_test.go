package console_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

func TestOneAddressKeepsNobodyOutElsewhere(t *testing.T) {
	rig := consoletest.Start(t)
	u := rig.AddUser(t, "owner@example.com", merchant.RoleViewer, "")
	try := func(email, password, address string) error {
		_, _, err := rig.Admin.SignIn(t.Context(), admin.SignIn{Email: email, Password: password, Address: address})
		return err
	}
	for n := range 150 {
		want := refund.KindUnauthenticated
		if n >= 10 {
			want = refund.KindBusy
		}
		if err := try(u.Email, "wrong", "192.0.2.1"); refund.KindOf(err) != want {
			t.Fatalf("try %d: %v", n, err)
		}
	}
	if err := try(u.Email, consoletest.Password, "192.0.2.2"); err != nil {
		t.Errorf("the owner from elsewhere: %v", err)
	}
	if err := try("nobody@example.com", "wrong", "192.0.2.1"); refund.KindOf(err) != refund.KindUnauthenticated {
		t.Errorf("another account from the address: %v", err)
	}
}

func TestUsersWhoAreSignedInDoNotUseUpOneAnothersTries(t *testing.T) {
	rig := consoletest.Start(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		u := rig.AddUser(t, name+"@example.com", merchant.RoleViewer, "")
		by := admin.By{Actor: audit.ByUser(u.Email)}
		for n := range 12 {
			want := refund.KindInvalid
			if n >= 10 {
				want = refund.KindBusy
			}
			if err := rig.Admin.DropTOTP(t.Context(), by, u.ID, "wrong"); refund.KindOf(err) != want {
				t.Fatalf("%s, try %d: %v", u.Email, n, err)
			}
		}
	}
}

// contentOf is what is kept of what a form said.
func contentOf(t *testing.T, rig *consoletest.Rig, b *consoletest.Browser, merchantID, key string) string {
	t.Helper()
	w, ok, err := rig.Store.KeptWrite(t.Context(), merchantID, "console "+b.User.ID+" "+key)
	if err != nil || !ok {
		t.Fatalf("%v %v", ok, err)
	}
	return w.Content
}

func TestNoHashFromWhichAFormsSecretCouldBeFoundIsKept(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "")
	values := url.Values{"Idempotency-Key": {"k1"}, "before": {consoletest.Password}, "password": {"a new password"}, "again": {"a new password"}}
	const path = "/console/profile/password"
	for n := range 2 {
		if page := b.Post(t, path, values); page.Flash() == "" {
			t.Fatalf("click %d: %d %s", n, page.Status, page.Problem())
		}
	}
	kept := contentOf(t, rig, b, "", "k1")
	for name, form := range map[string]url.Values{"all": values, "no key": without(values, "Idempotency-Key")} {
		if sum := sha256.Sum256([]byte(path + "\n" + form.Encode())); hex.EncodeToString(sum[:]) == kept {
			t.Errorf("a hash of the passwords is kept (%s)", name)
		}
	}
	values.Set("password", "yet another one")
	values.Set("again", "yet another one")
	if page := b.Post(t, path, values); page.Flash() != "" || page.Problem() == "" {
		t.Errorf("the same form with another password: %d %s", page.Status, page.Text())
	}

	values = url.Values{"Idempotency-Key": {"k2"}, "takes": {"all"}, "set.chinaums_communication_key": {"secret"}}
	const account = "/console/settings/accounts/sandbox_demo/rotate"
	if page := b.Post(t, account+"?merchant=mer_demo", values); page.Status != http.StatusOK {
		t.Fatalf("%d %s", page.Status, page.Problem())
	}
	if sum := sha256.Sum256([]byte(account + "\n" + values.Encode())); hex.EncodeToString(sum[:]) == contentOf(t, rig, b, "mer_demo", "k2") {
		t.Error("a hash of the account's secret is kept")
	}
}

func without(values url.Values, name string) url.Values {
	rest := url.Values{}
	for n, v := range values {
		if n != name {
			rest[n] = v
		}
	}
	return rest
}
