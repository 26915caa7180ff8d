package dayfile

import "sync"

// maxFiles is how many files of one merchant are made or sent at once: a client that
// asks for many and reads none of them must not fill the disk.
const maxFiles = 2

// Turns bounds the files that are made or sent at once. The zero value is ready.
type Turns struct {
	mu sync.Mutex
	of map[string]int // by merchant
}

// Begin takes a turn of a merchant, and returns what ends it; false where as many
// files as it may have are made or sent now.
func (t *Turns) Begin(merchantID string) (end func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[merchantID] >= maxFiles {
		return nil, false
	}
	if t.of == nil {
		t.of = make(map[string]int)
	}
	t.of[merchantID]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.of[merchantID]--; t.of[merchantID] == 0 {
			delete(t.of, merchantID)
		}
	}, true
}
