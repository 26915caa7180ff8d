package native

import (
	"net/http"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// feedPause is how often a waiting reader's next look at the feed comes: soon
// enough for people, and a hundred readers are only 400 small reads a second.
const feedPause = 250 * time.Millisecond

// maxReaders is how many readers of the feed may wait at once in one process;
// one more is answered at once, as if it did not want to wait. They look four
// times a second each, which must stay small beside the real work.
const maxReaders = 256

// eventAnswer is an event as the feed and webhooks show it, in the form of
// Standard Webhooks: type, timestamp, data.
type eventAnswer struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp moment    `json:"timestamp"`
	RequestID *string   `json:"request_id"` // the request that caused it; null if none did
	Data      eventData `json:"data"`
	// Actor is who caused it, left out if nobody did, and in webhooks.
	Actor *actorAnswer `json:"actor,omitempty"`
}

// eventData is what the event is about, as it was right then.
type eventData struct {
	Refund refundAnswer `json:"refund"`
	Charge chargeAnswer `json:"charge"`
}

func answerEvent(dialects merchant.Dialects, id, kind string, at time.Time, requestID string, r refund.Refund, c refund.Charge) eventAnswer {
	return eventAnswer{
		ID: id, Type: kind, Timestamp: moment(at), RequestID: orNull(requestID),
		Data: eventData{answerRefund(r, c.Detail.Coupons), answerCharge(dialects, c)},
	}
}

func answerStored(dialects merchant.Dialects, e refund.StoredEvent) eventAnswer {
	out := answerEvent(dialects, e.ID, e.Type, e.At, e.RequestID, e.Refund, e.Charge)
	out.Actor = answerActor(e.Actor)
	return out
}

// feed returns the merchant's events in the order of the feed, oldest first:
// GET /events?after=cursor&wait=seconds. A reader that passes each answer's
// next misses none. With wait it is answered as soon as there is an event.
func (d *Dialect) feed(c *call) error {
	q, err := c.query("after", "wait", "limit")
	if err != nil {
		return err
	}
	after := int64(0)
	if cursor := q.values.Get("after"); cursor != "" {
		var ok bool
		if after, ok = readNumberCursor(feedMark, cursor); !ok {
			return refuse(refund.KindInvalid, "after", "is none that the feed gave")
		}
	}
	limit, err := q.number("limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return err
	}
	seconds, err := q.number("wait", 0, 0, int(dialect.MaxWait/time.Second))
	if err != nil {
		return err
	}
	// One more than asked for says whether there are more.
	events, err := d.awaitEvents(c, after, limit+1, time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	out := list[eventAnswer]{Data: []eventAnswer{}, HasMore: len(events) > limit}
	for _, e := range events[:min(len(events), limit)] {
		if after = e.FeedNumber; e.Unreadable {
			out.Unreadable = append(out.Unreadable, e.ID)
			continue
		}
		out.Data = append(out.Data, answerStored(d.s.Dialects, e))
	}
	out.Next = writeNumberCursor(feedMark, after)
	return c.json(http.StatusOK, out)
}

// awaitEvents reads the feed until there is something or the wait is over.
func (d *Dialect) awaitEvents(c *call, after int64, limit int, wait time.Duration) ([]refund.StoredEvent, error) {
	if d.readers.Add(1) > maxReaders {
		wait = 0
	}
	defer d.readers.Add(-1)
	over := time.NewTimer(wait)
	defer over.Stop()
	look := time.NewTicker(feedPause)
	defer look.Stop()
	for {
		events, err := d.s.Reader.Feed(c.ctx, c.merchantID(), after, limit)
		if err != nil || len(events) > 0 || wait == 0 {
			return events, err
		}
		select {
		case <-look.C:
		case <-over.C:
			wait = 0 // one last look
		case <-c.ctx.Done():
			return nil, c.ctx.Err()
		}
	}
}

// getEvent shows one event: GET /events/{id}.
func (d *Dialect) getEvent(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	id, err := c.id(refund.KindEventNotFound)
	if err != nil {
		return err
	}
	e, err := d.s.Reader.Event(c.ctx, c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerStored(d.s.Dialects, e))
}

// EventJSON is an event as the feed shows it.
func EventJSON(dialects merchant.Dialects, e refund.StoredEvent) any {
	return answerStored(dialects, e)
}

// FeedCursor is the cursor behind an event's number.
func FeedCursor(number int64) string { return *writeNumberCursor(feedMark, number) }

// ReadFeedCursor reads a cursor of the feed; "" is before the first event.
func ReadFeedCursor(cursor string) (number int64, ok bool) {
	if cursor == "" {
		return 0, true
	}
	return readNumberCursor(feedMark, cursor)
}
