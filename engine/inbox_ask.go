package engine

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	// maxInboxQuestions bounds the questions of one look into the inbox, which take no
	// turns of the account's.
	maxInboxQuestions = 4
	// inboxQuestion is how long such a question takes at most: the others of the inbox
	// wait, and a transaction follows.
	inboxQuestion = 5 * time.Second
)

// errNotAsked says that a notice waits for a question to its channel.
var errNotAsked = errors.New("the channel is to be asked about it first")

// confirmHint asks a channel about a success at which a hint, as a bill's row, hints:
// one that is not ours, of a charge of ours. It returns what the channel itself says
// of it; note says why that is not enough.
func (e *Engine) confirmHint(ctx context.Context, account string, n refund.Noticed, c refund.Charge) (says refund.Noticed, note string) {
	opened, err := e.connector(ctx, account)
	if err != nil {
		return n, "the channel could not be asked about it: " + clean(err.Error(), maxMessage)
	}
	ctx, cancel := context.WithTimeout(ctx, inboxQuestion)
	defer cancel()
	row := channel.Listed{
		Number: n.Number, ChannelRefundID: n.Outcome.ChannelRefundID, TransactionID: n.TransactionID, OtherTransactionID: n.OtherTransactionID, OrderNo: n.OrderNo,
		Amount: money.Amount{Minor: *n.Outcome.Amount, Currency: c.Currency},
	}
	if row.TransactionID == "" {
		row.TransactionID = c.TransactionID
	}
	answer := channel.SafeQuery(ctx, opened.Connector, channel.ForeignInstruction(row, c))
	if opened.Nature.Capabilities.List && (answer.Kind == refund.OutcomeNotFound || answer.Kind == refund.OutcomeInconclusive || answer.Kind == refund.OutcomeUnknown) {
		answer = e.listedAs(ctx, opened, row, c, answer)
	}
	answer = cleaned(answer)
	switch {
	case answer.Kind != refund.OutcomeDone:
		return n, "the channel, asked, does not say that it succeeded"
	case answer.Amount != nil && *answer.Amount <= 0:
		return n, "the channel, asked, speaks of no amount"
	}
	if answer.Amount != nil {
		n.Outcome.Amount = answer.Amount
	}
	if answer.ChannelRefundID != "" {
		n.Outcome.ChannelRefundID = answer.ChannelRefundID
	}
	if answer.SucceededAt.After(time.Unix(0, 0)) {
		n.Outcome.SucceededAt = answer.SucceededAt
	}
	return n, ""
}

// listedAs is what the list of a payment says of one of its refunds; asked is what
// the channel said of it before.
func (e *Engine) listedAs(ctx context.Context, opened channel.Opened, row channel.Listed, c refund.Charge, asked refund.Outcome) refund.Outcome {
	listed, err := e.list(ctx, opened.Connector, refund.Claimed{Charge: c, Refund: refund.Refund{ChannelAccount: c.ChannelAccount}})
	if err != nil {
		return asked
	}
	for _, one := range listed {
		if row.Number != "" && one.Number == row.Number || row.ChannelRefundID != "" && one.ChannelRefundID == row.ChannelRefundID {
			return found(asked, one, c.Currency)
		}
	}
	return asked
}
