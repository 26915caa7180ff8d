package store

import (
	"context"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// heldTime is how long a charge that another transaction held is not waited
	// for: each try finds out anew whether it is free.
	heldTime = 2 * time.Second
	// maxHeld bounds the memory of them.
	maxHeld = 4096
)

// heldCharges are charges that another transaction held for longer than ours wait.
// Who then looks for the guilty one among many must not wait for it again and
// again.
type heldCharges struct {
	mu    sync.Mutex
	until map[refund.ChargeKey]time.Time
}

// note remembers those that are held, and forgets the others of keys.
func (h *heldCharges) note(keys []refund.ChargeKey, held map[refund.ChargeKey]bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.until)+len(held) > maxHeld {
		clear(h.until)
	}
	for _, key := range keys {
		switch {
		case !held[key]:
			delete(h.until, key)
		case h.until == nil:
			h.until = map[refund.ChargeKey]time.Time{key: now.Add(heldTime)}
		default:
			h.until[key] = now.Add(heldTime)
		}
	}
}

// any reports whether one of the charges is held.
func (h *heldCharges) any(keys []refund.ChargeKey, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.until) == 0 {
		return false // as nearly always
	}
	for _, key := range keys {
		if h.until[key].After(now) {
			return true
		}
	}
	return false
}

// lockedCharges is charges under lock for a transaction about many merchants'
// charges. It waits for charges that are held, but not for those that are known to
// have been waited for in vain: these are left out and returned as held.
func (s *Store) lockedCharges(ctx context.Context, q sqldb.Querier, keys []refund.ChargeKey) (free map[refund.ChargeKey]refund.Charge, held map[refund.ChargeKey]bool, err error) {
	if !s.held.any(keys, s.now()) {
		free, err = s.charges(ctx, q, keys, true)
		return free, nil, err
	}
	free, held, err = s.freeCharges(ctx, q, keys)
	if err == nil {
		s.held.note(keys, held, s.now())
	}
	return free, held, err
}

// lockedCharge is lockedCharges of one charge; it returns sqldb.ErrLocked if that
// is held.
func (s *Store) lockedCharge(ctx context.Context, q sqldb.Querier, key refund.ChargeKey) (charge refund.Charge, there bool, err error) {
	free, held, err := s.lockedCharges(ctx, q, []refund.ChargeKey{key})
	if held[key] {
		err = sqldb.ErrLocked
	}
	charge, there = free[key]
	return charge, there, err
}

// findHeld notes which of the charges are held, after a transaction that waited
// for one of them in vain.
func (s *Store) findHeld(ctx context.Context, keys []refund.ChargeKey) {
	_ = s.Share(ctx, func(q sqldb.Querier) error { // what is not found costs another wait
		_, held, err := s.freeCharges(ctx, q, keys)
		if err == nil {
			s.held.note(keys, held, s.now())
			err = errNothingDone
		}
		return err
	})
}
