package payin_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
)

// One Idempotency-Key is one request, of orders too; other content says so and
// changes nothing, and what is refused uses up no key.
func TestAKeyIsOneOrder(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	const path = "/merchants/" + demoMerchant + "/orders"
	order := func(number, amount string) string {
		return fmt.Sprintf(`{"merchantOrderId":%q,"amount":%q,"currency":"SAR","name":"n"}`, number, amount)
	}
	key := []string{"Idempotency-Key", "order"}
	c.send(t, "POST", path, order("ONCE1", "0"), http.StatusBadRequest, key...)
	first := c.send(t, "POST", path, order("ONCE1", "1"), http.StatusOK, key...)
	paid := paidOrder(t, s, merchant.DemoID, 100, "SAR")
	s.Unchanged(t, func() {
		if again := c.send(t, "POST", path, order("ONCE1", "1"), http.StatusOK, key...); again != first {
			t.Errorf("answered %s, first %s", again, first)
		}
		for _, other := range []string{order("ONCE1", "1.0"), order("ONCE2", "1")} {
			has(t, c.send(t, "POST", path, other, http.StatusConflict, key...), map[string]string{"code": `"duplicateMerchantRefundId"`})
		}
		has(t, c.send(t, "POST", "/orders/"+paid+"/refunds", amount(`"1"`), http.StatusConflict, key...), map[string]string{"code": `"duplicateMerchantRefundId"`})
	})
}
