package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

func TestEachQueueShowsWhatWaitsInIt(t *testing.T) {
	rig := consoletest.Start(t)
	abnormal := aRefund(t, rig, 152, refund.Abnormal, "")
	held := aRefund(t, rig, 155, refund.Held, "")
	c := aCharge(t, rig, "FOREIGN", 100, "")
	if _, _, err := rig.Store.Adopt(t.Context(), refund.ChargeKey{MerchantID: merchant.DemoID, ID: c}, refund.Foreign{
		RefundID: "re_adopted", ChannelNumber: "by hand", ChannelRefundID: "5000", Amount: 150, SucceededAt: time.Now(), Source: refund.Notice,
	}, time.Now()); err != nil {
		t.Fatal(err)
	}
	b := rig.As(t, merchant.RoleViewer, "")
	for _, one := range []struct {
		path, heading string
		has           []string
	}{
		{"abnormal", "Abnormal", []string{abnormal.ID, "1.52 CNY", "Reroute them"}},
		{"funds", "Short of funds", []string{held.ID, "1.55 CNY", merchant.DemoAccount}},
		{"unknown", "Needs a person", []string{"Nothing waits here."}},
		{"deliveries", "Dead deliveries", []string{"Nothing waits here."}},
		{"foreign", "Foreign and excess", []string{"re_adopted", "made at the channel", c, "0.50 CNY more than was paid"}},
		{"abnormal?lang=zh", "异常", []string{"付款人账户无法收取这些退款"}},
	} {
		page := b.Get(t, "/console/queues/"+one.path)
		if page.Status != http.StatusOK || page.Heading() != one.heading {
			t.Errorf("%s: %d %s", one.path, page.Status, page.Text())
		}
		for _, text := range one.has {
			if !page.Has(text) {
				t.Errorf("%s lacks %q: %s", one.path, text, page.Text())
			}
		}
		if page.Form("Funds are back") != nil {
			t.Error("a viewer may say that funds are back")
		}
	}
	b.Get(t, "/console/?lang=en")
	page := b.Get(t, "/console/queues/abnormal")
	if page.Link("Abnormal 1") == "" || page.Link("Foreign and excess 2") == "" || page.Link("Queues 4") == "" {
		t.Errorf("the links count: %s", page.Text())
	}
	if page = b.Get(t, "/console/queues/nothing"); page.Status != http.StatusNotFound {
		t.Errorf("a queue that there is not: %d", page.Status)
	}
	other := rig.AddMerchant(t, "other")
	stranger := rig.As(t, merchant.RoleAdmin, other.ID)
	if page = stranger.Get(t, "/console/queues/abnormal"); page.Has(abnormal.ID) || !page.Has("Nothing waits here.") {
		t.Errorf("a stranger sees %s", page.Text())
	}
	page = stranger.Post(t, "/console/queues/funds", url.Values{"merchant": {merchant.DemoID}, "account": {merchant.DemoAccount}, "confirmed": {"1"}})
	if page.Status != http.StatusNotFound {
		t.Errorf("a stranger says that funds are back: %d", page.Status)
	}
	if page = b.Post(t, "/console/queues/funds", url.Values{"merchant": {merchant.DemoID}, "account": {merchant.DemoAccount}, "confirmed": {"1"}}); page.Status != http.StatusForbidden {
		t.Errorf("a viewer says that funds are back: %d", page.Status)
	}
}

func TestFundsAreBackForAllOfAnAccount(t *testing.T) {
	rig := consoletest.Start(t)
	held := aRefund(t, rig, 155, refund.Held, "")
	b := rig.As(t, merchant.RoleSupport, merchant.DemoID)
	page := b.Get(t, "/console/queues/funds")
	if rows := page.Rows("What the accounts lack"); len(rows) != 2 || !slices.Equal(rows[1][:4], []string{merchant.DemoAccount, "demo", "1", "1.55 CNY"}) {
		t.Fatalf("short are %q", page.Rows("What the accounts lack"))
	}
	step := b.Submit(t, page.Form("Funds are back"))
	if step.Heading() != "Funds are back" || !step.Has("1.55 CNY") || strings.Contains(audits(t, rig), "account.retry") {
		t.Fatalf("the step says %s", step.Text())
	}
	api(t, rig, "POST", "/sandbox/funds", `{"amount": 10000, "currency": "CNY"}`)
	form := step.Form("Send them all now")
	for click := range 2 {
		if page = b.Submit(t, form); page.Path() != "/console/queues/funds" || page.Flash() != "What waited for funds of "+merchant.DemoAccount+" is sent again." {
			t.Errorf("click %d: %d %q %q", click, page.Status, page.Flash(), page.Problem())
		}
	}
	until(t, rig, held.ID, func(r refund.Refund) bool { return r.State == refund.Succeeded })
}

// audits are the actions of the demo merchant's records.
func audits(t testing.TB, rig *consoletest.Rig) string {
	t.Helper()
	var all []string
	err := rig.Store.Read(t.Context(), func(q sqldb.Querier) error {
		return q.Query(t.Context(), `SELECT action FROM audit_records WHERE merchant_id = $1`, []any{merchant.DemoID}, func(scan func(...any) error) error {
			var one string
			err := scan(&one)
			all = append(all, one)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestDeadDeliveriesAreSentAgain(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 100, refund.Succeeded, "")
	kill(t, rig, r)
	b := rig.As(t, merchant.RoleSupport, merchant.DemoID)
	page := b.Get(t, "/console/queues/deliveries")
	if !page.Has("https://shop.example/hook?<b>") || strings.Contains(page.Body, "hook?<b>") {
		t.Fatalf("dead are %s", page.Text())
	}
	if none := b.Submit(t, page.Form("Send the selected again")); none.Status != http.StatusUnprocessableEntity || !strings.Contains(none.Problem(), "at least one") {
		t.Errorf("none is chosen: %d %q", none.Status, none.Problem())
	}
	found, err := admin.ReadQueue(t.Context(), rig.Store, merchant.DemoID, refund.QueueDeliveries, refund.Page{Limit: 10})
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	form := page.Form("Send the selected again")
	form.Values.Set("delivery", merchant.DemoID+" "+found.Entries[0].Delivery.Delivery.ID)
	step := b.Submit(t, form)
	if step.Heading() != "Send the selected again" || !step.Has(found.Entries[0].Delivery.Delivery.ID) {
		t.Fatalf("the step says %s", step.Text())
	}
	sent := step.Form("Send again")
	for range 2 {
		if page = b.Submit(t, sent); page.Flash() != "The deliveries are sent again." || !page.Has("Nothing waits here.") {
			t.Errorf("sent: %d %q %q", page.Status, page.Flash(), page.Problem())
		}
	}
	if all, _, err := rig.Store.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: merchant.DemoID}, refund.Page{Limit: 10}); err != nil || len(all) != 2 {
		t.Errorf("there are %d deliveries, %v", len(all), err)
	}
}

// kill gives a refund a delivery that was given up.
func kill(t testing.TB, rig *consoletest.Rig, r refund.Refund) {
	t.Helper()
	events, err := rig.Store.RefundEvents(t.Context(), r)
	if err != nil || len(events) == 0 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	now := time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)
	const text = `INSERT INTO deliveries (merchant_id, created_at, id, event_id, dialect, url, body, state, attempts, ended_at) VALUES ($1, $2, $3, $4, 'native', 'https://shop.example/hook?<b>', $5, 'dead', 1, $6)`
	err = rig.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), text, merchant.DemoID, now.UnixMicro(), refund.NewID(now), events[0].ID, []byte("{}"), now.UnixMicro())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
