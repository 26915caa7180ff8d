package webhook

import (
	"context"
	"errors"
	"time"
)

const (
	// knowTimeout bounds what a dialect reads of a merchant before it renders.
	// Mostly that is in memory; other merchants wait meanwhile.
	knowTimeout = 500 * time.Millisecond
	// maxFailedReads is how many such reads may fail in one step, and so for
	// how long: the others' are made in the next.
	maxFailedReads = 4
)

// errLater says that nothing was read because too many reads failed before.
var errLater = errors.New("others could not be read, which took too long; this is tried again in a moment")

// facts are what dialects know of merchants, read once each in a step.
type facts struct {
	sender *Sender
	read   map[factKey]fact
	failed int
}

type factKey struct{ merchant, dialect string }

type fact struct {
	known Known
	err   error
}

func (s *Sender) newFacts() *facts { return &facts{sender: s, read: make(map[factKey]fact)} }

// of returns what a dialect knows of a merchant. Where that can't be read, it
// is not tried again at once: it may be slow to fail, and others wait.
func (f *facts) of(ctx context.Context, merchantID, dialect string) fact {
	key := factKey{merchantID, dialect}
	if one, ok := f.read[key]; ok {
		return one
	}
	unread, now, name := f.sender.unread, f.sender.now(), merchantID+"/"+dialect
	if err := unread.waits(name, now); err != nil {
		return fact{err: err}
	}
	if f.failed >= maxFailedReads {
		return fact{err: errLater}
	}
	one := f.sender.know(ctx, key)
	if one.err != nil {
		f.failed++
		unread.failed(name, f.sender.now(), one.err)
	} else {
		unread.succeeded(name)
	}
	f.read[key] = one
	return one
}

func (s *Sender) know(ctx context.Context, key factKey) (one fact) {
	ctx, cancel := context.WithTimeout(ctx, knowTimeout)
	defer cancel()
	one.err = s.guard(func() (err error) {
		one.known, err = s.renderers[key.dialect].Know(ctx, key.merchant)
		return err
	})
	if one.err != nil {
		one.known = Known{}
	}
	return one
}
