package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	// alertLookUps is after how many look-ups of a payment without an answer an
	// operator is alerted: with a back-off that doubles from a second, some minutes.
	alertLookUps = 8

	// codeUnverified and codeNoRoom are the codes of refunds that were not sent:
	// because their payment could not be looked up, because the channel had
	// refunded more of it than was known, or because it is registered twice.
	codeUnverified = "PAYMENT_NOT_VERIFIED"
	codeNoRoom     = "MORE_THAN_REFUNDABLE"
	codeTwice      = refund.CodeTwice
	nothingSent    = ": nothing was sent"
)

// sendable reports whether a refund may be submitted: its charge was compared with
// what the channel knows of the payment, now or before, and has room for it. False:
// nothing is to be sent now, and w has the outcome. Accounts that can't look
// payments up cost nothing.
func (e *Engine) sendable(ctx context.Context, opened channel.Opened, j *job, w *word) bool {
	switch {
	case j.step != refund.StepSubmit || !opened.Nature.Capabilities.Charges:
		return true
	case j.Charge.VerifiedAt.IsZero() && !e.verify(ctx, opened, j, w):
		return false
	case j.Charge.Overdrawn() && j.Refund.FirstSubmittedAt.IsZero():
		w.contradicted(j.Refund.ID, codeNoRoom, "more than is refundable: more of the payment was refunded at the channel than was known when the refund was accepted")
		return false
	}
	return true
}

// verify compares a charge with what its channel knows of the payment, once for each
// charge. False: w has the outcome.
func (e *Engine) verify(ctx context.Context, opened channel.Opened, j *job, w *word) bool {
	payment, err := e.lookUp(ctx, opened.Connector, j.Charge)
	switch {
	case errors.Is(err, channel.ErrUnsupported):
		return true // this payment can't be looked up, whatever the account can do
	case errors.Is(err, channel.ErrNotFound):
		w.contradicted(j.Refund.ID, channel.CodeNoPayment, "the channel knows no such payment")
		return false
	case err != nil:
		e.noAnswer(j, w, err)
		var broken net.Error
		w.unanswered = ctx.Err() != nil || errors.As(err, &broken)
		return false
	}
	if code, text := payment.Contradicts(j.Charge); code != "" {
		w.contradicted(j.Refund.ID, code, text)
		return false
	}
	first, err := e.registeredFirst(ctx, j.Charge, payment)
	switch {
	case err != nil:
		e.noAnswer(j, w, err)
		return false
	case first != "":
		w.contradicted(j.Refund.ID, codeTwice, "the payment is registered twice, by two numbers that the channel has for it, and first as charge "+first)
		return false
	}
	change, err := e.count(ctx, opened, j.Charge, payment)
	if err != nil {
		e.noAnswer(j, w, err)
		return false
	}
	verified := *j.Claimed
	verified.Charge = change.Charge
	j.Claimed = &verified
	return true
}

// registeredFirst returns the charge by which a payment was registered before, under
// the other of two numbers that its channel has for it; "" is none. Two charges of one
// payment would have a cap each: the one that came first alone is refunded from.
func (e *Engine) registeredFirst(ctx context.Context, c refund.Charge, p channel.Payment) (string, error) {
	for _, number := range []string{p.OtherTransactionID, p.TransactionID} {
		if number == "" || number == c.TransactionID {
			continue
		}
		match, err := e.store.NoticeMatch(ctx, c.ChannelAccount, refund.Noticed{TransactionID: number})
		if err != nil {
			return "", err
		}
		if other := match.Charge; other.ID != "" && cmp.Or(other.CreatedAt.Compare(c.CreatedAt), cmp.Compare(other.ID, c.ID)) < 0 {
			return other.ID, nil
		}
	}
	return "", nil
}

// lookUp asks the channel about the payment of a charge.
func (e *Engine) lookUp(ctx context.Context, connector channel.Connector, c refund.Charge) (p channel.Payment, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			e.opts.Log.Error("a connector panicked", "account_id", c.ChannelAccount, "charge_id", c.ID, "panic", problem, "stack", string(debug.Stack()))
			err = errors.New("the connector broke off")
		}
	}()
	p, err = connector.Charge(ctx, paymentOf(c))
	if err == nil && p.Paid && p.Amount.Minor <= 0 {
		err = errors.New("the channel does not say what was paid")
	}
	return p, err
}

// count records what a channel has refunded of a charge and we know nothing of: what
// it lists is adopted, and the rest is counted. It notes that the charge was
// verified.
func (e *Engine) count(ctx context.Context, opened channel.Opened, c refund.Charge, p channel.Payment) (refund.Change, error) {
	if (p.Refunded > c.Refunded || p.RefundedUnknown) && opened.Nature.Capabilities.List {
		listed, err := e.believedList(ctx, opened, c, p)
		if err != nil {
			return refund.Change{}, fmt.Errorf("list refunds of the payment: %w", err)
		}
		if _, err := e.Compare(ctx, c.ChannelAccount, listed, time.Time{}, refund.Cause{}); err != nil {
			return refund.Change{}, err
		}
	}
	now := e.now()
	verified := refund.Verified{RefundID: "re_" + refund.NewID(now), Refunded: p.Refunded, Unknown: p.RefundedUnknown}
	change, err := e.store.VerifyCharge(ctx, refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}, verified, now)
	if err != nil {
		return refund.Change{}, err
	}
	e.changed(change)
	return change, nil
}

// errListsDiffer says that a channel listed the refunds of a payment twice, and not the
// same. Nothing is adopted of them.
var errListsDiffer = errors.New("the channel lists them differently from one time to the next")

// believedList is the channel's list of a payment's refunds. Nobody but the channel
// knows the amounts of those that it made without us: a list whose sum is not what the
// payment shows as refunded must be the same twice.
func (e *Engine) believedList(ctx context.Context, opened channel.Opened, c refund.Charge, p channel.Payment) ([]channel.Listed, error) {
	of := refund.Claimed{Charge: c, Refund: refund.Refund{ChannelAccount: c.ChannelAccount}}
	listed, err := e.list(ctx, opened.Connector, of)
	if err != nil || !p.RefundedUnknown && sumOf(listed) == p.Refunded {
		return listed, err
	}
	again, err := e.list(ctx, opened.Connector, of)
	if err == nil && !slices.EqualFunc(listed, again, sameRefund) {
		err = errListsDiffer
	}
	return again, err
}

// sumOf is what was given back by the refunds of a list, in minor units; -1 is more than
// can be counted.
func sumOf(listed []channel.Listed) money.Minor {
	var sum money.Minor
	for _, one := range listed {
		if one.Kind != refund.OutcomeDone {
			continue
		}
		var ok bool
		if sum, ok = money.Add(sum, one.Amount.Minor); !ok {
			return -1
		}
	}
	return sum
}

func sameRefund(a, b channel.Listed) bool {
	return a.Number == b.Number && a.ChannelRefundID == b.ChannelRefundID && a.Amount == b.Amount && a.Kind == b.Kind
}

// CountRefunded records what a channel has refunded of a charge that was found at
// it, as count does before the charge's first refund. payment is what the channel has
// just said. It returns the charge as it is then, without its aliases; an error says that it is
// done before the first refund.
func (e *Engine) CountRefunded(ctx context.Context, c refund.Charge, payment channel.Payment) (refund.Charge, error) {
	opened, err := e.connector(ctx, c.ChannelAccount)
	if err != nil {
		return refund.Charge{}, err
	}
	change, err := e.count(ctx, opened, c, payment)
	return change.Charge, err
}

// noAnswer is a look-up that decides nothing: the refund waits, and the payment is
// looked up again.
func (e *Engine) noAnswer(j *job, w *word, problem error) {
	e.opts.Log.Warn("a payment could not be looked up before its first refund; it is tried again",
		"account", j.Refund.ChannelAccount, "refund", j.Refund.ID, "error", problem)
	w.Outcome = refund.Outcome{
		Kind: refund.OutcomeTryLater, Code: codeUnverified,
		Message: clean("the payment could not be looked up: "+problem.Error(), maxMessage-len(nothingSent)) + nothingSent,
	}
	if j.Refund.Tries+1 == alertLookUps {
		w.raise(j.Refund.ID, "the payment of a refund can't be looked up at its channel, and nothing is sent before it was (hint: refundry account check "+j.Refund.ChannelAccount+")")
	}
}

// contradicted ends the refund, of which nothing was sent.
func (w *word) contradicted(refundID, code, text string) {
	w.Outcome = refund.Outcome{Kind: refund.OutcomeRefused, Code: code, Message: text + nothingSent}
	w.raise(refundID, "a refund was refused before it was sent: "+text+" (hint: compare the charge with the payment at the channel)")
}

// raise adds an alert to those of the word's decision.
func (w *word) raise(refundID, text string) {
	w.raised = append(w.raised, refund.Alert{RefundID: refundID, Text: text})
}

// paymentOf names a charge's payment to its channel.
func paymentOf(c refund.Charge) channel.PaymentRef {
	return channel.PaymentRef{TransactionID: c.TransactionID, OrderNo: c.OrderNo, Charge: c}
}
