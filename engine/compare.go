package engine

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Compare takes what a channel lists of an account's refunds: what we know
// otherwise is recorded as if the channel had sent a notice of it, and what it made
// without us since a time is adopted. Both bear cause. An error says that not all of
// it was taken; it may be taken again without harm.
func (e *Engine) Compare(ctx context.Context, account string, listed []channel.Listed, since time.Time, cause refund.Cause) (channel.Comparison, error) {
	var found channel.Comparison
	var problems []error
	for _, one := range listed {
		if err := ctx.Err(); err != nil {
			return found, errors.Join(append(problems, err)...)
		}
		problems = append(problems, e.compare(ctx, account, one, since, cause, &found))
	}
	return found, errors.Join(problems...)
}

func (e *Engine) compare(ctx context.Context, account string, one channel.Listed, since time.Time, cause refund.Cause, found *channel.Comparison) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	amount := one.Amount.Minor
	n := channel.Notified{Account: account, Text: "found in the channel's list", Noticed: cleanedNotice(refund.Noticed{
		Number: one.Number, TransactionID: one.TransactionID, OtherTransactionID: one.OtherTransactionID, OrderNo: one.OrderNo, Currency: one.Amount.Currency, MadeAt: one.MadeAt,
		Outcome: refund.Outcome{
			Kind: one.Kind, Cause: cause, ChannelRefundID: one.ChannelRefundID, Amount: &amount, SucceededAt: one.SucceededAt, Message: "found in the channel's list",
		},
	})}
	match, err := e.store.NoticeMatch(ctx, account, n.Noticed)
	if known := match.Refund.ChannelRefundID; err == nil && known != "" && n.Outcome.ChannelRefundID != "" && known != n.Outcome.ChannelRefundID {
		// It has the refund's number and is another: the channel made it twice.
		n.Number = n.Outcome.ChannelRefundID
		match, err = e.store.NoticeMatch(ctx, account, n.Noticed)
	}
	switch {
	case err != nil:
		return err
	case match.Refund.ID != "" && sameEnd(match.Refund, n.Outcome):
		found.Known++
		return nil
	case match.Refund.ID != "":
		found.Recorded++
		return e.recordEach(ctx, []*word{e.noticed(ctx, n, match.Refund)})[0]
	case n.Outcome.Kind == refund.OutcomeFailed || !one.SucceededAt.IsZero() && one.SucceededAt.Before(since):
		return nil // nothing was moved, or it was counted before
	case n.Outcome.Kind != refund.OutcomeDone:
		found.Open = append(found.Open, listedName(one))
		return nil
	}
	return e.foreign(ctx, n, match.Charge, cause, found)
}

// foreign adopts a success of which we know nothing, or keeps it for a person.
func (e *Engine) foreign(ctx context.Context, n channel.Notified, charge refund.Charge, cause refund.Cause, found *channel.Comparison) error {
	where, note := refund.Place(n.Noticed, charge)
	if where == refund.PlaceAdopt {
		r, adopted, err := e.adopt(ctx, n.Noticed, charge, cause)
		if err == nil && adopted {
			found.Adopted = append(found.Adopted, r)
		}
		return err
	}
	found.Kept++
	kept := refund.KeptNotice{Note: note, ChargeKnown: charge.ID != ""}
	if where == refund.PlaceAside {
		kept.State = refund.NoticeSetAside
	}
	return e.keep(ctx, n, kept)
}

// sameEnd reports whether a refund stands as its channel has it.
func sameEnd(r refund.Refund, o refund.Outcome) bool {
	state := map[refund.OutcomeKind]refund.State{
		refund.OutcomeDone: refund.Succeeded, refund.OutcomeFailed: refund.Failed,
		refund.OutcomeAbnormal: refund.Abnormal, refund.OutcomeAccepted: refund.Pending,
	}[o.Kind]
	return r.State == state && !r.Contradicted && (o.ChannelRefundID == "" || r.ChannelRefundID == o.ChannelRefundID) && *o.Amount == r.Amount
}

func listedName(one channel.Listed) string {
	if one.Number != "" {
		return one.Number
	}
	return one.ChannelRefundID
}
