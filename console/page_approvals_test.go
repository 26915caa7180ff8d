package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// invalid are the names of the fields that a page marks.
func invalid(page *consoletest.Page) (names []string) {
	for _, n := range page.Find(func(n *html.Node) bool { return n.Type == html.ElementNode }) {
		bad, name := false, ""
		for _, a := range n.Attr {
			bad = bad || a.Key == "aria-invalid" && a.Val == "true"
			if a.Key == "name" {
				name = a.Val
			}
		}
		if bad {
			names = append(names, name)
		}
	}
	return names
}

func TestAPolicyIsTriedOutAndEnabled(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 300, refund.Succeeded, "")
	b := rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	page := b.Get(t, "/console/policies")
	if page.Status != http.StatusOK || !page.Has("There is no policy yet.") {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	const name, expression = "Name", "Expression (CEL, amounts in minor units)"
	page = b.Submit(t, page.Form("Save").Fill(t, name, "<b>large</b>").Fill(t, expression, "refund.amuont > 200"))
	if page.Status != http.StatusUnprocessableEntity || strings.Join(invalid(page), " ") != "expression" || !strings.Contains(page.Problem(), "line 1, column 1: there is no refund.amuont") {
		t.Fatalf("%d %v %s", page.Status, invalid(page), page.Problem())
	}
	page = b.Submit(t, page.Form("Try it out").Fill(t, expression, "refund.amount > 200"))
	if page.Status != http.StatusOK || !page.Has("Refunds that it is true of: 1") || !page.Has("3.00 CNY") || !page.Has(r.ID) {
		t.Fatalf("tried out: %d %s", page.Status, page.Text())
	}
	if all, err := rig.Admin.Policies(t.Context(), merchant.DemoID); err != nil || len(all) != 0 {
		t.Fatalf("trying it out made %v, %v", all, err)
	}
	form := page.Form("Save").Fill(t, "Cancel what is held after so many hours", "5")
	if page = b.Submit(t, form); !strings.Contains(page.Flash(), "is saved") {
		t.Fatalf("saved: %d %s", page.Status, page.Text())
	}
	if page = b.Submit(t, form); page.Status != http.StatusOK || page.Problem() != "" { // a second click
		t.Errorf("clicked twice: %d %s", page.Status, page.Problem())
	}
	if page = b.Submit(t, page.Form("Enable <b>large</b>")); !page.Has("enabled") {
		t.Errorf("enabled: %s", page.Text())
	}
	all, err := rig.Admin.Policies(t.Context(), merchant.DemoID)
	if err != nil || len(all) != 1 || !all[0].Enabled || all[0].HoldHours != 5 || all[0].UpdatedBy.Kind != audit.User {
		t.Fatalf("%+v, %v", all, err)
	}
	page = b.Get(t, "/console/policies/"+all[0].ID)
	if page = b.Submit(t, page.Form("Save").Fill(t, "Place in the order", "x")); strings.Join(invalid(page), " ") != "position" {
		t.Errorf("no place: %v %s", invalid(page), page.Problem())
	}
	viewer := rig.As(t, merchant.RoleViewer, merchant.DemoID)
	page = viewer.Get(t, "/console/policies?lang=zh")
	if page.Heading() != "策略" || page.Form("保存") != nil || !page.Has("<b>large</b>") {
		t.Errorf("a viewer sees %s", page.Text())
	}
	if page = viewer.Post(t, "/console/policies/"+all[0].ID+"/remove", url.Values{}); page.Status != http.StatusForbidden {
		t.Errorf("a viewer removes it: %d", page.Status)
	}
	other := rig.AddMerchant(t, "other")
	stranger := rig.As(t, merchant.RoleAdmin, other.ID)
	for _, path := range []string{"/console/policies/" + all[0].ID, "/console/policies/" + all[0].ID + "?merchant=" + merchant.DemoID} {
		if page = stranger.Get(t, path); page.Status != http.StatusNotFound {
			t.Errorf("a stranger sees %s: %d", path, page.Status)
		}
	}
	page = b.Get(t, "/console/policies")
	if page = b.Submit(t, page.Form("Remove <b>large</b>")); !page.Has("There is no policy yet.") {
		t.Errorf("removed: %s", page.Text())
	}
}

func TestASecondPersonApprovesWhatIsShown(t *testing.T) {
	rig := consoletest.Start(t)
	expression, enabled, name := "refund.reason_code == 'hold_me'", true, "held"
	if _, err := rig.Admin.AddPolicy(t.Context(), rig.By, merchant.DemoID, admin.PolicyChange{Name: &name, Expression: &expression, Enabled: &enabled}); err != nil {
		t.Fatal(err)
	}
	const more = `, "reason_code": "hold_me", "reason": "<i>broken</i>", "customer": "cus_1"`
	one, two := aRefund(t, rig, 300, refund.Held, more), aRefund(t, rig, 400, refund.Held, more)
	asked, err := rig.Admin.Approval(t.Context(), merchant.DemoID, one.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := rig.As(t, merchant.RoleApprover, merchant.DemoID)
	page := b.Get(t, "/console/queues/approvals")
	if page.Link("Approvals 2") == "" || !b.Get(t, "/console/refunds/"+one.ID).Has("It waits for a second person") {
		t.Errorf("what waits is not counted, or the refund does not lead there: %s", page.Text())
	}
	for _, text := range []string{"3.00 CNY", one.ID, asked.Digest, one.ChannelNumber, asked.Charge.TransactionID, "key key_demo_native", `the policy "held": refund.reason_code == 'hold_me'`, "<i>broken</i>", "cus_1"} {
		if !page.Has(text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	stale := page.Form("Approve " + one.ID)
	stale.Values.Set("digest", strings.Repeat("0", 64))
	if page := b.Submit(t, stale); page.Status != http.StatusConflict || !strings.Contains(page.Problem(), "not what would be sent") {
		t.Errorf("what was not shown is approved: %d %s", page.Status, page.Problem())
	}
	form := b.Get(t, "/console/queues/approvals").Form("Approve "+one.ID).Fill(t, "Note (may be empty)", "as agreed")
	if page = b.Submit(t, form); !strings.Contains(page.Flash(), "is approved") {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	if page = b.Submit(t, form); page.Status != http.StatusOK || page.Problem() != "" { // a second click
		t.Errorf("clicked twice: %d %s", page.Status, page.Problem())
	}
	until(t, rig, one.ID, func(r refund.Refund) bool { return r.State == refund.Succeeded })
	if a, err := rig.Admin.Approval(t.Context(), merchant.DemoID, one.ID); err != nil || a.DecidedBy.Kind != audit.User || a.Note != "as agreed" {
		t.Errorf("%+v, %v", a, err)
	}
	refusal := b.Get(t, "/console/queues/approvals").Form("Refuse " + two.ID)
	if page = b.Submit(t, refusal); page.Status != http.StatusUnprocessableEntity || strings.Join(invalid(page), " ") != "reason" {
		t.Errorf("refused without a reason: %d %s", page.Status, page.Problem())
	}
	viewer := rig.As(t, merchant.RoleViewer, "")
	if page = viewer.Get(t, "/console/queues/approvals?lang=zh"); page.Form("批准 "+two.ID) != nil || !page.Has(two.ID) || page.Heading() != "审批" {
		t.Errorf("a viewer sees %s", page.Text())
	}
	act := url.Values{"merchant": {merchant.DemoID}, "reason": {"r"}}
	if page = viewer.Post(t, "/console/queues/approvals/"+two.ID+"/refuse", act); page.Status != http.StatusForbidden {
		t.Errorf("a viewer refuses: %d", page.Status)
	}
	stranger := rig.As(t, merchant.RoleApprover, rig.AddMerchant(t, "other").ID)
	if page = stranger.Get(t, "/console/queues/approvals"); page.Has(two.ID) {
		t.Errorf("a stranger sees %s", page.Text())
	}
	if page = stranger.Post(t, "/console/queues/approvals/"+two.ID+"/approve", act); page.Status != http.StatusNotFound {
		t.Errorf("a stranger approves: %d", page.Status)
	}
	if page = b.Submit(t, b.Get(t, "/console/queues/approvals").Form("Refuse "+two.ID).Fill(t, "Reason of the refusal", "not as agreed")); !strings.Contains(page.Flash(), "is refused") {
		t.Errorf("refused: %s", page.Text())
	}
	if r := until(t, rig, two.ID, func(r refund.Refund) bool { return r.State == refund.Canceled }); r.FailureMessage != "not as agreed" {
		t.Errorf("%+v", r)
	}
	if page = b.Get(t, "/console/refunds/"+two.ID); !page.Has("It ended by hand, because: not as agreed") {
		t.Errorf("the refund says %s", page.Text())
	}
}

func TestACorrectionWaitsForAnotherThanWhoAsked(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 300, refund.Succeeded, "")
	rig.AddUser(t, "asks@example.com", merchant.RoleAdmin, "")
	how := admin.Resolution{State: refund.Failed, Proof: "statement 17"}
	if _, err := rig.Admin.AskCorrection(t.Context(), admin.By{Actor: audit.ByUser("asks@example.com")}, merchant.DemoID, r.ID, how); err != nil {
		t.Fatal(err)
	}
	own := rig.Browser(t)
	own.SignIn(t, "asks@example.com", consoletest.Password)
	page := own.Get(t, "/console/queues/approvals")
	if !page.Has("You asked for this") || page.Form("Approve "+r.ID) != nil {
		t.Errorf("who asked sees %s", page.Text())
	}
	page = own.Post(t, "/console/queues/approvals/"+r.ID+"/approve", url.Values{"merchant": {merchant.DemoID}})
	if page.Status != http.StatusForbidden {
		t.Errorf("who asked confirms: %d", page.Status)
	}
	b := rig.As(t, merchant.RoleApprover, "")
	if page = b.Get(t, "/console/queues/approvals"); !page.Has("statement 17") || !page.Has("user asks@example.com") {
		t.Errorf("the page is %s", page.Text())
	}
	b.Submit(t, page.Form("Approve "+r.ID))
	left := until(t, rig, r.ID, func(r refund.Refund) bool { return r.State == refund.Failed })
	attempts, err := rig.Store.Attempts(t.Context(), merchant.DemoID, r.ID)
	if err != nil || !strings.HasPrefix(attempts[len(attempts)-1].Note, "corrected by user asks@example.com, confirmed by user ") {
		t.Errorf("%+v, %+v, %v", left, attempts, err)
	}
}
