package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// firstPausedLook is how long a refund that a pause holds up waits until it is
	// looked at again; then as long as it has waited, at most maxPausedLook, so that
	// a hundred thousand of them cost some hundred updates a second at the most.
	// None of this delays a resumed account: its refunds are made due.
	firstPausedLook = time.Minute
	maxPausedLook   = 10 * time.Minute
	// resumeInterval is how often it is asked whether paused accounts send again.
	// Whoever resumes one makes its refunds due; this is for those that an engine
	// which had not heard of it yet put off right after.
	resumeInterval = 2 * time.Second
	// pauseLife is for how long an answer to that question counts: with it, refunds of
	// the account are put off without a claim. Later the account itself is looked at.
	pauseLife = 3 * resumeInterval
	// maxPaused bounds the accounts that are asked about: those beyond are found by
	// their looks.
	maxPaused = 4096
)

// pauses are the accounts whose refunds this engine or its intake put off, and when
// it was last asked whether they send again.
type pauses struct {
	accounts map[refund.AccountKey]*pause
	asked    time.Time
}

// pause is what is known of such an account.
type pause struct {
	// seen is when the account was last found to send nothing; zero where that is
	// not known, and only asked about.
	seen time.Time
	// commits counts those that put refunds of it off. Whether the account sends
	// again is asked once more where one of them came meanwhile: its refunds were not
	// made due.
	commits int64
}

func newPauses() pauses { return pauses{accounts: make(map[refund.AccountKey]*pause)} }

// putOff gives back a refund whose account sends nothing, with its turn.
func (e *Engine) putOff(j job, now time.Time) *word {
	key := refund.AccountKey{MerchantID: j.Refund.MerchantID, ID: j.Refund.ChannelAccount}
	e.mu.Lock()
	defer e.mu.Unlock()
	j.lane.queue(j.step).turns.giveBack(now, e.opts.Turns != nil)
	if one := e.pauses.entry(key); one != nil {
		one.seen = now
	}
	w := giveBack(j, pausedLook(now, j.Refund.CreatedAt))
	w.putOff = key
	return w
}

// pausedLook is when a refund is looked at again that a pause holds up at now.
func pausedLook(now, createdAt time.Time) time.Time {
	return now.Add(min(max(firstPausedLook, now.Sub(createdAt)), maxPausedLook))
}

// entry is what is known of an account, made where there is nothing; nil where there
// is no room for it. The lock is held, here and below.
func (p *pauses) entry(key refund.AccountKey) *pause {
	one := p.accounts[key]
	if one == nil && len(p.accounts) < maxPaused {
		one = &pause{}
		p.accounts[key] = one
	}
	return one
}

// holds reports whether an account is known to send nothing at now.
func (p *pauses) holds(key refund.AccountKey, now time.Time) bool {
	one := p.accounts[key]
	if one == nil || one.seen.IsZero() {
		return false
	}
	age := now.Sub(one.seen)
	return age >= 0 && age < pauseLife
}

// PutOff implements intake.Engine.
func (e *Engine) PutOff(accounts []refund.AccountKey) {
	if len(accounts) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, key := range accounts {
		e.committedPutOff(key)
	}
}

// committedPutOff notes that a commit is over that put a refund of the account off.
// Where the account was found to send again meanwhile, it is asked about at once: who
// resumed it may not have seen the refund.
func (e *Engine) committedPutOff(key refund.AccountKey) {
	one := e.pauses.entry(key)
	if one == nil {
		return
	}
	if one.commits++; one.seen.IsZero() {
		e.resumeSoon()
	}
}

// resumeSoon has the next look ask which accounts send again, and that at once.
func (e *Engine) resumeSoon() {
	e.pauses.asked, e.wanted = time.Time{}, true
	ring(e.lookBell)
}

// resume has refunds sent that this engine put off, where their accounts send
// again. Where it fails, it is tried again, and the looks find them anyhow.
func (e *Engine) resume(ctx context.Context, now time.Time) {
	if err := e.resumeOf(ctx, e.mayResume(now), now); err != nil {
		e.opts.Log.Warn("it could not be asked which paused accounts send again; it is asked again", "error", err)
	}
}

// resumeOf is resume of some accounts.
func (e *Engine) resumeOf(ctx context.Context, accounts []refund.AccountKey, now time.Time) error {
	if len(accounts) == 0 {
		return nil
	}
	before := make(map[refund.AccountKey]int64, len(accounts))
	e.mu.Lock()
	for _, key := range accounts {
		if one := e.pauses.accounts[key]; one != nil {
			before[key] = one.commits
		}
	}
	e.mu.Unlock()
	sends, err := e.store.ResumeAccounts(ctx, accounts, now)
	e.mu.Lock()
	defer e.mu.Unlock()
	again := make(map[refund.AccountKey]bool, len(sends))
	for _, key := range sends {
		again[key] = true
	}
	for _, key := range accounts {
		one := e.pauses.accounts[key]
		switch {
		case one == nil:
		case !again[key] && err != nil: // not known
		case !again[key]:
			one.seen = now
		case one.commits == before[key]:
			delete(e.pauses.accounts, key)
		default:
			one.seen = time.Time{}
			e.resumeSoon()
		}
	}
	return err
}

// mayResume are the accounts to ask about now.
func (e *Engine) mayResume(now time.Time) []refund.AccountKey {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since := now.Sub(e.pauses.asked); since >= 0 && since < resumeInterval {
		return nil
	}
	e.pauses.asked = now
	return sortedAccounts(e.pauses.accounts)
}

// withoutPaused puts off due refunds that their accounts would not send, as far as
// that is known, and returns the others and how many it put off. Only the look uses it.
// It saves claims: where it fails, what a pause holds up stays due, and the others are
// claimed all the same.
func (e *Engine) withoutPaused(ctx context.Context, due []refund.Due, now time.Time) (sends []refund.Due, putOff int) {
	waits, accounts := e.partPaused(due, now)
	if len(waits) == 0 {
		return due, 0
	}
	// Whoever ended a pause made its refunds due: that may be why they are.
	err := e.resumeOf(ctx, accounts, now)
	if err == nil {
		waits, _ = e.partPaused(due, now)
	}
	later := make([]refund.PutOff, 0, len(waits))
	for _, d := range due {
		if !waits[d.Key] {
			sends = append(sends, d)
			continue
		}
		later = append(later, refund.PutOff{Key: d.Key, LeaseEpoch: d.LeaseEpoch, DueAt: pausedLook(now, d.CreatedAt)})
	}
	if len(later) > 0 && err == nil {
		// An account that was resumed meanwhile is found by the next ask.
		putOff, err = e.store.PutOff(ctx, later, now)
	}
	if err != nil {
		e.opts.Log.Warn("refunds of paused accounts could not be put off; they stay due, and it is tried again", "error", err)
	}
	return sends, putOff
}

// partPaused returns the due refunds that a pause holds up as far as that is known, and
// their accounts.
func (e *Engine) partPaused(due []refund.Due, now time.Time) (map[refund.Key]bool, []refund.AccountKey) {
	waits, accounts := make(map[refund.Key]bool), make(map[refund.AccountKey]bool)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range due {
		if key := askOf(d).AccountKey; d.Pausable() && e.pauses.holds(key, now) {
			waits[d.Key], accounts[key] = true, true
		}
	}
	return waits, sortedAccounts(accounts)
}

// sortedAccounts are the accounts of a map, so that its order decides nothing.
func sortedAccounts[V any](accounts map[refund.AccountKey]V) []refund.AccountKey {
	keys := make([]refund.AccountKey, 0, len(accounts))
	for key := range accounts {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b refund.AccountKey) int { return strings.Compare(a.ID, b.ID) })
	return keys
}
