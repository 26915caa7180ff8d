package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// pauseColumns is what scanPause reads, of a table named p.
	pauseColumns = `p.merchant_id, p.channel, p.reason, p.paused_at, p.paused_by`
	allPauses    = `SELECT ` + pauseColumns + ` FROM pauses p ORDER BY p.merchant_id, p.channel`
	pausesOf     = `SELECT ` + pauseColumns + ` FROM pauses p WHERE p.merchant_id IN ('', $1) ORDER BY p.merchant_id, p.channel`
	onePause     = `SELECT ` + pauseColumns + ` FROM pauses p WHERE p.merchant_id = $1 AND p.channel = $2`
	// paused says that account a sends nothing.
	paused = `(a.state = '` + string(merchant.AccountPaused) + `' OR EXISTS (SELECT 1 FROM pauses p
		WHERE p.merchant_id IN ('', a.merchant_id) AND p.channel IN ('', a.connector)))`
)

func queryPauses(ctx context.Context, q sqldb.Querier, text string, args ...any) ([]merchant.Pause, error) {
	var found []merchant.Pause
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		var p merchant.Pause
		var at int64
		var by string
		err := scan(&p.MerchantID, &p.Channel, &p.Reason, &at, &by)
		p.At, p.By = sqldb.FromMicros(at), audit.ParseActor(by)
		found = append(found, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	return found, nil
}

// Pauses lists the pauses that concern a merchant, the widest first: its own,
// those of channels and the installation's. With "" it lists all of everybody.
func (s *Store) Pauses(ctx context.Context, merchantID string) (found []merchant.Pause, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		if merchantID == "" {
			found, err = queryPauses(ctx, q, allPauses)
		} else {
			found, err = queryPauses(ctx, q, pausesOf, merchantID)
		}
		return err
	})
	return found, err
}

// PausesInForce counts pauses, those of single accounts among them.
func (s *Store) PausesInForce(ctx context.Context) (n int64, err error) {
	const text = `SELECT (SELECT COUNT(*) FROM pauses p) + (SELECT COUNT(*) FROM channel_accounts a WHERE a.state = $1)`
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{string(merchant.AccountPaused)}, func(scan func(...any) error) error { return scan(&n) })
	})
	if err != nil {
		return 0, fmt.Errorf("count pauses: %w", err)
	}
	return n, nil
}

// AddPause writes a pause with the record of who made it. One that is there stays
// as it is, without a record, and is returned. Other processes go on sending for
// up to entryLife.
func (s *Store) AddPause(ctx context.Context, p merchant.Pause, record refund.Action) (merchant.Pause, error) {
	const text = `INSERT INTO pauses (merchant_id, channel, reason, paused_at, paused_by) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		made, err := q.Exec(ctx, text, p.MerchantID, p.Channel, p.Reason, sqldb.Micros(p.At), p.By.String())
		if err != nil {
			return err
		}
		if made > 0 {
			return s.appendAudit(ctx, q, record.Record)
		}
		there, err := queryPauses(ctx, q, onePause, p.MerchantID, p.Channel)
		if err == nil && len(there) > 0 {
			p = there[0]
		}
		return err
	})
	s.directory.forget()
	if err != nil {
		return merchant.Pause{}, fmt.Errorf("pause %s: %w", p.PauseScope, err)
	}
	return p, nil
}

// EndPause takes a pause away with the record of who did it. False: there is
// none, and no record is written. SendWhatWaited has its refunds sent.
func (s *Store) EndPause(ctx context.Context, scope merchant.PauseScope, record refund.Action) (bool, error) {
	const text = `DELETE FROM pauses WHERE merchant_id = $1 AND channel = $2`
	ended := false
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		gone, err := q.Exec(ctx, text, scope.MerchantID, scope.Channel)
		if ended = gone > 0; err != nil || !ended {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", scope, err)
	}
	return ended, nil
}

// SendWhatWaited makes refunds due that a pause of the scope may have put off,
// each merchant's in a transaction of its own.
func (s *Store) SendWhatWaited(ctx context.Context, scope merchant.PauseScope, now time.Time) error {
	waiting, err := s.waitingAccounts(ctx, scope, now)
	if err != nil {
		return err
	}
	for _, a := range waiting {
		err := s.write(ctx, func(q sqldb.Querier) error { return sendWhatWaited(ctx, q, a.MerchantID, a.ID, now) })
		if err != nil {
			return fmt.Errorf("send what waited for channel account %s: %w", a.ID, err)
		}
	}
	return nil
}

// ResumeAccounts implements engine.Store.
func (s *Store) ResumeAccounts(ctx context.Context, accounts []refund.AccountKey, now time.Time) ([]refund.AccountKey, error) {
	const text = `SELECT a.merchant_id, a.id FROM v JOIN channel_accounts a ON a.merchant_id = v.merchant_id AND a.id = v.id WHERE NOT ` + paused
	rows := make([][]any, len(accounts))
	for n, a := range accounts {
		rows[n] = []any{a.MerchantID, a.ID}
	}
	var sends []refund.AccountKey
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return sqldb.QueryValues(ctx, q, accountKeyColumns, rows, text, func(scan func(...any) error) error {
			var a refund.AccountKey
			err := scan(&a.MerchantID, &a.ID)
			sends = append(sends, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("resume channel accounts: %w", err)
	}
	done := sends[:0]
	for _, a := range sends {
		failed := s.Share(ctx, func(q sqldb.Querier) error { return sendWhatWaited(ctx, q, a.MerchantID, a.ID, now) })
		if failed == nil {
			done = append(done, a)
		} else {
			err = errors.Join(err, fmt.Errorf("resume channel account %s: %w", a.ID, failed))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return done, err
}

// PutOff implements engine.Store. Rows that another transaction is at work on are left
// out, as ClaimRefunds does.
func (s *Store) PutOff(ctx context.Context, refunds []refund.PutOff, now time.Time) (int, error) {
	const free = `SELECT r.merchant_id, r.id FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id
		AND r.lease_epoch = v.lease_epoch ORDER BY v.n`
	rows := make(map[refund.Key][]any, len(refunds))
	keys := make([][]any, len(refunds))
	for n, r := range refunds {
		keys[n] = []any{int64(n), r.MerchantID, r.ID, r.LeaseEpoch}
		rows[r.Key] = []any{r.MerchantID, r.ID, r.LeaseEpoch, sqldb.Micros(now), sqldb.Micros(r.DueAt)}
	}
	var values [][]any
	err := s.Share(ctx, func(q sqldb.Querier) error {
		values = nil
		err := sqldb.QueryValues(ctx, q, claimKeyColumns, keys, free+q.Lock("OF r SKIP LOCKED"), func(scan func(...any) error) error {
			var key refund.Key
			err := scan(&key.MerchantID, &key.ID)
			values = append(values, rows[key])
			return err
		})
		if err != nil {
			return err
		}
		_, err = q.Send(ctx, sqldb.WithValues(putOffColumns, values, putOff))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("put refunds off: %w", err)
	}
	return len(values), nil
}

var accountKeyColumns = sqldb.NewColumns("merchant_id TEXT", "id TEXT")
