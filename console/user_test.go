package console_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
)

func TestAnAdminMakesAUserWhoSignsInAndIsStopped(t *testing.T) {
	rig := consoletest.Start(t)
	boss := rig.As(t, merchant.RoleAdmin, "")
	form := boss.Get(t, "/console/settings/users").Form("Add user").Fill(t, "Email address", "new@example.com").Fill(t, "Role", "support").Fill(t, "At", "mer_demo")
	page := boss.Submit(t, form)
	password := code(page, "password")
	if page.Status != http.StatusOK || len(password) != 20 {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	if again := boss.Submit(t, form); code(again, "password") != password {
		t.Errorf("the second click shows %q, not %q: %s", code(again, "password"), password, again.Problem())
	}
	other := boss.Get(t, "/console/settings/users").Form("Add user").Fill(t, "Email address", "new@example.com")
	if page = boss.Submit(t, other); page.Status != http.StatusConflict || !strings.Contains(page.Problem(), "already") {
		t.Errorf("the same address again: %d %s", page.Status, page.Problem())
	}
	newcomer := rig.Browser(t)
	if page = newcomer.SignIn(t, "new@example.com", password); page.Path() != "/console/" {
		t.Fatalf("the new user: %d %s", page.Status, page.Problem())
	}
	if page = newcomer.Get(t, "/console/settings/users"); page.Status != http.StatusForbidden {
		t.Errorf("support manages users: %d", page.Status)
	}
	id := userID(t, rig, "new@example.com")
	at := "/console/settings/users/" + id
	page = boss.Get(t, at)
	if !page.Has("Support") || len(page.Rows("Sessions")) != 2 {
		t.Errorf("the user's page:\n%s", page.Text())
	}
	page = boss.Submit(t, page.Form("Add role").Fill(t, "Role", "approver"))
	if page.Flash() == "" || !page.Has("Approver All merchants") {
		t.Errorf("a second role: %s", page.Text())
	}
	if page = boss.Submit(t, page.Form("Disable")); !page.Has("disabled") {
		t.Errorf("disabled: %s", page.Text())
	}
	if page = newcomer.Get(t, "/console/"); page.Path() != "/console/login" {
		t.Error("a disabled user goes on")
	}
	if page = newcomer.SignIn(t, "new@example.com", password); page.Status != http.StatusUnauthorized {
		t.Errorf("a disabled user signs in: %d", page.Status)
	}
	boss.Submit(t, boss.Get(t, at).Form("Enable"))
	page = boss.Submit(t, boss.Get(t, at).Form("Reset password"))
	fresh := code(page, "password")
	if page = newcomer.SignIn(t, "new@example.com", password); page.Status != http.StatusUnauthorized {
		t.Error("the old password still opens")
	}
	if page = newcomer.SignIn(t, "new@example.com", fresh); page.Path() != "/console/" {
		t.Errorf("the new password: %s", page.Problem())
	}
	if page = boss.Submit(t, boss.Get(t, at).Form("Remove")); page.Path() != "/console/settings/users" || page.Has("new@example.com") {
		t.Errorf("removed: %s", page.Text())
	}
	if page = newcomer.Get(t, "/console/"); page.Path() != "/console/login" {
		t.Error("a removed user goes on")
	}
}

func TestNobodyLocksThemselvesOut(t *testing.T) {
	rig := consoletest.Start(t)
	boss := rig.As(t, merchant.RoleAdmin, "")
	at := "/console/settings/users/" + boss.User.ID
	page := boss.Submit(t, boss.Get(t, at).Form("Take away"))
	if page.Status != http.StatusConflict || !strings.Contains(page.Problem(), "ask another admin") {
		t.Errorf("%d %s", page.Status, page.Problem())
	}
	for _, act := range []string{"disable", "remove"} {
		if page := boss.Post(t, at+"/"+act, nil); page.Status != http.StatusConflict {
			t.Errorf("%s: %d", act, page.Status)
		}
	}
}

func TestAMerchantsAdminManagesItsUsersAlone(t *testing.T) {
	rig := consoletest.Start(t)
	shop := rig.AddMerchant(t, "shop")
	theirs := rig.AddUser(t, "theirs@example.com", merchant.RoleViewer, merchant.DemoID)
	ours := rig.AddUser(t, "ours@example.com", merchant.RoleViewer, shop.ID)
	boss := rig.As(t, merchant.RoleAdmin, shop.ID)
	page := boss.Get(t, "/console/settings/users")
	if !page.Has(ours.Email) || page.Has(theirs.Email) || page.Has("demo@example.com") {
		t.Errorf("sees: %s", page.Text())
	}
	if page := boss.Get(t, "/console/settings/users/"+theirs.ID); page.Status != http.StatusNotFound {
		t.Errorf("another merchant's user: %d", page.Status)
	}
	for _, at := range []string{"", merchant.DemoID} {
		form := page.Form("Add user").Fill(t, "Email address", "evil@example.com")
		form.Values.Set("role_merchant", at)
		if refused := boss.Submit(t, form); refused.Status != http.StatusForbidden {
			t.Errorf("a role at %q: %d %s", at, refused.Status, refused.Text())
		}
		grant := boss.Get(t, "/console/settings/users/"+ours.ID).Form("Add role")
		grant.Values.Set("role_merchant", at)
		if refused := boss.Submit(t, grant); refused.Status != http.StatusForbidden {
			t.Errorf("another role at %q: %d %s", at, refused.Status, refused.Text())
		}
	}
	if page := boss.Post(t, "/console/settings/users/"+theirs.ID+"/password", nil); page.Status != http.StatusNotFound {
		t.Errorf("another merchant's user's password: %d", page.Status)
	}
}

func TestTheSecondFactorIsAskedForOnceAndEachCodeTakenOnce(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleViewer, "")
	page := b.Submit(t, b.Get(t, "/console/profile").Form("Set up"))
	confirm := page.Form("Switch on")
	if page = b.Submit(t, confirm.Fill(t, "Code", "000000x")); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code: %d", page.Status)
	}
	page = b.Submit(t, b.Submit(t, b.Get(t, "/console/profile").Form("Set up")).Form("Switch on"))
	if page.Status != http.StatusUnprocessableEntity {
		t.Errorf("an empty code: %d", page.Status)
	}
	page = b.Submit(t, b.Get(t, "/console/profile").Form("Set up"))
	confirm = page.Form("Switch on")
	key := code(page, "totp-key")
	if !strings.Contains(page.Body, `<svg class="qr"`) {
		t.Error("there is no QR code")
	}
	now := codeAt(t, key, 0)
	if page = b.Submit(t, confirm.Fill(t, "Code", now)); page.Status != http.StatusOK {
		t.Fatalf("%d %s", page.Status, page.Problem())
	}
	recovery := strings.Fields(code(page, "code-list"))
	if len(recovery) != 10 {
		t.Fatalf("recovery codes: %q", recovery)
	}
	fresh := rig.Browser(t)
	page = fresh.SignIn(t, b.User.Email, consoletest.Password)
	if page.Heading() != "Second factor" || fresh.Get(t, "/console/").Path() != "/console/login" {
		t.Fatalf("the password alone opens: %s", page.Text())
	}
	code := page.Form("Sign in")
	if page = fresh.Submit(t, code.Fill(t, "Code", now)); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("a code that was used: %d", page.Status)
	}
	if page = fresh.Submit(t, code.Fill(t, "Code", codeAt(t, key, 1))); page.Path() != "/console/" {
		t.Errorf("the next code: %d %s", page.Status, page.Problem())
	}
	for n, want := range []string{"/console/", "/console/login/code"} {
		again := rig.Browser(t)
		form := again.SignIn(t, b.User.Email, consoletest.Password).Form("Sign in").Fill(t, "Code", strings.ToLower(recovery[0]))
		if page = again.Submit(t, form); page.Path() != want {
			t.Errorf("use %d of a recovery code leads to %s", n+1, page.Path())
		}
	}
	boss := rig.As(t, merchant.RoleAdmin, "")
	boss.Submit(t, boss.Get(t, "/console/settings/users/"+b.User.ID).Form("Reset second factor"))
	if page = rig.Browser(t).SignIn(t, b.User.Email, consoletest.Password); page.Path() != "/console/" {
		t.Errorf("after the reset: %s", page.Text())
	}
}

// codeAt is the code of a key, some steps from now.
func codeAt(t *testing.T, key string, steps int64) string {
	t.Helper()
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, secret)
	_, _ = mac.Write(binary.BigEndian.AppendUint64(nil, uint64(time.Now().Unix()/30+steps)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff)%1000000)
}

func TestUsersKeepTheirOwnPassword(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleViewer, "")
	elsewhere := rig.Browser(t)
	elsewhere.SignIn(t, b.User.Email, consoletest.Password)
	change := func(before, after, again string) *consoletest.Page {
		return b.Submit(t, b.Get(t, "/console/profile").Form("Change password").Fill(t, "Current password", before).Fill(t, "New password", after).Fill(t, "New password again", again))
	}
	for _, bad := range [][3]string{{"wrong password", "a new password", "a new password"}, {consoletest.Password, "short", "short"}, {consoletest.Password, "a new password", "another password"}} {
		if page := change(bad[0], bad[1], bad[2]); page.Status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", bad, page.Status)
		}
	}
	if page := change(consoletest.Password, "a new password", "a new password"); page.Flash() == "" {
		t.Errorf("%d %s", page.Status, page.Text())
	}
	if elsewhere.Get(t, "/console/").Path() != "/console/login" || b.Get(t, "/console/").Path() != "/console/" {
		t.Error("the other session goes on, or this one ended")
	}
	page := b.Submit(t, b.Get(t, "/console/profile").Form("Save").Fill(t, "Time zone", "Asia/Shanghai").Fill(t, "Language", "zh"))
	if page.Language() != "zh-CN" || !page.Has("Asia/Shanghai") {
		t.Errorf("%s %s", page.Language(), page.Text())
	}
	if page = b.Submit(t, b.Get(t, "/console/profile?lang=en").Form("Save").Fill(t, "Time zone", "Mars/Phobos")); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("a zone that is none: %d", page.Status)
	}
}

func TestSigningInIsTriedSoOften(t *testing.T) {
	rig := consoletest.Start(t)
	rig.AddUser(t, "a@example.com", merchant.RoleViewer, "")
	b := rig.Browser(t)
	for n := range 10 {
		if page := b.SignIn(t, "a@example.com", "wrong"); page.Status != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", n, page.Status)
		}
	}
	if page := b.SignIn(t, "a@example.com", consoletest.Password); page.Status != http.StatusTooManyRequests {
		t.Errorf("the eleventh: %d", page.Status)
	}
	if _, _, err := rig.Admin.SignIn(t.Context(), admin.SignIn{Email: "a@example.com", Password: consoletest.Password, Address: "192.0.2.1"}); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

func code(page *consoletest.Page, id string) string {
	found := page.Find(func(n *html.Node) bool {
		return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "id" && a.Val == id })
	})
	if len(found) == 0 {
		return ""
	}
	var text strings.Builder
	for n := range found[0].Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	}
	return text.String()
}

func userID(t *testing.T, rig *consoletest.Rig, email string) string {
	t.Helper()
	u, _, err := rig.Store.UserByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}
