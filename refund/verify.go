package refund

import (
	"time"

	"github.com/refundry/refundry/money"
)

// countedPrefix and the charge's id are the channel number of the refund that stands
// for what a channel had refunded of a charge and does not list. No channel makes
// such a number.
const countedPrefix = "counted_"

// Verified is what a channel, asked about a payment, says was refunded of it before
// we sent anything.
type Verified struct {
	// RefundID is the id of the refund that stands for what we do not know of.
	RefundID string
	// Refunded is what was given back, in minor units; Unknown says that the channel
	// does not say how much.
	Refunded money.Minor
	Unknown  bool
	// Sent says that a refund of ours was sent before, so that what was refunded may
	// be ours: nothing is counted.
	Sent bool
}

// Verify notes on a charge that its channel was asked about it, and counts what was
// refunded there and we know nothing of: as one refund that the channel made, so
// that the cap holds. open are the charge's refunds that Adopt may cancel for it. A
// charge that was verified before is as it was. Where the channel does not say how
// much it refunded, the change has the alert about it: nobody looks again.
func Verify(charge Charge, open []Refund, v Verified, now time.Time) (Change, *Error) {
	change := Change{Charge: charge}
	if !charge.VerifiedAt.IsZero() {
		return change, nil
	}
	rest := v.Refunded - charge.Refunded
	if v.Unknown && charge.Refunded == 0 {
		change.Alerts = append(change.Alerts, Alert{
			Account: charge.ChannelAccount,
			Text: "something of the payment of charge " + charge.ID + " was refunded at the channel before, which does not say how much; refunds of it are sent, " +
				"for the channel refuses what is more than was paid (hint: compare the payment at the channel; its bill shows the refunds)",
		})
	}
	if v.Unknown || v.Sent || rest <= 0 {
		change.Charge.VerifiedAt = now
		return change, nil
	}
	change, err := Adopt(charge, open, Foreign{
		RefundID: v.RefundID, ChannelNumber: countedPrefix + charge.ID, Amount: rest, SucceededAt: now, Source: Query,
		Reason: "refunded at the channel before",
	}, now)
	if err != nil {
		return Change{}, err
	}
	change.Charge.VerifiedAt, change.Charge.Counted = now, rest
	return change, nil
}

// Overdrawn reports whether the charge holds more than was paid: of what the channel
// refunded without us and what our own refunds hold.
func (c Charge) Overdrawn() bool { return c.overflow() > 0 }
