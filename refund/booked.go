package refund

import (
	"time"

	"github.com/refundry/refundry/money"
)

// Booked is a refund as the comparison with a channel's bill needs it.
type Booked struct {
	ID, ChargeID string
	// ChannelNumber and ChannelRefundID are what the channel knows it by.
	ChannelNumber, ChannelRefundID string
	TransactionID                  string // its payment's
	Amount                         money.Amount
	State                          State
	// Adopted says that the channel made it without us.
	Adopted bool
	// CreatedAt is when it was accepted, FirstSubmittedAt and SubmittedAt when the
	// first and the last call left that may have brought it to the channel, and
	// SucceededAt when the payer had the money; the last three are zero for never.
	CreatedAt, FirstSubmittedAt, SubmittedAt, SucceededAt time.Time
}

// BillName is what a bill's row calls a refund: by one or both.
type BillName struct{ Number, ChannelRefundID string }
