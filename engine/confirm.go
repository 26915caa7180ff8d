package engine

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Neither a lease nor a call may take longer than the core counts with.
const (
	_ = uint(refund.LongestLease - Lease)
	_ = uint(refund.LongestCall - channel.CallTimeout)
)

// heard is what a query's answer proves: less where the account's settings have
// changed, and more where the channel's list shows the refund.
func (e *Engine) heard(ctx context.Context, opened channel.Opened, o refund.Outcome, sentAt time.Time, c refund.Claimed) refund.Outcome {
	if o.Kind == refund.OutcomeNotFound && c.Refund.AskedElsewhere(opened.MovedAt) {
		o.Kind = refund.OutcomeInconclusive
		o.Message = clean("the account's settings have changed since it was sent, so that this proves nothing: "+o.Message, maxMessage)
	}
	return e.confirm(ctx, opened, o, sentAt, c)
}

// confirm looks at the channel's list where a query found nothing and the
// channel would no longer take a submit for a repeat. What is listed is the
// query's outcome; a complete list without the refund is noted on it.
func (e *Engine) confirm(ctx context.Context, opened channel.Opened, o refund.Outcome, sentAt time.Time, c refund.Claimed) refund.Outcome {
	nothing := o.Kind == refund.OutcomeNotFound || o.Kind == refund.OutcomeInconclusive
	if !nothing || !opened.Nature.Capabilities.List || !refund.NeedsListing(c.Refund, opened.Nature.Pace, sentAt) {
		return o
	}
	listed, err := e.list(ctx, opened.Connector, c)
	if err != nil || ctx.Err() != nil {
		e.opts.Log.Warn("a channel's list of refunds could not be read; it is read again", "account_id", c.Refund.ChannelAccount, "refund_id", c.Refund.ID, "error", err)
		o.Listing = refund.ListingFailed
		return o
	}
	o.Listing = refund.ListedAbsent
	for _, one := range listed {
		switch {
		case one.Number == c.Refund.ChannelNumber, one.ChannelRefundID != "" && one.ChannelRefundID == c.Refund.ChannelRefundID:
			return found(o, one, c.Refund.Currency)
		case one.Number == "":
			// It may be ours: the list proves nothing.
			o.Listing = refund.ListingFailed
		}
	}
	return o
}

// found is what the list says of the refund, as the query's outcome.
func found(asked refund.Outcome, one channel.Listed, currency money.Currency) refund.Outcome {
	amount := one.Amount.Minor
	o := refund.Outcome{
		Kind: one.Kind, ChannelRefundID: one.ChannelRefundID, Amount: &amount, SucceededAt: one.SucceededAt,
		Code: asked.Code, Message: "found in the channel's list", Sent: asked.Sent,
	}
	if one.Amount.Currency != currency || !believable(o.Kind, false) || o.Kind == refund.OutcomeNotFound || o.Kind == refund.OutcomeInconclusive {
		o.Kind = refund.OutcomeUnknown
	}
	version := o.Sent.AccountVersion
	o = cleaned(o)
	o.Sent.AccountVersion = version
	return o
}

func (e *Engine) list(ctx context.Context, connector channel.Connector, c refund.Claimed) (listed []channel.Listed, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			e.opts.Log.Error("a connector panicked", "account_id", c.Refund.ChannelAccount, "refund_id", c.Refund.ID, "panic", problem, "stack", string(debug.Stack()))
			err = channel.ErrUnsupported
		}
	}()
	return connector.List(ctx, paymentOf(c.Charge))
}
