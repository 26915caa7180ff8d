package engine

import (
	"context"
	"time"
)

const (
	// watchInterval is how often refunds are looked for whose success is to be asked
	// about again: nobody waits for them. While there are more than one look takes,
	// it is each second.
	watchInterval = 30 * time.Second
	// maxWatched bounds the refunds of one such look.
	maxWatched = 256
	// watchShare is the part of the queue above which the engine has better to do.
	watchShare = 4
)

// StepWatch makes refunds due that succeeded and are to be asked about again, unless
// the engine is busy. It returns how many.
func (e *Engine) StepWatch(ctx context.Context) (int, error) {
	e.mu.Lock()
	busy := e.used > e.opts.Queue/watchShare
	e.mu.Unlock()
	if busy {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	made, err := e.store.WatchRefunds(ctx, e.now(), maxWatched)
	if made > 0 {
		e.mu.Lock()
		e.wanted = true
		e.mu.Unlock()
		ring(e.lookBell)
	}
	return made, wrap(err, "look for successes to watch")
}

// watchLoop watches until ctx ends.
func (e *Engine) watchLoop(ctx context.Context) {
	timer := time.NewTimer(watchInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		made, err := e.StepWatch(ctx)
		if err != nil {
			e.opts.Log.Error("successes could not be watched; it is tried again", "error", err)
		}
		if made == maxWatched {
			timer.Reset(PollInterval)
		} else {
			timer.Reset(watchInterval)
		}
	}
}
