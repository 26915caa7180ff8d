package engine

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// maxCode and maxMessage bound what is kept of a channel's words, in bytes.
	maxCode    = 128
	maxMessage = 1024
	// maxChannelID bounds a channel's own id of a refund; real ones have up
	// to 64 characters.
	maxChannelID = 256
	// maxDigest is a SHA-256 in hex; maxRequestID bounds a channel's name for a
	// call; maxShown bounds what is shown of a request: the wallet has nine.
	maxDigest    = 64
	maxRequestID = 256
	maxShown     = 32
	// maxTwins bounds the refunds that are named as made more than once: there are
	// hardly ever two.
	maxTwins = 8
)

// pump starts calls while there are jobs and workers. The lock is held.
func (e *Engine) pump() {
	for e.pumping && !e.stopping && e.calling < e.opts.Workers {
		j, ok, wait := e.next(e.now())
		if !ok {
			e.pumpIn(wait)
			return
		}
		e.calling++
		e.calls.Go(func() { e.work(j) })
	}
}

// pumpIn pumps again when a rate limit allows the next call.
func (e *Engine) pumpIn(wait time.Duration) {
	if wait <= 0 {
		return
	}
	if e.throttle != nil {
		e.throttle.Stop()
	}
	e.throttle = time.AfterFunc(wait, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.pump()
	})
}

// work carries one job after the other until none is ready.
func (e *Engine) work(j job) {
	for {
		w := e.carry(context.Background(), j)
		e.mu.Lock()
		alert := e.done(j, w)
		next, ok, wait := job{}, false, time.Duration(0)
		if !e.stopping {
			next, ok, wait = e.next(e.now())
		}
		if !ok {
			e.calling--
			e.pumpIn(wait)
		}
		e.mu.Unlock()
		if alert != nil {
			e.alert(j.lane.MerchantID, *alert)
		}
		if !ok {
			return
		}
		j = next
	}
}

// done hands a call's word to the recorder, and puts a job without one back. It
// returns the alert that is to be raised, if any. The lock is held.
func (e *Engine) done(j job, w *word) (alert *refund.Alert) {
	now := e.now()
	j.lane.running--
	j.lane.owner.running--
	delete(e.began, j.key())
	if w == nil {
		e.requeue(j)
		if e.stopping {
			e.giveBackQueue(now)
		}
		return nil
	}
	if w.due.IsZero() {
		j.lane.took = average(j.lane.took, now.Sub(w.Outcome.SentAt))
		kind := w.Outcome.Kind
		switch {
		case w.unanswered:
			kind = refund.OutcomeUnknown
		case w.Outcome.Throttled:
			kind = refund.OutcomeTryLater // it is an answer, whatever became of the refund
		}
		e.heed(j, w.Outcome.Throttled, w.Outcome.SentAt, now)
		alert = e.judge(j, kind, w.Outcome.SentAt, now)
	}
	e.say(w, now)
	return alert
}

// StepCall makes the next call that may be made now and keeps its outcome for
// StepRecord. False: there is none. Not while Run runs.
func (e *Engine) StepCall(ctx context.Context) bool {
	for {
		e.mu.Lock()
		j, ok, _ := e.next(e.now())
		if ok {
			e.calling++
		}
		e.mu.Unlock()
		if !ok {
			taken, err := e.StepTurns(ctx)
			if err != nil {
				e.opts.Log.Warn("turns could not be taken; they are tried again", "error", err)
			}
			if taken == 0 {
				return false
			}
			continue
		}
		w := e.carry(ctx, j)
		e.mu.Lock()
		e.calling--
		alert := e.done(j, w)
		e.mu.Unlock()
		if alert != nil {
			e.alert(j.lane.MerchantID, *alert)
		}
		if w != nil {
			return true
		}
	}
}

// carry tells or asks the channel, if the lease leaves time for a whole call. It
// returns nil where the call has to wait for its turn after all: nobody knew the
// account's limits.
func (e *Engine) carry(ctx context.Context, j job) *word {
	now := e.now()
	if j.tooLate(now) {
		// Its turn was taken a moment ago, when there was time enough.
		e.mu.Lock()
		q := j.lane.queue(j.step)
		q.turns.giveBack(now, e.opts.Turns != nil)
		q.behind = true
		e.mu.Unlock()
		return giveBack(j, now)
	}
	all := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(all, channel.CallTimeout)
	defer cancel()
	w := &word{pace: unusablePace, until: j.Refund.LeaseUntil, lane: j.lane}
	w.Key = refund.Key{MerchantID: j.Refund.MerchantID, ID: j.Refund.ID}
	w.ChargeID = j.Refund.ChargeID
	opened, outcome, ok := e.open(ctx, j.Refund.ChannelAccount)
	switch {
	case !ok:
		w.Outcome = outcome
	case j.step == refund.StepSubmit && !opened.Account.Sends():
		return e.putOff(j, now)
	case e.learn(j.lane, opened.Nature.Limits, j.step):
		return nil
	default:
		w.pace = opened.Nature.Pace
		now = e.now()
		if j.step == refund.StepSubmit && !refund.MayResubmit(j.Refund, w.pace, now) {
			// Asked first: what was allowed when it was decided may have waited since.
			j.step = refund.StepQuery
		}
		before := j.Charge.VerifiedAt
		if !e.sendable(ctx, opened, &j, w) {
			break
		}
		if !j.Charge.VerifiedAt.Equal(before) { // the payment was looked up
			if now = e.now(); j.tooLate(now) {
				return giveBack(j, now) // it is sent under a lease that leaves time for it
			}
			ctx, cancel = context.WithTimeout(all, channel.CallTimeout)
			defer cancel()
		}
		w.Outcome = e.traced(ctx, opened, j)
		w.Outcome.Sent.AccountVersion = opened.Account.Version
		if j.step == refund.StepQuery {
			w.Outcome = e.heard(ctx, opened, w.Outcome, now, *j.Claimed)
		}
	}
	w.Outcome.Source, w.Outcome.Epoch, w.Outcome.SentAt = sourceOf(j.step), j.Refund.LeaseEpoch, now
	if e.opts.Observe != nil {
		e.opts.Observe(Call{Account: j.Refund.ChannelAccount, Channel: opened.Account.Channel, Step: j.step, Outcome: w.Outcome.Kind, Took: e.now().Sub(now)})
	}
	return w
}

// traced is call within its trace, where there is one.
func (e *Engine) traced(ctx context.Context, opened channel.Opened, j job) refund.Outcome {
	end := func(refund.OutcomeKind) {}
	if e.opts.Trace != nil {
		ctx, end = e.opts.Trace(ctx, j.Refund, opened.Account.Channel, j.step)
	}
	o := e.call(ctx, opened.Connector, j.step, channel.InstructionOf(j.Refund, j.Charge))
	end(o.Kind)
	return o
}

// call makes one call. A connector that breaks off, and one that says "nothing
// happened" after its time was over, leave the outcome unknown.
func (e *Engine) call(ctx context.Context, connector channel.Connector, step refund.Step, i channel.Instruction) (o refund.Outcome) {
	defer func() {
		if problem := recover(); problem != nil {
			e.opts.Log.Error("a connector panicked", "account_id", i.Account, "refund_id", i.RefundID, "panic", problem, "stack", string(debug.Stack()))
			o = refund.Outcome{Kind: refund.OutcomeUnknown, Code: "PANIC", Message: clean(fmt.Sprint("the connector broke off: ", problem), maxMessage)}
		}
	}()
	if step == refund.StepSubmit {
		o = connector.Submit(ctx, i)
	} else {
		o = connector.Query(ctx, i)
	}
	if !believable(o.Kind, ctx.Err() != nil) {
		o.Kind = refund.OutcomeUnknown
	}
	return cleaned(o)
}

// believable: a kind that we know, and after the deadline only what the
// channel must have said itself.
func believable(kind refund.OutcomeKind, late bool) bool {
	switch kind {
	case refund.OutcomeDone, refund.OutcomeAccepted, refund.OutcomeFailed, refund.OutcomeAbnormal:
		return true
	case refund.OutcomeRefused, refund.OutcomeTryLater, refund.OutcomeShortOfFunds, refund.OutcomeNotFound, refund.OutcomeInconclusive:
		return !late
	}
	return false
}

func sourceOf(step refund.Step) refund.Source {
	if step == refund.StepSubmit {
		return refund.Submit
	}
	return refund.Query
}

// cleaned bounds a channel's texts and takes out what no database keeps.
func cleaned(o refund.Outcome) refund.Outcome {
	o.Code, o.Message, o.Alert = clean(o.Code, maxCode), clean(o.Message, maxMessage), clean(o.Alert, maxMessage)
	o.ChannelRefundID = clean(o.ChannelRefundID, maxChannelID)
	o.RetryAfter = max(0, o.RetryAfter)
	o.SucceededAt = o.SucceededAt.UTC().Truncate(time.Microsecond)
	o.Sent = cleanedSent(o.Sent)
	o.Twins = slices.Clone(o.Twins[:min(len(o.Twins), maxTwins)])
	for n := range o.Twins {
		o.Twins[n] = clean(o.Twins[n], maxChannelID)
	}
	o.Listing, o.IDTaken = "", false
	return o
}

// cleanedSent bounds what is kept of a request.
func cleanedSent(s refund.Sent) refund.Sent {
	s.Digest, s.UpstreamRequestID = clean(s.Digest, maxDigest), clean(s.UpstreamRequestID, maxRequestID)
	s.Request, s.Answer = clean(s.Request, refund.MaxExchange), clean(s.Answer, refund.MaxExchange)
	shown := s.Shown
	s.Shown = nil
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		if len(s.Shown) == maxShown {
			break
		}
		if s.Shown == nil {
			s.Shown = make(map[string]string, len(shown))
		}
		s.Shown[clean(name, maxCode)] = clean(shown[name], maxMessage)
	}
	return s
}

func clean(text string, most int) string {
	text = strings.ReplaceAll(text, "\x00", "")
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}
