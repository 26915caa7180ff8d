package store_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

const manyTransfers = `WITH RECURSIVE v(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < 3000)
	INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
	SELECT 'mer_many', CAST($1 AS BIGINT) + i, 't' || i, 're', 'ch', 'reserve', 'merchant.available', 'refund.reserved', 2, 'CNY' FROM v`

func TestBalancesAreCarriedForwardAndStayRight(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		exec := func(text string, args ...any) {
			t.Helper()
			if err := s.Exec(t.Context(), text, args...); err != nil {
				t.Fatal(err)
			}
		}
		reserved := func(want int64) {
			t.Helper()
			found, err := s.Balances(t.Context(), "mer_many")
			if err != nil {
				t.Fatal(err)
			}
			in := found[ledger.Balance{Account: ledger.Reserved, Currency: "CNY"}]
			out := found[ledger.Balance{Account: ledger.Available, Currency: "CNY"}]
			if int64(in) != want || in+out != 0 || len(found) != 2 {
				t.Errorf("balances are %v, not %d", found, want)
			}
		}
		carried := func(want int) {
			t.Helper()
			rows, err := s.Texts(t.Context(), `SELECT account FROM carried_balances WHERE merchant_id = 'mer_many' ORDER BY account`)
			if err != nil || len(rows) != want {
				t.Errorf("kept for %v, %v", rows, err)
			}
		}
		now := time.Now()
		exec(manyRefunds[0])
		exec(manyTransfers, now.Add(-time.Hour).UnixMicro())
		reserved(6000) // adds everything up, and keeps it
		carried(2)
		reserved(6000)
		write := func(id string, at time.Time) {
			t.Helper()
			if err := s.WriteLate(t.Context(), "mer_many", id, at); err != nil {
				t.Fatal(err)
			}
		}
		write("new", now)
		reserved(6001)
		carried(2)
		// What is behind the kept sum is not read any more.
		exec(`UPDATE transfers SET amount = 1 WHERE merchant_id = 'mer_many' AND id = 't7'`)
		reserved(6001)
		// A change that comes too late for the kept sum has it made anew.
		write("late", now.Add(-30*time.Minute))
		reserved(6001)
		carried(2)
	})
}
