package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// maxTraced bounds each list of a trace: a refund has a few of everything, and one
// that is asked about for months has some hundreds.
const maxTraced = 1000

const refundEvents = `SELECT ` + eventColumns + ` FROM ` + changesOf + `
	CROSS JOIN events e WHERE e.merchant_id = $1 AND e.created_at = c.at AND e.refund_id = $2`

// RefundEvents implements admin.Traces.
func (s *Store) RefundEvents(ctx context.Context, r refund.Refund) ([]refund.StoredEvent, error) {
	events, err := s.seenEvents(ctx, refundEvents, []any{r.MerchantID, r.ID})
	if err != nil {
		return nil, fmt.Errorf("read a refund's events: %w", err)
	}
	slices.SortFunc(events, func(a, b refund.StoredEvent) int { return a.At.Compare(b.At) })
	return events, nil
}

// EventDeliveries implements admin.Traces.
func (s *Store) EventDeliveries(ctx context.Context, merchantID, eventID string) ([]merchant.DeliveryRecord, error) {
	records, _, err := s.DeliveryList(ctx, merchant.DeliveryFilter{MerchantID: merchantID, EventID: eventID}, refund.Page{Limit: maxTraced})
	slices.Reverse(records) // listed newest first
	return records, err
}

// timesToSuccess reads the newest entries of the index refunds_succeeded, and leaves
// out what was not sent by us: that took no time.
const timesToSuccess = `SELECT n.succeeded_at - n.first_submitted_at FROM (
		SELECT r.succeeded_at, r.first_submitted_at FROM refunds r WHERE r.merchant_id = $1 AND r.channel_account = $2 AND r.state = 'succeeded'
		ORDER BY r.succeeded_at DESC, r.id DESC LIMIT $3
	) n WHERE n.first_submitted_at > 0`

// TimesToSuccess implements admin.Traces.
func (s *Store) TimesToSuccess(ctx context.Context, merchantID, account string, limit int) ([]time.Duration, error) {
	var took []time.Duration
	err := s.Read(ctx, func(q sqldb.Querier) error {
		took = took[:0]
		return q.Query(ctx, timesToSuccess, []any{merchantID, account, int64(limit)}, func(scan func(...any) error) error {
			var microseconds int64
			err := scan(&microseconds)
			took = append(took, time.Duration(microseconds)*time.Microsecond)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read how long refunds took: %w", err)
	}
	return took, nil
}

// refundNotices reads the notices that name a refund's channel number or that were found
// to be about it. Each has an index (00049), which the database would not take for both.
const refundNotices = `WITH k AS (
		SELECT n.created_at, n.id FROM channel_notices n WHERE n.merchant_id = $1 AND n.account = $2 AND n.number <> '' AND n.number = $3
		UNION SELECT n.created_at, n.id FROM channel_notices n WHERE n.merchant_id = $1 AND n.refund_id <> '' AND n.refund_id = $4 AND n.account = $2
	)
	SELECT ` + noticeColumns + ` FROM k CROSS JOIN channel_notices n WHERE n.merchant_id = $1 AND n.created_at = k.created_at AND n.id = k.id
	ORDER BY n.created_at LIMIT $5`

func noticesOf(r refund.Refund) []any {
	return []any{r.MerchantID, r.ChannelAccount, r.ChannelNumber, r.ID, int64(maxTraced)}
}

// RefundNotices implements admin.Traces.
func (s *Store) RefundNotices(ctx context.Context, r refund.Refund) ([]refund.KeptNotice, error) {
	var notices []refund.KeptNotice
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		notices, err = markRows(ctx, q, refundNotices, noticesOf(r), scanNotice, func(n *refund.KeptNotice) { n.Unreadable = true })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a refund's notices: %w", err)
	}
	return notices, nil
}

// RefundAlerts implements admin.Traces.
func (s *Store) RefundAlerts(ctx context.Context, r refund.Refund) ([]refund.StoredAlert, error) {
	const text = `SELECT ` + alertColumns + ` FROM alerts a WHERE a.merchant_id = $1 AND a.refund_id = $2 AND a.created_at >= $3 ORDER BY a.created_at LIMIT $4`
	var alerts []refund.StoredAlert
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{r.MerchantID, r.ID, sqldb.Micros(r.CreatedAt), int64(maxTraced)}, func(scan func(...any) error) error {
			a, err := scanAlert(scan)
			alerts = append(alerts, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read a refund's alerts: %w", err)
	}
	return alerts, nil
}

// RefundActions implements admin.Traces. Records of before the refund are about
// something else.
func (s *Store) RefundActions(ctx context.Context, r refund.Refund) ([]audit.Record, error) {
	const text = `SELECT ` + auditColumns + ` FROM audit_records a WHERE a.merchant_id = $1 AND a.created_at >= $2 AND a.object = $3 ORDER BY a.created_at LIMIT $4`
	var actions []audit.Record
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{r.MerchantID, sqldb.Micros(r.CreatedAt), r.ID, int64(maxTraced)}, func(scan func(...any) error) error {
			one, err := scanAudit(scan)
			actions = append(actions, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read what people did about a refund: %w", err)
	}
	return actions, nil
}
