package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	// maxAlone is how many words may fail alone in one step that records nothing,
	// before the database is suspected and not they.
	maxAlone = 3
	// maxTries is how often a word is tried alone, a second after the first time and
	// then twice as long, before its refund is set apart.
	maxTries = 3
	// apartWait is for how long a refund that can't be claimed or recorded is set
	// apart: it costs next to nothing then, and goes on soon after it is mended.
	apartWait = 15 * time.Minute
	// reducedText is the alert about an answer of which only the outcome was kept.
	reducedText = "what the channel said of a refund could not be kept as it is; the outcome was recorded without its texts and ids (hint: the log says why; look the refund up at the channel)"
)

// splitting is a batch of words that is recorded, in parts where it fails.
type splitting struct {
	engine   *Engine
	recorded int
	alone    int // failed alone
	back     []*word
	err      error // of the database, which ends the step
}

func (s *splitting) record(ctx context.Context, batch []*word) {
	if s.err != nil {
		s.back = append(s.back, batch...)
		return
	}
	posted, err := s.engine.record(ctx, batch)
	switch {
	case err == nil:
		s.engine.keepRecorded(batch, posted)
		s.recorded += len(batch)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, refund.ErrCommitUnknown), errors.Is(err, refund.ErrUnavailable):
		s.fail(err, batch)
	case errors.Is(err, refund.ErrLocked) && len(batch) > 1 && !oneMerchant(batch):
		// Each part in which the locked row is waits for it: others not once more.
		for _, part := range byMerchant(batch) {
			s.record(ctx, part)
		}
	case len(batch) == 1:
		s.one(ctx, batch[0], err)
	default:
		// Words of one refund stay in their order, in one part or the other.
		s.record(ctx, batch[:len(batch)/2])
		s.record(ctx, batch[len(batch)/2:])
	}
}

func oneMerchant(batch []*word) bool {
	return !slices.ContainsFunc(batch, func(w *word) bool { return w.MerchantID != batch[0].MerchantID })
}

// byMerchant are the words of each merchant, in their order.
func byMerchant(batch []*word) [][]*word {
	var parts [][]*word
	place := make(map[string]int)
	for _, w := range batch {
		n, known := place[w.MerchantID]
		if !known {
			n, parts = len(parts), append(parts, nil)
			place[w.MerchantID] = n
		}
		parts[n] = append(parts[n], w)
	}
	return parts
}

// fail ends the step: nothing is wrong with the words.
func (s *splitting) fail(err error, batch []*word) {
	s.err = fmt.Errorf("record outcomes: %w", err)
	s.back = append(s.back, batch...)
}

// one takes a word that failed alone: it is recorded without what may offend, or
// else set apart.
func (s *splitting) one(ctx context.Context, w *word, err error) {
	e := s.engine
	locked := errors.Is(err, refund.ErrLocked)
	if !locked {
		s.alone++
	}
	if s.alone >= maxAlone && s.recorded == 0 {
		s.fail(err, []*word{w})
		return
	}
	if reduced := w.reduce(); reduced != nil && !locked {
		if posted, err := e.record(ctx, []*word{reduced}); err == nil {
			e.keepRecorded([]*word{w}, posted)
			s.recorded++
			return
		}
	}
	w.tries++
	e.opts.Log.Error("an outcome could not be recorded", "merchant_id", w.MerchantID, "refund", w.ID, "outcome", w.Outcome.Kind, "tries", w.tries, "error", err)
	e.mu.Lock()
	now := e.now()
	if again := now.Add(time.Second << w.tries / 2); !e.stopping && (locked || w.tries < maxTries) && again.Before(w.until) {
		w.next = again
		e.apart = append(e.apart, w)
		time.AfterFunc(again.Sub(now), func() { ring(e.recordBell) })
		e.mu.Unlock()
		return
	}
	e.recorded([]*word{w})
	e.mu.Unlock()
	if locked {
		return // its lease runs out, and then the channel is asked
	}
	e.setApart(ctx, refund.Apart{
		Key: w.Key, LeaseEpoch: w.Outcome.Epoch, DueAt: now.Add(apartWait),
		Text: "an outcome of a refund could not be recorded; the channel is asked about it again from time to time (hint: the log says why; then refundry verify)",
	})
}

// reduce is the word with nothing but the outcome, nil where that is all it has.
func (w *word) reduce() *word {
	if !w.due.IsZero() || w.hint || w.reduced {
		return nil
	}
	r := *w
	o := &r.Outcome
	r.reduced = true
	o.Code, o.Message = "REDUCED", "what the channel said could not be kept"
	o.ChannelRefundID, o.SucceededAt = "", time.Time{}
	o.Settled, o.Landed = money.Amount{}, refund.Landed{}
	o.Sent = refund.Sent{AccountVersion: o.Sent.AccountVersion}
	return &r
}

// keepRecorded remembers what was recorded and gives its room back.
func (e *Engine) keepRecorded(batch []*word, posted []refund.Posted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range posted {
		e.remember(p.Refund.DueAt)
	}
	e.recorded(batch)
}

// takeApart takes a word that is to be tried again now, nil for none.
func (e *Engine) takeApart() *word {
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for n, w := range e.apart {
		if e.stopping || !w.next.After(now) {
			e.apart = slices.Delete(e.apart, n, n+1)
			return w
		}
	}
	return nil
}

// setApart puts refunds off that can't be claimed or recorded, with an alert each,
// so that they hold up no other. Whoever takes them next asks the channel first,
// where it may have been told.
func (e *Engine) setApart(ctx context.Context, apart ...refund.Apart) {
	if len(apart) == 0 {
		return
	}
	e.mu.Lock()
	e.setAside += int64(len(apart))
	e.mu.Unlock()
	if err := e.store.SetApart(ctx, apart); err != nil && len(apart) > 1 {
		for _, one := range apart { // one of them can't be
			if err := e.store.SetApart(ctx, []refund.Apart{one}); err != nil {
				e.opts.Log.Error("a refund could not be set apart", "merchant_id", one.MerchantID, "refund", one.ID, "error", err)
			}
		}
	} else if err != nil {
		e.opts.Log.Error("a refund could not be set apart", "merchant_id", apart[0].MerchantID, "refund", apart[0].ID, "error", err)
	}
	for _, a := range apart {
		e.tellAlert(a.MerchantID, refund.Alert{RefundID: a.ID, Text: a.Text})
	}
}
