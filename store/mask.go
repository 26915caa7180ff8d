package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	maskCharge = `UPDATE charges SET customer = $3, detail = $4, masked_at = $5 WHERE merchant_id = $1 AND id = $2`
	maskRefund = `UPDATE refunds SET customer = $3, reason = $4, landed = $5, detail = $6, masked_at = $7 WHERE merchant_id = $1 AND id = $2`
	maskNotice = `UPDATE channel_notices SET text = $4, content = $5 WHERE merchant_id = $1 AND created_at = $2 AND id = $3`

	refundsOfCharge = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.charge_id = $2 ORDER BY r.id`

	// noticesAbout are those in the inbox that may be about a charge and one of
	// its refunds, or none of them ('').
	noticesAbout = `SELECT ` + noticeColumns + ` FROM channel_notices n WHERE n.merchant_id = $1 AND n.account = $2
		AND (n.transaction_id <> '' AND n.transaction_id = $3 OR n.order_no <> '' AND n.order_no = $4
			OR n.number <> '' AND n.number = $5 OR n.refund_id <> '' AND n.refund_id = $6)`

	// changesOf are the times at which a refund may have changed: each change of its
	// state left an attempt or a transfer, or is its acceptance or its last.
	changesOf = `(
			SELECT a.created_at AS at FROM attempts a WHERE a.merchant_id = $1 AND a.refund_id = $2
			UNION SELECT t.created_at FROM transfers t WHERE t.merchant_id = $1 AND t.refund_id = $2
			UNION SELECT r.created_at FROM refunds r WHERE r.merchant_id = $1 AND r.id = $2
			UNION SELECT r.updated_at FROM refunds r WHERE r.merchant_id = $1 AND r.id = $2) c`
	// eventsAbout are a refund's. batchAbout are those about its batch.
	eventsAbout = `SELECT e.id, e.feed_number FROM ` + changesOf + `
		CROSS JOIN events e WHERE e.merchant_id = $1 AND e.created_at = c.at AND e.refund_id = $2`
	batchAbout = `SELECT b.id, 1 FROM batch_events b WHERE b.merchant_id = $1 AND b.unit = $2`

	disputesAbout = `SELECT e.id FROM disputes d JOIN dispute_events e ON e.merchant_id = d.merchant_id AND e.dispute_id = d.id
		WHERE d.merchant_id = $1 AND d.charge_id = $2`

	// unsentDeliveries have bytes and a process that may be sending them now.
	unsentDeliveries = `SELECT COUNT(*) FROM deliveries d WHERE d.merchant_id = $1 AND d.event_id = $2
		AND d.problem = '' AND d.state = 'waiting' AND d.lease_until > $3`
	// maskDeliveries takes the bytes of the others: one that waits is made anew at
	// once, and one that has ended when it is replayed. The epoch keeps a process
	// whose lease is over from giving it another due time.
	maskDeliveries = `UPDATE deliveries SET body = $4, problem = $5, lease_epoch = lease_epoch + 1, lease_until = 0,
			make_at = CASE WHEN state = 'waiting' THEN CAST($3 AS BIGINT) ELSE 0 END,
			due_at = CASE WHEN state = 'waiting' THEN CAST($6 AS BIGINT) ELSE 0 END
		WHERE merchant_id = $1 AND event_id = $2 AND problem = '' AND NOT (state = 'waiting' AND lease_until > $3)`
	maskedDelivery = "its bytes were masked, and are made anew when it is sent"
)

// Mask implements admin.Masks. Charges are locked first, then refunds, as
// everywhere; deliveries and notices come last.
func (s *Store) Mask(ctx context.Context, merchantID string, charges, refunds []string, record refund.Action, now time.Time) (refund.MaskReport, error) {
	var report refund.MaskReport
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		m := masking{store: s, q: q, merchant: merchantID, record: record, now: now}
		err := m.charges(ctx, charges)
		if err == nil {
			err = m.refunds(ctx, refunds)
		}
		report = m.report
		if err == nil && len(report.Open) > 0 && report.Charges+report.Refunds+report.Deliveries+report.Lines == 0 {
			return errNothingDone // a refusal uses up no Idempotency-Key
		}
		return err
	})
	if err != nil {
		return refund.MaskReport{}, fmt.Errorf("mask a person's data: %w", err)
	}
	return report, nil
}

// masking is Mask at work.
type masking struct {
	store    *Store
	q        sqldb.Querier
	merchant string
	record   refund.Action
	now      time.Time
	report   refund.MaskReport
}

func (m *masking) charges(ctx context.Context, ids []string) error {
	keys := make([]refund.ChargeKey, len(ids))
	for n, id := range ids {
		keys[n] = refund.ChargeKey{MerchantID: m.merchant, ID: id}
	}
	found, err := m.store.charges(ctx, m.q, keys, true)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if charge, there := found[key]; there {
			if err := m.charge(ctx, charge); err != nil {
				return err
			}
		}
	}
	return nil
}

// charge masks a charge with its refunds, unless one of them has not ended: what
// a channel was sent once must be what it is sent again.
func (m *masking) charge(ctx context.Context, c refund.Charge) error {
	refunds, err := queryRefunds(ctx, m.q, refundsOfCharge+m.q.Lock("OF r"), m.merchant, c.ID)
	if isCorrupt(err) { // it holds up no other charge of the customer
		m.report.Unreadable = append(m.report.Unreadable, c.ID)
		return nil
	}
	if err != nil {
		return err
	}
	open := len(m.report.Open)
	for _, r := range refunds {
		if !r.State.Final() {
			m.report.Open = append(m.report.Open, r.ID)
		}
	}
	if len(m.report.Open) > open {
		return nil
	}
	before := m.report
	for _, r := range refunds {
		if err := m.refund(ctx, c, r); err != nil {
			return err
		}
	}
	if err := m.aboutCharge(ctx, c.ID); err != nil {
		return err
	}
	if err := m.lines(ctx, maskLinesOfCharge, c.ID); err != nil {
		return fmt.Errorf("mask lines of files about charge %s: %w", c.ID, err)
	}
	if c.MaskedAt.IsZero() {
		m.report.Charges++
		masked := c.Mask(m.now)
		detail, err := jsonText(masked.Detail)
		if err == nil {
			_, err = m.q.Exec(ctx, maskCharge, m.merchant, c.ID, masked.Customer, detail, sqldb.Micros(m.now))
		}
		if err == nil {
			err = m.notices(ctx, c, refund.Refund{})
		}
		if err != nil {
			return fmt.Errorf("mask charge %s: %w", c.ID, err)
		}
	}
	return m.note(ctx, "charge.mask", c.ID, before)
}

// refunds masks refunds of charges that are not masked.
func (m *masking) refunds(ctx context.Context, ids []string) error {
	keys := make([]refund.Key, len(ids))
	for n, id := range ids {
		keys[n] = refund.Key{MerchantID: m.merchant, ID: id}
	}
	found, err := m.store.refunds(ctx, m.q, keys, true)
	if err != nil {
		return err
	}
	for _, key := range keys {
		r, there := found[key]
		switch {
		case !there:
			continue
		case !r.State.Final():
			m.report.Open = append(m.report.Open, r.ID)
			continue
		}
		before := m.report
		if err := m.refund(ctx, refund.Charge{ChannelAccount: r.ChannelAccount}, r); err != nil {
			return err
		}
		if err := m.note(ctx, "refund.mask", r.ID, before); err != nil {
			return err
		}
	}
	return nil
}

// aboutCharge masks what was sent about a charge's payment and its disputes.
func (m *masking) aboutCharge(ctx context.Context, chargeID string) error {
	events := []string{chargeID}
	err := m.q.Query(ctx, disputesAbout, []any{m.merchant, chargeID}, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		events = append(events, id)
		return err
	})
	for n := 0; n < len(events) && err == nil; n++ {
		err = m.deliveries(ctx, events[n])
	}
	if err != nil {
		return fmt.Errorf("mask what was sent about charge %s: %w", chargeID, err)
	}
	return nil
}

func (m *masking) refund(ctx context.Context, c refund.Charge, r refund.Refund) error {
	err := m.aboutRefund(ctx, r)
	if err == nil {
		err = m.lines(ctx, maskLineOfRefund, r.ID)
	}
	if err == nil && r.MaskedAt.IsZero() {
		m.report.Refunds++
		err = m.saveRefund(ctx, r.Mask(m.now))
		if err == nil {
			err = m.notices(ctx, c, r)
		}
	}
	if err != nil {
		return fmt.Errorf("mask refund %s: %w", r.ID, err)
	}
	return nil
}

func (m *masking) saveRefund(ctx context.Context, r refund.Refund) error {
	landed, err := landedText(r)
	if err != nil {
		return err
	}
	detail, err := jsonText(r.Detail)
	if err != nil {
		return err
	}
	_, err = m.q.Exec(ctx, maskRefund, m.merchant, r.ID, r.Customer, r.Reason, landed, detail, sqldb.Micros(m.now))
	return err
}

// aboutRefund masks what was sent about a refund. An event that the fan-out has
// not taken over yet is on its way.
func (m *masking) aboutRefund(ctx context.Context, r refund.Refund) error {
	var events []string
	each := func(scan func(...any) error) error {
		var id string
		var number int64
		err := scan(&id, &number)
		if events = append(events, id); number == 0 {
			m.report.InFlight++
		}
		return err
	}
	err := m.q.Query(ctx, eventsAbout, []any{m.merchant, r.ID}, each)
	if err == nil && r.By.Batch != "" {
		err = m.q.Query(ctx, batchAbout, []any{m.merchant, r.By.Batch}, each)
	}
	for _, id := range events {
		if err == nil {
			err = m.deliveries(ctx, id)
		}
	}
	return err
}

func (m *masking) deliveries(ctx context.Context, eventID string) error {
	var flying int64
	err := m.q.Query(ctx, unsentDeliveries, []any{m.merchant, eventID, sqldb.Micros(m.now)}, func(scan func(...any) error) error { return scan(&flying) })
	if err != nil {
		return err
	}
	m.report.InFlight += flying
	masked, err := m.q.Exec(ctx, maskDeliveries, m.merchant, eventID, sqldb.Micros(m.now), []byte{}, maskedDelivery, int64(neverDue))
	m.report.Deliveries += masked
	return err
}

func (m *masking) notices(ctx context.Context, c refund.Charge, r refund.Refund) error {
	var about []refund.KeptNotice
	args := []any{m.merchant, c.ChannelAccount, c.TransactionID, c.OrderNo, r.ChannelNumber, r.ID}
	err := m.q.Query(ctx, noticesAbout, args, func(scan func(...any) error) error {
		n, err := scanNotice(scan)
		about = append(about, n)
		return err
	})
	for _, n := range about {
		if err != nil {
			break
		}
		n = n.Mask()
		var content string
		if content, err = noticeText(n); err == nil {
			_, err = m.q.Exec(ctx, maskNotice, m.merchant, sqldb.Micros(n.ReceivedAt), n.ID, n.Text, content)
		}
	}
	return err
}

// note writes the record of what was masked with one charge or refund, unless
// that is nothing. It names no person.
func (m *masking) note(ctx context.Context, action, object string, before refund.MaskReport) error {
	if m.report.Charges == before.Charges && m.report.Refunds == before.Refunds && m.report.Deliveries == before.Deliveries && m.report.Lines == before.Lines {
		return nil
	}
	record := m.record.Record
	record.Action, record.Object = action, object
	record = record.With("refunds", fmt.Sprint(m.report.Refunds-before.Refunds)).With("deliveries", fmt.Sprint(m.report.Deliveries-before.Deliveries))
	if lines := m.report.Lines - before.Lines; lines > 0 {
		record = record.With("lines", fmt.Sprint(lines))
	}
	return m.store.appendAudit(ctx, m.q, record)
}
