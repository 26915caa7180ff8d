package native

import (
	"net/http"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// pauseAnswer is a pause. merchant and channel are null for every one: with both
// null it is the installation's, which no key can end.
type pauseAnswer struct {
	Merchant *string      `json:"merchant"`
	Channel  *string      `json:"channel"`
	Reason   string       `json:"reason"`
	PausedAt moment       `json:"paused_at"`
	PausedBy *actorAnswer `json:"paused_by"` // null where another than the merchant's was it
}

func answerPauses(merchantID string, pauses []merchant.Pause) []pauseAnswer {
	out := make([]pauseAnswer, len(pauses))
	for n, p := range pauses {
		out[n] = pauseAnswer{orNull(p.MerchantID), orNull(p.Channel), p.Reason, moment(p.At), answerActor(p.By)}
		if p.MerchantID != merchantID {
			out[n].PausedBy = nil
		}
	}
	return out
}

// PausesJSON are pauses as the API shows them, with whoever made each.
func PausesJSON(pauses []merchant.Pause) any {
	out := answerPauses("", pauses)
	for n, p := range pauses {
		out[n].PausedBy = answerActor(p.By)
	}
	return out
}

// pauseMerchant stops sending through the merchant's accounts, or those of one
// kind of channel: POST /merchant/pause.
func (d *Dialect) pauseMerchant(c *call) error {
	scope, reason, err := c.pauseScope(true)
	if err != nil {
		return err
	}
	if _, err := d.s.Admin.Pause(c.ctx, c.by(), scope, reason); err != nil {
		return err
	}
	return d.answerMerchantPauses(c)
}

// resumeMerchant ends what pauseMerchant began: POST /merchant/resume.
func (d *Dialect) resumeMerchant(c *call) error {
	scope, _, err := c.pauseScope(false)
	if err != nil {
		return err
	}
	if _, err := d.s.Admin.Resume(c.ctx, c.by(), scope); err != nil {
		return err
	}
	return d.answerMerchantPauses(c)
}

func (c *call) pauseScope(pausing bool) (scope merchant.PauseScope, reason string, err error) {
	body, err := c.keyedBody()
	if err != nil {
		return scope, "", err
	}
	scope.MerchantID = c.merchantID()
	members := []member{optional("channel", body.filledName(&scope.Channel, maxChannel))}
	if pausing {
		members = append(members, optional("reason", body.text(&reason, admin.MaxPauseReason)))
	}
	return scope, reason, body.read(members...)
}

func (d *Dialect) answerMerchantPauses(c *call) error {
	pauses, err := d.s.Admin.Pauses(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, list[pauseAnswer]{Data: answerPauses(c.merchantID(), pauses)})
}

func (d *Dialect) againPauses(c *call, _ refund.Write) error { return d.answerMerchantPauses(c) }
