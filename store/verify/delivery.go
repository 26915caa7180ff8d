package verify

import "context"

// oddDeliveries finds deliveries whose event is not there or has no number
// yet, and those that neither wait with a time nor have ended. The merchant is
// joined through an expression: by the key that begins with it SQLite would
// read all events of a merchant for each delivery, instead of making an index.
// What is told of a batch has no number: it comes with those of its refunds.
// What is told of a payment names its charge. One that could not be made is
// made again at make_at, and due in no time that comes.
const oddDeliveries = `SELECT d.merchant_id, d.id, d.event_id, d.state, d.due_at, d.ended_at, d.problem, COALESCE(e.feed_number, -1)
	FROM deliveries d LEFT JOIN (SELECT merchant_id, id, feed_number FROM events UNION ALL SELECT merchant_id, id, 1 FROM batch_events
		UNION ALL SELECT merchant_id, id, CASE WHEN told_at > 0 THEN 1 ELSE 0 END FROM dispute_events
		UNION ALL SELECT merchant_id, id, CASE WHEN told_at > 0 THEN 1 ELSE 0 END FROM alerts
		UNION ALL SELECT DISTINCT c.merchant_id, c.id, 1 FROM deliveries p JOIN charges c ON c.merchant_id = p.merchant_id AND c.id = p.event_id) e
		ON e.merchant_id || '' = d.merchant_id AND e.id = d.event_id
	WHERE e.id IS NULL OR e.feed_number = 0 OR d.state NOT IN ('waiting', 'delivered', 'dead')
	OR (d.state = 'waiting') <> (d.due_at > 0) OR (d.state = 'waiting') = (d.ended_at > 0)
	OR d.state = 'waiting' AND ((d.problem <> '') <> (d.due_at > 95617584000000000) OR (d.problem <> '') <> (d.make_at > 0))`

// farAway is the year 5000: what is due behind it is never sent.
const farAway = 95_617_584_000_000_000

// deliveries checks that each is of an event that is there and has its number,
// and that it waits with a time or has ended. That one is there for each
// address that should have heard can't be said: addresses come and go.
func (v *verifier) deliveries(ctx context.Context) error {
	return v.q.Query(ctx, oddDeliveries, nil, func(scan func(...any) error) error {
		var merchant, id, event, state, problem string
		var due, ended, number int64
		if err := scan(&merchant, &id, &event, &state, &due, &ended, &problem, &number); err != nil {
			return err
		}
		found := func(format string, args ...any) {
			v.found(Deliveries, merchant, "delivery "+id, format, args...)
		}
		switch {
		case number < 0:
			found("its event %s is not there", event)
		case number == 0:
			found("its event %s has no number in the feed yet", event)
		case state != "waiting" && state != "delivered" && state != "dead":
			found("there is no state %q", state)
		case state == "waiting" && problem != "" && due < farAway:
			found("it could not be made, and would be sent as it is")
		case state == "waiting":
			found("it waits, and nobody will try it again, or it has ended already")
		default:
			found("it is %s, and still due or without an end", state)
		}
		return v.enough(nil)
	})
}
