package pingpp_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// batchOf is a batch's body; members stand in charges as they are.
func batchOf(app, number string, members ...string) string {
	return `{"app":"` + app + `","batch_no":"` + number + `","description":"Batch","metadata":{"a":"b"},"charges":[` + strings.Join(members, ",") + `]}`
}

func quoted(id string) string { return `"` + id + `"` }

func TestABatchIsRefundedTogether(t *testing.T) {
	s := dialecttest.Start(t)
	first, second := s.Charge(t, merchant.DemoID, 100, nil), s.Charge(t, merchant.DemoID, 200, nil)
	body := batchOf(demoApp, "B001", quoted(first.ID),
		`{"charge":"`+second.ID+`","amount":50,"description":"own words","funding_source":"recharge_funds"}`)
	made := decoded(t, post(t, s, demoKey, "/v1/batch_refunds", body, 200, "Prefer", "wait=0"))
	id := fmt.Sprint(made["id"])
	if len(id) != 19 || !strings.HasPrefix(id, "15") || made["object"] != "batch_refund" || made["app"] != demoApp || made["batch_no"] != "B001" ||
		made["description"] != "Batch" || made["livemode"] != false || made["refund_url"] != "" || made["time_succeeded"] != nil {
		t.Errorf("answered %v", made)
	}
	if made["status"] != "created" { // nothing waited for the channel
		t.Errorf("status %v", made["status"])
	}
	entries := made["charges"].([]any)
	refunds := made["refunds"].(map[string]any)
	if len(entries) != 2 || len(refunds["data"].([]any)) != 2 || refunds["url"] != nil || refunds["has_more"] != false {
		t.Fatalf("charges %v, refunds %v", entries, refunds)
	}
	one, two := entries[0].(map[string]any), entries[1].(map[string]any)
	if one["charge"] != first.ID || one["amount"] != numberOf(100) || one["description"] != "Batch" || one["funding_source"] != nil {
		t.Errorf("first %v", one)
	}
	if two["charge"] != second.ID || two["amount"] != numberOf(50) || two["description"] != "own words" || two["funding_source"] != "recharge_funds" {
		t.Errorf("second %v", two)
	}

	done := decoded(t, eventually(t, s, demoKey, "/v1/batch_refunds/"+id, `"status": "succeeded",
    "time_succeeded"`))
	if done["status"] != "succeeded" || done["time_succeeded"] == nil {
		t.Errorf("in the end %v", done)
	}
	get(t, s, demoKey, "/v1/charges/"+first.ID+"/refunds/"+fmt.Sprint(one["refund"]), 200)

	t.Run("the same again is the same batch", func(t *testing.T) {
		s.Unchanged(t, func() {
			if again := decoded(t, post(t, s, demoKey, "/v1/batch_refunds", body, 200)); again["id"] != id {
				t.Errorf("again %v", again)
			}
		})
	})
	t.Run("other content under its batch_no is refused", func(t *testing.T) {
		for _, other := range []string{
			strings.Replace(body, `"amount":50`, `"amount":51`, 1), strings.Replace(body, `"Batch"`, `"Other"`, 1), strings.Replace(body, `"b"`, `"c"`, 1),
			batchOf(demoApp, "B001", quoted(first.ID)),
		} {
			s.Unchanged(t, func() {
				if answer := post(t, s, demoKey, "/v1/batch_refunds", other, 400); !strings.Contains(answer, "批量退款批次号已被使用。") {
					t.Errorf("%s answered %s", other, answer)
				}
			})
		}
	})
	t.Run("another merchant does not see it", func(t *testing.T) {
		key := s.Merchant(t, "stranger", merchant.Test, nil).Key(merchant.PingPP)
		get(t, s, key, "/v1/batch_refunds/"+id, http.StatusNotFound)
	})
}

func TestABatchEndsAsItsRefundsDo(t *testing.T) {
	s := dialecttest.Start(t)
	tests := []struct {
		name    string
		amounts []money.Minor // 151 is refused by the sandbox, 158 stays with it
		want    string
	}{
		{"all succeed", []money.Minor{100, 200}, "succeeded"},
		{"one is refused", []money.Minor{100, 151}, "partially_succeeded"},
		{"all are refused", []money.Minor{151, 251}, "failed"},
		{"one takes its time", []money.Minor{100, 158}, "pending"},
	}
	for n, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var members []string
			for _, amount := range test.amounts {
				members = append(members, quoted(s.Charge(t, merchant.DemoID, amount, nil).ID))
			}
			body := post(t, s, demoKey, "/v1/batch_refunds", batchOf(demoApp, fmt.Sprintf("E%02d", n), members...), 200)
			made := decoded(t, body)
			if made["status"] != test.want {
				made = decoded(t, eventually(t, s, demoKey, "/v1/batch_refunds/"+fmt.Sprint(made["id"]), `"status": "`+test.want+`",
    "time_succeeded"`))
			}
			if got := made["time_succeeded"] != nil; got != strings.HasSuffix(test.want, "succeeded") {
				t.Errorf("time_succeeded %v", made["time_succeeded"])
			}
			for _, entry := range made["charges"].([]any) {
				if e := entry.(map[string]any); (e["failure_msg"] != nil) != (e["status"] == "failed") {
					t.Errorf("entry %v", e)
				}
			}
		})
	}
}

func TestOneBadEntryStopsTheBatch(t *testing.T) {
	s := dialecttest.Start(t)
	good := s.Charge(t, merchant.DemoID, 100, nil)
	full := s.Charge(t, merchant.DemoID, 100, func(c *refund.Charge) { c.OrderNo = "FULL1" })
	post(t, s, demoKey, "/v1/charges/"+full.ID+"/refunds", `{"description":"d"}`, 200)
	paypal := s.Charge(t, merchant.DemoID, 100, func(c *refund.Charge) { c.Channel = "paypal" })
	ordered := s.Charge(t, merchant.DemoID, 100, ofOrder(order))
	tests := []struct{ name, body, want string }{
		{"one that is refunded in full", batchOf(demoApp, "X001", quoted(good.ID), quoted(full.ID)), "不能对订单号 FULL1 发起退款，因为已经全额退款了。Charge id: " + full.ID + "。"},
		{"more than is left", batchOf(demoApp, "X001", quoted(good.ID), `{"charge":"`+paypal.ID+`","amount":101}`), "退款金额超过了可退款金额。"},
		{"an unknown charge", batchOf(demoApp, "X001", quoted(good.ID), quoted("ch_x")), "未找到 charge : ch_x。"},
		{"a charge twice", batchOf(demoApp, "X001", quoted(good.ID), quoted(good.ID)), "参数 charges 无效：charge 不能重复。"},
		{"a charge of an order", batchOf(demoApp, "X001", quoted(good.ID), quoted(ordered.ID)), "请使用商品订单号进行操作。"},
		{"an amount of 0", batchOf(demoApp, "X001", `{"charge":"`+good.ID+`","amount":0}`), "参数 charges[amount] 无效：必须是大于 0 的整数。"},
		{"words that are too long for its channel", batchOf(demoApp, "X001", `{"charge":"`+paypal.ID+`","description":"`+strings.Repeat("x", 31)+`"}`), "参数 description 无效：最多 30 字节。"},
		{"a number for a charge", batchOf(demoApp, "X001", "1"), "参数 charges 无效：必须是 charge id 或对象。"},
		{"an object without a charge", batchOf(demoApp, "X001", "{}"), "缺少必需的参数 charges[charge]。"},
		{"an unknown funding_source", batchOf(demoApp, "X001", `{"charge":"`+good.ID+`","funding_source":"mine"}`), "参数 funding_source 无效："},
		{"no charges", batchOf(demoApp, "X001"), "参数 charges 无效：必须是 1-100 个 charge 的列表。"},
		{"101 charges", batchOf(demoApp, "X001", slices.Repeat([]string{quoted(good.ID)}, 101)...), "参数 charges 无效：必须是 1-100 个 charge 的列表。"},
		{"another app", batchOf("app_x", "X001", quoted(good.ID)), "参数 app 无效：该应用不属于当前 API KEY。"},
		{"a batch_no that is too short", batchOf(demoApp, "X1", quoted(good.ID)), "参数 batch_no 无效：必须是 3-24 位字母或数字。"},
		{"a batch_no with a dash", batchOf(demoApp, "X-001", quoted(good.ID)), "参数 batch_no 无效：必须是 3-24 位字母或数字。"},
		{"no charges at all", `{"app":"` + demoApp + `","batch_no":"X001","description":"d"}`, "缺少必需的参数 charges。"},
		{"no batch_no", `{"app":"` + demoApp + `","description":"d"}`, "缺少必需的参数 batch_no。"},
		{"no description", `{"app":"` + demoApp + `","batch_no":"X001","charges":["` + good.ID + `"]}`, "缺少必需的参数 description。"},
		{"no app", `{}`, "缺少必需的参数 app。"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.Unchanged(t, func() {
				response, body := dialecttest.Do(t, dialecttest.Request(t, http.MethodPost, s.URL+"/v1/batch_refunds", test.body,
					"Authorization", "Bearer "+demoKey, "Content-Type", jsonType))
				if response.StatusCode != 400 && response.StatusCode != 404 || !strings.Contains(body, test.want) {
					t.Errorf("answered %d %s, want %s", response.StatusCode, body, test.want)
				}
			})
		})
	}
	t.Run("and its batch_no is free", func(t *testing.T) {
		post(t, s, demoKey, "/v1/batch_refunds", batchOf(demoApp, "X001", quoted(good.ID)), 200)
	})
}

func TestOfManyOneBatchIsMade(t *testing.T) {
	s := dialecttest.Start(t)
	charges := make([]refund.Charge, 3)
	members := make([]string, len(charges))
	for n := range charges {
		charges[n] = s.Charge(t, merchant.DemoID, 1000, nil)
		members[n] = `{"charge":"` + charges[n].ID + `","amount":10}`
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { post(t, s, demoKey, "/v1/batch_refunds", batchOf(demoApp, "ONCE", members...), 200) })
	}
	all.Wait()
	for _, charge := range charges {
		if refunds := s.Refunds(t, charge); len(refunds) != 1 {
			t.Errorf("%d refunds of one charge", len(refunds))
		}
	}
}

func TestBatchesAreListedByPage(t *testing.T) {
	s := dialecttest.Start(t)
	made := s.Merchant(t, "batches", merchant.Test, nil)
	key := made.Key(merchant.PingPP)
	app, _ := made.Identity(merchant.PingPP)
	if body := get(t, s, key, "/v1/batch_refunds", 200); len(ids(t, body)) != 0 || decoded(t, body)["url"] != "/v1/batch_refunds" {
		t.Errorf("before: %s", body)
	}
	want := make([]string, 5) // newest first
	for n := range want {
		charge := s.Charge(t, made.Merchant.ID, 100, nil)
		body := post(t, s, key, "/v1/batch_refunds", batchOf(app.Name, fmt.Sprintf("L%03d", n), quoted(charge.ID)), 200)
		want[len(want)-1-n] = fmt.Sprint(decoded(t, body)["id"])
	}
	// Other keys of the merchant are no batches.
	post(t, s, key, "/v1/charges/"+s.Charge(t, made.Merchant.ID, 100, nil).ID+"/refunds", `{"description":"d"}`, 200, "Idempotency-Key", "pingpp")
	for query, page := range map[string][]string{
		"": want, "?page=1&per_page=2": want[:2], "?page=2&per_page=2": want[2:4], "?page=3&per_page=2": want[4:], "?page=4&per_page=2": {},
		"?per_page=1000": want, "?app=" + app.Name: want, "?created[gt]=1&created[lt]=253402300798": want, "?created[lt]=1": {},
		"?created[gt]=253402300798": {}, "?page=1000000000&per_page=100": {},
	} {
		body := get(t, s, key, "/v1/batch_refunds"+query, 200)
		if got := ids(t, body); !slices.Equal(got, page) {
			t.Errorf("%q lists %v, want %v", query, got, page)
		}
		if more := query == "?page=1&per_page=2" || query == "?page=2&per_page=2"; decoded(t, body)["has_more"] != more {
			t.Errorf("%q: has_more is %t", query, !more)
		}
	}
	for _, query := range []string{"?page=0", "?page=x", "?page=1000000001", "?per_page=0", "?per_page=-1", "?app=app_x", "?created[gt]=x"} {
		get(t, s, key, "/v1/batch_refunds"+query, 400)
	}
	for _, id := range []string{"x", "1500000000000000000", "15", strings.Repeat("1", 500)} {
		get(t, s, key, "/v1/batch_refunds/"+id, 404)
	}
}
