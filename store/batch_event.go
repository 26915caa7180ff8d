package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

const (
	batchEventColumns = `e.merchant_id, e.created_at, e.id, e.unit, e.snapshots`
	insertBatchEvents = `INSERT INTO batch_events (merchant_id, created_at, id, unit, snapshots) VALUES`
	batchEventWidth   = 5
	freeBatchEvents   = `DELETE FROM batch_events WHERE (merchant_id, unit) IN (SELECT v.merchant_id, v.value FROM v)`
	// freeBatchDeliveries and the like go before the events that they hang on.
	batchEventsOfKeys   = `SELECT e.merchant_id, e.id FROM v JOIN batch_events e ON e.merchant_id = v.merchant_id AND e.unit = v.value`
	freeBatchAttempts   = `DELETE FROM delivery_attempts WHERE (merchant_id, delivery_id) IN (SELECT d.merchant_id, d.id FROM deliveries d WHERE (d.merchant_id, d.event_id) IN (` + batchEventsOfKeys + `))`
	freeBatchDeliveries = `DELETE FROM deliveries WHERE (merchant_id, event_id) IN (` + batchEventsOfKeys + `)`
)

// batchEnds finds the batches that ended with one of the new events, and makes
// the event that says so. Whichever refund of a batch was committed last is new
// to a look that sees all the others; so none is missed, and the fan-out finds
// out if another has been faster. A batch that can't be read is logged: the
// events of its refunds are taken over all the same.
func (s *Store) batchEnds(ctx context.Context, q sqldb.Querier, events []webhook.Event) (made []webhook.Event, err error) {
	seen := make(map[string]bool)
	for _, event := range events {
		key := event.Refund.By.Batch
		if key == "" || seen[key] || !event.Refund.State.Final() {
			continue
		}
		seen[key] = true
		unit, kind, err := s.endedBatch(ctx, q, event.MerchantID, key)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, err
		case err != nil:
			s.log.Error("a batch of refunds can't be read; nobody is notified that it has ended", "merchant_id", event.MerchantID, "key", key, "error", err)
			continue
		case kind == "":
			continue
		}
		at := sqldb.FromMicros(sqldb.Micros(s.now()))
		first := unit.Refunds[0]
		made = append(made, webhook.Event{
			Kind: webhook.AboutBatch, MerchantID: event.MerchantID, ID: eventPrefix + s.newID(at), Type: kind, At: at,
			Refund: first, Charge: unit.Charges[first.ChargeID], Together: &unit,
		})
	}
	return made, nil
}

// batchRow is an event about a batch as its row.
func batchRow(event webhook.Event) ([]any, error) {
	unit := event.Together
	snapshots := make([]refund.Snapshot, len(unit.Refunds))
	for n, r := range unit.Refunds {
		snapshots[n] = refund.SnapshotOf(r, unit.Charges[r.ChargeID])
	}
	text, err := jsonText(snapshots)
	if err != nil {
		return nil, fmt.Errorf("encode batch event: %w", err)
	}
	return []any{event.MerchantID, sqldb.Micros(event.At), event.ID, unit.Key, text}, nil
}

// endedBatch reads a batch, with the type of the event that tells of its end:
// "" if it has not ended, or such an event is there.
func (s *Store) endedBatch(ctx context.Context, q sqldb.Querier, merchantID, key string) (refund.Together, string, error) {
	const told = `SELECT COUNT(*) FROM batch_events e WHERE e.merchant_id = $1 AND e.unit = $2`
	count := 0
	err := q.Query(ctx, told, []any{merchantID, key}, func(scan func(...any) error) error { return scan(&count) })
	if err != nil || count > 0 {
		return refund.Together{}, "", err
	}
	units, err := s.unitsIn(ctx, q, merchantID, unitByKey, merchantID, key)
	if err != nil || len(units) == 0 {
		return refund.Together{}, "", err
	}
	return units[0], s.dialects.batchEnd(units[0]), nil
}

// batchEventRow is such an event as stored.
type batchEventRow struct {
	refund.StoredEvent
	unit      string
	snapshots []refund.Snapshot
}

// batchEvents reads events about batches with everything that belongs to them.
func (s *Store) batchEvents(ctx context.Context, text string, args ...any) ([]refund.StoredEvent, error) {
	var events []refund.StoredEvent
	err := s.Read(ctx, func(q sqldb.Querier) error {
		var rows []batchEventRow
		err := q.Query(ctx, text, args, func(scan func(...any) error) error {
			var row batchEventRow
			var at int64
			var snapshots string
			err := scan(&row.MerchantID, &at, &row.ID, &row.unit, &snapshots)
			if err == nil {
				err = json.Unmarshal([]byte(snapshots), &row.snapshots)
			}
			row.At = sqldb.FromMicros(at)
			rows = append(rows, row)
			return err
		})
		if err != nil {
			return err
		}
		pending := make([]eventRow, len(rows))
		for n := range rows {
			if err := s.restoreBatch(ctx, q, &rows[n]); err != nil {
				return err
			}
			pending[n].StoredEvent = rows[n].StoredEvent
		}
		if err := countPending(ctx, q, pending); err != nil {
			return err
		}
		for _, row := range pending {
			events = append(events, row.StoredEvent)
		}
		return nil
	})
	return events, err
}

// restoreBatch gives an event the refunds of its batch as they were then.
func (s *Store) restoreBatch(ctx context.Context, q sqldb.Querier, row *batchEventRow) error {
	units, err := s.unitsIn(ctx, q, row.MerchantID, unitByKey, row.MerchantID, row.unit)
	if err != nil {
		return err
	}
	if len(units) == 0 || len(units[0].Refunds) != len(row.snapshots) {
		return refund.Errorf(refund.KindCorrupt, "event", "event %s is about a batch that is not there", row.ID)
	}
	unit := units[0]
	for n, r := range unit.Refunds {
		unit.Refunds[n], unit.Charges[r.ChargeID] = row.snapshots[n].Restore(r, unit.Charges[r.ChargeID])
	}
	row.Together, row.Refund, row.Type = &unit, unit.Refunds[0], s.dialects.batchEnd(unit)
	row.Charge = unit.Charges[row.Refund.ChargeID]
	return nil
}

// BatchEvent implements pingpp.Units.
func (s *Store) BatchEvent(ctx context.Context, merchantID, id string) (refund.StoredEvent, bool, error) {
	const text = `SELECT ` + batchEventColumns + ` FROM batch_events e
		WHERE e.merchant_id = $1 AND e.id = $2 AND e.created_at >= $3 AND e.created_at <= $4`
	at, ok := refund.IDTime(strings.TrimPrefix(id, eventPrefix))
	if !ok || !strings.HasPrefix(id, eventPrefix) {
		return refund.StoredEvent{}, false, nil
	}
	found, err := s.batchEvents(ctx, text, merchantID, id, sqldb.Micros(at.Add(-eventSlack)), sqldb.Micros(at.Add(eventSlack)))
	if err != nil {
		return refund.StoredEvent{}, false, fmt.Errorf("find batch event: %w", err)
	}
	if len(found) == 0 {
		return refund.StoredEvent{}, false, nil
	}
	return found[0], true, nil
}

// BatchEventList implements pingpp.Units.
func (s *Store) BatchEventList(ctx context.Context, f refund.EventFilter) (events []refund.StoredEvent, more bool, err error) {
	l := newListing(`SELECT `+batchEventColumns+` FROM batch_events e WHERE e.merchant_id = $1`, "e", f.MerchantID, f.Page)
	l.between("created_at", f.CreatedFrom, f.CreatedTo)
	one := l.end()
	if events, err = s.batchEvents(ctx, one.SQL, one.Args...); err != nil {
		return nil, false, fmt.Errorf("list batch events: %w", err)
	}
	events, more = cut(l, events)
	return events, more, nil
}

// freeBatches deletes what was told of the batches among keys.
func freeBatches(ctx context.Context, q sqldb.Querier, keys [][]any) error {
	var statements []sqldb.Statement
	for _, text := range []string{freeBatchAttempts, freeBatchDeliveries, freeBatchEvents} {
		statements = append(statements, sqldb.WithValues(numberKeyColumns, keys, text)...)
	}
	_, err := q.Send(ctx, statements)
	return err
}
