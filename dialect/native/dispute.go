package native

import (
	"context"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// Disputes reads what channels told of disputes.
type Disputes interface {
	// Disputes lists those of a charge, oldest first.
	Disputes(ctx context.Context, merchantID, chargeID string) ([]refund.Dispute, error)
}

type disputeAnswer struct {
	ID             string              `json:"id"`
	State          refund.DisputeState `json:"state"`
	Amount         money.Minor         `json:"amount"`
	Currency       money.Currency      `json:"currency"`
	Held           money.Minor         `json:"held"` // of the charge, in its currency
	Reason         *string             `json:"reason"`
	ChannelDispute string              `json:"channel_dispute_id"`
	ChannelAt      moment              `json:"channel_at"` // when it came to be so, by the channel
	CreatedAt      moment              `json:"created_at"`
	UpdatedAt      moment              `json:"updated_at"`
	ClosedAt       moment              `json:"closed_at"`
	// Unreadable says that the dispute's row is damaged: state and held don't fit.
	Unreadable bool `json:"unreadable,omitempty"`
}

func answerDispute(d refund.Dispute) disputeAnswer {
	return disputeAnswer{
		ID: d.ID, State: d.State, Amount: d.Amount.Minor, Currency: d.Amount.Currency, Held: d.Held, Reason: orNull(d.Reason), ChannelDispute: d.ChannelDisputeID,
		ChannelAt: moment(d.ChannelAt), CreatedAt: moment(d.CreatedAt), UpdatedAt: moment(d.UpdatedAt), ClosedAt: moment(d.ClosedAt), Unreadable: d.Unreadable,
	}
}

// listedDispute is a dispute that is shown without its charge.
type listedDispute struct {
	Charge         string `json:"charge"`
	ChannelAccount string `json:"channel_account"`
	disputeAnswer
}

// DisputeJSON is a dispute as the API shows it in a charge, with the charge's id.
func DisputeJSON(d refund.Dispute) any {
	return listedDispute{d.ChargeID, d.ChannelAccount, answerDispute(d)}
}

// wholeCharge is a charge that is shown alone.
type wholeCharge struct {
	chargeAnswer
	Disputes []disputeAnswer `json:"disputes"`
}

func answerWholeCharge(dialects merchant.Dialects, c refund.Charge, disputes []refund.Dispute) wholeCharge {
	out := wholeCharge{answerCharge(dialects, c), make([]disputeAnswer, len(disputes))}
	for n, d := range disputes {
		out.Disputes[n] = answerDispute(d)
	}
	return out
}

// WholeChargeJSON is a charge with its disputes as the API shows it.
func WholeChargeJSON(dialects merchant.Dialects, c refund.Charge, disputes []refund.Dispute) any {
	return answerWholeCharge(dialects, c, disputes)
}

// disputeEvent is an event about a dispute, which only webhooks show.
type disputeEvent struct {
	ID        string           `json:"id"`
	Type      string           `json:"type"`
	Timestamp moment           `json:"timestamp"`
	RequestID *string          `json:"request_id"` // null: a channel caused it
	Data      disputeEventData `json:"data"`
}

type disputeEventData struct {
	Dispute disputeAnswer `json:"dispute"`
	Charge  chargeAnswer  `json:"charge"`
}

// webhookBody is an event as webhooks show it.
func (d *Dialect) webhookBody(e webhook.Event) any {
	if e.Alert != nil {
		return alertEvent{ID: e.ID, Type: e.Type, Timestamp: moment(e.At), Data: alertEventData{answerAlert(*e.Alert)}}
	}
	if e.Dispute != nil {
		return disputeEvent{
			ID: e.ID, Type: e.Type, Timestamp: moment(e.At), RequestID: orNull(e.RequestID),
			Data: disputeEventData{answerDispute(*e.Dispute), answerCharge(d.s.Dialects, e.Charge)},
		}
	}
	return answerEvent(d.s.Dialects, e.ID, e.Type, e.At, e.RequestID, e.Refund, e.Charge)
}
