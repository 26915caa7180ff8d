package admin

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/refundry/refundry/merchant"
)

const (
	// maxRefusedTries bounds the subjects that a process remembers as refused: some
	// hundred kilobytes. One that is not remembered costs a read.
	maxRefusedTries = 10_000
	// networkBits is how much of an IPv6 address names a place: whoever has one has all
	// with the same first 64 bits.
	networkBits = 64
	// oldTriesPiece is how many subjects are deleted in one commit.
	oldTriesPiece = 1000
)

// network is the place that an address stands for in counts of tries.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if ip = ip.Unmap(); err != nil || ip.Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(networkBits)
	if err != nil {
		return address
	}
	return prefix.String()
}

// refusedTries remembers until when subjects are above their bounds, so that whoever
// goes on trying makes no work for the database. The zero value is ready.
type refusedTries struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

// refused reports whether one of the bounds' subjects is remembered, and until when.
func (r *refusedTries) refused(bounds []merchant.TryBound, now time.Time) (until time.Time, yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, bound := range bounds {
		if until := r.until[sha256.Sum256([]byte(bound.Subject))]; until.After(now) {
			return until, true
		}
	}
	return time.Time{}, false
}

// note remembers a subject. Where there is no room, those whose time is over are
// forgotten first, and then any.
func (r *refusedTries) note(subject string, until, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.until) >= maxRefusedTries {
		for key, end := range r.until {
			if !end.After(now) {
				delete(r.until, key)
			}
		}
	}
	for key := range r.until {
		if len(r.until) < maxRefusedTries {
			break
		}
		delete(r.until, key)
	}
	if r.until == nil {
		r.until = make(map[[sha256.Size]byte]time.Time)
	}
	r.until[sha256.Sum256([]byte(subject))] = until
}

// ForgetOldTries deletes the counts of tries to sign in whose window is over, in pieces,
// and returns how many subjects there were.
func (a *Admin) ForgetOldTries(ctx context.Context) (total int64, err error) {
	for {
		dropped, err := a.s.Store.ForgetOldTries(ctx, a.now().Add(-tryWindow), oldTriesPiece)
		total += dropped
		if err != nil || dropped < oldTriesPiece {
			return total, err
		}
	}
}
