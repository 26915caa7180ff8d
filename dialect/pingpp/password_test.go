package pingpp_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// oldAlipay makes a merchant whose app uses Alipay's old gateway, and a charge of it.
func oldAlipay(t *testing.T, s *dialecttest.Service) (key, nativeKey string, charge func(amount money.Minor) refund.Charge) {
	t.Helper()
	fresh := s.Merchant(t, "old gateway", merchant.Test, nil)
	app, _ := fresh.Identity(merchant.PingPP)
	set := func(settings string) {
		send(t, dialecttest.Request(t, http.MethodPatch, s.URL+"/refundry/v1/identities/pingpp/"+app.Name, `{"settings":`+settings+`}`,
			"Authorization", "Bearer "+fresh.Key(merchant.Native), "Content-Type", jsonType), 200)
	}
	set(`{"alipay_version":"1","alipay_refund_nopwd":"false"}`)
	return fresh.Key(merchant.PingPP), fresh.Key(merchant.Native), func(amount money.Minor) refund.Charge {
		return s.Charge(t, fresh.Merchant.ID, amount, func(c *refund.Charge) { c.Channel = "alipay" })
	}
}

// settle ends a refund in the sandbox, as if the password had been entered.
func settle(t *testing.T, s *dialecttest.Service, nativeKey, id, state string) {
	t.Helper()
	send(t, dialecttest.Request(t, http.MethodPost, s.URL+"/refundry/v1/sandbox/refunds/"+id+"/settle", `{"state":"`+state+`"}`,
		"Authorization", "Bearer "+nativeKey, "Content-Type", jsonType), 200)
}

const waitPrefix = "需要打开地址进行下一步退款操作: https://mapi.alipay.com/gateway.do?service=refund_fastpay_by_platform_pwd&"

func TestARefundWaitsForThePassword(t *testing.T) {
	s := dialecttest.Start(t)
	key, nativeKey, charge := oldAlipay(t, s)
	one := charge(151) // the sandbox refuses 51, but it is not asked for a decision
	path := "/v1/charges/" + one.ID + "/refunds"
	made := decoded(t, post(t, s, key, path, `{"description":"换货: 1#"}`, 200, "Prefer", "wait=5"))
	id := fmt.Sprint(made["id"])
	message, _ := made["failure_msg"].(string)
	if made["status"] != "pending" || made["succeed"] != false || made["time_succeed"] != nil || made["failure_code"] != "refund_wait_operation" ||
		!strings.HasPrefix(message, waitPrefix) || strings.Count(message, ":") != 2 {
		t.Fatalf("answered %v", made)
	}
	address, err := url.Parse(strings.TrimPrefix(message, "需要打开地址进行下一步退款操作: "))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	if got, want := query.Get("notify_url"), s.URL+"/notify/charges/"+one.ID+"/refunds/"+id; got != want {
		t.Errorf("notify_url %s, want %s", got, want)
	}
	if got, want := query.Get("detail_data"), one.TransactionID+"^1.51^换货: 1 "; got != want {
		t.Errorf("detail_data %s, want %s", got, want)
	}
	if number := query.Get("batch_no"); !regexp.MustCompile(`^20\d{6}` + fmt.Sprint(made["order_no"]) + `$`).MatchString(number) {
		t.Errorf("batch_no %s", number)
	}

	t.Run("retrieving, listing and the charge show the address", func(t *testing.T) {
		for _, place := range []string{path + "/" + id, path, "/v1/charges/" + one.ID} {
			if body := get(t, s, key, place, 200); !strings.Contains(body, `"failure_msg": "`+waitPrefix) {
				t.Errorf("%s answered %s", place, body)
			}
		}
	})
	t.Run("in English it begins the same", func(t *testing.T) {
		r := dialecttest.Request(t, http.MethodGet, s.URL+path+"/"+id, "", "Authorization", "Bearer "+key, "Accept-Language", "en")
		if body := send(t, r, 200); !strings.Contains(body, `"failure_msg": "`+waitPrefix) {
			t.Error(body)
		}
	})
	t.Run("its amount is reserved", func(t *testing.T) {
		post(t, s, key, path, `{"description":"d","amount":1}`, 400)
	})
	t.Run("creating it again is the same refund with its address", func(t *testing.T) {
		s.Unchanged(t, func() {
			again := decoded(t, post(t, s, key, path, `{"description":"other words"}`, 200))
			if again["id"] != id || !strings.HasPrefix(fmt.Sprint(again["failure_msg"]), waitPrefix) {
				t.Errorf("answered %v", again)
			}
		})
	})
	t.Run("once the password is entered it has succeeded", func(t *testing.T) {
		settle(t, s, nativeKey, id, "succeeded")
		done := decoded(t, eventually(t, s, key, path+"/"+id, `"status": "succeeded"`))
		if done["failure_code"] != nil || done["failure_msg"] != nil || done["succeed"] != true {
			t.Errorf("in the end %v", done)
		}
		if body := post(t, s, key, path, `{"description":"d"}`, 400); !strings.Contains(body, "因为已经全额退款了") {
			t.Error(body)
		}
	})
}

func TestAFailedPasswordRefundIsMadeAnew(t *testing.T) {
	s := dialecttest.Start(t)
	key, nativeKey, charge := oldAlipay(t, s)
	path := "/v1/charges/" + charge(1000).ID + "/refunds"
	create := func(headers ...string) string {
		return fmt.Sprint(decoded(t, post(t, s, key, path, `{"description":"d","amount":100}`, 200, append([]string{"Prefer", "wait=5"}, headers...)...))["id"])
	}
	first := create()
	settle(t, s, nativeKey, first, "failed")
	if body := eventually(t, s, key, path+"/"+first, `"status": "failed"`); !strings.Contains(body, `"failure_code": "refund_failed"`) {
		t.Error(body)
	}
	second := create()
	if second == first || create() != second {
		t.Errorf("after %s came %s, and another", first, second)
	}
	if other := create("Idempotency-Key", "own"); other == second {
		t.Error("a key of its own makes no refund of its own")
	}
	if different := decoded(t, post(t, s, key, path, `{"description":"d","amount":200}`, 200))["id"]; different == second {
		t.Error("another amount is the same refund")
	}
}

func TestOfManyPasswordRefundsOneIsMade(t *testing.T) {
	s := dialecttest.Start(t)
	key, _, charge := oldAlipay(t, s)
	one := charge(1000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			post(t, s, key, "/v1/charges/"+one.ID+"/refunds", `{"description":"d","amount":100}`, 200)
		})
	}
	all.Wait()
	if refunds := s.Refunds(t, one); len(refunds) != 1 {
		t.Errorf("%d refunds", len(refunds))
	}
}

func TestABatchHasOneAddressForItsPasswordRefunds(t *testing.T) {
	s := dialecttest.Start(t)
	key, nativeKey, charge := oldAlipay(t, s)
	first, second := charge(100), charge(200)
	app, _ := first.Alias(merchant.PingPP)
	made := decoded(t, post(t, s, key, "/v1/batch_refunds", batchOf(app.Identity, "PWD", quoted(first.ID), quoted(second.ID)), 200, "Prefer", "wait=5"))
	address, err := url.Parse(fmt.Sprint(made["refund_url"]))
	if err != nil || address.Host != "mapi.alipay.com" || made["status"] != "pending" {
		t.Fatalf("answered %v", made)
	}
	query := address.Query()
	if query.Get("batch_num") != "2" || query.Get("batch_no")[8:] != made["id"] ||
		query.Get("detail_data") != first.TransactionID+"^1.00^Batch#"+second.TransactionID+"^2.00^Batch" {
		t.Errorf("address %s", address)
	}
	ids := map[string]string{}
	for _, entry := range made["charges"].([]any) {
		e := entry.(map[string]any)
		ids[fmt.Sprint(e["charge"])] = fmt.Sprint(e["refund"])
		if e["status"] != "pending" || !strings.HasPrefix(fmt.Sprint(e["failure_msg"]), waitPrefix) {
			t.Errorf("entry %v", e)
		}
	}
	place := "/v1/batch_refunds/" + fmt.Sprint(made["id"])
	settle(t, s, nativeKey, ids[first.ID], "succeeded")
	if body := eventually(t, s, key, place, `"status": "succeeded"`); !strings.Contains(body, "batch_num=1&") || strings.Contains(body, `"refund_url": ""`) {
		t.Errorf("with one left: %s", body)
	}
	settle(t, s, nativeKey, ids[second.ID], "succeeded")
	if body := eventually(t, s, key, place, `"refund_url": ""`); !strings.Contains(body, `"status": "succeeded",
    "time_succeeded"`) {
		t.Errorf("in the end: %s", body)
	}
}
