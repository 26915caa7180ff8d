package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/verify"
)

// LiveAudit is how far the live auditor has come. One process at a time has its
// lease, whose epoch it names.
type LiveAudit struct {
	At    verify.Position
	Epoch int64
	// Began is when this round began, Moved when it last went on; zero for never.
	Began, Moved time.Time
	// Found counts what did not hold in this round, LastFound in the one before.
	Found, LastFound int64
	// LastTook is how long the last whole round took; 0 where there was none.
	LastTook time.Duration
}

const liveAuditColumns = `l.at_merchant, l.at_charge, l.epoch, l.began_at, l.moved_at, l.found, l.last_found, l.last_took`

func scanLiveAudit(scan func(...any) error) (a LiveAudit, err error) {
	var began, moved, took int64
	err = scan(&a.At.MerchantID, &a.At.ChargeID, &a.Epoch, &began, &moved, &a.Found, &a.LastFound, &took)
	a.Began, a.Moved, a.LastTook = sqldb.FromMicros(began), sqldb.FromMicros(moved), time.Duration(took)*time.Microsecond
	return a, err
}

// ReadLiveAudit returns how far the live auditor has come, in whichever process.
func (s *Store) ReadLiveAudit(ctx context.Context) (a LiveAudit, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		a, err = queryLiveAudit(ctx, q)
		return err
	})
	if err != nil {
		return LiveAudit{}, fmt.Errorf("read live audit: %w", err)
	}
	return a, nil
}

func queryLiveAudit(ctx context.Context, q sqldb.Querier) (a LiveAudit, err error) {
	err = q.Query(ctx, `SELECT `+liveAuditColumns+` FROM live_audits l WHERE l.id = 1`, nil, func(scan func(...any) error) (err error) {
		a, err = scanLiveAudit(scan)
		return err
	})
	return a, err
}

// TakeLiveAudit takes the live auditor's lease until a time, if no other process has
// it, and returns where to go on.
func (s *Store) TakeLiveAudit(ctx context.Context, now, until time.Time) (a LiveAudit, taken bool, err error) {
	err = s.Share(ctx, func(q sqldb.Querier) error {
		touched, err := q.Exec(ctx, `UPDATE live_audits SET epoch = epoch + 1, lease_until = $2 WHERE id = 1 AND lease_until <= $1`, sqldb.Micros(now), sqldb.Micros(until))
		if taken = touched > 0; err != nil || !taken {
			return err
		}
		a, err = queryLiveAudit(ctx, q)
		return err
	})
	if err != nil {
		return LiveAudit{}, false, fmt.Errorf("take live audit: %w", err)
	}
	return a, taken, nil
}

// SaveLiveAudit keeps how far the live auditor has come, and renews its lease until a
// time; zero ends it. False: another process has the lease now, and nothing was kept.
func (s *Store) SaveLiveAudit(ctx context.Context, a LiveAudit, until time.Time) (kept bool, err error) {
	const text = `UPDATE live_audits SET at_merchant = $2, at_charge = $3, began_at = $4, moved_at = $5, found = $6, last_found = $7, last_took = $8,
		lease_until = $9 WHERE id = 1 AND epoch = $1`
	err = s.Share(ctx, func(q sqldb.Querier) error {
		touched, err := q.Exec(ctx, text, a.Epoch, a.At.MerchantID, a.At.ChargeID, sqldb.Micros(a.Began), sqldb.Micros(a.Moved),
			a.Found, a.LastFound, a.LastTook.Microseconds(), sqldb.Micros(until))
		kept = touched > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("save live audit: %w", err)
	}
	return kept, nil
}

// RaiseAlert keeps an alert of a merchant; the same that is open counts up.
func (s *Store) RaiseAlert(ctx context.Context, merchantID string, a refund.Alert) error {
	one := s.alertStatement(merchantID, a)
	err := s.Share(ctx, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, one.SQL, one.Args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("raise alert: %w", err)
	}
	return nil
}
