package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

var _ engine.Store = (*Store)(nil)

// Record implements engine.Store. An id that a channel gave to two refunds breaks
// a unique index. That is looked into only then, so that all other recordings
// cost no statement more, and the reports are recorded once more without it.
func (s *Store) Record(ctx context.Context, reports []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error) {
	posted, err := s.record(ctx, reports, wait, decide)
	if err == nil || errors.Is(err, refund.ErrCommitUnknown) || errors.Is(err, refund.ErrLocked) || ctx.Err() != nil {
		return posted, err
	}
	unshared, found, lookErr := s.withoutSharedIDs(ctx, reports)
	if lookErr != nil || !found {
		return nil, err
	}
	return s.record(ctx, unshared, wait, decide)
}

func (s *Store) record(ctx context.Context, reports []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error) {
	var posted []refund.Posted
	var writes []*refund.Write
	var charges []refund.ChargeKey
	err := s.Share(ctx, func(q sqldb.Querier) (err error) {
		writes = nil
		r := recording{store: s, q: q, reports: reports, chargeOf: make(map[refund.Key]string, len(reports))}
		err = r.lock(ctx, wait)
		charges = r.chargeKeys
		if err != nil {
			return err
		}
		changes := make([]refund.Change, 0, len(reports))
		posted = make([]refund.Posted, len(reports))
		for n, report := range reports {
			key := refund.ChargeKey{MerchantID: report.MerchantID, ID: r.chargeOf[report.Key]}
			if r.held[key] || r.heldRefunds[report.Key] {
				posted[n].Held = true
				continue
			}
			before, there := r.refunds[report.Key]
			charge, known := r.charges[key]
			if !there || !known {
				continue
			}
			change := decide(charge, before, report)
			r.charges[key] = change.Charge
			for _, changed := range change.Refunds {
				r.refunds[refund.Key{MerchantID: changed.MerchantID, ID: changed.ID}] = changed
			}
			posted[n] = refund.Posted{Refund: r.refunds[report.Key], Charge: change.Charge}
			changes = append(changes, change)
		}
		if !slices.ContainsFunc(changes, changesSomething) {
			return errNothingDone
		}
		if err := s.saveChanges(ctx, q, changes, false); err != nil {
			return err
		}
		writes, err = s.keepWrites(ctx, q, changes)
		return err
	})
	for _, w := range writes {
		w.Kept = err == nil
	}
	if errors.Is(err, refund.ErrLocked) {
		s.findHeld(ctx, charges)
	}
	if err != nil {
		return nil, fmt.Errorf("record outcomes: %w", err)
	}
	return posted, nil
}

func changesSomething(c refund.Change) bool { return len(c.Refunds)+len(c.Attempts) > 0 }

// recording is Record at work.
type recording struct {
	store    *Store
	q        sqldb.Querier
	reports  []refund.Report
	chargeOf map[refund.Key]string
	// chargeKeys are the reports' charges.
	chargeKeys []refund.ChargeKey
	charges    map[refund.ChargeKey]refund.Charge
	refunds    map[refund.Key]refund.Refund
	// held and heldRefunds are left out: other transactions hold them.
	held        map[refund.ChargeKey]bool
	heldRefunds map[refund.Key]bool
}

// lock finds the reports' charges and takes the locks: charges, then refunds. It
// leaves those out that other transactions hold; with wait it waits for charges.
func (r *recording) lock(ctx context.Context, wait bool) (err error) {
	keys := make([]refund.Key, len(r.reports))
	var unknown []rowKey
	for n, report := range r.reports {
		keys[n] = report.Key
		switch {
		case report.ChargeID != "":
			r.chargeOf[report.Key] = report.ChargeID
		default:
			unknown = append(unknown, rowKey{report.MerchantID, report.ID})
		}
	}
	// A refund never changes its charge, so this look needs no lock.
	const chargeOf = `SELECT r.merchant_id, r.id, r.charge_id FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id`
	err = sqldb.QueryValues(ctx, r.q, keyColumns, keyRows(unknown), chargeOf, func(scan func(...any) error) error {
		var key refund.Key
		var charge string
		err := scan(&key.MerchantID, &key.ID, &charge)
		r.chargeOf[key] = charge
		return err
	})
	if err != nil {
		return err
	}
	chargeKeys := make([]refund.ChargeKey, 0, len(r.chargeOf))
	for _, key := range keys {
		if id, ok := r.chargeOf[key]; ok {
			chargeKeys = append(chargeKeys, refund.ChargeKey{MerchantID: key.MerchantID, ID: id})
		}
	}
	r.chargeKeys = chargeKeys
	look := r.store.freeCharges
	if wait {
		look = r.store.lockedCharges
	}
	if r.charges, r.held, err = look(ctx, r.q, chargeKeys); err != nil {
		return err
	}
	// Who has the charge need not wait for its refunds: ours hold them for one
	// statement when they claim, and what holds them longer is waited for in vain.
	r.refunds, r.heldRefunds, err = r.store.freeRefunds(ctx, r.q, keys)
	return err
}
