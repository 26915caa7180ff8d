package native

import (
	"context"
	"net/http"

	"github.com/refundry/refundry/refund"
)

// Alerts reads what an operator should look at. Absent is KindNotFound.
type Alerts interface {
	// Alerts lists those that nobody has looked at, or all, newest first.
	Alerts(ctx context.Context, merchantID string, all bool, page refund.Page) (alerts []refund.StoredAlert, more bool, err error)
	Alert(ctx context.Context, merchantID, id string) (refund.StoredAlert, error)
}

type alertAnswer struct {
	ID        string       `json:"id"`
	Refund    *string      `json:"refund"` // null for what is about none of ours
	Text      string       `json:"text"`
	Times     int64        `json:"times"` // it came until somebody looked
	CreatedAt moment       `json:"created_at"`
	LastAt    moment       `json:"last_at"`
	AckedAt   moment       `json:"acked_at"` // null while nobody has looked
	AckedBy   *actorAnswer `json:"acked_by"`
}

func answerAlert(a refund.StoredAlert) alertAnswer {
	return alertAnswer{
		ID: a.ID, Refund: orNull(a.RefundID), Text: a.Text, Times: a.Times,
		CreatedAt: moment(a.CreatedAt), LastAt: moment(a.LastAt), AckedAt: moment(a.AckedAt), AckedBy: answerActor(a.AckedBy),
	}
}

// listAlerts returns the alerts that nobody has looked at, or with all=true every
// one, newest first: GET /alerts.
func (d *Dialect) listAlerts(c *call) error {
	q, err := c.query("all", "limit", "cursor")
	if err != nil {
		return err
	}
	all := q.values.Get("all")
	if q.values.Has("all") && all != "true" && all != "false" {
		return refuse(refund.KindInvalid, "all", "must be true or false")
	}
	page, err := q.page()
	if err != nil {
		return err
	}
	alerts, more, err := d.s.Alerts.Alerts(c.ctx, c.merchantID(), all == "true", page)
	if err != nil {
		return err
	}
	out := list[alertAnswer]{Data: make([]alertAnswer, len(alerts)), HasMore: more}
	for n, a := range alerts {
		out.Data[n] = answerAlert(a)
	}
	if more {
		last := alerts[len(alerts)-1]
		out.Next = writeCursor(last.CreatedAt, last.ID)
	}
	return c.json(http.StatusOK, out)
}

// ackAlert says that somebody has looked at an alert: POST /alerts/{id}/ack.
// Again, it answers the same.
func (d *Dialect) ackAlert(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	a, err := d.s.Admin.AckAlert(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerAlert(a))
}

func (d *Dialect) againAlert(c *call, w refund.Write) error {
	a, err := d.s.Alerts.Alert(c.ctx, c.merchantID(), w.Made)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerAlert(a))
}

// AlertJSON is an alert as the API shows it.
func AlertJSON(a refund.StoredAlert) any { return answerAlert(a) }

// alertEvent is an alert as webhooks show it, once.
type alertEvent struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	Timestamp moment         `json:"timestamp"`
	RequestID *string        `json:"request_id"`
	Data      alertEventData `json:"data"`
}

type alertEventData struct {
	Alert alertAnswer `json:"alert"`
}
