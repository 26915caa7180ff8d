package console_test

import (
	"net/http"
	"strings"
	"testing"

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
	if err := rig.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), `UPDATE refunds SET parts = '{"payer":7}' WHERE merchant_id = $1 AND id = $2`, merchant.DemoID, one.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	b := rig.As(t, merchant.RoleAdmin, "")
	for path, says := range map[string]string{
		"/console/queues/approvals":          "nobody can decide",
		"/console/refunds":                   "are damaged in the database",
		"/console/refunds?q=" + one.ID:       "Rows of the merchant",
		"/console/refunds?needs_person=true": "",
	} {
		page := b.Get(t, path)
		if page.Status != http.StatusOK || !page.Has(says) {
			t.Errorf("%s: %d %s", path, page.Status, page.Text())
		}
		if !strings.Contains(path, "?") && (!page.Has(one.ID) || !page.Has(two.ID)) {
			t.Errorf("%s lacks a refund: %s", path, page.Text())
		}
	}
	page := b.Get(t, "/console/refunds.csv")
	if text := page.Body; page.Status != http.StatusOK || !strings.Contains(text, merchant.DemoID+","+one.ID+",,,0,,unreadable,") || !strings.Contains(text, two.ID) {
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
}
