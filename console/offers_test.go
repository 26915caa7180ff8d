package console_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// offerPages are pages with everything on them that can be acted on.
func offerPages(t *testing.T, rig *consoletest.Rig) (pages []string) {
	done := aRefund(t, rig, 300, refund.Succeeded, "")
	abnormal := aRefund(t, rig, 152, refund.Abnormal, "")
	holdsAll(t, rig)
	held := aRefund(t, rig, 400, refund.Held, "")
	who := rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	job := uploads(t, rig, who, merchant.DemoID, "offers", "charge,amount\n"+aCharge(t, rig, "OFFERS", 1000, "")+",1\n").Path()
	eventually(t, who, job, "Waits for a second person")
	policies, err := rig.Admin.Policies(t.Context(), merchant.DemoID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rig.Admin.Pause(t.Context(), rig.By, merchant.PauseScope{Channel: "manual"}, "a drill"); err != nil {
		t.Fatal(err)
	}
	if _, err := rig.Admin.Pause(t.Context(), rig.By, merchant.PauseScope{MerchantID: merchant.DemoID, Channel: "manual"}, "theirs"); err != nil {
		t.Fatal(err)
	}
	endpoint, err := rig.Admin.AddEndpoint(t.Context(), rig.By, merchant.DemoID, admin.NewEndpoint{URL: "https://1.1.1.1/", Dialect: merchant.Native})
	if err != nil {
		t.Fatal(err)
	}
	key := native(t, rig, "POST", "/keys", `{"dialect": "native", "scopes": ["read"]}`)
	pages = []string{
		"/console/", "/console/refunds", "/console/charges/" + done.ChargeID, "/console/queues/approvals", "/console/policies", "/console/policies/" + policies[0].ID,
		"/console/queues/abnormal", "/console/queues/funds", "/console/queues/deliveries", "/console/bulk", job,
		"/console/settings/users", "/console/settings/users/" + who.User.ID, "/console/settings/merchants", "/console/settings/merchants/" + merchant.DemoID,
		"/console/settings/accounts", "/console/settings/accounts/" + merchant.DemoAccount, "/console/settings/accounts/new?channel=manual",
		"/console/settings/endpoints", "/console/settings/endpoints/" + endpoint.ID, "/console/settings/keys", "/console/settings/keys/" + key,
	}
	for _, r := range []refund.Refund{done, abnormal, held} {
		pages = append(pages, "/console/refunds/"+r.ID)
		for _, action := range []string{"cancel", "ask", "retry", "reroute", "resolve", "correct", "replay"} {
			pages = append(pages, "/console/refunds/"+r.ID+"/"+action)
		}
	}
	return pages
}

// offered are the actions that pages offer somebody, by their addresses. Where a page
// leads to one of the others, that one has to open.
func offered(t *testing.T, b *consoletest.Browser, pages []string) map[string]url.Values {
	found := make(map[string]url.Values)
	for _, path := range pages {
		page := b.Get(t, path)
		if page.Status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", path, page.Status)
		}
		if page.Status != http.StatusOK {
			continue
		}
		for _, form := range page.Posts() {
			action, _, _ := strings.Cut(form.Action, "?")
			found[action] = form.Values
		}
		for _, link := range page.Links() {
			link, _, _ = strings.Cut(link, "?")
			if slices.Contains(pages, link) && b.Get(t, link).Status != http.StatusOK {
				t.Errorf("%s of %s leads to %s, which is %d", path, b.User.Email, link, b.Get(t, link).Status)
			}
		}
	}
	delete(found, "/console/logout")
	return found
}

// What a page offers is what the server takes of the same user, and the reverse. Each
// action is sent with a form's key that is none of ours, which is refused behind the
// rights and before anything is done.
func TestAPageOffersWhatItsUserMayDoAndNothingElse(t *testing.T) {
	rig := consoletest.Start(t)
	pages := offerPages(t, rig)
	boss := rig.As(t, merchant.RoleAdmin, "")
	actions := offered(t, boss, pages)
	if len(actions) < 40 {
		t.Fatalf("only %d actions are offered: the test proves nothing: %v", len(actions), slices.Sorted(maps.Keys(actions)))
	}
	for _, role := range merchant.Roles() {
		b := rig.As(t, role, merchant.DemoID)
		mine := offered(t, b, pages)
		for action := range mine {
			if _, known := actions[action]; !known {
				t.Errorf("%s is offered %s, and the admin of all is not", role, action)
			}
		}
		for action, values := range actions {
			_, may := mine[action]
			if _, keyed := values["Idempotency-Key"]; keyed {
				values.Set("Idempotency-Key", strings.Repeat("x", 100))
			}
			page := b.Post(t, action+"?merchant="+merchant.DemoID, values)
			refused := page.Status == http.StatusForbidden || page.Status == http.StatusNotFound
			switch {
			case strings.HasSuffix(action, "/quote"): // moves nothing: whoever may read may ask for one
			case may && refused:
				t.Errorf("%s is offered %s, and is answered %d %s", role, action, page.Status, page.Problem())
			case !may && !refused:
				t.Errorf("%s is not offered %s, and is answered %d %s", role, action, page.Status, page.Problem())
			}
		}
	}
}
