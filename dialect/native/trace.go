package native

import (
	"net/http"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// traceAnswer is everything that is kept of a refund.
type traceAnswer struct {
	Refund refundAnswer `json:"refund"`
	// Next is who acts next, and NextAt when; null where no time is set.
	Next   admin.Party `json:"next"`
	NextAt moment      `json:"next_at"`
	// Promised is until when it should have succeeded; null where nobody can tell.
	Promised *promiseAnswer `json:"promised"`
	// AskedAt is when the channel was asked last, AskAt when it is asked next; null
	// for never.
	AskedAt moment        `json:"asked_at"`
	AskAt   moment        `json:"ask_at"`
	Entries []traceEntry  `json:"entries"` // oldest first
	Charge  *chargeAnswer `json:"charge"`  // null where it is damaged
}

// promiseAnswer is what the account's last refunds let expect.
type promiseAnswer struct {
	By          moment `json:"by"`
	HalfSeconds int64  `json:"half_seconds"`
	MostSeconds int64  `json:"most_seconds"`
	Of          int    `json:"of"`
}

func answerPromise(p refund.Promise) *promiseAnswer {
	if p == (refund.Promise{}) {
		return nil
	}
	return &promiseAnswer{moment(p.By), int64(p.Half / time.Second), int64(p.Most / time.Second), p.Of}
}

// traceEntry is one thing that happened: kind says which member it has.
type traceEntry struct {
	At       moment          `json:"at"`
	Kind     string          `json:"kind"`
	Attempt  *attemptAnswer  `json:"attempt,omitempty"`
	Transfer *transferAnswer `json:"transfer,omitempty"`
	Event    *tracedEvent    `json:"event,omitempty"`
	Delivery *deliveryAnswer `json:"delivery,omitempty"`
	Try      *tryAnswer      `json:"try,omitempty"`
	Notice   *noticeAnswer   `json:"notice,omitempty"`
	Alert    *alertAnswer    `json:"alert,omitempty"`
	Action   *auditAnswer    `json:"action,omitempty"`
}

// tracedEvent is an event without the refund and charge as they were.
type tracedEvent struct {
	ID    string       `json:"id"`
	Type  string       `json:"type"`
	State refund.State `json:"state"`
	Actor *actorAnswer `json:"actor"`
}

// traceRefund returns what happened to a refund: GET /refunds/{id}/trace.
func (d *Dialect) traceRefund(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	r, err := c.refund()
	if err != nil {
		return err
	}
	t, err := admin.TraceRefund(c.ctx, d.s.Traces, r)
	if err == nil && t.ChargeUnreadable && len(r.Parts.Coupons) > 0 { // what its coupons are can't be said
		_, err = d.s.Reader.Charge(c.ctx, c.merchantID(), r.ChargeID)
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerTrace(d.s.Dialects, t))
}

func answerTrace(dialects merchant.Dialects, t admin.Trace) traceAnswer {
	var charge *chargeAnswer
	if !t.ChargeUnreadable {
		one := answerCharge(dialects, t.Charge)
		charge = &one
	}
	out := traceAnswer{
		Refund: answerRefund(t.Refund, t.Charge.Detail.Coupons), Next: t.Next, NextAt: moment(t.NextAt), Charge: charge,
		Promised: answerPromise(t.Promised), AskedAt: moment(t.AskedAt), AskAt: moment(t.AskAt),
		Entries: make([]traceEntry, len(t.Entries)),
	}
	for n, e := range t.Entries {
		out.Entries[n] = answerTraceEntry(t.Refund, e)
	}
	return out
}

func answerTraceEntry(r refund.Refund, e admin.TraceEntry) traceEntry {
	out := traceEntry{At: moment(e.At)}
	switch {
	case e.Attempt != nil:
		out.Kind, out.Attempt = "attempt", &answerAttempts(r, []refund.Attempt{*e.Attempt})[0]
	case e.Transfer != nil:
		out.Kind, out.Transfer = "transfer", &answerTransfers([]refund.StoredTransfer{*e.Transfer})[0]
	case e.Event != nil:
		out.Kind, out.Event = "event", &tracedEvent{e.Event.ID, e.Event.Type, e.Event.Refund.State, answerActor(e.Event.Actor)}
	case e.Delivery != nil:
		d := answerDelivery(*e.Delivery)
		out.Kind, out.Delivery = "delivery", &d
		for n := range d.Attempts {
			if e.Try != nil && time.Time(d.Attempts[n].At).Equal(e.Try.At) {
				out.Try = &d.Attempts[n]
			}
		}
		d.Attempts = []tryAnswer{} // each has an entry of its own
	case e.Notice != nil:
		one := answerNotice(*e.Notice)
		out.Kind, out.Notice = "notice", &one
	case e.Alert != nil:
		one := answerAlert(*e.Alert)
		out.Kind, out.Alert = "alert", &one
	case e.Action != nil:
		one := answerAudit(*e.Action)
		out.Kind, out.Action = "action", &one
	}
	return out
}
