package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	pending, err := e.pending(ctx, notifier)
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
			e.stick(pending[n].ID)
			problems = append(problems, fmt.Errorf("take notice %s: %w", pending[n].ID, err))
		}
	}
	for _, id := range ids {
		delete(e.stuck, id)
	}
	err = errors.Join(problems...)
	if len(ids) == 0 {
		return 0, err
	}
	return len(ids), errors.Join(err, wrap(notifier.Acknowledge(ctx, ids), "acknowledge notices"))
}

const (
	// maxStuck bounds the notices that are remembered because nothing of them could
	// be kept: so many more are read, that they hide no other.
	maxStuck = 512
	// firstStuckWait is how long such a notice is left alone at first; then twice as
	// long, up to longestStuckWait.
	firstStuckWait   = time.Second
	longestStuckWait = 10 * time.Minute
)

// stuck is a notice of which nothing could be kept, and that its channel has still.
type stuck struct {
	tries int64
	next  time.Time
}

// pending reads what a notifier has to say, without what is stuck and not to be
// tried yet.
func (e *Engine) pending(ctx context.Context, notifier channel.Notifier) ([]channel.PendingNotice, error) {
	all, err := notifier.Notices(ctx, maxNotices+len(e.stuck))
	if err != nil {
		return nil, err
	}
	now := e.now()
	return slices.DeleteFunc(all, func(n channel.PendingNotice) bool {
		return e.stuck[n.ID].next.After(now)
	}), nil
}

// stick notes a notice of which nothing could be kept. Only StepNotices uses it.
func (e *Engine) stick(id string) {
	s, known := e.stuck[id]
	if !known && len(e.stuck) >= maxStuck {
		return
	}
	s.tries++
	s.next = e.now().Add(refund.Pace{First: firstStuckWait, Longest: longestStuckWait}.Backoff(s.tries))
	e.stuck[id] = s
}

// unplaced is the note of a notice that is about a row which can't be read.
func unplaced(err error) string {
	return "could not be placed: " + clean(err.Error(), maxMessage)
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
		case refund.KindOf(err) == refund.KindCorrupt && err != nil:
			errs[n] = e.keep(ctx, notice, refund.KeptNotice{Note: unplaced(err)})
		case err != nil:
			errs[n] = err
		case match.Refund.ID != "" && notice.Dispute == nil:
			words, at = append(words, e.noticed(ctx, notice, match.Refund)), append(at, n)
			defer e.traceNotice(ctx, notice, match.Refund)()
		default:
			errs[n] = e.unmatched(ctx, notice, match.Charge)
		}
	}
	for n, err := range e.recordEach(ctx, words) {
		if err != nil {
			errs[at[n]] = e.keep(ctx, notices[at[n]], refund.KeptNotice{Note: "could not be recorded: " + clean(err.Error(), maxMessage)})
		}
	}
	return errs
}

// traceNotice begins the span of a notice in the trace of the refund that it names, and
// returns what ends it.
func (e *Engine) traceNotice(ctx context.Context, n channel.Notified, r refund.Refund) func() {
	if e.opts.Trace == nil || r.By.Trace == "" {
		return func() {}
	}
	name := ""
	if opened, err := e.connector(ctx, n.Account); err == nil {
		name = opened.Account.Channel
	}
	_, end := e.opts.Trace(ctx, r, name, stepNotice)
	return func() { end(n.Outcome.Kind) }
}

// stepNotice is what a trace calls a notice; no refund is ever at it.
const stepNotice refund.Step = "notice"

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
	if n.Aside != "" {
		n = refund.Noticed{Aside: clean(n.Aside, maxMessage), TransactionID: n.TransactionID, OtherTransactionID: n.OtherTransactionID, OrderNo: n.OrderNo}
	}
	n.Number, n.TransactionID = clean(n.Number, maxChannelID), clean(n.TransactionID, maxChannelID)
	n.OrderNo, n.OtherTransactionID = clean(n.OrderNo, maxChannelID), clean(n.OtherTransactionID, maxChannelID)
	n.MadeAt = n.MadeAt.UTC().Truncate(time.Microsecond)
	o := cleaned(n.Outcome)
	if !believable(o.Kind, false) {
		o.Kind = refund.OutcomeUnknown
	}
	o.Source, o.Epoch, o.Sent = refund.Notice, 0, refund.Sent{}
	n.Outcome = o
	if n.Dispute != nil {
		d := *n.Dispute
		d.ChannelDisputeID, d.Reason = clean(d.ChannelDisputeID, maxChannelID), clean(d.Reason, maxCode)
		d.ChannelAt = d.ChannelAt.UTC().Truncate(time.Microsecond)
		n.Dispute, n.Number, n.Outcome, n.Hint = &d, "", refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Notice}, false
	}
	return n
}

// recordEach records all words at once, and one after the other those that others
// hold, or all when that fails. It returns an error for each that is not recorded.
func (e *Engine) recordEach(ctx context.Context, words []*word) []error {
	errs := make([]error, len(words))
	if len(words) == 0 {
		return errs
	}
	var posted []refund.Posted
	if len(words) > 1 {
		posted, _ = e.record(ctx, words, false) // an error shows again below
	}
	for n, w := range words {
		var p refund.Posted
		if posted != nil {
			p = posted[n]
		}
		if posted == nil || p.Held {
			p, errs[n] = e.recordOne(ctx, w)
		}
		if errs[n] == nil {
			e.mu.Lock()
			e.remember(p.Refund.DueAt)
			e.mu.Unlock()
		}
	}
	return errs
}
