package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// One damaged refund takes no page from anybody: it is named, and the others are there.
func TestADamagedRefundHoldsUpNoPage(t *testing.T) {
	rig := consoletest.Start(t)
	name, expression, enabled := "held", "refund.amount == 300 || refund.amount == 301", true
	if _, err := rig.Admin.AddPolicy(t.Context(), rig.By, merchant.DemoID, admin.PolicyChange{Name: &name, Expression: &expression, Enabled: &enabled}); err != nil {
		t.Fatal(err)
	}
	one, two := aRefund(t, rig, 300, refund.Held, ""), aRefund(t, rig, 301, refund.Held, "")
	rig.AddMerchant(t, "shop")
	damage(t, rig, `UPDATE refunds SET parts = '{"payer":7}' WHERE merchant_id = $1 AND id = $2`, one.ID)
	b := rig.As(t, merchant.RoleAdmin, "")
	for path, says := range map[string]string{
		"/console/queues/approvals":          "nobody can decide",
		"/console/refunds":                   "are damaged in the database",
		"/console/refunds?q=" + one.ID:       "are damaged in the database",
		"/console/refunds?q=" + two.ID:       two.ID,
		"/console/charges/" + two.ChargeID:   two.ID,
		"/console/charges/" + one.ChargeID:   one.ID,
		"/console/refunds/" + two.ID:         two.ID,
		"/console/refunds?needs_person=true": "",
	} {
		page := b.Get(t, path)
		if page.Status != http.StatusOK || !page.Has(says) {
			t.Errorf("%s: %d %s", path, page.Status, page.Text())
		}
		if (strings.HasSuffix(path, "approvals") || strings.HasSuffix(path, "refunds")) && (!page.Has(one.ID) || !page.Has(two.ID)) {
			t.Errorf("%s lacks a refund: %s", path, page.Text())
		}
	}
	page := b.Get(t, "/console/refunds.csv")
	if text := page.Body; page.Status != http.StatusOK || !strings.Contains(text, merchant.DemoID+","+one.ID+",,,,,unreadable,") || !strings.Contains(text, two.ID) {
		t.Errorf("the file: %d %s", page.Status, text)
	}
	list := api(t, rig, "GET", "/refunds", "")
	if ids, _ := list["unreadable"].([]any); len(ids) != 1 || ids[0] != one.ID {
		t.Errorf("GET /refunds: unreadable is %v", list["unreadable"])
	}
	found, more, err := rig.Admin.Approvals(t.Context(), refund.ApprovalFilter{MerchantID: merchant.DemoID, State: refund.ApprovalWaiting, Page: refund.Page{Limit: 50}})
	if err != nil || more || len(found) != 2 || found[0].Unreadable || found[0].Refund.ID != two.ID || !found[1].Unreadable || found[1].RefundID != one.ID {
		t.Errorf("approvals: %+v, %v, %v", found, more, err)
	}
	// Events get their numbers in the feed by and by.
	for end := time.Now().Add(3 * time.Minute); ; {
		feed := api(t, rig, "GET", "/events?wait=1", "")
		ids, _ := feed["unreadable"].([]any)
		data, _ := feed["data"].([]any)
		if len(ids) == 1 && len(data) == 1 {
			break
		}
		if len(ids) > 1 || len(data) > 1 || time.Now().After(end) {
			t.Fatalf("the feed: %v", feed)
		}
	}
}

// A damaged refund or charge is an entry of its queue that says so, also for who sees
// one merchant alone; one whose coupons can't be told is too.
func TestADamagedRowIsInItsQueue(t *testing.T) {
	rig := consoletest.Start(t)
	one, two := aRefund(t, rig, 152, refund.Abnormal, ""), aRefund(t, rig, 152, refund.Abnormal, "")
	damage(t, rig, `UPDATE refunds SET detail = 'no JSON' WHERE merchant_id = $1 AND id = $2`, one.ID)
	for _, role := range []struct{ merchant, path string }{{"", "/console/queues/abnormal"}, {merchant.DemoID, "/console/queues/abnormal?merchant=" + merchant.DemoID}} {
		page := rig.As(t, merchant.RoleSupport, role.merchant).Get(t, role.path)
		if page.Status != http.StatusOK || !page.Has(one.ID) || !page.Has(two.ID) || !page.Has("can't be shown") {
			t.Errorf("%s: %d %s", role.path, page.Status, page.Text())
		}
	}
	queue := api(t, rig, "GET", "/queues/abnormal", "")
	if ids, _ := queue["unreadable"].([]any); len(ids) != 1 || ids[0] != one.ID || len(queue["data"].([]any)) != 1 {
		t.Errorf("GET /queues/abnormal: %v", queue)
	}
	damage(t, rig, `UPDATE charges SET aliases = 'no JSON' WHERE merchant_id = $1 AND id = $2`, two.ChargeID)
	charges := api(t, rig, "GET", "/charges", "")
	if ids, _ := charges["unreadable"].([]any); len(ids) != 1 || ids[0] != two.ChargeID || len(charges["data"].([]any)) == 0 {
		t.Errorf("GET /charges: %v", charges["unreadable"])
	}
	b := rig.As(t, merchant.RoleAdmin, "")
	if page := b.Get(t, "/console/charges/"+two.ChargeID); page.Status != http.StatusInternalServerError || !page.Has(two.ChargeID) {
		t.Errorf("the damaged charge: %d %s", page.Status, page.Text())
	}
	if page := b.Get(t, "/console/refunds/"+two.ID); page.Status != http.StatusOK || !page.Has(two.ID) || !page.Has("is damaged") {
		t.Errorf("a refund of a damaged charge: %d %s", page.Status, page.Text())
	}
}

// A damaged setting takes no page from anybody: its row says so.
func TestADamagedSettingHoldsUpNoPage(t *testing.T) {
	rig := consoletest.Start(t)
	rig.AddMerchant(t, "shop")
	id := "SELECT MIN(k.id) FROM api_keys k WHERE k.merchant_id = $1 AND $2 = ''"
	damage(t, rig, `UPDATE api_keys SET limits = 'no JSON' WHERE merchant_id = $1 AND id = (`+id+`)`, "")
	damage(t, rig, `UPDATE identities SET settings = 'no JSON' WHERE merchant_id = $1 AND dialect = $2`, merchant.Wallet)
	damage(t, rig, `UPDATE channel_accounts SET settings = 'no JSON' WHERE merchant_id = $1 AND id = $2`, merchant.DemoAccount)
	b := rig.As(t, merchant.RoleAdmin, "")
	for path, damaged := range map[string]bool{
		"/console/settings/keys?merchant=" + merchant.DemoID:      true,
		"/console/settings/accounts?merchant=" + merchant.DemoID:  true,
		"/console/settings/merchants/" + merchant.DemoID:          true,
		"/console/settings/endpoints?merchant=" + merchant.DemoID: false,
		"/console/settings/merchants":                             false,
		"/console/refunds":                                        false,
	} {
		if page := b.Get(t, path); page.Status != http.StatusOK || page.Has("The row is damaged") != damaged {
			t.Errorf("%s: %d %s", path, page.Status, page.Text())
		}
	}
	damage(t, rig, `UPDATE merchants SET settings = 'no JSON' WHERE id = $1 AND $2 = ''`, "")
	for path, damaged := range map[string]bool{"/console/settings/merchants": true, "/console/refunds": false, "/console/": false} {
		if page := b.Get(t, path); page.Status != http.StatusOK || page.Has("The row is damaged") != damaged {
			t.Errorf("%s, its merchant is damaged: %d %s", path, page.Status, page.Text())
		}
	}
}

// damage changes a row of the demo merchant behind the program's back.
func damage(t *testing.T, rig *consoletest.Rig, text, id string) {
	t.Helper()
	if err := rig.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), text, merchant.DemoID, id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
