package engine

import (
	"slices"
	"time"
)

// Waits are for how long the oldest refund has waited in each stage, zero where
// none waits: one stage that grows while others do not is somebody who starves.
type Waits struct {
	// Due is since its time came, in the database, as the last look saw it; Queued
	// since it was claimed; Calling since its call began; Unrecorded since its call
	// ended.
	Due, Queued, Calling, Unrecorded time.Duration
}

// Waits returns how long the oldest refund of each stage has waited.
func (e *Engine) Waits() Waits {
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	var w Waits
	if !e.oldest.IsZero() {
		w.Due = now.Sub(e.oldest)
	}
	for _, l := range e.ready {
		for _, q := range []*queue{&l.submits, &l.queries} {
			if len(q.jobs) > 0 {
				w.Queued = max(w.Queued, now.Sub(q.jobs[0].since))
			}
		}
	}
	for _, began := range e.began {
		w.Calling = max(w.Calling, now.Sub(began))
	}
	for _, one := range slices.Concat(e.words, e.apart, e.held) {
		w.Unrecorded = max(w.Unrecorded, now.Sub(one.said))
	}
	return w
}

// SetAside counts the refunds that were set apart since the start, because they
// could not be claimed or recorded.
func (e *Engine) SetAside() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.setAside
}

// Unanswered returns how many accounts are left alone, because their channels
// answer no call.
func (e *Engine) Unanswered() (accounts int) { return len(e.UnansweredAccounts()) }

// UnansweredAccounts are those accounts' ids.
func (e *Engine) UnansweredAccounts() (accounts []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.lanes {
		if l.breaker.tripped() {
			accounts = append(accounts, l.ID)
		}
	}
	return accounts
}

// Lanes returns of how many channel accounts there is something to remember, and how
// many have refunds that wait for their call.
func (e *Engine) Lanes() (known, ready int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.lanes), len(e.ready)
}
