package pingpp_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const order = "2001708140000194801"

func numberOf(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// ofOrder puts a charge of the demo app into an order.
func ofOrder(id string) func(*refund.Charge) {
	return func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.PingPP, Identity: demoApp, Sub: id, Name: c.ID}}
	}
}

func TestAnOrderIsRefundedTogether(t *testing.T) {
	s := dialecttest.Start(t)
	first, second := s.Charge(t, merchant.DemoID, 100, ofOrder(order)), s.Charge(t, merchant.DemoID, 200, ofOrder(order))
	other := s.Charge(t, merchant.DemoID, 300, ofOrder("2001708140000194802"))
	path := "/v1/orders/" + order

	body := post(t, s, demoKey, path+"/order_refunds", `{"description":"d","charge":"`+first.ID+`","charge_amount":30,"metadata":{"a":"b"}}`, 200)
	list := decoded(t, body)
	if list["object"] != "list" || list["url"] != path+"/order_refunds" || list["has_more"] != false || len(ids(t, body)) != 1 {
		t.Fatalf("answered %s", body)
	}
	one := list["data"].([]any)[0].(map[string]any)
	if one["object"] != "refund" || one["amount"] != numberOf(30) || one["charge"] != first.ID || one["metadata"].(map[string]any)["a"] != "b" {
		t.Errorf("refund %v", one)
	}
	post(t, s, demoKey, path+"/order_refunds", `{"description":"d","charge_amount":1}`, 400) // of which charge?
	rest := ids(t, post(t, s, demoKey, path+"/order_refunds", `{"description":"the rest"}`, 200))
	if len(rest) != 2 {
		t.Fatalf("refunded %v", rest)
	}
	for _, charge := range []refund.Charge{first, second} {
		if object := decoded(t, get(t, s, demoKey, path+"/charges/"+charge.ID, 200)); object["amount_refunded"] != object["amount"] {
			t.Errorf("charge %v", object)
		}
	}
	if body := post(t, s, demoKey, path+"/order_refunds", `{"description":"once more"}`, 400); !strings.Contains(body, "因为已经全额退款了") {
		t.Error(body)
	}
	if refunds := s.Refunds(t, other); len(refunds) != 0 {
		t.Errorf("another order was refunded: %v", refunds)
	}

	t.Run("its charges and refunds are listed", func(t *testing.T) {
		if got, want := ids(t, get(t, s, demoKey, path+"/charges", 200)), []string{second.ID, first.ID}; !slices.Equal(got, want) {
			t.Errorf("charges %v, want %v", got, want)
		}
		if got, want := ids(t, get(t, s, demoKey, path+"/charges?limit=1&starting_after="+second.ID, 200)), []string{first.ID}; !slices.Equal(got, want) {
			t.Errorf("charges %v, want %v", got, want)
		}
		all := get(t, s, demoKey, path+"/order_refunds", 200)
		if got := ids(t, all); len(got) != 3 || got[2] != one["id"] || decoded(t, all)["has_more"] != false {
			t.Errorf("refunds %v", got)
		}
		page := get(t, s, demoKey, path+"/order_refunds?page=2&per_page=1", 200)
		if got := ids(t, page); !slices.Equal(got, ids(t, all)[1:2]) || decoded(t, page)["has_more"] != true {
			t.Errorf("page %s", page)
		}
		if body := get(t, s, demoKey, path+"/order_refunds/"+rest[0], 200); decoded(t, body)["id"] != rest[0] {
			t.Error(body)
		}
	})
	t.Run("what is of another order is unknown", func(t *testing.T) {
		theirs := ids(t, post(t, s, demoKey, "/v1/orders/2001708140000194802/order_refunds", `{"description":"d"}`, 200))
		get(t, s, demoKey, path+"/charges/"+other.ID, 404)
		get(t, s, demoKey, path+"/charges?starting_after="+other.ID, 400)
		get(t, s, demoKey, path+"/order_refunds/"+theirs[0], 404)
		post(t, s, demoKey, path+"/order_refunds", `{"description":"d","charge":"`+other.ID+`"}`, 404)
		get(t, s, demoKey, "/v1/orders/2001708140000194803/charges", 404)
		get(t, s, s.Merchant(t, "stranger", merchant.Test, nil).Key(merchant.PingPP), path+"/order_refunds", 404)
	})
}

func TestAnOrderIsRefundedOnceForOneKey(t *testing.T) {
	s := dialecttest.Start(t)
	for range 2 {
		s.Charge(t, merchant.DemoID, 100, ofOrder(order))
	}
	refundAll := func(key, order string, status int) string {
		return post(t, s, demoKey, "/v1/orders/"+order+"/order_refunds", `{"description":"d"}`, status, "Idempotency-Key", key)
	}
	first := ids(t, refundAll("k1", order, 200))
	if again := ids(t, refundAll("k1", order, 200)); len(first) != 2 || !slices.Equal(first, again) {
		t.Errorf("first %v, again %v", first, again)
	}
	t.Run("a key of another order is refused", func(t *testing.T) {
		s.Charge(t, merchant.DemoID, 100, ofOrder("2001708140000194802"))
		s.Unchanged(t, func() { refundAll("k1", "2001708140000194802", 400) })
	})
}

func TestOrdersAreAlwaysSignedWhereThereIsAKey(t *testing.T) {
	s := dialecttest.Start(t)
	private, public := requestKey(t)
	fresh := s.Merchant(t, "signing", merchant.Test, func(f *merchant.Fresh) { f.Merchant.Settings.RequestKey = public })
	app, _ := fresh.Identity(merchant.PingPP)
	s.Charge(t, fresh.Merchant.ID, 100, func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.PingPP, Identity: app.Name, Sub: order, Name: c.ID}}
	})
	path, body := "/v1/orders/"+order+"/order_refunds", `{"description":"d"}`
	key := fresh.Key(merchant.PingPP)
	s.Unchanged(t, func() { post(t, s, key, path, body, http.StatusUnauthorized) })
	if made := ids(t, send(t, signedRequest(t, s, private, key, path, body), 200)); len(made) != 1 {
		t.Errorf("refunds %v", made)
	}
}
