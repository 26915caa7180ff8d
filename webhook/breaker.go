package webhook

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
)

const (
	// hangTime is how long a try without an answer must have taken to count as
	// hanging. What fails sooner, such as a refused connection, costs no worker.
	hangTime = 2 * time.Second
	// hostHangs and domainHangs are the hanging tries in a row after which a host
	// or a registrable domain is left alone: as many as go to one host at once,
	// and as three hosts of a domain have.
	hostHangs   = 8
	domainHangs = 24
	// firstBreak and maxBreak bound how long it is left alone. Then one delivery
	// is tried; the others come at most as late as that.
	firstBreak = 15 * time.Second
	maxBreak   = 5 * time.Minute
	// maxBroken bounds the memory of hosts and domains that hang.
	maxBroken = 8192
	// maxPutOffAge is how old a delivery is when it is tried whatever is known of
	// its host, so that it is told or dead at last: about as long as the longest
	// schedule goes on.
	maxPutOffAge = 72 * time.Hour
)

// breakers remember which hosts and domains of each merchant's addresses hang,
// so that they don't use up its workers. Merchants don't share them: one whose
// address hangs must not cut another off from the same host. What is put off is
// not counted as a try.
type breakers struct {
	mu      sync.Mutex
	hosts   map[place]*breaker
	domains map[place]*breaker // place.host is the registrable domain
}

type breaker struct {
	hangs int           // in a row, until it opens
	wait  time.Duration // how long it is open for; 0 is not at all
	// until is when one delivery may be tried. While it is being tried, until is
	// when another may, in case nothing is learned of the first.
	until  time.Time
	trying bool
}

func newBreakers() *breakers {
	return &breakers{hosts: make(map[place]*breaker), domains: make(map[place]*breaker)}
}

// open reports whether a place is left alone now, and until when.
func (b *breakers) open(at place, now time.Time) (until time.Time, is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.of(at) {
		if one.until.After(now) {
			return one.until, true
		}
	}
	return time.Time{}, false
}

// begin notes that a delivery to a place is about to be tried. If that was left
// alone, no other is tried until something is learned of this one.
func (b *breakers) begin(at place, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.of(at) {
		one.trying, one.until = true, now.Add(lease)
	}
}

// of returns the breakers of a place's domain and host that have opened.
func (b *breakers) of(at place) []*breaker {
	if len(b.hosts)+len(b.domains) == 0 {
		return nil // as nearly always
	}
	both := []*breaker{b.domains[at.domain()], b.hosts[at]}
	return slices.DeleteFunc(both, func(one *breaker) bool { return one == nil || one.wait == 0 })
}

// answered forgets what is known of a place: it does not hang.
func (b *breakers) answered(at place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.hosts)+len(b.domains) > 0 {
		delete(b.hosts, at)
		delete(b.domains, at.domain())
	}
}

// hung notes a try that hung. It returns which places are left alone from now on,
// nil if none, and until when.
func (b *breakers) hung(at place, now time.Time) (broken func(place) bool, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if end, opens := note(b.hosts, at, hostHangs, now); opens {
		broken, until = func(other place) bool { return other == at }, end
	}
	domain := at.domain()
	if end, opens := note(b.domains, domain, domainHangs, now); opens {
		broken, until = func(other place) bool { return other.domain() == domain }, end
	}
	return broken, until
}

func note(known map[place]*breaker, at place, limit int, now time.Time) (until time.Time, opens bool) {
	one := known[at]
	if one == nil {
		if len(known) >= maxBroken {
			forget(known, now)
		}
		one = &breaker{}
		known[at] = one
	}
	one.hangs++
	switch {
	case one.wait == 0 && one.hangs >= limit:
		one.wait = firstBreak
	case one.trying:
		one.wait = min(2*one.wait, maxBreak)
	default: // too few, or it was under way when the breaker opened
		return time.Time{}, false
	}
	one.trying, one.until = false, now.Add(one.wait)
	return one.until, true
}

// forget makes room: first of what is not open, then of all.
func forget(known map[place]*breaker, now time.Time) {
	for at, one := range known {
		if one.wait == 0 || !one.until.After(now) {
			delete(known, at)
		}
	}
	if len(known) >= maxBroken {
		clear(known)
	}
}

// domain is a place's registrable domain: what one owner has under a public
// suffix, such as example.co.uk for a.b.example.co.uk. A host that has none, such
// as an IP address, is its own.
func (p place) domain() place {
	name := p.host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err != nil {
		if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
			name = domain
		}
	}
	return place{p.merchantID, name}
}
