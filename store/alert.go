package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	alertColumns = `a.merchant_id, a.created_at, a.id, a.refund_id, a.text, a.times, a.last_at, a.acked_at, a.acked_by`
	alertPrefix  = "alert_"
	insertAlert  = `INSERT INTO alerts (merchant_id, created_at, id, refund_id, text, last_at) VALUES ($1, $2, $3, $4, $5, $2)
		ON CONFLICT (merchant_id, refund_id, text) WHERE acked_at = 0 DO UPDATE SET times = alerts.times + 1, last_at = excluded.last_at`
	// alertByID goes by the time in the id, which is that of the row.
	alertByID = `SELECT ` + alertColumns + ` FROM alerts a
		WHERE a.merchant_id = $1 AND a.created_at >= $2 AND a.created_at <= $3 AND a.id = $4`
)

func scanAlert(scan func(...any) error) (refund.StoredAlert, error) {
	var a refund.StoredAlert
	var createdAt, lastAt, ackedAt int64
	var ackedBy string
	if err := scan(&a.MerchantID, &createdAt, &a.ID, &a.RefundID, &a.Text, &a.Times, &lastAt, &ackedAt, &ackedBy); err != nil {
		return refund.StoredAlert{}, fmt.Errorf("read alert: %w", err)
	}
	a.CreatedAt, a.LastAt, a.AckedAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(lastAt), sqldb.FromMicros(ackedAt)
	a.AckedBy = audit.ParseActor(ackedBy)
	return a, nil
}

// alertStatement writes an alert, or counts up the same one that is open.
func (s *Store) alertStatement(merchantID string, a refund.Alert) sqldb.Statement {
	now := s.now()
	return sqldb.Statement{SQL: insertAlert, Args: []any{merchantID, sqldb.Micros(now), alertPrefix + s.newID(now), a.RefundID, a.Text}}
}

// SaveAlert implements engine.Store.
func (s *Store) SaveAlert(ctx context.Context, a refund.Alert) error {
	const owner = `SELECT a.merchant_id FROM channel_accounts a WHERE a.id = $1`
	err := s.write(ctx, func(q sqldb.Querier) error {
		merchantID := ""
		err := q.Query(ctx, owner, []any{a.Account}, func(scan func(...any) error) error { return scan(&merchantID) })
		if err == nil && merchantID == "" {
			return errNothingDone // nobody's: the log has it
		}
		if err != nil {
			return err
		}
		one := s.alertStatement(merchantID, a)
		_, err = q.Exec(ctx, one.SQL, one.Args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("save alert: %w", err)
	}
	return nil
}

// Alerts lists a merchant's alerts, newest first: those that nobody has looked
// at, or all.
func (s *Store) Alerts(ctx context.Context, merchantID string, all bool, page refund.Page) (alerts []refund.StoredAlert, more bool, err error) {
	l := newListing(`SELECT `+alertColumns+` FROM alerts a WHERE a.merchant_id = $1`, "a", merchantID, page)
	if !all {
		l.where("a.acked_at = 0")
	}
	one := l.end()
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, one.SQL, one.Args, func(scan func(...any) error) error {
			a, err := scanAlert(scan)
			alerts = append(alerts, a)
			return err
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("list alerts: %w", err)
	}
	alerts, more = cut(l, alerts)
	return alerts, more, nil
}

// Alert finds an alert; absent is KindNotFound.
func (s *Store) Alert(ctx context.Context, merchantID, id string) (refund.StoredAlert, error) {
	var found refund.StoredAlert
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = findAlert(ctx, q, merchantID, id, "")
		return err
	})
	if err != nil {
		return refund.StoredAlert{}, fmt.Errorf("find alert: %w", err)
	}
	return found, nil
}

func findAlert(ctx context.Context, q sqldb.Querier, merchantID, id, lock string) (refund.StoredAlert, error) {
	var found refund.StoredAlert
	at, ok := refund.IDTime(strings.TrimPrefix(id, alertPrefix))
	if ok && strings.HasPrefix(id, alertPrefix) {
		args := []any{merchantID, sqldb.Micros(at.Add(-eventSlack)), sqldb.Micros(at.Add(eventSlack)), id}
		err := q.Query(ctx, alertByID+lock, args, func(scan func(...any) error) (err error) {
			found, err = scanAlert(scan)
			return err
		})
		if err != nil {
			return found, err
		}
	}
	if found.ID == "" {
		return found, refund.Errorf(refund.KindNotFound, "alert", "there is no such alert")
	}
	return found, nil
}

// AckAlert notes who has looked at an alert. One that somebody has looked at
// before stays as it is, and leaves no record. Absent is KindNotFound.
func (s *Store) AckAlert(ctx context.Context, merchantID, id string, record refund.Action, now time.Time) (refund.StoredAlert, error) {
	const ack = `UPDATE alerts SET acked_at = $4, acked_by = $5 WHERE merchant_id = $1 AND created_at = $2 AND id = $3`
	var a refund.StoredAlert
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) (err error) {
		if a, err = findAlert(ctx, q, merchantID, id, q.Lock("")); err != nil || !a.AckedAt.IsZero() {
			return err
		}
		a.AckedAt, a.AckedBy = now, record.Actor
		if _, err := q.Exec(ctx, ack, merchantID, sqldb.Micros(a.CreatedAt), id, sqldb.Micros(now), a.AckedBy.String()); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	if err != nil {
		return refund.StoredAlert{}, fmt.Errorf("acknowledge alert: %w", err)
	}
	return a, nil
}
