package pingpp_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

func TestRefundListsPageBothWays(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 2500, nil)
	path := "/v1/charges/" + charge.ID + "/refunds"
	made := make([]string, 25) // newest first
	for n := range made {
		re := decoded(t, post(t, s, demoKey, path, `{"description":"d","amount":100}`, 200))
		made[len(made)-1-n] = fmt.Sprint(re["id"])
	}
	tests := []struct {
		name  string
		query string
		want  []string
		more  bool
	}{
		{"ten without a limit", "", made[:10], true},
		{"as many as asked for", "?limit=3", made[:3], true},
		{"twenty at most", "?limit=21", made[:20], true},
		{"twenty for a limit beyond 64 bits", "?limit=99999999999999999999", made[:20], true},
		{"the page after", "?limit=3&starting_after=" + made[2], made[3:6], true},
		{"the last page", "?limit=20&starting_after=" + made[20], made[21:], false},
		{"nothing after the last", "?starting_after=" + made[24], []string{}, false},
		{"the page before, still newest first", "?limit=3&ending_before=" + made[10], made[7:10], true},
		{"the first page from behind", "?limit=3&ending_before=" + made[3], made[:3], false},
		{"what is left before", "?limit=10&ending_before=" + made[3], made[:3], false},
		{"nothing before the first", "?ending_before=" + made[0], []string{}, false},
		{"Node's bare question mark", "?", made[:10], true},
		{"a slash before the query", "/?limit=1", made[:1], true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := get(t, s, demoKey, path+test.query, 200)
			if diff := cmp.Diff(test.want, ids(t, body)); diff != "" {
				t.Error(diff)
			}
			list := decoded(t, body)
			if list["object"] != "list" || list["url"] != path || list["has_more"] != test.more {
				t.Errorf("object %v, url %v, has_more %v", list["object"], list["url"], list["has_more"])
			}
		})
	}
	t.Run("a charge embeds the newest ten", func(t *testing.T) {
		embedded, ok := decoded(t, get(t, s, demoKey, "/v1/charges/"+charge.ID, 200))["refunds"].(map[string]any)
		if !ok || embedded["has_more"] != true || len(embedded["data"].([]any)) != 10 {
			t.Errorf("embedded %v", embedded)
		}
	})
	t.Run("going forward by cursors meets each once", func(t *testing.T) {
		var seen []string
		for query := "?limit=7"; ; query = "?limit=7&starting_after=" + seen[len(seen)-1] {
			body := get(t, s, demoKey, path+query, 200)
			seen = append(seen, ids(t, body)...)
			if decoded(t, body)["has_more"] == false {
				break
			}
		}
		if diff := cmp.Diff(made, seen); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAMerchantMayHaveLongerRefundPages(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "long pages", merchant.Test, func(f *merchant.Fresh) { f.Merchant.Settings.RefundPageSize = 30 })
	charge := s.Charge(t, fresh.Merchant.ID, 2500, nil)
	key := fresh.Key(merchant.PingPP)
	for range 25 {
		post(t, s, key, "/v1/charges/"+charge.ID+"/refunds", `{"description":"d","amount":100}`, 200)
	}
	if got := ids(t, get(t, s, key, "/v1/charges/"+charge.ID+"/refunds?limit=100", 200)); len(got) != 25 {
		t.Errorf("%d on the page", len(got))
	}
}

func TestChargeListsFilter(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "lists", merchant.Test, nil)
	app, _ := fresh.Identity(merchant.PingPP)
	key := fresh.Key(merchant.PingPP)
	now := time.Now().UTC().Truncate(time.Second)
	at := func(ago time.Duration, channel string) string {
		return s.Charge(t, fresh.Merchant.ID, 100, func(c *refund.Charge) {
			c.Channel, c.CreatedAt = channel, now.Add(-ago)
		}).ID
	}
	const day = 24 * time.Hour
	old, week, hour, fresher := at(40*day, "wx"), at(7*day, "alipay"), at(time.Hour, "wx"), at(time.Minute, "wx")
	post(t, s, key, "/v1/charges/"+week+"/refunds", `{"description":"d","amount":1}`, 200)
	unix := func(ago time.Duration) string { return fmt.Sprint(now.Add(-ago).Unix()) }
	tests := []struct {
		name  string
		query string
		want  []string
		more  bool
	}{
		{"the last month without a filter", "", []string{fresher, hour, week}, false},
		{"older ones with a filter", "&created[gte]=" + unix(60*day), []string{fresher, hour, week, old}, false},
		{"greater than is not equal", "&created[gt]=" + unix(7*day), []string{fresher, hour}, false},
		{"greater or equal is", "&created[gte]=" + unix(7*day), []string{fresher, hour, week}, false},
		{"less than is not equal", "&created[lt]=" + unix(7*day), []string{old}, false},
		{"less or equal is", "&created[lte]=" + unix(7*day), []string{week, old}, false},
		{"equal", "&created=" + unix(7*day), []string{week}, false},
		{"nothing is before what comes after", "&created[gt]=" + unix(day) + "&created[lt]=" + unix(2*day), []string{}, false},
		{"a channel", "&channel=alipay", []string{week}, false},
		{"refunded ones", "&refunded=True", []string{week}, false},
		{"others", "&refunded=false", []string{fresher, hour}, false},
		{"paid ones are all", "&paid=true", []string{fresher, hour, week}, false},
		{"unpaid ones are none", "&paid=0", []string{}, false},
		{"reversed ones are none", "&reversed=1", []string{}, false},
		{"a page", "&limit=1", []string{fresher}, true},
		{"the next", "&limit=1&starting_after=" + fresher, []string{hour}, true},
		{"the one before", "&limit=1&ending_before=" + week, []string{hour}, true},
		{"the first from behind", "&limit=1&ending_before=" + hour, []string{fresher}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := get(t, s, key, "/v1/charges?app[id]="+app.Name+test.query, 200)
			if diff := cmp.Diff(test.want, ids(t, body)); diff != "" {
				t.Error(diff)
			}
			if list := decoded(t, body); list["has_more"] != test.more || list["url"] != "/v1/charges" {
				t.Errorf("has_more %v, url %v", list["has_more"], list["url"])
			}
		})
	}
	t.Run("a channel by the name that it is shown with", func(t *testing.T) {
		other := s.Merchant(t, "wallet", merchant.Test, nil)
		app, _ := other.Identity(merchant.PingPP)
		id := s.Charge(t, other.Merchant.ID, 100, func(c *refund.Charge) { c.Channel = "wechat_qrcode" }).ID
		for channel, want := range map[string][]string{"wx_pub_qr": {id}, "wechat_qrcode": {}, "wx": {}, "": {id}} {
			if got := ids(t, get(t, s, other.Key(merchant.PingPP), "/v1/charges?app[id]="+app.Name+"&channel="+channel, 200)); !slices.Equal(got, want) {
				t.Errorf("%q lists %v, want %v", channel, got, want)
			}
		}
	})
	t.Run("escaped brackets and an expanded app", func(t *testing.T) {
		body := get(t, s, key, "/v1/charges?"+url.Values{"app[id]": {app.Name}, "expand[]": {"app"}, "limit": {"1"}}.Encode(), 200)
		first := decoded(t, body)["data"].([]any)[0].(map[string]any)
		if diff := cmp.Diff(map[string]any{"id": app.Name, "object": "app"}, first["app"]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEventListsFilter(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 10_000, nil)
	path := "/v1/charges/" + charge.ID + "/refunds"
	for _, amount := range []int{100, 151, 200} { // 151 is refused
		post(t, s, demoKey, path, fmt.Sprintf(`{"description":"d","amount":%d}`, amount), 200)
	}
	all := ids(t, get(t, s, demoKey, "/v1/events", 200))
	if len(all) != 3 {
		t.Fatalf("events %v", all)
	}
	tests := []struct {
		name  string
		query string
		want  []string
	}{
		{"by type", "?type=refund.failed", all[1:2]},
		{"by the other type", "?type=refund.succeeded", []string{all[0], all[2]}},
		{"a type that we have none of", "?type=charge.succeeded", []string{}},
		{"by time", "?created[gt]=4102444800", []string{}},
		{"a page", "?limit=1&starting_after=" + all[0], all[1:2]},
		{"backwards", "?ending_before=" + all[2], all[:2]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ids(t, get(t, s, demoKey, "/v1/events"+test.query, 200))); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("each can be retrieved, with the refund as it was", func(t *testing.T) {
		event := decoded(t, get(t, s, demoKey, "/v1/events/"+all[1], 200))
		object := event["data"].(map[string]any)["object"].(map[string]any)
		if event["type"] != "refund.failed" || object["object"] != "refund" || object["status"] != "failed" || object["failure_code"] != "refund_refused_msg" {
			t.Errorf("got %v", event)
		}
	})
	t.Run("what has no name here is neither found nor a cursor", func(t *testing.T) {
		stored, _, err := s.Store.EventList(t.Context(), refund.EventFilter{
			MerchantID: merchant.DemoID, Types: []string{"refund.created"}, Page: refund.Page{Limit: 1},
		})
		if err != nil || len(stored) != 1 {
			t.Fatalf("%v, %v", stored, err)
		}
		get(t, s, demoKey, "/v1/events/"+stored[0].ID, 404)
		get(t, s, demoKey, "/v1/events?starting_after="+stored[0].ID, 400)
	})
	if !slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("not newest first: %v", all)
	}
}

func TestEventsWithoutWordsHereHideNoOthers(t *testing.T) {
	s := dialecttest.Start(t)
	made := s.Merchant(t, "nameless", merchant.Test, nil)
	key := made.Key(merchant.PingPP)
	told := func() string {
		body := post(t, s, key, "/v1/charges/"+s.Charge(t, made.Merchant.ID, 100, nil).ID+"/refunds", `{"description":"d"}`, 200, "Prefer", "wait=5")
		return fmt.Sprint(decoded(t, body)["id"])
	}
	older := told()
	// Registered before the merchant was known here.
	now := time.Now().UTC().Truncate(time.Microsecond)
	charge, _, err := s.Store.RegisterCharge(t.Context(), refund.Charge{
		MerchantID: made.Merchant.ID, ID: "ch_" + refund.NewID(now), OrderNo: "N1", Channel: "wx", ChannelAccount: made.Accounts[0].ID,
		TransactionID: refund.NewTransactionID(now), Currency: "CNY", Amount: 1000, PaidAt: now, CreatedAt: now,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		body := fmt.Sprintf(`{"charge":%q,"amount":100,"reason":"r"}`, charge.ID)
		send(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", body, "Authorization", "Bearer "+made.Key(merchant.Native), "Prefer", "wait=5"), 201)
	}
	newer := told()
	abouts := func(query string) (refunds, events []string) {
		data, _ := decoded(t, get(t, s, key, "/v1/events"+query, 200))["data"].([]any)
		for _, one := range data {
			e := one.(map[string]any)
			events = append(events, fmt.Sprint(e["id"]))
			refunds = append(refunds, fmt.Sprint(e["data"].(map[string]any)["object"].(map[string]any)["id"]))
		}
		return refunds, events
	}
	first, events := abouts("?limit=1")
	second, last := abouts("?limit=1&starting_after=" + events[0])
	if !slices.Equal(first, []string{newer}) || !slices.Equal(second, []string{older}) {
		t.Errorf("pages of %v and %v, want %s and %s", first, second, newer, older)
	}
	if back, _ := abouts("?limit=1&ending_before=" + last[0]); !slices.Equal(back, []string{newer}) {
		t.Errorf("backwards %v, want %s", back, newer)
	}
}
