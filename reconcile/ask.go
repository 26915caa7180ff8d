package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// rateShare is which part of the account's rate of queries, a quarter, a reconciliation
// asks at: what refunds wait for keeps the rest.
const rateShare = 4

// asker asks a channel about refunds, one after the other, at its share of the rate of
// the account's queries. What it hears changes nothing by itself.
type asker struct {
	connector channel.Connector
	can       channel.Capabilities
	pause     time.Duration
}

func newAsker(connector channel.Connector) *asker {
	a := &asker{connector: connector, can: connector.Capabilities()}
	if rate := connector.Limits().Query.PerSecond; rate > 0 {
		a.pause = rateShare * time.Second / time.Duration(rate)
	}
	return a
}

// refund asks about a refund.
func (a *asker) refund(ctx context.Context, i channel.Instruction) (refund.Outcome, error) {
	if err := a.wait(ctx); err != nil {
		return refund.Outcome{}, err
	}
	return channel.SafeQuery(ctx, a.connector, i), nil
}

// foreign asks about a refund that is not ours: by its number or id, and where the
// channel does not know it by these, or has none, in the list of its payment. ok is
// false where the channel did not say how it stands.
func (a *asker) foreign(ctx context.Context, row channel.Listed, charge refund.Charge) (says channel.Listed, answer refund.Outcome, ok bool, err error) {
	if row.Number != "" || row.ChannelRefundID != "" {
		answer, err = a.refund(ctx, channel.ForeignInstruction(row, charge))
		if err != nil || told(answer.Kind) {
			return as(row, answer), answer, err == nil, err
		}
	}
	if !a.can.List || charge.ID == "" {
		return row, answer, false, nil
	}
	listed, err := a.list(ctx, charge)
	if err != nil {
		return row, answer, false, ctx.Err()
	}
	for _, one := range listed {
		if row.Number != "" && one.Number == row.Number || row.ChannelRefundID != "" && one.ChannelRefundID == row.ChannelRefundID {
			one.OrderNo, one.TransactionID, one.OtherTransactionID = row.OrderNo, row.TransactionID, row.OtherTransactionID
			return one, answer, told(one.Kind), nil
		}
	}
	answer.Kind = refund.OutcomeNotFound
	return row, answer, false, nil
}

func (a *asker) list(ctx context.Context, charge refund.Charge) (listed []channel.Listed, err error) {
	if err := a.wait(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			err = errors.New("the channel's driver failed to list the payment's refunds")
		}
	}()
	call, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	return a.connector.List(call, channel.PaymentRef{TransactionID: charge.TransactionID, OrderNo: charge.OrderNo, Charge: charge})
}

func (a *asker) wait(ctx context.Context) error {
	if a.pause > 0 {
		select {
		case <-time.After(a.pause):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// as is a bill's row as the channel's answer has the refund.
func as(row channel.Listed, answer refund.Outcome) channel.Listed {
	row.Kind = answer.Kind
	if answer.Amount != nil {
		row.Amount.Minor = *answer.Amount
	}
	if answer.ChannelRefundID != "" {
		row.ChannelRefundID = answer.ChannelRefundID
	}
	if !answer.SucceededAt.IsZero() {
		row.SucceededAt = answer.SucceededAt
	}
	return row
}

// told: the channel said how the refund stands.
func told(kind refund.OutcomeKind) bool {
	switch kind {
	case refund.OutcomeDone, refund.OutcomeFailed, refund.OutcomeAccepted, refund.OutcomeAbnormal:
		return true
	}
	return false
}

// answered is an answer in words, for people.
func answered(o refund.Outcome) string {
	words := map[refund.OutcomeKind]string{
		refund.OutcomeDone: "it has succeeded", refund.OutcomeFailed: "it has failed, or the money was sent back",
		refund.OutcomeAccepted: "it is under way", refund.OutcomeAbnormal: "the payer's account can't take it",
		refund.OutcomeNotFound: "there is no such refund",
	}
	text, known := words[o.Kind]
	if !known {
		text = "nothing that says how it stands"
	}
	return "the channel, asked, says: " + text
}
