package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

// writerWait bounds the wait for a turn.
const writerWait = 5 * time.Second

// writers share out the connections that actions may have at once: half of the
// pool, the other half is the loops' and the reads'. A merchant may have as many as
// are left for others, so that there is always one for one more.
type writers struct {
	room int // 0 is no limit: SQLite has one writer, which has turns of its own

	mu      sync.Mutex
	used    int
	of      map[string]int // by merchant
	waiting []*writer      // oldest first
}

// writer waits for its turn, which begins when turn is closed.
type writer struct {
	merchantID string
	turn       chan struct{}
}

// begin waits for a turn of a merchant, "" for the installation's, and returns what
// ends it. KindBusy if it does not come.
func (w *writers) begin(ctx context.Context, merchantID string) (end func(), err error) {
	if w.room == 0 {
		return func() {}, nil
	}
	one := &writer{merchantID, make(chan struct{})}
	w.mu.Lock()
	w.waiting = append(w.waiting, one)
	w.next()
	w.mu.Unlock()
	timer := time.NewTimer(writerWait)
	defer timer.Stop()
	select {
	case <-one.turn:
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = refund.Errorf(refund.KindBusy, "", "too many changes of the merchant wait; nothing was changed, try again")
	}
	end = func() { w.end(merchantID) }
	if err == nil {
		return end, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(w.waiting, one)
	if at < 0 {
		return end, nil // its turn came just now
	}
	w.waiting = slices.Delete(w.waiting, at, at+1)
	return nil, err
}

func (w *writers) end(merchantID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used--
	if w.of[merchantID]--; w.of[merchantID] == 0 {
		delete(w.of, merchantID)
	}
	w.next()
}

// next begins the turns for which there is room, the oldest first. The lock is
// held.
func (w *writers) next() {
	w.waiting = slices.DeleteFunc(w.waiting, func(one *writer) bool {
		left, own := w.room-w.used, w.of[one.merchantID]
		if left <= 0 || own > 0 && own >= left {
			return false
		}
		if w.of == nil {
			w.of = make(map[string]int)
		}
		w.used++
		w.of[one.merchantID]++
		close(one.turn)
		return true
	})
}
