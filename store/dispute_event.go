package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

const (
	insertDisputeEvent = `INSERT INTO dispute_events (merchant_id, created_at, id, dispute_id, type, snapshot) VALUES ($1, $2, $3, $4, $5, $6)`
	// disputeEvents reads events with the disputes that they are about.
	disputeEvents = `SELECT e.created_at, e.id, e.type, e.snapshot, ` + disputeColumns + ` FROM dispute_events e
		JOIN disputes d ON d.merchant_id = e.merchant_id AND d.id = e.dispute_id WHERE e.merchant_id = $1`
	newDisputeEvents = disputeEvents + ` AND e.told_at = 0 ORDER BY e.created_at, e.id LIMIT $2`
	oneDisputeEvent  = disputeEvents + ` AND e.created_at >= $2 AND e.created_at <= $3 AND e.id = $4`
	markDisputes     = `UPDATE dispute_events SET told_at = v.now FROM v WHERE dispute_events.merchant_id = v.merchant_id
		AND dispute_events.created_at = v.created_at AND dispute_events.id = v.id AND dispute_events.told_at + 0 = 0`
)

var disputeEventColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "id TEXT", "now BIGINT")

func (s *Store) addDisputeEvent(ctx context.Context, q sqldb.Querier, e refund.DisputeEvent) error {
	snapshot, err := jsonText(disputeSnapshotOf(e))
	if err == nil {
		_, err = q.Exec(ctx, insertDisputeEvent, e.Dispute.MerchantID, sqldb.Micros(e.At), eventPrefix+s.newID(e.At), e.Dispute.ID, e.Type, snapshot)
	}
	if err != nil {
		return fmt.Errorf("write event of dispute %s: %w", e.Dispute.ID, err)
	}
	return nil
}

// disputeNews reads events about disputes with these and their charges as they were
// then. One whose charge can't be read has its Err.
func (s *Store) disputeNews(ctx context.Context, q sqldb.Querier, text, merchantID string, args ...any) ([]webhook.Event, error) {
	var found []webhook.Event
	var snapshots []disputeSnapshot
	err := q.Query(ctx, text, append([]any{merchantID}, args...), func(scan func(...any) error) error {
		e := webhook.Event{Kind: webhook.AboutDispute, MerchantID: merchantID}
		var at int64
		var snapshot string
		var then disputeSnapshot
		d, err := scanDispute(func(into ...any) error { return scan(append([]any{&at, &e.ID, &e.Type, &snapshot}, into...)...) })
		if err == nil {
			err = json.Unmarshal([]byte(snapshot), &then)
		}
		if e.ID == "" {
			return err
		}
		e.At, e.Dispute, e.Err = sqldb.FromMicros(at), &d, err
		found, snapshots = append(found, e), append(snapshots, then)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for n := range found {
		e := &found[n]
		if e.Err != nil {
			continue
		}
		key := refund.ChargeKey{MerchantID: merchantID, ID: e.Dispute.ChargeID}
		charges, err := s.charges(ctx, q, []refund.ChargeKey{key}, false)
		charge, there := charges[key]
		if err == nil && !there {
			err = refund.Errorf(refund.KindCorrupt, "event", "charge %s, which is disputed, is not there", key.ID)
		}
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		*e.Dispute, e.Charge = snapshots[n].restore(*e.Dispute, charge)
		e.Err = err
	}
	return found, nil
}
