package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// firstPausedLook is how long a refund that a pause holds up waits until it is
	// looked at again; then as long as it has waited, at most maxPausedLook, so that
	// a hundred thousand of them cost some hundred claims a second at the most.
	// None of this delays a resumed account: its refunds are made due.
	firstPausedLook = time.Minute
	maxPausedLook   = 10 * time.Minute
	// resumeInterval is how often it is asked whether paused accounts send again.
	// Whoever resumes one makes its refunds due; this is for those that an engine
	// which had not heard of it yet put off right after.
	resumeInterval = 2 * time.Second
	// maxPaused bounds the accounts that are asked about: those beyond are found by
	// their looks.
	maxPaused = 4096
)

// pauses are the accounts whose refunds this engine put off, and when it last
// asked whether they send again.
type pauses struct {
	accounts map[refund.AccountKey]bool
	asked    time.Time
}

func newPauses() pauses { return pauses{accounts: make(map[refund.AccountKey]bool)} }

// putOff gives back a refund whose account sends nothing, with its turn.
func (e *Engine) putOff(j job, now time.Time) *word {
	e.mu.Lock()
	defer e.mu.Unlock()
	j.lane.queue(j.step).turns.giveBack(now, e.opts.Turns != nil)
	if len(e.pauses.accounts) < maxPaused {
		e.pauses.accounts[refund.AccountKey{MerchantID: j.Refund.MerchantID, ID: j.Refund.ChannelAccount}] = true
	}
	return giveBack(j, now.Add(min(max(firstPausedLook, now.Sub(j.Refund.CreatedAt)), maxPausedLook)))
}

// resume has refunds sent that this engine put off, where their accounts send
// again. Where it fails, it is tried again, and the looks find them anyhow.
func (e *Engine) resume(ctx context.Context, now time.Time) {
	accounts := e.mayResume(now)
	if len(accounts) == 0 {
		return
	}
	sends, err := e.store.ResumeAccounts(ctx, accounts, now)
	if err != nil {
		e.opts.Log.Warn("it could not be asked which paused accounts send again; it is asked again", "error", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range sends {
		delete(e.pauses.accounts, a)
	}
}

// mayResume are the accounts to ask about now.
func (e *Engine) mayResume(now time.Time) []refund.AccountKey {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since := now.Sub(e.pauses.asked); since >= 0 && since < resumeInterval {
		return nil
	}
	e.pauses.asked = now
	return slices.SortedFunc(maps.Keys(e.pauses.accounts), func(a, b refund.AccountKey) int { return strings.Compare(a.ID, b.ID) })
}
