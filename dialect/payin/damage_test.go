package payin_test

import (
	"net/http"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// This API has no list of refunds: of an order each has a call of its own, and one that
// is damaged names itself.
func TestADamagedRefundIsNamedAndHoldsUpNoOther(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	c.send(t, http.MethodPost, "/orders/"+demoOrder+"/refunds", `{"amount":"1","reason":"r","merchantRefundId":"R1"}`, 200, "Prefer", "wait=5")
	c.send(t, http.MethodPost, "/orders/"+demoOrder+"/refunds", `{"amount":"2","reason":"r","merchantRefundId":"R2"}`, 200, "Prefer", "wait=5")
	look, err := s.Store.RefundLook(t.Context(), refund.Filter{MerchantID: merchant.DemoID, Number: "R1", Page: refund.Page{Limit: 1}})
	if err != nil || len(look.Refunds) != 1 {
		t.Fatal(look, err)
	}
	first := look.Refunds[0].ID
	id := decoded(t, c.send(t, http.MethodPost, "/orders/"+demoOrder+"/refunds", `{"amount":"1","reason":"r","merchantRefundId":"R1"}`, 200))["id"].(string)
	s.Damage(t, "refunds", first)
	answer := c.send(t, http.MethodGet, "/refunds/"+id, "", 500)
	has(t, answer, map[string]string{"code": `"internalError"`})
	s.Damaged(t, merchant.DemoID, answer, "refund "+first, "R1")
	other := decoded(t, c.send(t, http.MethodPost, "/orders/"+demoOrder+"/refunds", `{"amount":"2","reason":"r","merchantRefundId":"R2"}`, 200))["id"].(string)
	c.send(t, http.MethodGet, "/refunds/"+other, "", 200)
	c.send(t, http.MethodGet, "/orders/"+demoOrder, "", 200)
}
