package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// StepNotices takes what each notifier has to say through one commit, and
// acknowledges it only then. It returns how many notices it took.
func (e *Engine) StepNotices(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	total := 0
	var problems []error
	for _, notifier := range e.opts.Notifiers {
		taken, err := e.takeNotices(ctx, notifier)
		total += taken
		problems = append(problems, err)
	}
	return total, errors.Join(problems...)
}

func (e *Engine) takeNotices(ctx context.Context, notifier channel.Notifier) (int, error) {
	pending, err := notifier.Notices(ctx, mostNotices)
	if err != nil || len(pending) == 0 {
		return 0, wrap(err, "take notices")
	}
	notices := make([]channel.Notified, len(pending))
	for n, one := range pending {
		notices[n] = one.Notified
	}
	var ids []string // of those that may be acknowledged
	var problems []error
	for n, err := range e.place(ctx, notices) {
		if err == nil {
			ids = append(ids, pending[n].ID)
		} else {
			problems = append(problems, fmt.Errorf("take notice %s: %w", pending[n].ID, err))
		}
	}
	err = errors.Join(problems...)
	if len(ids) == 0 {
		return 0, err
	}
	return len(ids), errors.Join(err, wrap(notifier.Acknowledge(ctx, ids), "acknowledge notices"))
}

// Notify takes notices that a channel sent to an account. It returns after the
// commit: nil says that each of them is recorded, or kept in the inbox, so that
// the channel need not send it again.
func (e *Engine) Notify(ctx context.Context, account string, notices []channel.Notified) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	of := make([]channel.Notified, len(notices))
	for n, one := range notices {
		one.Account = account
		of[n] = one
	}
	return errors.Join(e.place(ctx, of)...)
}

// place records what notices say of refunds that they name, adopts refunds that
// the channel made without us, and keeps the others in the inbox. It returns an
// error for each notice of which nothing was kept: it has to come again. One that
// can't be recorded holds up no other.
func (e *Engine) place(ctx context.Context, notices []channel.Notified) []error {
	errs := make([]error, len(notices))
	var words []*word
	var at []int // the words' places
	for n, notice := range notices {
		notice.Noticed = cleanedNotice(notice.Noticed)
		notices[n] = notice
		match, err := e.store.NoticeMatch(ctx, notice.Account, notice.Noticed)
		switch {
		case err != nil:
			errs[n] = err
		case match.Refund.ID != "":
			words, at = append(words, e.noticed(ctx, notice, match.Refund)), append(at, n)
		default:
			errs[n] = e.unmatched(ctx, notice, match.Charge)
		}
	}
	for n, err := range e.recordEach(ctx, words) {
		if err != nil {
			errs[at[n]] = e.keep(ctx, notices[at[n]], refund.KeptNotice{Note: "could not be recorded: " + clean(err.Error(), mostMessage)})
		}
	}
	return errs
}

// noticed is a notice as a word about the refund it names.
func (e *Engine) noticed(ctx context.Context, n channel.Notified, r refund.Refund) *word {
	w := &word{pace: channel.BasicPace, hint: n.Hint}
	if opened, err := e.connector(ctx, n.Account); err == nil {
		w.pace = opened.Nature.Pace
	}
	w.Key = refund.Key{MerchantID: r.MerchantID, ID: r.ID}
	w.ChargeID, w.Outcome = r.ChargeID, n.Outcome
	if n.Currency != "" && n.Currency != r.Currency {
		// An amount in another currency is another amount.
		other := -r.Amount
		w.Outcome.Amount = &other
	}
	return w
}

func cleanedNotice(n refund.Noticed) refund.Noticed {
	n.Number, n.TransactionID = clean(n.Number, mostChannelID), clean(n.TransactionID, mostChannelID)
	n.OrderNo = clean(n.OrderNo, mostChannelID)
	o := cleaned(n.Outcome)
	if !believable(o.Kind, false) {
		o.Kind = refund.OutcomeUnknown
	}
	o.Source, o.Epoch, o.Sent = refund.Notice, 0, refund.Sent{}
	n.Outcome = o
	return n
}

// recordEach records all words at once, or, when that fails, one after the other.
// It returns an error for each that is not recorded.
func (e *Engine) recordEach(ctx context.Context, words []*word) []error {
	errs := make([]error, len(words))
	if len(words) == 0 {
		return errs
	}
	posted, err := e.record(ctx, words)
	switch {
	case err == nil:
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, p := range posted {
			e.remember(p.Refund.DueAt)
		}
	case len(words) == 1:
		errs[0] = err
	default:
		for n := range words {
			errs[n] = e.recordEach(ctx, words[n:n+1])[0]
		}
	}
	return errs
}
