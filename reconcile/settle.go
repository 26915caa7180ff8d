package reconcile

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// settle looks at the rows that our books did not have as the bill does, each by
// itself and as the books are now.
func (r *run) settle(ctx context.Context) error {
	return r.spool.eachRow(func(row keptRow) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, known, err := r.find(ctx, row.Listed)
		switch {
		case err != nil:
			return err
		case !known:
			return r.foreign(ctx, row.Listed)
		case !samePayment(row.Listed, b):
			return r.differs(channel.Difference{
				Kind: channel.DiffersUnconfirmed, Billed: row.Listed, Note: "its number is that of refund " + b.ID + ", which is of another payment: it was not taken",
			})
		case !row.Marked: // it was adopted meanwhile
			if err := r.mark(b.ID); err != nil {
				return err
			}
		}
		return r.known(ctx, row.Listed, b)
	})
}

// find finds the refund of ours that a row names.
func (r *run) find(ctx context.Context, row channel.Listed) (b refund.Booked, known bool, err error) {
	booked, err := r.store.BookedByName(ctx, r.key(), names([]channel.Listed{row}))
	b, known = booked[0]
	return b, known, err
}

// mark notes that the bill has a refund of ours.
func (r *run) mark(id string) error {
	if err := r.spool.bill(id); err != nil {
		return fmt.Errorf("write to the temporary folder: %w", err)
	}
	return nil
}

// known is a row of a refund of ours.
func (r *run) known(ctx context.Context, row channel.Listed, b refund.Booked) error {
	switch {
	case amountDiffers(row, b):
		note, err := r.confirm(ctx, b)
		if err != nil {
			return err
		}
		return r.differs(ours(channel.DiffersAmount, b, row, note))
	case agrees(row.Kind, b.State): // it ended, or was adopted, meanwhile
		r.out.Agreed++
		return nil
	}
	note, err := r.confirm(ctx, b)
	if err != nil {
		return err
	}
	return r.differs(ours(channel.DiffersState, b, row, note))
}

// confirm asks the channel about a refund of ours that the bill has otherwise, and
// returns the answer in words. Where the answer is against our books too, the
// engine is to ask and to decide.
func (r *run) confirm(ctx context.Context, b refund.Booked) (note string, err error) {
	if r.hinted >= maxAsked {
		return "the channel was not asked: too many refunds differ", nil
	}
	one, err := r.store.Refund(ctx, r.task.Account.MerchantID, b.ID)
	if err != nil {
		return "", err
	}
	charge, err := r.store.Charge(ctx, r.task.Account.MerchantID, b.ChargeID)
	if err != nil {
		return "", err
	}
	r.hinted++
	answer, err := r.asker.refund(ctx, channel.InstructionOf(one, charge))
	if err != nil {
		return "", err
	}
	note = answered(answer)
	if standsBy(answer, one) {
		return note, nil
	}
	hint := channel.Notified{Account: r.task.Account.ID, Text: "found in the channel's bill", Noticed: refund.Noticed{
		Number: one.ChannelNumber, TransactionID: charge.TransactionID, Hint: true, Outcome: refund.Outcome{ChannelRefundID: one.ChannelRefundID, Cause: r.task.Cause},
	}}
	if err := r.engine.Notify(ctx, r.task.Account.ID, []channel.Notified{hint}); err != nil {
		return "", fmt.Errorf("have refund %s asked about: %w", one.ID, err)
	}
	return note + "; the service asks again and then decides", nil
}

// standsBy: the channel's answer is what our books have.
func standsBy(o refund.Outcome, r refund.Refund) bool {
	switch o.Kind {
	case refund.OutcomeDone:
		return r.State == refund.Succeeded && (o.Amount == nil || *o.Amount == r.Amount)
	case refund.OutcomeFailed:
		return r.State == refund.Failed
	case refund.OutcomeAccepted:
		return r.State == refund.Pending
	case refund.OutcomeAbnormal:
		return r.State == refund.Abnormal
	case refund.OutcomeNotFound:
		return r.State == refund.Canceled || r.State == refund.Failed
	}
	return false
}

// foreign is a row of a refund that is not ours. It is adopted if the channel, asked
// about it, confirms that it succeeded.
func (r *run) foreign(ctx context.Context, row channel.Listed) error {
	if row.Kind == refund.OutcomeFailed {
		r.out.Nothing++ // no money was moved
		return nil
	}
	match, err := r.store.NoticeMatch(ctx, r.task.Account.ID, refund.Noticed{TransactionID: row.TransactionID, OtherTransactionID: row.OtherTransactionID, OrderNo: row.OrderNo})
	if err != nil {
		return err
	}
	if match.Charge.ID == "" {
		return r.homeless(ctx, row)
	}
	says, answer, ok, err := r.asker.foreign(ctx, row, match.Charge)
	if err != nil {
		return err
	}
	kind := channel.DiffersUnconfirmed
	switch {
	case ok && says.Kind == refund.OutcomeDone:
		return r.adopt(ctx, row, says)
	case ok && says.Kind == refund.OutcomeFailed && row.Kind != refund.OutcomeDone:
		r.out.Nothing++
		return nil
	case ok && says.Kind != refund.OutcomeFailed:
		kind, answer.Kind = channel.DiffersOpen, says.Kind
	}
	return r.differs(channel.Difference{Kind: kind, Billed: row, Note: answered(answer)})
}

// homeless is a row of a payment that we don't have. A success waits in the inbox
// until its charge is registered; then the channel is asked about it.
func (r *run) homeless(ctx context.Context, row channel.Listed) error {
	if row.Kind != refund.OutcomeDone {
		return r.differs(channel.Difference{Kind: channel.DiffersOpen, Billed: row, Note: "its payment is not registered"})
	}
	amount := row.Amount.Minor
	hint := channel.Notified{Account: r.task.Account.ID, Text: "found in the channel's bill", Noticed: refund.Noticed{
		Number: row.Number, TransactionID: row.TransactionID, OtherTransactionID: row.OtherTransactionID, OrderNo: row.OrderNo, Currency: row.Amount.Currency, MadeAt: row.MadeAt, Hint: true,
		Outcome: refund.Outcome{
			Kind: row.Kind, Cause: r.task.Cause, ChannelRefundID: row.ChannelRefundID, Amount: &amount, SucceededAt: row.SucceededAt, Message: "found in the channel's bill",
		},
	}}
	if err := r.engine.Notify(ctx, r.task.Account.ID, []channel.Notified{hint}); err != nil {
		return fmt.Errorf("keep a refund of the bill in the inbox: %w", err)
	}
	return r.differs(channel.Difference{Kind: channel.DiffersKept, Billed: row, Note: inTheInbox})
}

const inTheInbox = "in the inbox (hint: refundry notice list)"

// adopt hands a refund that the channel made to the engine: says is what the channel
// says of it, row what the bill says.
func (r *run) adopt(ctx context.Context, row, says channel.Listed) error {
	found, err := r.engine.Compare(ctx, r.task.Account.ID, []channel.Listed{says}, since, r.task.Cause)
	if err != nil {
		return err
	}
	d := channel.Difference{Kind: channel.DiffersAdopted, Billed: row}
	switch {
	case found.Kept > 0:
		d.Kind, d.Note = channel.DiffersKept, inTheInbox
	case len(found.Adopted) > 0:
		d.RefundID, d.State, d.Amount = found.Adopted[0].ID, found.Adopted[0].State, says.Amount
		if err := r.mark(d.RefundID); err != nil {
			return err
		}
	default: // a notice of it was faster
		b, known, err := r.find(ctx, says)
		if err != nil || !known {
			return err
		}
		r.out.Agreed++
		return r.mark(b.ID)
	}
	if says.Amount != row.Amount {
		if err := r.differs(d); err != nil {
			return err
		}
		d.Kind, d.Note = channel.DiffersAmount, "the channel, asked, says: "+says.Amount.String()
	}
	return r.differs(d)
}
