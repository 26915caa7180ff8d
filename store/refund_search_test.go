package store_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// manyRefunds fills one merchant's tables behind the store's back: 3,000
// charges with a name, and a refund of each.
var manyRefunds = []string{
	`INSERT INTO merchants (id, name, mode, created_at) VALUES ('mer_many', 'many', 'test', 1)`,
	`INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ('acc', 'mer_many', 'sandbox', 1)`,
	`WITH RECURSIVE v(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < 3000)
	INSERT INTO charges (merchant_id, id, order_no, channel, channel_account, transaction_id, currency, amount, paid_at, created_at, updated_at)
	SELECT 'mer_many', 'ch_' || i, 'T' || i, 'wx', 'acc', 'tx' || i, 'CNY', 100, i, i, i FROM v`,
	`WITH RECURSIVE v(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < 3000)
	INSERT INTO charge_aliases (merchant_id, dialect, name, identity, charge_id) SELECT 'mer_many', 'pingpp', 'name' || i, 'app', 'ch_' || i FROM v`,
	`WITH RECURSIVE v(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < 3000)
	INSERT INTO refunds (merchant_id, id, charge_id, unit_id, number, amount, currency, state, parts, channel, channel_account, channel_number,
		channel_refund_id, created_at, updated_at, succeeded_at)
	SELECT 'mer_many', 're_' || i, 'ch_' || i, 're_' || i, 'N' || i, 1, 'CNY', 'succeeded', '{"payer":1}', 'wx', 'acc', 'cn' || i, 'cr' || i, i, i, i FROM v`,
}

// Each way from a number to a refund, and the refund itself, is a look into an
// index by more than the merchant.
func TestASearchReadsNoMoreThanItFinds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range append(manyRefunds, "ANALYZE") {
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for name, number := range map[string]string{
			"id": "re_7", "number": "N7", "channel's": "cn7", "channel's id": "cr7", "charge": "ch_7", "name": "name7", "order": "T7", "transaction": "tx7",
		} {
			look, err := s.SearchRefunds(t.Context(), "mer_many", number, refund.Page{Limit: 20})
			if err != nil || look.More || len(look.Refunds) != 1 || look.Refunds[0].ID != "re_7" {
				t.Errorf("%s %s finds %d, %v", name, number, len(look.Refunds), err)
			}
		}
		lines, err := s.SearchPlan(t.Context(), "mer_many", "N7", []string{"re_8"})
		if err != nil || len(lines) == 0 {
			t.Fatalf("%v, %v", lines, err)
		}
		looks := 0
		for _, line := range lines {
			if strings.Contains(line, "Index Cond:") || strings.HasPrefix(line, "SEARCH ") {
				looks++
				if !strings.Contains(line, " AND ") && !strings.Contains(line, "channel_accounts") && !strings.Contains(line, "SEARCH o ") {
					t.Errorf("reads by the merchant alone: %s", line)
				}
			}
			for _, table := range []string{"refunds", "charges", "charge_aliases"} {
				if strings.Contains(line, "Seq Scan on "+table) {
					t.Errorf("reads all of a table: %s", line)
				}
			}
			if fields := strings.Fields(line); fields[0] == "SCAN" && strings.Contains(" r n c a ", " "+fields[1]+" ") {
				t.Errorf("reads all of a table: %s", line)
			}
		}
		if least := 12; looks < least || t.Failed() {
			t.Errorf("%d looks, at least %d are meant:\n%s", looks, least, strings.Join(lines, "\n"))
		}
	})
}
