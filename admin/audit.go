package admin

import (
	"context"
	"sync"
	"time"

	"github.com/refundry/refundry/audit"
)

const (
	// maxFollowed bounds the records of a chain that one look follows.
	maxFollowed = 20_000
	// followAgain is after how long a chain is followed from its first record
	// again: what was changed in records that were seen before is found then, and by
	// verify at once.
	followAgain = 10 * time.Minute
	// maxChainsKept bounds the memory of looks.
	maxChainsKept = 1024
)

// looks remembers how far chains were followed. Its zero value is ready.
type looks struct {
	mu    sync.Mutex
	kept  map[string]audit.Intact
	begun map[string]time.Time
}

// AuditIntact follows the chain of a merchant, "" for the installation's, and
// returns how far it is intact. A long chain is followed over several calls.
func (a *Admin) AuditIntact(ctx context.Context, merchantID string) (audit.Intact, error) {
	now := a.now()
	a.looks.mu.Lock()
	before := a.looks.kept[merchantID]
	if before.Broken != 0 || now.Sub(a.looks.begun[merchantID]) > followAgain {
		before = audit.Intact{}
	}
	a.looks.mu.Unlock()
	seen, _, err := audit.Follow(ctx, a.s.Store, merchantID, audit.Head{Number: before.Number, Hash: before.Hash}, maxFollowed)
	if err != nil {
		return audit.Intact{}, err
	}
	seen.At = now
	a.looks.mu.Lock()
	defer a.looks.mu.Unlock()
	if a.looks.kept == nil || len(a.looks.kept) >= maxChainsKept {
		a.looks.kept, a.looks.begun = make(map[string]audit.Intact), make(map[string]time.Time)
	}
	if before.Number == 0 {
		a.looks.begun[merchantID] = now
	}
	a.looks.kept[merchantID] = seen
	return seen, nil
}
