package engine

import (
	"context"
	"sync"
	"time"
)

const (
	// firstPause and longestPause are waited after an error of the database,
	// doubled while it lasts.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// Run carries refunds until ctx ends, and then ends gracefully: nothing new is
// claimed, the leases of what waits are given back, calls under way are
// finished and recorded. Run can be called once.
func (e *Engine) Run(ctx context.Context) {
	e.mu.Lock()
	e.pumping = true
	e.pump()
	e.mu.Unlock()

	var loops, recorder sync.WaitGroup
	called := make(chan struct{}) // closed when no more words come
	said := make(chan struct{})   // closed when no more words are held
	recorder.Go(func() {
		defer close(said)
		e.recordLoop(ctx, e.StepRecord, func() int { return len(e.words) + len(e.apart) }, e.recordBell, called)
	})
	recorder.Go(func() { e.recordLoop(ctx, e.StepHeld, func() int { return len(e.held) }, e.heldBell, said) })
	loops.Go(func() { e.lookLoop(ctx) })
	loops.Go(func() { e.noticeLoop(ctx) })
	loops.Go(func() { e.turnLoop(ctx) })
	loops.Go(func() { e.inboxLoop(ctx) })
	loops.Go(func() { e.watchLoop(ctx) })
	loops.Go(func() { e.waitLoop(ctx) })
	<-ctx.Done()

	e.mu.Lock()
	e.stopping = true
	if e.throttle != nil {
		e.throttle.Stop()
	}
	e.giveBackQueue(e.now())
	e.mu.Unlock()
	loops.Wait()
	if !e.waitForCalls() {
		e.opts.Log.Error("calls did not end in their time; whoever takes their refunds over asks the channel", "after", stopTimeout)
	}
	e.mu.Lock()
	e.recordUntil = time.Now().Add(commitTimeout)
	e.mu.Unlock()
	close(called)
	recorder.Wait()
}

// waitForCalls waits for the calls that are under way, bounded: a connector
// that ignores its deadline must not keep the process.
func (e *Engine) waitForCalls() bool {
	ended := make(chan struct{})
	go func() {
		e.calls.Wait()
		close(ended)
	}()
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

// recordLoop takes steps until called is closed, and then until there are no more
// words, of which left counts those that wait for the step.
func (e *Engine) recordLoop(ctx context.Context, step func(context.Context) (int, error), left func() int, bell, called <-chan struct{}) {
	var pause time.Duration
	for {
		n, err := step(ctx)
		switch {
		case err != nil:
			e.opts.Log.Error("outcomes could not be recorded; they are tried again", "error", err)
			pause = longer(pause)
			sleep(pause, nil)
		case n > 0:
			pause = 0
			continue
		}
		select {
		case <-called:
			e.mu.Lock()
			end := left() == 0 || time.Now().After(e.recordUntil)
			e.mu.Unlock()
			if end {
				return
			}
		default:
			if err == nil {
				select {
				case <-bell:
				case <-called:
				}
			}
		}
	}
}

func (e *Engine) lookLoop(ctx context.Context) {
	var pause time.Duration
	for ctx.Err() == nil {
		if wait := e.NextLook().Sub(e.now()); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-e.lookBell:
			case <-ctx.Done():
			}
			timer.Stop()
			continue
		}
		if _, err := e.StepLook(ctx); err != nil {
			e.opts.Log.Error("due refunds could not be looked for; it is tried again", "error", err)
			pause = longer(pause)
			sleep(pause, ctx.Done())
			continue
		}
		pause = 0
	}
}

// inboxLoop tries notices again that matched nothing when they came.
func (e *Engine) inboxLoop(ctx context.Context) {
	ticker := time.NewTicker(inboxInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-e.inboxBell:
		case <-ctx.Done():
			return
		}
		if _, err := e.StepInbox(ctx); err != nil {
			e.opts.Log.Error("notices of the inbox could not be tried; they are tried again", "error", err)
		}
	}
}

// turnLoop takes shared turns when calls wait for them.
func (e *Engine) turnLoop(ctx context.Context) {
	if e.opts.Turns == nil {
		return
	}
	var pause time.Duration
	for ctx.Err() == nil {
		select {
		case <-e.turnBell:
			if _, err := e.StepTurns(ctx); err != nil {
				e.opts.Log.Warn("turns could not be taken; they are tried again", "error", err)
				pause = longer(pause)
				sleep(pause, ctx.Done())
				continue
			}
			pause = 0
		case <-ctx.Done():
		}
	}
}

func (e *Engine) noticeLoop(ctx context.Context) {
	if len(e.opts.Notifiers) == 0 {
		return
	}
	var pause time.Duration
	for ctx.Err() == nil {
		n, err := e.StepNotices(ctx)
		switch {
		case err != nil:
			e.opts.Log.Error("notices could not be taken; it is tried again", "error", err)
			pause = longer(pause)
			sleep(pause, ctx.Done())
			continue
		case n > 0:
			pause = 0
			continue
		}
		timer := time.NewTimer(PollInterval)
		select {
		case <-timer.C:
		case <-e.noticeBell:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func longer(pause time.Duration) time.Duration {
	return min(max(firstPause, 2*pause), longestPause)
}

// sleep waits, or until end is closed.
func sleep(pause time.Duration, end <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-end:
	}
}
