package service

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/store/storetest"
)

// One merchant whose balances can't be carried forward holds up none behind it.
func TestBalancesThatCanNotBeCarriedHoldUpNoOthers(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	for _, text := range []string{
		`INSERT INTO merchants (id, name, mode, created_at) VALUES ('mer_a', 'a', 'test', 1), ('mer_b', 'b', 'test', 1)`,
		`INSERT INTO feed_counters (merchant_id, last_number) VALUES ('mer_a', 1), ('mer_b', 1)`,
		`WITH RECURSIVE v(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < 3000)
			INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
			SELECT m.id, v.i, 't' || v.i, 're', 'ch', 'reserve', 'merchant.available', 'refund.reserved', 2, 'CNY' FROM v, merchants m`,
		`CREATE TRIGGER broken BEFORE INSERT ON carried_balances WHEN NEW.merchant_id = 'mer_a' BEGIN SELECT RAISE(ABORT, 'broken'); END`,
	} {
		if err := s.DB().Maintain(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	looking := &Service{Store: s, opts: Options{Log: quiet()}}
	slices, err := looking.stepCarry(t.Context())
	if slices != 1 || err == nil || !strings.Contains(err.Error(), "merchant mer_a") {
		t.Errorf("%d slices, %v", slices, err)
	}
	if left, err := s.MerchantsToCarry(t.Context(), "", 10); err != nil || len(left) != 1 || left[0] != "mer_a" {
		t.Errorf("%v are left, %v", left, err)
	}
	found, err := s.Balances(t.Context(), "mer_a")
	if in := found[ledger.Balance{Account: ledger.Reserved, Currency: money.Currency("CNY")}]; err != nil || in == nil || in.Int64() != 6000 {
		t.Errorf("its balance is %v, %v", in, err)
	}
}
