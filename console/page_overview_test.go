package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// counted waits until the statistics have counted so many of the demo merchant's refunds
// as they are.
func counted(t testing.TB, rig *consoletest.Rig, refunds int64, state refund.State) {
	t.Helper()
	now := time.Now()
	f, err := refund.NewOverviewFilter(merchant.DemoID, now.Add(-time.Hour), now)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := now.Add(3 * time.Minute); ; {
		if _, _, err := rig.Store.FoldStatistics(t.Context(), merchant.DemoID); err != nil {
			t.Fatal(err)
		}
		o, err := rig.Store.Overview(t.Context(), f, now)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%d events are not counted, %v", o.Behind, err)
		}
		var all int64
		for _, sum := range o.Sums {
			all += sum.Refunds
		}
		if o.Behind == 0 && all == refunds && o.Of(state) > 0 {
			return
		}
	}
}

func TestTheOverviewShowsNumbersThatLeadToTheirLists(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleViewer, merchant.DemoID)
	page := b.Get(t, "/console/")
	if !page.Has("No refund was accepted in this time") || !page.Has("Nobody needs to look at anything") || page.Rows("") == nil {
		t.Fatalf("of nothing: %s", page.Text())
	}
	aRefund(t, rig, 100, refund.Succeeded, "")
	aRefund(t, rig, 251, refund.Failed, "")
	open := aRefund(t, rig, 358, refund.Pending, "")
	if err := rig.Store.SaveAlert(t.Context(), refund.Alert{Account: "sandbox_demo", Text: `<b>look</b> at "this"`}); err != nil {
		t.Fatal(err)
	}
	counted(t, rig, 3, refund.Pending)
	page = b.Get(t, "/console/")
	for _, want := range []string{"50.00 %", "of 2 that ended", "1.00 CNY", "2.51 CNY", "3.58 CNY", "<b>look</b> at \"this\"", open.ID, "sandbox_demo"} {
		if !page.Has(want) {
			t.Errorf("the overview lacks %s: %s", want, page.Text())
		}
	}
	if strings.Contains(page.Body, "<b>look</b>") || !strings.Contains(page.Body, `<rect class="good"`) || strings.Contains(page.Body, " style=") {
		t.Error("the page has what others wrote, or no chart")
	}
	if page.Form("I have looked at it") != nil {
		t.Error("a viewer is offered to acknowledge")
	}
	for _, target := range []string{"state=failed", "state=held%2Ccreated%2Cpending%2Cabnormal", "/console/queues/unknown", "/console/queues/funds", "/console/queues/deliveries"} {
		if !strings.Contains(page.Body, target) {
			t.Errorf("no number leads to %s", target)
		}
	}
	if zh := b.Get(t, "/console/?lang=zh"); !zh.Has("成功率") || !zh.Has("概览") {
		t.Errorf("in Chinese: %s", zh.Text())
	}
	b.Get(t, "/console/?lang=en")
	// What htmx asks for again is the live part alone.
	r, err := http.NewRequest(http.MethodGet, b.URL+"/console/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "live")
	if part := b.Do(t, r); strings.Contains(part.Body, "<html") || !strings.Contains(part.Body, `id="tile-success"`) {
		t.Errorf("the live part: %s", part.Body)
	}
	var series struct{ At, Accepted, Succeeded, Failed []int64 }
	if err := json.Unmarshal([]byte(b.Get(t, "/console/overview.json?days=1").Body), &series); err != nil || len(series.At) < 24 {
		t.Fatalf("%+v, %v", series, err)
	}
	var accepted int64
	for _, n := range series.Accepted {
		accepted += n
	}
	if accepted != 3 {
		t.Errorf("the series has %d refunds", accepted)
	}
	alerts := func() []refund.StoredAlert {
		open, _, err := rig.Store.Alerts(t.Context(), merchant.DemoID, false, refund.Page{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return open
	}
	if page = b.Post(t, "/console/alerts/"+alerts()[0].ID+"/ack", url.Values{"merchant": {merchant.DemoID}}); page.Status != http.StatusForbidden {
		t.Errorf("a viewer acknowledges: %d", page.Status)
	}
	desk := rig.As(t, merchant.RoleAdmin, "")
	form := desk.Get(t, "/console/?merchant="+merchant.DemoID).Form("I have looked at it")
	for range 2 {
		if page = desk.Submit(t, form); page.Status != http.StatusOK {
			t.Errorf("acknowledged: %d %s", page.Status, page.Text())
		}
	}
	if left := alerts(); len(left) != 0 {
		t.Errorf("%d alerts are open", len(left))
	}
	other := rig.AddMerchant(t, "other")
	if page = desk.Get(t, "/console/"); !page.Has("1.00 CNY") {
		t.Errorf("of all merchants: %s", page.Text())
	}
	if page = desk.Get(t, "/console/?merchant="+other.ID); page.Has("1.00 CNY") {
		t.Errorf("of another merchant: %s", page.Text())
	}
}
