package console_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

func listed(page *consoletest.Page) []string {
	var ids []string
	for _, row := range page.Rows("")[1:] {
		ids = append(ids, row[0])
	}
	return ids
}

func TestRefundsAreFoundByNumbersAndFilters(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleViewer, merchant.DemoID)
	if page := b.Get(t, "/console/refunds"); page.Status != http.StatusOK || !page.Has("There is no refund yet") {
		t.Fatalf("of nothing: %d %s", page.Status, page.Text())
	}
	good := aRefund(t, rig, 100, refund.Succeeded, `, "number": "N-1", "customer": "M-7", "reason": "=HYPERLINK(\"x\")", "reason_code": "late"`)
	failed := aRefund(t, rig, 251, refund.Failed, `, "reason": "sent <b>back</b>"`)
	open := aRefund(t, rig, 358, refund.Pending, "")
	page := b.Get(t, "/console/refunds")
	if ids := listed(page); strings.Join(ids, " ") != open.ID+" "+failed.ID+" "+good.ID {
		t.Errorf("listed %v", ids)
	}
	if strings.Contains(page.Body, "<b>back</b>") || strings.Contains(page.Body, " style=") {
		t.Error("the page has what others wrote")
	}
	charge, err := rig.Store.Charge(t.Context(), merchant.DemoID, good.ChargeID)
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"q=N-1": good.ID, "q=M-7": good.ID, "q=" + charge.OrderNo: good.ID, "q=" + good.ChannelNumber: good.ID, "q=" + good.ChargeID: good.ID, "q=+" + good.ID + "+": good.ID,
		"state=failed": failed.ID, "state=pending,abnormal": open.ID, "state=pending&state=held": open.ID, "amount_min=300": open.ID, "amount_max=100": good.ID,
		"customer=M-7": good.ID, "reason=sent": failed.ID, "reason_code=late": good.ID, "account=sandbox_demo&state=failed": failed.ID, "channel=wx&amount_min=200&amount_max=300": failed.ID,
	} {
		if ids := listed2(b.Get(t, "/console/refunds?"+query)); strings.Join(ids, " ") != want {
			t.Errorf("%s finds %v, not %s", query, ids, want)
		}
	}
	for query, want := range map[string]string{
		"q=nobody": "No refund is like that", "from=2001-01-01&to=2001-01-02": "No refund is like that", "state=": "All of them",
		"state=unheard": "no state", "amount_min=1.5": "whole number", "from=yesterday": "a date such as", "cursor=%21": "not one of ours",
	} {
		if page := b.Get(t, "/console/refunds?"+query); page.Status != http.StatusOK || !page.Has(want) {
			t.Errorf("%s: %d %s", query, page.Status, page.Text())
		}
	}
	// What htmx asks for is the list alone.
	r, err := http.NewRequest(http.MethodGet, b.URL+"/console/refunds?state=failed", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("HX-Target", "list")
	if part := b.Do(t, r); strings.Contains(part.Body, "<html") || !strings.Contains(part.Body, failed.ID) {
		t.Errorf("the list alone: %s", part.Body)
	}
	file, err := csv.NewReader(strings.NewReader(b.Get(t, "/console/refunds.csv?reason_code=late").Body)).ReadAll()
	if err != nil || len(file) != 2 || file[0][0] != "merchant" || file[1][1] != good.ID || file[1][8] != `'=HYPERLINK("x")` {
		t.Errorf("the file: %v, %v", file, err)
	}
	for query, rows := range map[string]int{"": 4, "?q=N-1": 2, "?state=failed": 2, "?customer=nobody": 1} {
		if file, err := csv.NewReader(strings.NewReader(b.Get(t, "/console/refunds.csv"+query).Body)).ReadAll(); err != nil || len(file) != rows {
			t.Errorf("the file %s: %v, %v", query, file, err)
		}
	}
	// Another merchant's user sees none of it.
	other := rig.AddMerchant(t, "other")
	stranger := rig.As(t, merchant.RoleViewer, other.ID)
	if page := stranger.Get(t, "/console/refunds?q="+good.ID); !page.Has("No refund is like that") {
		t.Errorf("a stranger finds %s", page.Text())
	}
	if page := stranger.Get(t, "/console/refunds?merchant="+merchant.DemoID); page.Status != http.StatusNotFound {
		t.Errorf("a stranger sees %d", page.Status)
	}
	all := rig.As(t, merchant.RoleAdmin, "")
	if page := all.Get(t, "/console/refunds"); len(listed(page)) != 3 || !page.Has("demo") {
		t.Errorf("of all merchants: %s", page.Text())
	}
}

// listed2 is listed where there may be no table.
func listed2(page *consoletest.Page) []string {
	if page.Rows("") == nil {
		return nil
	}
	return listed(page)
}

func TestAViewIsKeptByItsNameForItsUser(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleViewer, merchant.DemoID)
	if b.Get(t, "/console/refunds").Form("Save this view") != nil {
		t.Error("a list of everything is offered to be kept")
	}
	form := b.Get(t, "/console/refunds?state=failed&cursor=&lang=en").Form("Save this view")
	page := b.Submit(t, form.Fill(t, "Name of this view", `My <i>list</i>`))
	if !strings.Contains(page.Flash(), "is saved") || page.Link(`My <i>list</i>`) != "/console/refunds?state=failed" || strings.Contains(page.Body, "<i>list") {
		t.Fatalf("%q %q", page.Flash(), page.Link(`My <i>list</i>`))
	}
	if page = b.Post(t, "/console/views", url.Values{"name": {" "}, "query": {"state=failed"}}); page.Status < 400 {
		t.Errorf("a view without a name: %d", page.Status)
	}
	if page = b.Post(t, "/console/views", url.Values{"name": {strings.Repeat("x", 61)}, "query": {"state=failed"}}); page.Status < 400 {
		t.Errorf("a view with a long name: %d", page.Status)
	}
	if page = rig.As(t, merchant.RoleViewer, merchant.DemoID).Get(t, "/console/refunds"); page.Has("list</i>") {
		t.Error("another user sees the view")
	}
	page = b.Post(t, "/console/views", url.Values{"drop": {`My <i>list</i>`}})
	if !strings.Contains(page.Flash(), "is removed") || page.Link(`My <i>list</i>`) != "" {
		t.Errorf("%q", page.Flash())
	}
	for n := range merchant.MaxViews + 1 {
		page = b.Post(t, "/console/views", url.Values{"name": {"v" + strings.Repeat("i", n)}, "query": {"state=failed"}})
	}
	if page.Status < 400 {
		t.Errorf("one view too many: %d", page.Status)
	}
}
