package verify_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/store/verify"
)

func TestAKeptBalanceIsHeldAgainstTheTransfersUntilThen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for n, at := range []int64{10, 20, 30} {
			exec(t, s, `INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
				VALUES ('mer_1', $1, $2, 're', 'ch', 'reserve', 'merchant.available', 'refund.reserved', 5, 'CNY')`, at, string(rune('a'+n)))
		}
		for account, minor := range map[string]int64{"merchant.available": -10, "refund.reserved": 10} {
			exec(t, s, `INSERT INTO carried_balances (merchant_id, account, currency, minor, carried_to) VALUES ('mer_1', $1, 'CNY', $2, 20)`, account, minor)
		}
		if found, err := verify.Carried(t.Context(), s.DB()); err != nil || len(found) > 0 {
			t.Errorf("finds %v, %v", found, err)
		}
		exec(t, s, `UPDATE transfers SET amount = 4 WHERE merchant_id = 'mer_1' AND id = 'b'`)
		found, err := verify.Carried(t.Context(), s.DB())
		if err != nil || len(found) != 2 || !strings.Contains(found[0].Text, "the balance kept of it is -10, the transfers until then leave -9") {
			t.Errorf("finds %v, %v", found, err)
		}
	})
}
