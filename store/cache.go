package store

import (
	"context"
	"sync"
	"time"
)

const (
	// entryLife is how long an answer is gone by: short enough that a key
	// which was expired or a limit which was set counts everywhere at once,
	// as a person would say; long enough that a busy merchant costs one look
	// every so often and not one a request.
	entryLife = 2 * time.Second
	// staleLife is how long an old answer may be given while another caller
	// fetches the new one. Beyond it everybody waits for the database.
	staleLife = 5 * entryLife
	// maxEntries bounds one cache; each entry is a few kilobytes at most.
	maxEntries = 4096
)

// cache keeps what lookups found for entryLife. Failures are not kept. Its
// zero value is ready.
type cache[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*entry[V]
}

type entry[V any] struct {
	value    V
	at       time.Time
	fetching bool // someone is at it
}

// get returns the value from memory or from load. Of those that find it old, one
// fetches it and the others go on with the old one, so that a busy key is not
// looked up by all of them at once.
func (c *cache[K, V]) get(ctx context.Context, key K, now time.Time, load func(context.Context) (V, error)) (V, error) {
	c.mu.Lock()
	e := c.entries[key]
	if e != nil {
		age := now.Sub(e.at)
		// A clock that was set back makes an entry look newer than it is.
		if age >= 0 && (age < entryLife || e.fetching && age < staleLife) {
			defer c.mu.Unlock()
			return e.value, nil
		}
		e.fetching = true
	}
	c.mu.Unlock()
	value, err := load(ctx)
	if err != nil {
		if e != nil {
			c.mu.Lock()
			e.fetching = false
			c.mu.Unlock()
		}
		return value, err
	}
	c.put(key, value, now)
	return value, nil
}

func (c *cache[K, V]) put(key K, value V, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxEntries {
		// Full: begin anew. What is in use comes back at once.
		c.entries = make(map[K]*entry[V])
	}
	c.entries[key] = &entry[V]{value: value, at: now}
}

// forget drops everything.
func (c *cache[K, V]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
}
