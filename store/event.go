package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	eventColumns = `e.merchant_id, e.created_at, e.id, e.type, e.refund_id, e.charge_id, e.request_id, e.actor, e.snapshot, e.feed_number`
	eventPrefix  = "evt_"
	// eventSlack is how far the time in an event's id may be from that of its
	// row, which has microseconds where the id has milliseconds.
	eventSlack = time.Millisecond
)

// eventRow is an event as stored, before it is put together.
type eventRow struct {
	refund.StoredEvent
	refund   refund.Key
	charge   refund.ChargeKey
	snapshot refund.Snapshot
}

// scanEvent reads a row of eventColumns. One whose snapshot can't be read is
// KindCorrupt, and has all else.
func scanEvent(scan func(...any) error) (eventRow, error) {
	var e eventRow
	var at int64
	var actor, snapshot string
	err := scan(&e.MerchantID, &at, &e.ID, &e.Type, &e.refund.ID, &e.charge.ID, &e.RequestID, &actor, &snapshot, &e.FeedNumber)
	if err != nil {
		return eventRow{}, fmt.Errorf("read event: %w", err)
	}
	e.Actor = audit.ParseActor(actor)
	e.At, e.refund.MerchantID, e.charge.MerchantID = sqldb.FromMicros(at), e.MerchantID, e.MerchantID
	if err := json.Unmarshal([]byte(snapshot), &e.snapshot); err != nil {
		return e, unreadable("event", e.ID, err)
	}
	return e, nil
}

// soundEvents reads events and gives them what restore does; those that are damaged say so.
func (s *Store) soundEvents(ctx context.Context, q sqldb.Querier, text string, args []any) ([]eventRow, error) {
	var rows []eventRow
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		if isCorrupt(err) {
			e.Unreadable, err = true, nil
		}
		rows = append(rows, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	refundKeys, chargeKeys := aboutEvents(rows)
	refunds, err := soundRefunds(ctx, q, refundKeys)
	if err != nil {
		return nil, err
	}
	charges, err := s.soundCharges(ctx, q, chargeKeys, false)
	if err != nil {
		return nil, err
	}
	for n := range rows {
		row := &rows[n]
		r, hasRefund := refunds[row.refund]
		c, hasCharge := charges[row.charge]
		if row.Unreadable = row.Unreadable || !hasRefund || !hasCharge; row.Unreadable {
			state := refund.State(strings.TrimPrefix(row.Type, "refund."))
			row.Refund = refund.Refund{MerchantID: row.MerchantID, ID: row.refund.ID, ChargeID: row.charge.ID, State: state}
			row.Charge = refund.Charge{MerchantID: row.MerchantID, ID: row.charge.ID}
			continue
		}
		row.Refund, row.Charge = row.snapshot.Restore(r, c)
	}
	return rows, nil
}

// restore gives events their refunds and charges as they were then, which are
// today's with the snapshot over them; one statement for the refunds of a list
// of rows, and one for the charges.
func (s *Store) restore(ctx context.Context, q sqldb.Querier, rows []eventRow) error {
	refundKeys, chargeKeys := aboutEvents(rows)
	refunds, err := s.refunds(ctx, q, refundKeys, false)
	if err != nil {
		return err
	}
	charges, err := s.charges(ctx, q, chargeKeys, false)
	if err != nil {
		return err
	}
	for n := range rows {
		row := &rows[n]
		r, hasRefund := refunds[row.refund]
		c, hasCharge := charges[row.charge]
		if !hasRefund || !hasCharge {
			return refund.Errorf(refund.KindCorrupt, "event", "event %s is about a refund or charge that is not there", row.ID)
		}
		row.Refund, row.Charge = row.snapshot.Restore(r, c)
	}
	return nil
}

// aboutEvents are the keys of what events are about.
func aboutEvents(rows []eventRow) ([]refund.Key, []refund.ChargeKey) {
	refunds, charges := make([]refund.Key, len(rows)), make([]refund.ChargeKey, len(rows))
	for n, row := range rows {
		refunds[n], charges[n] = row.refund, row.charge
	}
	return refunds, charges
}

var eventIDColumns = sqldb.NewColumns("merchant_id TEXT", "event_id TEXT")

// countPending fills in how many deliveries of each event have not succeeded.
func countPending(ctx context.Context, q sqldb.Querier, rows []eventRow) error {
	const text = `SELECT d.event_id, COUNT(*) FROM v JOIN deliveries d ON d.merchant_id = v.merchant_id AND d.event_id = v.event_id
		WHERE d.state <> 'delivered' GROUP BY d.event_id`
	keys := make([][]any, len(rows))
	for n, row := range rows {
		keys[n] = []any{row.MerchantID, row.ID}
	}
	pending := make(map[string]int64)
	err := sqldb.QueryValues(ctx, q, eventIDColumns, keys, text, func(scan func(...any) error) error {
		var id string
		var count int64
		err := scan(&id, &count)
		pending[id] = count
		return err
	})
	for n := range rows {
		rows[n].PendingDeliveries = pending[rows[n].ID]
	}
	return err
}

// seenEvents reads events with everything that belongs to them. The rows come from one
// look, what they are about from later ones: what changes meanwhile is in the snapshot,
// and the rest never does. One that is damaged holds up no other, and says so.
func (s *Store) seenEvents(ctx context.Context, text string, args []any) (events []refund.StoredEvent, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		rows, err := s.soundEvents(ctx, q, text, args)
		if err == nil {
			err = countPending(ctx, q, rows)
		}
		events = make([]refund.StoredEvent, len(rows))
		for n, row := range rows {
			events[n] = row.StoredEvent
		}
		return err
	})
	return events, err
}

// Event implements dialect.Reader. The id says when the event was made, so
// that it is found through the table's key. One that is damaged is KindCorrupt, with
// what is known of it.
func (s *Store) Event(ctx context.Context, merchantID, id string) (refund.StoredEvent, error) {
	const text = `SELECT ` + eventColumns + ` FROM events e
		WHERE e.merchant_id = $1 AND e.id = $2 AND e.created_at >= $3 AND e.created_at <= $4`
	at, ok := refund.IDTime(strings.TrimPrefix(id, eventPrefix))
	var found []refund.StoredEvent
	var err error
	if ok && strings.HasPrefix(id, eventPrefix) {
		found, err = s.seenEvents(ctx, text, []any{merchantID, id, sqldb.Micros(at.Add(-eventSlack)), sqldb.Micros(at.Add(eventSlack))})
	}
	switch {
	case err != nil:
		return refund.StoredEvent{}, fmt.Errorf("find event: %w", err)
	case len(found) == 0:
		return refund.StoredEvent{}, refund.Errorf(refund.KindEventNotFound, "event", "there is no such event")
	case found[0].Unreadable:
		return found[0], damagedEvent(found[0])
	}
	return found[0], nil
}

// EventList implements dialect.Reader. One that is damaged is an error of the page that
// it is in: the readers are protocols, which have no word for it. EventLook is for people.
func (s *Store) EventList(ctx context.Context, f refund.EventFilter) (events []refund.StoredEvent, more bool, err error) {
	if events, more, err = listEvents(ctx, f, s.seenEvents); err != nil {
		return nil, false, err
	}
	for _, e := range events {
		if e.Unreadable {
			return nil, false, damagedEvent(e)
		}
	}
	return events, more, nil
}

// damagedEvent is the error of an event that seenEvents marked.
func damagedEvent(e refund.StoredEvent) error {
	fault := refund.Errorf(refund.KindCorrupt, "event", "event %s, its refund %s or its charge %s can't be read", e.ID, e.Refund.ID, e.Charge.ID)
	fault.Refund, fault.Charge = e.Refund.ID, e.Charge.ID
	return fault
}

// EventLook is EventList with events that are damaged, which say so.
func (s *Store) EventLook(ctx context.Context, f refund.EventFilter) (events []refund.StoredEvent, more bool, err error) {
	return listEvents(ctx, f, s.seenEvents)
}

func listEvents(ctx context.Context, f refund.EventFilter, read func(ctx context.Context, text string, args []any) ([]refund.StoredEvent, error)) (events []refund.StoredEvent, more bool, err error) {
	const text = `SELECT ` + eventColumns + ` FROM events e WHERE e.merchant_id = $1`
	l := newListing(text, "e", f.MerchantID, f.Page)
	if len(f.Types) > 0 {
		types := make([]any, len(f.Types))
		for n, name := range f.Types {
			types[n] = name
		}
		l.where("e.type IN (?"+strings.Repeat(", ?", len(types)-1)+")", types...)
	}
	l.between("created_at", f.CreatedFrom, f.CreatedTo)
	one := l.end()
	if events, err = read(ctx, one.SQL, one.Args); err != nil {
		return nil, false, fmt.Errorf("list events: %w", err)
	}
	events, more = cut(l, events)
	return events, more, nil
}

// Feed implements dialect.Reader. Numbers are given under a lock that lasts
// until they are committed, so that a reader who has seen a number has seen
// all below it.
func (s *Store) Feed(ctx context.Context, merchantID string, after int64, limit int) ([]refund.StoredEvent, error) {
	const text = `SELECT ` + eventColumns + ` FROM events e
		WHERE e.merchant_id = $1 AND e.feed_number > 0 AND e.feed_number > $2 ORDER BY e.feed_number LIMIT $3`
	events, err := s.seenEvents(ctx, text, []any{merchantID, after, int64(min(max(limit, 1), maxListed))})
	if err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	return events, nil
}
