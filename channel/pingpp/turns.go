package pingpp

import (
	"context"
	"sync"
)

// turns lets one call at a time look for a number and then submit it: two at once
// would both find nothing and both move money. Other processes are kept away by
// the engine's claim.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed when the turn is over
}

func newTurns() *turns { return &turns{taken: make(map[string]chan struct{})} }

// take waits for a number's turn. The turn ends with the returned function.
func (t *turns) take(ctx context.Context, number string) (end func(), err error) {
	for {
		t.mu.Lock()
		other, busy := t.taken[number]
		if !busy {
			mine := make(chan struct{})
			t.taken[number] = mine
			t.mu.Unlock()
			return func() { t.end(number, mine) }, nil
		}
		t.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *turns) end(number string, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, number)
	close(mine)
}
