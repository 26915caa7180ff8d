package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// maxAccounts bounds the accounts of one look, and so its statements.
	maxAccounts = 64
	// idleGap is the least time from a look that found nothing to do to the next
	// that only a due time causes: the times may be those of refunds for which
	// there is no room.
	idleGap = 100 * time.Millisecond
)

// StepLook finds refunds that are due, claims them and queues them. It returns how
// many, with those that it set apart or put off. There are two ways: the oldest of all, when their time has come or someone
// asked; and those of single accounts, where refunds were left in the database and
// there is room for some now. So no account's long list hides another's short one.
func (e *Engine) StepLook(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	now := e.now()
	e.resume(ctx, now)
	e.mu.Lock()
	e.expire(now)
	around := e.wanted || len(e.asks) == 0 || !e.nextAround().After(now)
	if around {
		e.agenda.pass(now)
		e.lastLook, e.wanted = now, false
	}
	e.mu.Unlock()
	total := 0
	if around {
		n, err := e.lookAround(ctx, now)
		if err != nil {
			return total, err
		}
		total += n
	}
	n, err := e.lookAtLanes(ctx, now)
	total += n
	if around {
		e.mu.Lock()
		e.idled = total == 0
		e.mu.Unlock()
	}
	return total, err
}

// lookAround claims the oldest of all due refunds, as far as their lanes have
// room. Where there are more than one look reads, the accounts take turns.
func (e *Engine) lookAround(ctx context.Context, now time.Time) (int, error) {
	due, err := e.store.DueRefunds(ctx, now, maxLooked)
	if err != nil {
		return 0, wrap(err, "look for due refunds")
	}
	if len(due) == maxLooked {
		if err := e.turnToAccounts(ctx, now); err != nil {
			return 0, err
		}
	}
	e.mu.Lock()
	e.oldest = time.Time{}
	if len(due) > 0 {
		e.oldest = due[0].DueAt
	}
	e.mu.Unlock()
	sends, putOff := e.withoutPaused(ctx, due, now)
	e.mu.Lock()
	if len(due) == maxLooked && putOff > 0 {
		e.wanted = true // there may be others behind them
	}
	fits := sends[:0]
	for _, d := range sends {
		l := e.lane(refund.AccountKey{MerchantID: d.MerchantID, ID: d.Account})
		if q := l.queueOf(d); e.room(l, q, 0, now) > 0 {
			e.reserve(l, q, 1)
			fits = append(fits, d)
		} else {
			q.behind = true
		}
	}
	e.mu.Unlock()
	claimed, err := e.claim(ctx, fits)
	return claimed + putOff, err
}

// turnToAccounts has the next accounts that have due refunds looked at, each after
// the one before it and from the first again after the last.
func (e *Engine) turnToAccounts(ctx context.Context, now time.Time) error {
	accounts, err := e.store.DueAccounts(ctx, now, e.turn, maxAccounts)
	if err != nil {
		return wrap(err, "look for accounts with due refunds")
	}
	if len(accounts) < maxAccounts {
		e.turn = refund.AccountKey{}
	} else {
		e.turn = accounts[len(accounts)-1]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, key := range accounts {
		l := e.lane(key)
		l.fallBehind()
		e.refill(l, now)
	}
	return nil
}

// lookAtLanes claims refunds of the lanes that asked for them.
func (e *Engine) lookAtLanes(ctx context.Context, now time.Time) (int, error) {
	asks := e.takeAsks(now)
	if len(asks) == 0 {
		return 0, nil
	}
	due, err := e.store.DueOf(ctx, now, asks)
	found := countAsks(due)
	var sends []refund.Due
	var putOff int
	if err == nil {
		sends, putOff = e.withoutPaused(ctx, due, now)
	}
	kept := countAsks(sends)
	e.mu.Lock()
	for _, ask := range asks {
		limit := ask.Limit
		ask.Limit = 0
		l := e.lane(ask.AccountKey)
		q := l.queueOf(refund.Due{Submits: ask.Submits})
		// What was reserved and is not claimed; and whether there may be more.
		e.reserve(l, q, kept[ask]-limit)
		q.behind = q.behind || err != nil || found[ask] == limit
	}
	e.mu.Unlock()
	if err != nil {
		return 0, wrap(err, "look for due refunds of accounts")
	}
	claimed, err := e.claim(ctx, sends)
	return claimed + putOff, err
}

// countAsks counts the due refunds that each ask found, without its limit.
func countAsks(due []refund.Due) map[refund.DueAsk]int {
	found := make(map[refund.DueAsk]int)
	for _, d := range due {
		found[askOf(d)]++
	}
	return found
}

// askOf is the ask that a due refund answers, without its limit.
func askOf(d refund.Due) refund.DueAsk {
	return refund.DueAsk{AccountKey: refund.AccountKey{MerchantID: d.MerchantID, ID: d.Account}, Submits: d.Submits}
}

// takeAsks reserves room for the lanes that asked for a look, and returns what to
// read of each. Those for which this look has no place are asked for in the next.
func (e *Engine) takeAsks(now time.Time) []refund.DueAsk {
	e.mu.Lock()
	defer e.mu.Unlock()
	lanes := e.asks[:min(len(e.asks), maxAccounts)]
	e.asks = e.asks[len(lanes):]
	if len(e.asks) == 0 {
		e.asks = nil
	}
	var asks []refund.DueAsk
	for _, l := range lanes {
		// The step of which less waits comes first, with half of the room: a long
		// list of the one must not keep the other out.
		half := (share(e.opts.Queue-e.used, l.held, l.owner.held) + 1) / 2
		fewer := l.submits.waiting() <= l.queries.waiting()
		for _, submits := range []bool{fewer, !fewer} {
			q := l.queueOf(refund.Due{Submits: submits})
			limit := min(e.room(l, q, 0, now), max(1, maxLooked/len(lanes)))
			if submits == fewer {
				limit = min(limit, half)
			}
			if q.behind && limit > 0 {
				q.behind = false // unless more is found than is asked for, or left meanwhile
				e.reserve(l, q, limit)
				asks = append(asks, refund.DueAsk{AccountKey: l.AccountKey, Submits: submits, Limit: limit})
			}
		}
		l.asked = false
	}
	return asks
}

// queueOf is the queue that a due refund belongs to.
func (l *lane) queueOf(d refund.Due) *queue {
	if d.Submits {
		return &l.submits
	}
	return &l.queries
}

// claim claims due refunds for which room is reserved, and queues them. Those that
// are corrupt are set apart.
func (e *Engine) claim(ctx context.Context, due []refund.Due) (int, error) {
	if len(due) == 0 {
		return 0, nil
	}
	// Each lease counts from its own claim: the look may have taken a while.
	now := e.now()
	claimed, corrupt, err := e.store.ClaimRefunds(ctx, due, now, now.Add(Lease))
	for n := range corrupt {
		corrupt[n].DueAt = now.Add(apartWait)
	}
	e.setApart(ctx, corrupt...)
	bad := make(map[refund.Key]bool, len(corrupt))
	for _, one := range corrupt {
		bad[one.Key] = true
	}
	got := make(map[refund.Key]bool, len(claimed))
	for _, c := range claimed {
		got[refund.Key{MerchantID: c.Refund.MerchantID, ID: c.Refund.ID}] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	byLane := make(map[*lane]int)
	for _, d := range due {
		l := e.lane(refund.AccountKey{MerchantID: d.MerchantID, ID: d.Account})
		q := l.queueOf(d)
		q.reserved--
		if got[d.Key] {
			byLane[l]++
			continue
		}
		if byLane[l] += 0; bad[d.Key] {
			byLane[l]++
		}
		e.hold(l, -1)
	}
	for n := range claimed {
		c := &claimed[n]
		e.enqueue(e.lane(refund.AccountKey{MerchantID: c.Refund.MerchantID, ID: c.Refund.ChannelAccount}), c, now)
	}
	for l, n := range byLane {
		if n == 0 {
			// They are locked, put off, or others were quicker: not again at once.
			l.lookAfter = now.Add(PollInterval)
			continue
		}
		e.refill(l, now)
	}
	e.taken(now)
	return len(claimed) + len(corrupt), wrap(err, "claim due refunds")
}

// NextLook is when StepLook should be called next: when a refund is due that
// was at this engine, at the latest when the poll interval is over, and at
// once when someone asked, or when a lane has room for what was left in the
// database.
func (e *Engine) NextLook() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wanted || len(e.asks) > 0 {
		return time.Time{}
	}
	return e.nextAround()
}

// nextAround is when the oldest of all are looked for, unless someone asks.
func (e *Engine) nextAround() time.Time {
	at := e.lastLook.Add(PollInterval)
	first, ok := e.agenda.first()
	if e.idled && ok && first.Before(e.lastLook.Add(idleGap)) {
		first = e.lastLook.Add(idleGap)
	}
	if ok && first.Before(at) {
		return first
	}
	return at
}

// remember puts a due time on the agenda. The lock is held.
func (e *Engine) remember(due time.Time) {
	now := e.now()
	before, had := e.agenda.first()
	e.agenda.add(due, now)
	if !due.IsZero() && !due.After(now) {
		e.idled = false
	}
	if first, has := e.agenda.first(); has && (!had || first.Before(before)) {
		ring(e.lookBell) // the loop's timer is set anew
	}
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
