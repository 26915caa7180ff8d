package console_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
)

// manyRefunds fills the demo merchant with refunds of the last 30 days, each of a
// charge of its own, with an attempt, two transfers, its last event and a delivery to
// one of two endpoints. 5 of 100 failed, 1 of 1,000 is pending, and 1 of 10,000 each
// is short of funds, abnormal, needs a person, or was told of by nobody. {N} is how
// many, {NOW} the time of the newest, {STEP} the microseconds between two.
var manyRefunds = []string{
	`INSERT INTO charges (merchant_id, id, order_no, channel, channel_account, transaction_id, currency, amount, refunded, customer, excess, paid_at, created_at, updated_at)
	SELECT 'mer_demo', 'ch_' || i, 'T' || i, CASE WHEN i % 3 = 0 THEN 'alipay' ELSE 'wx' END, 'sandbox_demo', 'tx' || i, 'CNY', 1000, 0, 'M-' || (i / 10), 0,
		{NOW} - i * {STEP}, {NOW} - i * {STEP}, {NOW} - i * {STEP} FROM v`,
	`INSERT INTO charge_aliases (merchant_id, dialect, name, identity, charge_id) SELECT 'mer_demo', 'pingpp', 'ch_alias' || i, 'app_demo', 'ch_' || i FROM v`,
	`INSERT INTO refunds (merchant_id, id, charge_id, unit_id, number, amount, currency, state, reason, parts, channel, channel_account, channel_number, channel_refund_id, created_at,
		updated_at, succeeded_at, due_at, failure_code, customer, reason_code, held_reason, doubt)
	SELECT 'mer_demo', 're_' || i, 'ch_' || i, 're_' || i, 'N' || i, 1 + i % 900, 'CNY', w.state, 'changed my mind', '{"payer":' || (1 + i % 900) || '}',
		CASE WHEN i % 3 = 0 THEN 'alipay' ELSE 'wx' END, 'sandbox_demo', 'cn' || i, 'cr' || i, {NOW} - i * {STEP}, {NOW} - i * {STEP} + 4000000,
		CASE WHEN w.state = 'succeeded' THEN {NOW} - i * {STEP} + 4000000 ELSE 0 END, CASE WHEN w.state IN ('succeeded', 'failed') THEN 0 ELSE 9000000000000000 END,
		CASE WHEN w.state = 'failed' THEN 'CLOSED' ELSE '' END, 'M-' || (i / 10), CASE WHEN i % 50 = 0 THEN 'late' ELSE '' END,
		CASE WHEN w.state = 'held' THEN 'funds' ELSE '' END, CASE WHEN i % 10000 = 3 THEN 16 ELSE 0 END
	FROM (SELECT i, CASE WHEN i % 20 = 0 THEN 'failed' WHEN i % 1000 = 1 THEN 'pending' WHEN i % 10000 = 2 THEN 'held' WHEN i % 10000 = 3 THEN 'abnormal' ELSE 'succeeded' END AS state FROM v) w`,
	`INSERT INTO attempts (merchant_id, created_at, id, refund_id, source, epoch, outcome) SELECT 'mer_demo', {NOW} - i * {STEP} + 1000000, 'att_' || i, 're_' || i, 'submit', 1, 'succeeded' FROM v`,
	`INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
	SELECT 'mer_demo', {NOW} - i * {STEP}, 'tr_' || i, 're_' || i, 'ch_' || i, 'reserve', 'merchant.available', 'refund.reserved', 1 + i % 900, 'CNY' FROM v`,
	`INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
	SELECT 'mer_demo', {NOW} - i * {STEP} + 4000000, 'ts_' || i, 're_' || i, 'ch_' || i, 'settle', 'refund.reserved', 'payer.cash', 1 + i % 900, 'CNY' FROM v`,
	`INSERT INTO events (merchant_id, created_at, id, type, refund_id, charge_id, snapshot, feed_number, was)
	SELECT 'mer_demo', {NOW} - i * {STEP} + 4000000, 'evt_' || i, CASE WHEN i % 20 = 0 THEN 'refund.failed' WHEN i % 1000 = 1 THEN 'refund.pending' ELSE 'refund.succeeded' END,
		're_' || i, 'ch_' || i, '{"state":"succeeded"}', {N} + 1 - i, '' FROM v`,
	`INSERT INTO deliveries (merchant_id, created_at, id, event_id, endpoint_id, dialect, url, body, state, attempts, due_at, ended_at)
	SELECT 'mer_demo', {NOW} - i * {STEP} + 4000000, 'dlv_' || i, 'evt_' || i, CASE WHEN i % 1000 = 7 THEN 'we_rare' ELSE 'we_often' END, 'native', 'https://shop.example/', {BODY}, w.state, 1,
		CASE WHEN w.state = 'waiting' THEN 9000000000000000 ELSE 0 END, CASE WHEN w.state = 'waiting' THEN 0 ELSE {NOW} - i * {STEP} + 5000000 END
	FROM (SELECT i, CASE WHEN i % 1000 = 5 THEN 'dead' WHEN i % 1000 = 6 THEN 'waiting' ELSE 'delivered' END AS state FROM v) w`,
	`INSERT INTO alerts (merchant_id, created_at, id, refund_id, text, last_at, acked_at)
	SELECT 'mer_demo', {NOW} - i * {STEP}, 'alert_' || i, 're_' || i, 'a look at it', {NOW} - i * {STEP}, CASE WHEN i % 10000 = 9 THEN 0 ELSE 9 END FROM v WHERE i % 100 = 9`,
	`INSERT INTO channel_notices (merchant_id, account, id, channel, created_at, digest, state, number)
	SELECT 'mer_demo', 'sandbox_demo', 'ntc_' || i, 'sandbox', {NOW} - i * {STEP}, 'd' || i, CASE WHEN i % 10000 = 0 THEN 'waiting' ELSE 'matched' END, 'cn' || i FROM v WHERE i % 10 = 0`,
	`INSERT INTO feed_counters (merchant_id, last_number) VALUES ('mer_demo', {N}) ON CONFLICT (merchant_id) DO UPDATE SET last_number = excluded.last_number`,
}

// fill writes refunds, and counts them as the service would in time.
func fill(b *testing.B, rig *consoletest.Rig, db *sql.DB, refunds int64) {
	b.Helper()
	ctx, begin := b.Context(), time.Now()
	body, end := "CAST('' AS BYTEA)", "VACUUM ANALYZE"
	if rig.Store.SQLite() {
		body, end = "X''", "SELECT 1"
	}
	step := 30 * 24 * time.Hour.Microseconds() / max(1, refunds)
	named := strings.NewReplacer("{N}", fmt.Sprint(refunds), "{NOW}", fmt.Sprint(begin.UnixMicro()), "{STEP}", fmt.Sprint(step), "{BODY}", body)
	for _, text := range append(manyRefunds, end) {
		if into, from, is := strings.Cut(text, "SELECT 'mer_demo'"); is {
			text = into + `WITH RECURSIVE v(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM v WHERE i < {N}) SELECT 'mer_demo'` + from
		}
		if _, err := db.ExecContext(ctx, named.Replace(text)); err != nil {
			b.Fatalf("%v: %s", err, text)
		}
	}
	b.Logf("%d refunds are there after %s", refunds, time.Since(begin).Round(time.Second))
	begin = time.Now()
	for left := int64(1); left > 0; {
		if _, _, err := rig.Store.FoldStatistics(ctx, merchant.DemoID); err != nil {
			b.Fatal(err)
		}
		left = number(ctx, b, db, "SELECT (SELECT MAX(last_number) FROM feed_counters) - (SELECT MAX(folded) FROM stat_cursors) + (SELECT COUNT(*) FROM stat_recounts)")
	}
	b.Logf("counted after %s", time.Since(begin).Round(time.Second))
}

func number(ctx context.Context, b *testing.B, db *sql.DB, text string) (n int64) {
	b.Helper()
	if err := db.QueryRowContext(ctx, text).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}
