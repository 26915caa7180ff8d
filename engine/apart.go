package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	// maxDoubled bounds how often the wait is doubled.
	maxDoubled = 6
	// apartWait is for how long a refund that can't be claimed or recorded is set
	// apart: it costs next to nothing then, and goes on soon after it is mended.
	apartWait = 15 * time.Minute
	// reducedText is the alert about an answer of which only the outcome was kept.
	reducedText = "what the channel said of a refund could not be kept as it is; the outcome was recorded without its texts and ids (hint: the log says why; look the refund up at the channel)"
)

// splitting is a batch of words that is recorded, in parts where it fails.
type splitting struct {
	engine   *Engine
	wait     bool // for what other transactions hold
	waited   bool // for it once, in vain
	recorded int
	took     int // recorded, or left to StepHeld
	alone    int // failed alone
	back     []*word
	err      error // of the database, which ends the step
}

func (s *splitting) record(ctx context.Context, batch []*word) {
	if s.err != nil {
		s.back = append(s.back, batch...)
		return
	}
	posted, err := s.engine.record(ctx, batch, s.wait)
	switch {
	case err == nil:
		s.keep(batch, posted)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, refund.ErrCommitUnknown), errors.Is(err, refund.ErrUnavailable):
		s.fail(err, batch)
	case errors.Is(err, refund.ErrLocked) && s.wait && !s.waited:
		s.waited = true // the store knows now which rows are held
		s.record(ctx, batch)
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

// end gives back what the step did not get to.
func (s *splitting) end() {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.wait {
		e.held = append(s.back, e.held...)
	} else {
		e.words = append(s.back, e.words...)
	}
	if s.err == nil && len(e.words) > 0 {
		ring(e.recordBell)
	}
	switch {
	case s.err != nil:
		e.failing = true
	case s.recorded > 0 && e.failing:
		// It was the database: nothing is wrong with what was set apart meanwhile.
		e.failing = false
		for _, w := range e.apart {
			w.next, w.tries = time.Time{}, 0
		}
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
// else tried again.
func (s *splitting) one(ctx context.Context, w *word, err error) {
	e := s.engine
	if errors.Is(err, refund.ErrLocked) {
		s.tryHeld(w)
		return
	}
	if s.alone++; s.alone >= maxAlone && s.recorded == 0 {
		s.fail(err, []*word{w})
		return
	}
	if reduced := w.reduce(); reduced != nil {
		if posted, err := e.record(ctx, []*word{reduced}, s.wait); err == nil {
			s.keep([]*word{w}, posted)
			return
		}
	}
	e.opts.Log.Error("an outcome could not be recorded", "merchant_id", w.MerchantID, "refund_id", w.ID, "outcome", w.Outcome.Kind, "tries", w.tries+1, "error", err)
	if e.leave(w, &e.apart, e.recordBell, maxTries) {
		return
	}
	e.setApart(ctx, refund.Apart{
		Key: w.Key, LeaseEpoch: w.Outcome.Epoch, DueAt: e.now().Add(apartWait),
		Text: "an outcome of a refund could not be recorded; the channel is asked about it again from time to time (hint: the log says why; then refundry verify)",
	})
}

// tryHeld has a word tried again, of which another transaction holds the refund or
// the charge. It is dropped when its lease runs out: then the channel is asked.
func (s *splitting) tryHeld(w *word) {
	e := s.engine
	e.opts.Log.Warn("an outcome could not be recorded: another transaction holds its refund or charge", "merchant_id", w.MerchantID, "refund_id", w.ID, "tries", w.tries+1)
	e.leave(w, &e.held, e.heldBell, math.MaxInt)
}

// leave puts a word onto a list, to be tried again later, and reports whether it
// did: not after so many tries, or if its lease would be over.
func (e *Engine) leave(w *word, list *[]*word, bell chan struct{}, tries int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.tries++
	now := e.now()
	again := now.Add(time.Second << min(w.tries, maxDoubled) / 2)
	if e.stopping || w.tries >= tries || !again.Before(w.until) {
		e.recorded([]*word{w})
		return false
	}
	w.next = again
	*list = append(*list, w)
	time.AfterFunc(again.Sub(now), func() { ring(bell) })
	return true
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

// keep remembers what was recorded and gives its room back. What others hold is
// for StepHeld.
func (s *splitting) keep(batch []*word, posted []refund.Posted) {
	e := s.engine
	var recorded, held []*word
	for n, p := range posted {
		if p.Held {
			held = append(held, batch[n])
		} else {
			recorded = append(recorded, batch[n])
		}
	}
	s.recorded += len(recorded)
	s.took += len(recorded)
	e.mu.Lock()
	for _, p := range posted {
		if !p.Held {
			e.remember(p.Refund.DueAt)
		}
	}
	e.recorded(recorded)
	if !s.wait && len(held) > 0 {
		s.took += len(held)
		e.held, held = append(e.held, held...), nil
		ring(e.heldBell)
	}
	e.mu.Unlock()
	for _, w := range held {
		s.tryHeld(w)
	}
}

// takeHeld takes the words about what others hold that are to be tried now.
func (e *Engine) takeHeld() (batch []*word) {
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held = slices.DeleteFunc(e.held, func(w *word) bool {
		due := len(batch) < maxWords && (e.stopping || !w.next.After(now))
		if due {
			batch = append(batch, w)
		}
		return due
	})
	return batch
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
				e.opts.Log.Error("a refund could not be set apart", "merchant_id", one.MerchantID, "refund_id", one.ID, "error", err)
			}
		}
	} else if err != nil {
		e.opts.Log.Error("a refund could not be set apart", "merchant_id", apart[0].MerchantID, "refund_id", apart[0].ID, "error", err)
	}
	for _, a := range apart {
		e.tellAlert(a.MerchantID, refund.Alert{RefundID: a.ID, Text: a.Text})
	}
}
