package store

import "context"

// deliveryStream puts events beside their deliveries.
const deliveryStream = `
	SELECT e.merchant_id, e.id AS event, 0 AS what, 0 AS at, e.id AS id, '' AS t1, '' AS t2, '' AS t3, '' AS t4, '' AS t5,
		e.feed_number AS n1, 0 AS n2, 0 AS n3, 0 AS n4, 0 AS n5, 0 AS n6, 0 AS n7, 0 AS n8, 0 AS n9 FROM events e
	UNION ALL SELECT d.merchant_id, d.event_id, 1, d.created_at, d.id, d.state, '', '', '', '',
		d.due_at, d.ended_at, 0, 0, 0, 0, 0, 0, 0 FROM deliveries d
	ORDER BY 1, 2, 3, 4`

// deliveries checks that each is of an event that is there and has its number,
// and that it waits with a time or has ended. That one is there for each
// address that should have heard can't be said: addresses come and go.
func (v *verifier) deliveries(ctx context.Context) error {
	var merchant, event string
	var there, numbered bool
	return v.stream(ctx, deliveryStream, func(row *streamRow) error {
		if row.merchant != merchant || row.key != event {
			merchant, event, there, numbered = row.merchant, row.key, false, false
		}
		if row.what == 0 {
			there, numbered = true, row.number[0] > 0
			return nil
		}
		name := "delivery " + row.id
		state, due, ended := row.text[0], row.number[0] > 0, row.number[1] > 0
		switch {
		case !there:
			v.found(VerifyDeliveries, merchant, name, "its event %s is not there", event)
		case !numbered:
			v.found(VerifyDeliveries, merchant, name, "its event %s has no number in the feed yet", event)
		}
		switch waiting := state == "waiting"; {
		case !waiting && state != "delivered" && state != "dead":
			v.found(VerifyDeliveries, merchant, name, "there is no state %q", state)
		case waiting && !due:
			v.found(VerifyDeliveries, merchant, name, "it waits, and nobody will try it again")
		case !waiting && (due || !ended):
			v.found(VerifyDeliveries, merchant, name, "it is %s, and still due or without an end", state)
		}
		return nil
	})
}
