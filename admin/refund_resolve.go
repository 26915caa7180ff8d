package admin

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// MaxProof bounds an operator's proof, in characters: the attempt that keeps
// it has room for as many of four bytes each.
const MaxProof = 256

// Engine does what involves a channel.
type Engine interface {
	// Resolve records an operator's word, OutcomeDone or OutcomeFailed, with the
	// proof as its message. KindRefundNotFound; KindStateConflict while the
	// channel is being called, and for a final state.
	Resolve(ctx context.Context, merchantID, refundID string, o refund.Outcome, record refund.Action) (refund.Refund, error)
	// Correct applies a correction that a second person confirms. KindForbidden for who
	// asked; KindStateConflict where it was decided, its time is over, the refund has
	// changed since or its channel is being called; KindRefundNotFound.
	Correct(ctx context.Context, correction refund.Approval, by refund.Decision, record refund.Action) (refund.Refund, error)
	// Reroute sends an abnormal refund elsewhere. KindRefundNotFound;
	// KindStateConflict for any other, while the channel is being called, and
	// where it refuses.
	Reroute(ctx context.Context, merchantID, refundID string, to channel.Destination, record refund.Action) (refund.Refund, error)
	// Ask asks a refund's channel about it at once and returns the refund as it is
	// with the answer. KindRefundNotFound; KindStateConflict while the channel is
	// being called, where it knows nothing of the refund, and for one that ended
	// without success; KindBusy where the channel's limits allow no question.
	Ask(ctx context.Context, merchantID, refundID string, record refund.Action) (refund.Refund, error)
	// Compare takes what a channel lists of an account's refunds: what we know
	// otherwise is recorded, what it made without us since a time is adopted.
	Compare(ctx context.Context, account string, listed []channel.Listed, since time.Time, cause refund.Cause) (channel.Comparison, error)
	// CountRefunded records what a channel has refunded of a charge that was just
	// found at it, and returns the charge, without its aliases. On an error it is done
	// before the charge's first refund.
	CountRefunded(ctx context.Context, c refund.Charge, payment channel.Payment) (refund.Charge, error)
	// RetryNotice tries a kept notice again. KindNotFound; KindStateConflict for one
	// that has found its refund, and for one of which nothing was kept.
	RetryNotice(ctx context.Context, merchantID, id string, record refund.Action) (refund.KeptNotice, error)
}

// Resolution is an operator's word about how a refund ended.
type Resolution struct {
	// State is refund.Succeeded or refund.Failed.
	State refund.State
	// Proof says where the operator knows it from; 1 to MaxProof characters.
	Proof string
	// SucceededAt is when the payer got the money; zero for now, and for a
	// failure.
	SucceededAt time.Time
}

// ResolveRefund records how an open refund ended, which the channel's own word
// will not bring: the books follow it, the attempt keeps the proof, and attempt
// and event say who said so. name is any that Refunds.RefundByAny takes. Errors:
// KindInvalid; those of RefundByAny; KindStateConflict while the channel is being
// asked about the refund, and for a final state, which needs a second person.
func (a *Admin) ResolveRefund(ctx context.Context, by By, merchantID, name string, how Resolution) (refund.Refund, error) {
	if err := by.check(); err != nil {
		return refund.Refund{}, err
	}
	if err := how.check(a.now()); err != nil {
		return refund.Refund{}, err
	}
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.resolve", name)
	if err != nil {
		return refund.Refund{}, err
	}
	if !how.SucceededAt.IsZero() && how.SucceededAt.Before(r.CreatedAt) {
		return refund.Refund{}, refund.Errorf(refund.KindInvalid, "succeeded_at", "succeeded_at is before the refund was created")
	}
	o := refund.Outcome{Kind: refund.OutcomeDone, Code: refund.CodeByHand, Message: how.Proof, SucceededAt: how.SucceededAt}
	if how.State == refund.Failed {
		o.Kind = refund.OutcomeFailed
	}
	record = record.With("state", string(how.State)).With("proof", how.Proof)
	if r, err = a.s.Engine.Resolve(ctx, merchantID, r.ID, o, record); err != nil {
		return refund.Refund{}, err
	}
	a.done(merchantID)
	return r, nil
}

func (r Resolution) check(now time.Time) error {
	refuse := func(param, text string) error { return refund.Errorf(refund.KindInvalid, param, "%s %s", param, text) }
	switch {
	case r.State != refund.Succeeded && r.State != refund.Failed:
		return refuse("state", "must be one of succeeded, failed")
	case strings.TrimSpace(r.Proof) == "":
		return refuse("proof", "must not be empty")
	case utf8.RuneCountInString(r.Proof) > MaxProof:
		return refund.Errorf(refund.KindInvalid, "proof", "proof must have at most %d characters", MaxProof)
	case r.State == refund.Failed && !r.SucceededAt.IsZero():
		return refuse("succeeded_at", "goes with the state succeeded alone")
	case r.SucceededAt.After(now):
		return refuse("succeeded_at", "is in the future")
	}
	return nil
}
