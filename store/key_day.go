package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	keyDaysByKey = `SELECT k.merchant_id, k.key_id, k.day, k.currency, k.total, k.since FROM v JOIN key_days k
		ON k.merchant_id = v.merchant_id AND k.key_id = v.key_id AND k.day = v.day AND k.currency = v.currency ORDER BY k.merchant_id, k.key_id, k.day, k.currency`
	insertKeyDays = `INSERT INTO key_days (merchant_id, key_id, day, currency, total, carried, ceiling, since) VALUES`
	updateKeyDays = `UPDATE key_days SET total = v.total, ceiling = v.ceiling FROM v
		WHERE key_days.merchant_id = v.merchant_id AND key_days.key_id = v.key_id AND key_days.day = v.day AND key_days.currency = v.currency`
	// recountKeyDay carries all that was asked for until now.
	recountKeyDay = `UPDATE key_days SET total = $5, carried = $5, ceiling = $6, since = $7 WHERE merchant_id = $1 AND key_id = $2 AND day = $3 AND currency = $4`
	// askedByKey finds the refunds of a key by its id in a JSON text, in which
	// quotes of values are escaped: only a member reads like one.
	askedByKey = `SELECT r.amount, r.asked_by FROM refunds r
		WHERE r.merchant_id = $1 AND r.created_at >= $2 AND r.created_at < $3 AND r.currency = $4 AND r.asked_by LIKE '%' || $5 || '%'`
	keyDayWidth = 8
)

var (
	keyDayKeys    = sqldb.NewColumns("merchant_id TEXT", "key_id TEXT", "day BIGINT", "currency TEXT")
	keyDayChanges = sqldb.NewColumns("merchant_id TEXT", "key_id TEXT", "day BIGINT", "currency TEXT", "total BIGINT", "ceiling BIGINT")
)

func keyDayRow(d refund.DayKey) []any {
	return []any{d.MerchantID, d.Key, sqldb.Micros(d.Day), string(d.Currency)}
}

// KeyDays implements intake.Tx.
func (t *intakeTx) KeyDays(ctx context.Context, days []refund.DayTotal) (map[refund.DayKey]money.Minor, error) {
	found, err := t.lockedDays(ctx, days)
	if err != nil || len(found) == len(days) {
		return found, err
	}
	var fresh [][]any
	for _, d := range days {
		if _, there := found[d.DayKey]; there {
			continue
		}
		carried, err := carriedDay(ctx, t.q, d)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, append(keyDayRow(d.DayKey), int64(carried), int64(carried), int64(d.Ceiling), sqldb.Micros(d.Since)))
	}
	if _, err := t.q.Send(ctx, sqldb.InsertRows(insertKeyDays, keyDayWidth, fresh, "ON CONFLICT DO NOTHING")); err != nil {
		return nil, fmt.Errorf("begin days of keys: %w", err)
	}
	// Another transaction may have begun one of them meanwhile.
	if found, err = t.lockedDays(ctx, days); err == nil && len(found) != len(days) {
		err = fmt.Errorf("%d of %d days of keys are there", len(found), len(days))
	}
	return found, err
}

// lockedDays locks the totals that are there. Where a ceiling was set after the day's
// total was begun, as after a time without one, it is added up anew.
func (t *intakeTx) lockedDays(ctx context.Context, days []refund.DayTotal) (map[refund.DayKey]money.Minor, error) {
	found, since, err := lockKeyDays(ctx, t.q, days)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		if begun, there := since[d.DayKey]; !there || !d.Since.After(begun) || !d.Since.After(d.Day) {
			continue
		}
		total, err := carriedDay(ctx, t.q, d)
		if err != nil {
			return nil, err
		}
		total = max(total, found[d.DayKey]) // a demo's reset deletes refunds
		args := append(keyDayRow(d.DayKey), int64(total), int64(d.Ceiling), sqldb.Micros(t.store.now()))
		if _, err := t.q.Exec(ctx, recountKeyDay, args...); err != nil {
			return nil, fmt.Errorf("add up the day of a key: %w", err)
		}
		found[d.DayKey] = total
	}
	return found, nil
}

func lockKeyDays(ctx context.Context, q sqldb.Querier, days []refund.DayTotal) (found map[refund.DayKey]money.Minor, begun map[refund.DayKey]time.Time, err error) {
	rows := make([][]any, len(days))
	for n, d := range days {
		rows[n] = keyDayRow(d.DayKey)
	}
	found, begun = make(map[refund.DayKey]money.Minor, len(days)), make(map[refund.DayKey]time.Time, len(days))
	err = sqldb.QueryValues(ctx, q, keyDayKeys, rows, keyDaysByKey+q.Lock("OF k"), func(scan func(...any) error) error {
		var key refund.DayKey
		var day, total, since int64
		err := scan(&key.MerchantID, &key.Key, &day, (*string)(&key.Currency), &total, &since)
		key.Day = sqldb.FromMicros(day)
		found[key], begun[key] = money.Minor(total), sqldb.FromMicros(since)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("lock days of keys: %w", err)
	}
	return found, begun, nil
}

// carriedDay adds up what a key asked for on the day before its ceiling was set.
// That is nothing unless it was set on that day.
func carriedDay(ctx context.Context, q sqldb.Querier, d refund.DayTotal) (total money.Minor, err error) {
	if !d.Since.After(d.Day) {
		return 0, nil
	}
	args := []any{d.MerchantID, sqldb.Micros(d.Day), sqldb.Micros(d.Day.Add(24 * time.Hour)), string(d.Currency), d.Key}
	err = q.Query(ctx, askedByKey, args, func(scan func(...any) error) error {
		var amount int64
		var text string
		var by refund.Asker
		if err := scan(&amount, &text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &by); err != nil || by.Key != d.Key || by.Dialect == refund.ByCommand {
			return err
		}
		sum, fits := money.Add(total, money.Minor(amount))
		if !fits {
			return refund.Errorf(refund.KindCorrupt, "amount", "what key %s asked for today does not fit into 64 bits", d.Key)
		}
		total = sum
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("add up what a key asked for: %w", err)
	}
	return total, nil
}

// SaveKeyDays implements intake.Tx.
func (t *intakeTx) SaveKeyDays(ctx context.Context, days []refund.DayTotal) error {
	rows := make([][]any, len(days))
	for n, d := range days {
		rows[n] = append(keyDayRow(d.DayKey), int64(d.Total), int64(d.Ceiling))
	}
	counts, err := t.q.Send(ctx, sqldb.WithValues(keyDayChanges, rows, updateKeyDays))
	if err == nil && sum(counts) != int64(len(days)) {
		err = fmt.Errorf("%d of %d are there", sum(counts), len(days))
	}
	if err != nil {
		return fmt.Errorf("count days of keys: %w", err)
	}
	return nil
}
