package console_test

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
)

// millionRefunds fills the demo merchant with refunds of the last 30 days, each of a
// charge of its own, with its last event; $1 is how many.
var millionRefunds = []string{
	`INSERT INTO charges (merchant_id, id, order_no, channel, channel_account, transaction_id, currency, amount, refunded, paid_at, created_at, updated_at)
	SELECT 'mer_demo', 'ch_' || i, 'T' || i, CASE WHEN i % 3 = 0 THEN 'alipay' ELSE 'wx' END, 'sandbox_demo', 'tx' || i, 'CNY', 1000, 0, $2 - i * 2592000::BIGINT, $2 - i * 2592000::BIGINT, $2 - i * 2592000::BIGINT FROM generate_series(1, $1) i`,
	`INSERT INTO refunds (merchant_id, id, charge_id, unit_id, number, amount, currency, state, reason, parts, channel, channel_account, channel_number, channel_refund_id, created_at, updated_at, succeeded_at, due_at, failure_code)
	SELECT 'mer_demo', 're_' || i, 'ch_' || i, 're_' || i, 'N' || i, 1 + i % 900, 'CNY', CASE WHEN i % 20 = 0 THEN 'failed' WHEN i % 1000 = 1 THEN 'pending' ELSE 'succeeded' END, 'changed my mind', '{"payer":' || (1 + i % 900) || '}',
		CASE WHEN i % 3 = 0 THEN 'alipay' ELSE 'wx' END, 'sandbox_demo', 'cn' || i, 'cr' || i, $2 - i * 2592000::BIGINT, $2 - i * 2592000::BIGINT + 4000000, CASE WHEN i % 20 = 0 OR i % 1000 = 1 THEN 0 ELSE $2 - i * 2592000::BIGINT + 4000000 END,
		CASE WHEN i % 20 <> 0 AND i % 1000 = 1 THEN 9000000000000000 ELSE 0 END, CASE WHEN i % 20 = 0 THEN 'CLOSED' ELSE '' END FROM generate_series(1, $1) i`,
	`INSERT INTO events (merchant_id, created_at, id, type, refund_id, charge_id, snapshot, feed_number, was)
	SELECT 'mer_demo', $2 - i * 2592000::BIGINT + 4000000, 'evt_' || i, CASE WHEN i % 20 = 0 THEN 'refund.failed' WHEN i % 1000 = 1 THEN 'refund.pending' ELSE 'refund.succeeded' END, 're_' || i, 'ch_' || i, '{"state":"succeeded"}', i, '' FROM generate_series(1, $1) i`,
}

// BenchmarkConsole measures pages with REFUNDS refunds in PostgreSQL, a million by make
// bench-console.
// It prints what 95 of 100 loads of each page took.
func BenchmarkConsole(b *testing.B) {
	refunds := 10_000
	if text := os.Getenv("REFUNDS"); text != "" {
		if _, err := fmt.Sscan(text, &refunds); err != nil {
			b.Fatal(err)
		}
	}
	address := storetest.Postgres(b)
	rig := consoletest.StartOn(b, address)
	db, err := sql.Open("pgx", address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	begin := time.Now()
	for _, text := range millionRefunds {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "$1", fmt.Sprint(refunds)), "$2", fmt.Sprint(begin.UnixMicro())+"::BIGINT")
		if _, err := db.ExecContext(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	for _, text := range []string{fmt.Sprintf("INSERT INTO feed_counters (merchant_id, last_number) VALUES ('mer_demo', %d) ON CONFLICT (merchant_id) DO UPDATE SET last_number = excluded.last_number", refunds), "VACUUM ANALYZE"} {
		if _, err := db.ExecContext(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d refunds are there after %s", refunds, time.Since(begin))
	begin = time.Now()
	for left := int64(1); left > 0; {
		if _, _, err := rig.Store.FoldStatistics(b.Context(), merchant.DemoID); err != nil {
			b.Fatal(err)
		}
		if err := db.QueryRowContext(b.Context(), "SELECT (SELECT MAX(last_number) FROM feed_counters) - (SELECT MAX(folded) FROM stat_cursors) + (SELECT COUNT(*) FROM stat_recounts)").Scan(&left); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("counted after %s", time.Since(begin))
	user, half := rig.As(b, merchant.RoleAdmin, ""), fmt.Sprint(refunds/2)
	for _, path := range []string{
		"/console/", "/console/?days=90", "/console/overview.json?days=30", "/console/refunds", "/console/refunds?state=failed", "/console/refunds?state=succeeded", "/console/refunds?channel=none",
		"/console/refunds?amount_min=900&reason=mind", "/console/refunds?q=N" + half, "/console/refunds?q=tx77", "/console/refunds?failure_code=CLOSED", "/console/refunds/re_" + half,
		"/console/queues/abnormal", "/console/queues/unknown", "/console/queues/funds", "/console/queues/deliveries", "/console/queues/foreign", "/console/audit", "/console/settings/users",
	} {
		var took []time.Duration
		for range 40 {
			begin := time.Now()
			if page := user.Get(b, path); page.Status != 200 {
				b.Errorf("%s: %d %s", path, page.Status, page.Text())
				break
			}
			took = append(took, time.Since(begin))
		}
		slices.Sort(took)
		b.Logf("%-50s p50 %8s  p95 %8s", path, took[len(took)/2].Round(100*time.Microsecond), took[len(took)*95/100].Round(100*time.Microsecond))
	}
}
