package wallet_test

import (
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// A list without its damaged row would be taken for the whole. So its page is refused
// and names the row; the other pages can be read.
func TestAListWithADamagedRowNamesItAndItsOtherPagesCanBeRead(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	charge := w.charge(t, 100, nil)
	var refunds []string
	for range 3 {
		refunds = append(refunds, decoded(t, w.refund(t, asking(charge, 1), 200, "Prefer", "wait=5"))["id"].(string))
	}
	s.Damage(t, "refunds", refunds[1])
	stored, err := s.Store.ChargeByAny(t.Context(), w.merchantID, charge)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/wallet/" + w.wallet + "/charges/" + charge + "/refunds?page=1&count=10", "/charges/" + charge + "/refunds?page=1&count=10", "/wallet/" + w.wallet + "/obj/" + charge} {
		answer := get(t, s, w.key, path, 500)
		if code := decoded(t, answer)["code"]; code == nil {
			t.Errorf("%s answers %s", path, answer)
		}
		s.Damaged(t, w.merchantID, answer, "refund "+refunds[1])
	}
	for page, want := range map[string]string{"1": refunds[2], "3": refunds[0]} {
		got, _ := idsOf(t, get(t, s, w.key, "/wallet/"+w.wallet+"/charges/"+charge+"/refunds?count=1&page="+page, 200))
		if len(got) != 1 || got[0] != want {
			t.Errorf("page %s has %v", page, got)
		}
	}
	other := w.charge(t, 100, func(c *refund.Charge) { c.OrderNo = "ANOTHER" })
	s.Damage(t, "charges", stored.ID)
	s.Damaged(t, w.merchantID, get(t, s, w.key, "/wallet/"+w.wallet+"/charges/list?page=1&count=10", 500), "charge "+stored.ID)
	if got, _ := idsOf(t, get(t, s, w.key, "/wallet/"+w.wallet+"/charges/list?page=1&count=1", 200)); len(got) != 1 || got[0] != other {
		t.Errorf("the first page has %v", got)
	}
}
