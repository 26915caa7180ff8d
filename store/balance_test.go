package store_test

import (
	"math/big"
	"strconv"
	"strings"
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
			if in == nil || out == nil || in.Int64() != want || in.Cmp(new(big.Int).Neg(out)) != 0 || len(found) != 2 {
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

// However much came since, it is added to the kept sum slice by slice.
func TestBalancesAreCarriedForwardSliceBySlice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		many := strings.ReplaceAll(manyTransfers, "i < 3000", "i < 45000")
		for _, text := range []string{manyRefunds[0], many, `INSERT INTO feed_counters (merchant_id, last_number) VALUES ('mer_many', 1)`} {
			var args []any
			if text == many {
				args = []any{time.Now().Add(-time.Hour).UnixMicro()}
			}
			if err := s.Exec(t.Context(), text, args...); err != nil {
				t.Fatal(err)
			}
		}
		for slice, more := range []bool{true, true, false} {
			merchants, err := s.MerchantsToCarry(t.Context(), "", 10)
			if err != nil || len(merchants) != 1 || merchants[0] != "mer_many" {
				t.Fatalf("balances of %v are to be carried, %v", merchants, err)
			}
			left, err := s.CarryBalances(t.Context(), "mer_many")
			if err != nil || left != more {
				t.Errorf("more is left behind slice %d: %v, %v", slice, left, err)
			}
			kept, err := s.Texts(t.Context(), `SELECT CAST(minor AS TEXT) FROM carried_balances WHERE merchant_id = 'mer_many' AND account = 'refund.reserved'`)
			if want := strconv.Itoa(min(45_000, 20_000*(slice+1)) * 2); err != nil || len(kept) != 1 || kept[0] != want {
				t.Errorf("kept is %v, %v; want %s", kept, err, want)
			}
		}
		if merchants, err := s.MerchantsToCarry(t.Context(), "", 10); err != nil || len(merchants) != 0 {
			t.Errorf("balances of %v are still to be carried, %v", merchants, err)
		}
		found, err := s.Balances(t.Context(), "mer_many")
		if in := found[ledger.Balance{Account: ledger.Reserved, Currency: "CNY"}]; err != nil || in == nil || in.Int64() != 90_000 {
			t.Errorf("the balance is %v, %v", in, err)
		}
	})
}

// Charges of an earlier version may be of any size, and many of today's add up
// to more than 64 bits as well.
func TestBalancesMayNeedMoreThan64Bits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const half = 5_000_000_000_000_000_007
		for _, n := range []string{"1", "2", "3"} {
			err := s.Exec(t.Context(), `INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
				VALUES ('mer_big', 1, $1, 're', 'ch', 'reserve', 'merchant.available', 'refund.reserved', $2, 'VND')`, n, int64(half))
			if err != nil {
				t.Fatal(err)
			}
		}
		found, err := s.Balances(t.Context(), "mer_big")
		if err != nil {
			t.Fatal(err)
		}
		want := new(big.Int).Mul(big.NewInt(half), big.NewInt(3))
		in, out := found[ledger.Balance{Account: ledger.Reserved, Currency: "VND"}], found[ledger.Balance{Account: ledger.Available, Currency: "VND"}]
		if in.Cmp(want) != 0 || out.Cmp(want.Neg(want)) != 0 {
			t.Errorf("%s and %s", in, out)
		}
	})
}

// A sum that no column holds is not kept, and added up each time.
func TestABalanceThatNoColumnHoldsIsNotCarried(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		err := s.Exec(t.Context(), strings.ReplaceAll(manyTransfers, "'refund.reserved', 2,", "'refund.reserved', 9000000000000000000,"), time.Now().Add(-time.Hour).UnixMicro())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			found, err := s.Balances(t.Context(), "mer_many")
			if in := found[ledger.Balance{Account: ledger.Reserved, Currency: "CNY"}]; err != nil || in.String() != "27000000000000000000000" {
				t.Errorf("%s, %v", in, err)
			}
		}
		if rows, err := s.Texts(t.Context(), `SELECT account FROM carried_balances WHERE merchant_id = 'mer_many'`); err != nil || len(rows) != 0 {
			t.Errorf("kept for %v, %v", rows, err)
		}
	})
}
