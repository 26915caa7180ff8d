package engine

import (
	"context"
	"time"
)

// maxExpired bounds the approvals that one look ends: each is a transaction.
const maxExpired = 64

// StepWaits cancels refunds that nobody approved in their time. It returns how many
// approvals ended. Where there are more than one step looks at, the next one goes on
// behind them, so that none that can't be ended keeps the others. It is not for
// concurrent use.
func (e *Engine) StepWaits(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	ended, next, err := e.store.ExpireApprovals(ctx, e.now(), e.expired, maxExpired)
	e.expired = next
	return ended, wrap(err, "end what nobody approved in time")
}

// waitLoop ends waits until ctx ends.
func (e *Engine) waitLoop(ctx context.Context) {
	timer := time.NewTimer(PollInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		pause := PollInterval
		if _, err := e.StepWaits(ctx); err != nil {
			e.opts.Log.Error("refunds that nobody approved in time could not be canceled; it is tried again", "error", err)
			pause = watchInterval
		}
		timer.Reset(pause)
	}
}
