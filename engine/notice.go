package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// StepNotices takes what each notifier has to say through one commit, and
// acknowledges it only then. It says how many notices it took.
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
	notices, err := notifier.Notices(ctx, mostNotices)
	if err != nil || len(notices) == 0 {
		return 0, wrap(err, "take notices")
	}
	var ids []string // of those that may be acknowledged
	var batch []*word
	var batchIDs []string
	for _, n := range notices {
		w, err := e.noticed(ctx, n)
		switch {
		case err != nil:
			return 0, fmt.Errorf("take notice %s: %w", n.ID, err)
		case w == nil:
			ids = append(ids, n.ID)
		default:
			batch, batchIDs = append(batch, w), append(batchIDs, n.ID)
		}
	}
	recorded, err := e.recordNotices(ctx, batch, batchIDs)
	ids = append(ids, recorded...)
	if len(ids) == 0 {
		return 0, err
	}
	return len(ids), errors.Join(err, wrap(notifier.Acknowledge(ctx, ids), "acknowledge notices"))
}

// noticed turns a notice into a word about the refund it names; nil when we
// know no such refund.
func (e *Engine) noticed(ctx context.Context, n channel.PendingNotice) (*word, error) {
	r, found, err := e.store.FindRefund(ctx, n.Account, n.Number)
	if err != nil {
		return nil, err
	}
	if !found {
		e.alert("", refund.Alert{Account: n.Account, Text: "a notice of channel account " + n.Account + " speaks of number " + n.Number + ", which is none of ours"})
		return nil, nil
	}
	w := &word{pace: channel.BasicPace}
	if opened, err := e.connector(ctx, n.Account); err == nil {
		w.pace = opened.Nature.Pace
	}
	w.Key = refund.Key{MerchantID: r.MerchantID, ID: r.ID}
	w.ChargeID, w.Outcome = r.ChargeID, cleaned(n.Outcome)
	if !believable(w.Outcome.Kind, false) {
		w.Outcome.Kind = refund.OutcomeUnknown
	}
	w.Outcome.Source, w.Outcome.Epoch = refund.Notice, 0
	return w, nil
}

// recordNotices records all at once, or, when that fails, one after the other,
// so that one that can't be recorded holds up no other. It gives the ids of
// those that are recorded.
func (e *Engine) recordNotices(ctx context.Context, batch []*word, ids []string) ([]string, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	posted, err := e.record(ctx, batch)
	if err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, p := range posted {
			e.remember(p.Refund.DueAt)
		}
		return ids, nil
	}
	if len(batch) == 1 {
		return nil, fmt.Errorf("record notice %s: %w", ids[0], err)
	}
	var recorded []string
	var problems []error
	for n := range batch {
		one, err := e.recordNotices(ctx, batch[n:n+1], ids[n:n+1])
		recorded, problems = append(recorded, one...), append(problems, err)
	}
	return recorded, errors.Join(problems...)
}
