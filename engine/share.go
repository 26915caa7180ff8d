package engine

import (
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
)

// accountShare is which part of the room that is left for others one account may
// have, and merchantShare which part one merchant may: a half and all of it. One
// busy account gets a third of the queue, one busy merchant half; the more are
// busy the less each gets, and there is always room for one more.
const (
	accountShare  = 2
	merchantShare = 1
)

// share is how many refunds an account may have of what has room for so many
// others, where the account has own of them already and its merchant so many; at
// least the first, while there is any room.
func share(free, own, merchants int) int {
	if free <= 0 {
		return 0
	}
	return max(0, min(max(1, free/accountShare)-own, max(1, free/merchantShare)-merchants))
}

// room is how many more refunds a lane's queue takes, where kept of the engine's
// room is for others.
func (e *Engine) room(l *lane, q *queue, kept int, now time.Time) int {
	if e.stopping {
		return 0
	}
	free := min(e.opts.Queue-kept-e.used, e.opts.Queue)
	return max(0, min(share(free, l.held, l.owner.held), l.capacity(q, now)-q.waiting()))
}

// Reserve implements intake.Engine.
func (e *Engine) Reserve(accounts []refund.AccountKey) []intake.Reservation {
	reserved := make([]intake.Reservation, len(accounts))
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for n, key := range accounts {
		if e.pauses.holds(key, now) {
			reserved[n].PutOff = pausedLook(now, now)
			continue
		}
		l := e.lane(key)
		// What is found by its due time is older: some room is kept for it.
		if e.room(l, &l.submits, e.opts.Queue/lookShare, now) > 0 {
			e.reserve(l, &l.submits, 1)
			reserved[n].Room = true
		}
	}
	return reserved
}

// reserve takes room for refunds of a lane.
func (e *Engine) reserve(l *lane, q *queue, n int) {
	q.reserved += n
	e.hold(l, n)
}

func (e *Engine) hold(l *lane, n int) {
	e.used += n
	l.held += n
	l.owner.held += n
}

// Release implements intake.Engine.
func (e *Engine) Release(accounts []refund.AccountKey) {
	if len(accounts) == 0 {
		return
	}
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, key := range accounts {
		l := e.lane(key)
		e.reserve(l, &l.submits, -1)
		e.refill(l, now)
	}
}

// Left implements intake.Engine.
func (e *Engine) Left(accounts []refund.AccountKey) {
	if len(accounts) == 0 {
		return
	}
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, key := range accounts {
		l := e.lane(key)
		l.submits.behind = true
		e.refill(l, now)
	}
}

// Take implements intake.Engine. The refunds are the engine's from then on.
func (e *Engine) Take(refunds []refund.Claimed) {
	if len(refunds) == 0 {
		return
	}
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for n := range refunds {
		claimed := &refunds[n]
		l := e.lane(refund.AccountKey{MerchantID: claimed.Refund.MerchantID, ID: claimed.Refund.ChannelAccount})
		l.submits.reserved--
		e.enqueue(l, claimed, now)
	}
	e.taken(now)
}

// taken has what was queued called, or given back where the engine stops.
func (e *Engine) taken(now time.Time) {
	if e.stopping {
		e.giveBackQueue(now)
		return
	}
	e.pump()
}

// refill asks for a look at a lane's refunds in the database, where there are any
// and there is room for a good part of what the lane may hold: a look for each
// single place would cost more than it brings.
func (e *Engine) refill(l *lane, now time.Time) {
	if l.asked || e.stopping || l.lookAfter.After(now) {
		return
	}
	for _, q := range []*queue{&l.submits, &l.queries} {
		if !q.behind {
			continue
		}
		room := e.room(l, q, 0, now)
		enough := min(maxLooked/2, (l.capacity(q, now)+1)/2, (share(e.opts.Queue-e.used, 0, 0)+1)/2)
		if room > 0 && room >= enough {
			l.asked = true
			e.asks = append(e.asks, l)
			ring(e.lookBell)
			return
		}
	}
}
