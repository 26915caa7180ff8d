package native

import (
	"context"
	"net/http"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Deliveries keeps what was sent to whom.
type Deliveries interface {
	// DeliveryLook returns deliveries with their tries, newest first, and behind which
	// the next page goes on; nil where there is none. A page may have few or none
	// though there are more.
	DeliveryLook(ctx context.Context, f merchant.DeliveryFilter, page refund.Page) (records []merchant.DeliveryRecord, next *refund.Position, err error)
	// Delivery finds one. KindNotFound.
	Delivery(ctx context.Context, merchantID, id string) (merchant.DeliveryRecord, error)
}

type deliveryAnswer struct {
	ID        string                 `json:"id"`
	Event     string                 `json:"event"`
	Endpoint  *string                `json:"endpoint"` // null for an address that came with the refund or its charge
	Dialect   string                 `json:"dialect"`
	URL       string                 `json:"url"`
	State     merchant.DeliveryState `json:"state"`
	CreatedAt moment                 `json:"created_at"`
	DueAt     moment                 `json:"due_at"` // null at its end
	EndedAt   moment                 `json:"ended_at"`
	// Problem says why it could not be made; it is made again at DueAt.
	Problem  string      `json:"problem,omitempty"`
	Attempts []tryAnswer `json:"attempts"` // oldest first
}

type tryAnswer struct {
	At                   moment `json:"at"`
	Status               *int   `json:"status"` // null when there was no answer
	Error                string `json:"error"`
	DurationMilliseconds int64  `json:"duration_ms"`
}

func answerDelivery(r merchant.DeliveryRecord) deliveryAnswer {
	d := r.Delivery
	out := deliveryAnswer{
		ID: d.ID, Event: d.EventID, Endpoint: orNull(d.EndpointID), Dialect: d.Dialect, URL: d.URL, State: r.State,
		CreatedAt: moment(d.CreatedAt), DueAt: moment(d.DueAt), EndedAt: moment(r.EndedAt), Problem: d.Problem, Attempts: make([]tryAnswer, len(r.Tries)),
	}
	for n, t := range r.Tries {
		out.Attempts[n] = tryAnswer{At: moment(t.At), Error: t.Error, DurationMilliseconds: t.Duration.Milliseconds()}
		if t.Status != 0 {
			out.Attempts[n].Status = &t.Status
		}
	}
	return out
}

// listDeliveries returns what was sent to whom, newest first: GET /deliveries.
func (d *Dialect) listDeliveries(c *call) error {
	q, err := c.query("event", "endpoint", "state", "limit", "cursor")
	if err != nil {
		return err
	}
	f := merchant.DeliveryFilter{MerchantID: c.merchantID()}
	if f.EventID, err = q.text("event"); err != nil {
		return err
	}
	if f.EndpointID, err = q.text("endpoint"); err != nil {
		return err
	}
	state, err := q.text("state")
	if err != nil {
		return err
	}
	switch f.State = merchant.DeliveryState(state); f.State {
	case "", merchant.DeliveryWaiting, merchant.Delivered, merchant.DeliveryDead:
	default:
		return refuse(refund.KindInvalid, "state", "must be waiting, delivered or dead")
	}
	page, err := q.page()
	if err != nil {
		return err
	}
	records, next, err := d.s.Deliveries.DeliveryLook(c.ctx, f, page)
	if err != nil {
		return err
	}
	out := list[deliveryAnswer]{Data: make([]deliveryAnswer, len(records)), HasMore: next != nil}
	for n, r := range records {
		out.Data[n] = answerDelivery(r)
	}
	if next != nil {
		out.Next = writeCursor(next.CreatedAt, next.ID)
	}
	return c.json(http.StatusOK, out)
}

// replayDelivery sends the same bytes once more: POST /deliveries/{id}/replay.
// The webhook's id stays the event's, so that a receiver knows it again.
func (d *Dialect) replayDelivery(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	r, err := d.s.Admin.ReplayDelivery(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, answerDelivery(r))
}

// DeliveryJSON is a delivery as the API shows it.
func DeliveryJSON(r merchant.DeliveryRecord) any { return answerDelivery(r) }
