package admin

import (
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// findsPerSecond and findsBurst bound the look-ups at one account by one process.
	// What is not registered is rare; more is somebody who tries numbers out.
	findsPerSecond = 5
	findsBurst     = 20
	// notFoundLife is for how long "no such payment" is remembered: less than it
	// takes to pay and to think better of it.
	notFoundLife = 30 * time.Second
	// maxNotFound bounds what is remembered; beyond it all is forgotten.
	maxNotFound = 8192
)

// findKey is one payment as it was asked for.
type findKey struct{ merchant, channel, transaction, order, sub, owner string }

// finds are the look-ups of payments that are not registered: those under way, those
// that found nothing a moment ago, and how many each account may be asked.
type finds struct {
	mu       sync.Mutex
	under    map[findKey]*find
	notFound map[findKey]time.Time // until when
	turns    map[string]time.Time  // of each account's next look-up
}

// find is a look-up under way; what it found is set when done is closed.
type find struct {
	done  chan struct{}
	found foundPayment
	err   error
}

func newFinds() *finds {
	return &finds{under: make(map[findKey]*find), notFound: make(map[findKey]time.Time), turns: make(map[string]time.Time)}
}

// once looks a payment up, unless somebody else is at it, whose answer counts, or
// nothing was found a moment ago.
func (f *finds) once(key findKey, now func() time.Time, look func() (foundPayment, error)) (foundPayment, error) {
	f.mu.Lock()
	if until, known := f.notFound[key]; known && now().Before(until) {
		f.mu.Unlock()
		return foundPayment{}, noSuchPayment(WantedPayment{TransactionID: key.transaction, OrderNo: key.order})
	}
	if other := f.under[key]; other != nil {
		f.mu.Unlock()
		<-other.done
		return other.found, other.err
	}
	own := &find{done: make(chan struct{}), err: refund.Errorf(refund.KindInternal, "", "the look-up of a payment broke off")}
	f.under[key] = own
	f.mu.Unlock()
	defer func() { // also when look panics
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.under, key)
		if refund.KindOf(own.err) == refund.KindChargeNotFound && own.err != nil {
			if len(f.notFound) >= maxNotFound {
				clear(f.notFound)
			}
			f.notFound[key] = now().Add(notFoundLife)
		}
		close(own.done)
	}()
	own.found, own.err = look()
	return own.found, own.err
}

// mayAsk takes a turn of an account, if it has one now: at a steady rate, and after
// a pause as many at once as the burst.
func (f *finds) mayAsk(account string, now time.Time) bool {
	const every = time.Second / findsPerSecond
	f.mu.Lock()
	defer f.mu.Unlock()
	turn := f.turns[account]
	if turn.Before(now) {
		turn = now
	}
	if turn.Sub(now) > (findsBurst-1)*every {
		return false
	}
	f.turns[account] = turn.Add(every)
	return true
}
