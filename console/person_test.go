package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// holdsAll has each refund wait for an approval.
func holdsAll(t *testing.T, rig *consoletest.Rig) {
	t.Helper()
	name, all, on := "all", "true", true
	if _, err := rig.Admin.AddPolicy(t.Context(), rig.By, merchant.DemoID, admin.PolicyChange{Name: &name, Expression: &all, Enabled: &on}); err != nil {
		t.Fatal(err)
	}
}

// asksFor makes a refund as a user does, and returns its id.
func asksFor(t *testing.T, rig *consoletest.Rig, b *consoletest.Browser, order string) string {
	t.Helper()
	page := b.Post(t, "/console/charges/"+aCharge(t, rig, order, 10000, "")+"/quote", url.Values{"amount": {"99.00"}})
	parts := strings.Split(b.Submit(t, page.Form("Make this refund")).Path(), "/")
	id := parts[len(parts)-1]
	if r, err := rig.Store.Refund(t.Context(), merchant.DemoID, id); err != nil || r.HeldReason != refund.HeldForApproval {
		t.Fatalf("%s waits for nobody: %+v, %v", id, r, err)
	}
	return id
}

// approves tries to approve a refund, and returns what the page says. Where it offers
// no button, it has to say why not, and what the button would send is refused.
func approves(t *testing.T, b *consoletest.Browser, id string) *consoletest.Page {
	t.Helper()
	page := b.Get(t, "/console/queues/approvals")
	if form := page.Form("Approve " + id); form != nil {
		return b.Submit(t, form)
	}
	if page.Form("Refuse "+id) == nil || !page.Has("somebody else has to approve it") {
		t.Errorf("the page offers nothing, and does not say why: %s", page.Text())
	}
	return b.Post(t, "/console/queues/approvals/"+id+"/approve", url.Values{"merchant": {merchant.DemoID}})
}

func isOnePerson(t *testing.T, rig *consoletest.Rig, page *consoletest.Page, id string) {
	t.Helper()
	if !strings.Contains(page.Text(), "count as one person") {
		t.Errorf("it is answered %d:\n%s", page.Status, page.Text())
	}
	if r, err := rig.Store.Refund(t.Context(), merchant.DemoID, id); err != nil || r.HeldReason != refund.HeldForApproval {
		t.Errorf("%s: %+v, %v", id, r, err)
	}
}

// An admin who resets a colleague's password signs in as both, and so is both, also
// after the password was changed.
func TestWhoResetsAPasswordIsNoSecondPerson(t *testing.T) {
	rig := consoletest.Start(t)
	holdsAll(t, rig)
	b := rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	colleague := rig.AddUser(t, "approver@example.com", merchant.RoleAdmin, merchant.DemoID)
	at := "/console/settings/users/" + colleague.ID
	if page := b.Get(t, at); page.Has("May be acting as this user") {
		t.Error("a user whom the command line made counts with somebody")
	}
	id := asksFor(t, rig, b, "RESET1")
	password := code(b.Submit(t, b.Get(t, at).Form("Reset password")), "password")
	as := rig.Browser(t)
	if page := as.SignIn(t, colleague.Email, password); page.Path() != "/console/" {
		t.Fatalf("signed in at %s", page.Path())
	}
	isOnePerson(t, rig, approves(t, as, id), id)
	if page := as.Post(t, "/console/profile/password", url.Values{"before": {password}, "password": {"another password"}, "again": {"another password"}}); page.Problem() != "" {
		t.Fatal(page.Problem())
	}
	isOnePerson(t, rig, approves(t, as, id), id)
	for _, page := range []*consoletest.Page{b.Get(t, at), as.Get(t, "/console/profile")} {
		if !page.Has("user "+b.User.Email) || !page.Has("count as one person") {
			t.Errorf("%s does not say who may act as the user", page.Path())
		}
	}
	// A key that the admin makes as the colleague is both of them for ever.
	fresh, err := rig.Admin.AddKey(t.Context(), admin.By{Actor: audit.ByUser(colleague.Email)}, merchant.DemoID, admin.NewKey{Dialect: "native", Scopes: []merchant.Scope{merchant.ScopeApprove}})
	if err != nil || fresh.Key.MadeBy != audit.Behind("user "+colleague.Email+", user "+b.User.Email) {
		t.Errorf("made by %q, %v", fresh.Key.MadeBy, err)
	}
	// What was asked for as the colleague, the admin does not approve either, though it
	// is the colleague's own password by then.
	other := asksFor(t, rig, as, "RESET2")
	if err := rig.Admin.RemoveUser(t.Context(), rig.By, colleague.ID, admin.UserBounds{}); err != nil {
		t.Fatal(err)
	}
	isOnePerson(t, rig, approves(t, b, other), other)
	third := rig.As(t, merchant.RoleApprover, merchant.DemoID)
	for _, one := range []string{id, other} {
		if page := approves(t, third, one); page.Flash() == "" {
			t.Errorf("a third person: %s", page.Text())
		}
		until(t, rig, one, func(r refund.Refund) bool { return r.State == refund.Succeeded })
	}
	if found, err := service.Verify(t.Context(), rig.Store); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// So is one who ends a colleague's second factor, or makes the user.
func TestWhoMakesAUserIsNoSecondPerson(t *testing.T) {
	rig := consoletest.Start(t)
	holdsAll(t, rig)
	b := rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	id := asksFor(t, rig, b, "MADE1")
	page := b.Post(t, "/console/settings/users?merchant="+merchant.DemoID, url.Values{"email": {"new@example.com"}, "role": {"approver"}, "role_merchant": {merchant.DemoID}})
	as := rig.Browser(t)
	as.SignIn(t, "new@example.com", code(page, "password"))
	isOnePerson(t, rig, approves(t, as, id), id)
	if page := b.Get(t, "/console/settings/users?merchant="+merchant.DemoID); !page.Has("Password set by user " + b.User.Email) {
		t.Error("the users' page does not say who set it")
	}
	colleague := rig.As(t, merchant.RoleApprover, merchant.DemoID)
	if err := rig.Admin.ResetTOTP(t.Context(), admin.By{Actor: audit.ByUser(b.User.Email)}, colleague.User.ID, admin.UserBounds{}); err != nil {
		t.Fatal(err)
	}
	isOnePerson(t, rig, approves(t, colleague, id), id)
}

// An admin's key is the admin.
func TestAKeyThatTheRequesterMadeIsNoSecondPerson(t *testing.T) {
	rig := consoletest.Start(t)
	holdsAll(t, rig)
	b := rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	id := asksFor(t, rig, b, "KEY1")
	fresh, err := rig.Admin.AddKey(t.Context(), admin.By{Actor: audit.ByUser(b.User.Email)}, merchant.DemoID, admin.NewKey{
		Dialect: "native", Scopes: []merchant.Scope{merchant.ScopeRead, merchant.ScopeRefund, merchant.ScopeApprove},
	})
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, rig.URL+"/refundry/v1/refunds/"+id+"/approve", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+fresh.Told())
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("the key is answered %d", answer.StatusCode)
	}
	if page := b.Get(t, "/console/settings/keys?merchant="+merchant.DemoID); !page.Has("by user " + b.User.Email) {
		t.Error("the keys' page does not say who made it")
	}
	if page := approves(t, rig.As(t, merchant.RoleApprover, merchant.DemoID), id); page.Flash() == "" {
		t.Errorf("somebody else: %s", page.Text())
	}
}

// Who can't approve is offered no button, and reads why, in their language.
func TestWhoCanNotApproveIsToldWhy(t *testing.T) {
	rig := consoletest.Start(t)
	holdsAll(t, rig)
	boss := rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	id := asksFor(t, rig, boss, "WHY1")
	for name, c := range map[string]struct {
		b      *consoletest.Browser
		en, zh string
		refuse bool
	}{
		"who asked":             {boss, "another person has to approve it", "须由他人批准", true},
		"who only reads":        {rig.As(t, merchant.RoleViewer, merchant.DemoID), "don't include the right to approve", "没有审批权限", false},
		"who asks, and no more": {rig.As(t, merchant.RoleSupport, merchant.DemoID), "don't include the right to approve", "没有审批权限", false},
		"a second person":       {rig.As(t, merchant.RoleApprover, merchant.DemoID), "", "", true},
	} {
		page := c.b.Get(t, "/console/queues/approvals")
		if may := c.en == ""; (page.Form("Approve "+id) != nil) != may || (page.Form("Refuse "+id) != nil) != c.refuse || !page.Has(c.en) {
			t.Errorf("%s sees %s", name, page.Text())
		}
		if page = c.b.Get(t, "/console/queues/approvals?lang=zh"); !page.Has(c.zh) || c.zh != "" && page.Form("批准 "+id) != nil {
			t.Errorf("%s sees %s", name, page.Text())
		}
	}
}
