package native

import (
	"net/http"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// replaysAnswer is what became of deliveries that were to be sent again.
type replaysAnswer struct {
	Data []replayAnswer `json:"data"`
}

type replayAnswer struct {
	// Delivery is the one that was to be sent again, and Again what was made of it;
	// null where Problem says why not.
	Delivery string  `json:"delivery"`
	Again    *string `json:"again"`
	Problem  string  `json:"problem,omitempty"`
}

func answerReplays(replays []merchant.Replay) replaysAnswer {
	out := replaysAnswer{Data: make([]replayAnswer, len(replays))}
	for n, r := range replays {
		out.Data[n] = replayAnswer{r.Of, orNull(r.Again.ID), r.Problem}
	}
	return out
}

// replayDeliveries sends several deliveries once more: POST /deliveries/replay.
func (d *Dialect) replayDeliveries(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var ids []string
	err = body.read(required("deliveries", body.list(admin.MaxReplays, func(v exactjson.Value, path string) {
		var id string
		body.filledName(&id, maxName)(v, path)
		ids = append(ids, id)
	})))
	if err != nil {
		return err
	}
	replays, err := d.s.Admin.ReplayDeliveries(c.ctx, c.by(), c.merchantID(), ids)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerReplays(replays))
}

// replayRefund sends everything that was sent about a refund once more: POST
// /refunds/{id}/replay.
func (d *Dialect) replayRefund(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	_, replays, err := d.s.Admin.ReplayRefund(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerReplays(replays))
}

// againReplays answers a repeat, which sends nothing.
func (d *Dialect) againReplays(c *call, _ refund.Write) error {
	return c.json(http.StatusOK, replaysAnswer{Data: []replayAnswer{}})
}

// ReplaysJSON is what became of deliveries that were to be sent again, as the API
// shows it.
func ReplaysJSON(replays []merchant.Replay) any { return answerReplays(replays).Data }
