package intake

import (
	"context"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

// Board tells requests that wait for the channel's word when it has come. It
// knows only of this process: a word that another replica took is not heard,
// and the wait simply ends with its time.
type Board struct {
	mu      sync.Mutex
	watches map[string]*Watch
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{watches: make(map[string]*Watch)} }

// Post tells whoever waits. It never blocks.
func (b *Board) Post(changes []refund.Posted) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, change := range changes {
		if w := b.watches[change.Refund.ID]; w != nil {
			w.news[change.Refund.ID] = change
			select {
			case w.bell <- struct{}{}:
			default:
			}
		}
	}
}

// Watch waits for refunds of one unit.
type Watch struct {
	board *Board
	ids   []string
	bell  chan struct{}
	news  map[string]refund.Posted // guarded by board.mu
}

// Watch begins to listen, before the commit, so that no word is missed.
func (b *Board) Watch(requests []refund.Request) *Watch {
	w := &Watch{board: b, bell: make(chan struct{}, 1), news: make(map[string]refund.Posted)}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, request := range requests {
		w.ids = append(w.ids, request.RefundID)
		b.watches[request.RefundID] = w
	}
	return w
}

// Close ends the watch.
func (w *Watch) Close() {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	for _, id := range w.ids {
		delete(w.board.watches, id)
	}
}

// Wait updates result until the channel has spoken of all its refunds, or
// within is over, or ctx has ended.
func (w *Watch) Wait(ctx context.Context, within time.Duration, result *Result) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		w.update(result)
		if spoken(result.Refunds) {
			return
		}
		select {
		case <-w.bell:
		case <-timer.C:
			w.update(result)
			return
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watch) update(result *Result) {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	for n, r := range result.Refunds {
		if posted, ok := w.news[r.ID]; ok {
			result.Refunds[n] = posted.Refund
			result.Charges[r.ChargeID] = posted.Charge
		}
	}
}

// spoken: the channel's word is an end, an obstacle, or that it has the
// refund and works on it. An unknown outcome is no word.
func spoken(refunds []refund.Refund) bool {
	for _, r := range refunds {
		switch {
		case r.State.Final(), r.State == refund.Abnormal, r.State == refund.Held:
		case r.State == refund.Pending && !r.Unknown:
		default:
			return false
		}
	}
	return true
}
