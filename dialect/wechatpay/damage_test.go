package wechatpay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// A bill without a damaged row would be short of money: it is refused, and names the row
// by the id and the number that the merchant knows. The other refunds can be queried.
func TestABillWithADamagedRowIsRefusedAndNamesIt(t *testing.T) {
	s, ahead, now := travelling(t)
	c := demo(t, s, direct)
	c.now = now
	c.post(t, refundPath, refundBody("R1", 100, ""), 200, "Prefer", "wait=5")
	c.post(t, refundPath, refundBody("R2", 100, ""), 200, "Prefer", "wait=5")
	day := now().In(wire.Beijing).Format(time.DateOnly)
	ahead(22 * time.Hour)
	path := "/v3/bill/tradebill?bill_date=" + day
	link := c.get(t, path, 200)
	look, err := s.Store.RefundLook(t.Context(), refund.Filter{MerchantID: merchant.DemoID, Number: "R1", Page: refund.Page{Limit: 1}})
	if err != nil || len(look.Refunds) != 1 {
		t.Fatal(look, err)
	}
	id := look.Refunds[0].ID
	s.Damage(t, "refunds", id)
	answer := c.get(t, refundPath+"/R1", 500)
	if got := decoded(t, answer); got["code"] != "SYSTEM_ERROR" || !strings.Contains(got["message"].(string), "数据已损坏") {
		t.Errorf("answered %s", answer)
	}
	s.Damaged(t, merchant.DemoID, answer, "refund "+id, "R1")
	s.Damaged(t, merchant.DemoID, c.get(t, path, 500), "refund "+id, "R1")
	got, err := wire.DecodeBillAnswer(exact(t, link))
	if err != nil {
		t.Fatal(err)
	}
	target, _ := strings.CutPrefix(got.DownloadURL, c.url)
	if file := c.get(t, target, 500); !strings.Contains(file, id) {
		t.Errorf("the file that was promised before says %s", file)
	}
	if other := decoded(t, c.get(t, refundPath+"/R2", 200)); other["out_refund_no"] != "R2" {
		t.Errorf("the other is %v", other)
	}
}
