package webhook

import (
	"slices"
	"sync"
	"time"

	"github.com/refundry/refundry/merchant"
)

const (
	// maxPerHost bounds what one merchant has waiting in memory for one host; the
	// rest waits in the database, where other processes can take it.
	maxPerHost = 32
	// maxPerQuickHost bounds it for a host that answers quickly, so that a busy
	// merchant's deliveries are not claimed one by one from the database: what the
	// host takes within quickWait waits in memory, where a lease is far longer.
	maxPerQuickHost = 512
	quickWait       = 2 * time.Second
	// maxTook bounds the memory of how quick hosts are.
	maxTook = 4096
	// maxQueued bounds what waits in memory for all hosts of all merchants.
	maxQueued = 1024
)

// queue holds claimed deliveries by merchant and host. Merchants take turns, and
// a merchant's hosts do, so that whoever is slow holds up nobody but itself:
// each host has a bounded number of tries under way, and each merchant as many
// as there are workers left for others. One merchant alone thus has half of the
// workers, two have a third each, and so on: one that comes later finds a
// worker. The room in memory is shared in the same way.
type queue struct {
	workers, perHost int
	bell             chan struct{} // a worker may have something to do

	mu        sync.Mutex
	merchants map[string]*share
	// turns are the merchants with a host in turns.
	turns            []*share
	waiting, sending int
	// took is how long a place's answers take, on average, where it answers.
	took map[place]time.Duration
}

// share is what one merchant has in the queue.
type share struct {
	merchantID string
	hosts      map[string]*host
	// turns are the hosts with something waiting and room for one more try.
	turns []*host
	// sending are those that have a worker: the tries under way, and those that are
	// being recorded.
	waiting, sending int
	turn             bool // it stands in the queue's turns
}

// host is a host of one merchant's addresses. Merchants that use the same host
// don't wait for each other there.
type host struct {
	name    string
	waiting []merchant.Delivery
	sending int  // tries under way
	turn    bool // it stands in its merchant's turns
}

func newQueue(perHost, workers int) *queue {
	return &queue{workers: workers, perHost: perHost, merchants: make(map[string]*share), took: make(map[place]time.Duration), bell: make(chan struct{}, workers)}
}

func (q *queue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting+q.sending > 0
}

// put adds deliveries in order.
func (q *queue) put(deliveries []merchant.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range deliveries {
		m := q.merchants[d.MerchantID]
		if m == nil {
			m = &share{merchantID: d.MerchantID, hosts: make(map[string]*host)}
			q.merchants[d.MerchantID] = m
		}
		h := m.hosts[d.Host]
		if h == nil {
			h = &host{name: d.Host}
			m.hosts[d.Host] = h
		}
		h.waiting = append(h.waiting, d)
		m.waiting++
		q.waiting++
		q.line(m, h)
	}
}

// line gives a host and its merchant their turns if they have something to do,
// and rings.
func (q *queue) line(m *share, h *host) {
	if !h.turn && len(h.waiting) > 0 && h.sending < q.perHost {
		h.turn = true
		m.turns = append(m.turns, h)
		q.ring()
	}
	if !m.turn && len(m.turns) > 0 {
		m.turn = true
		q.turns = append(q.turns, m)
	}
}

func (q *queue) ring() {
	select {
	case q.bell <- struct{}{}:
	default: // every worker has been rung for
	}
}

// next returns the delivery whose turn it is; done must follow.
func (q *queue) next() (merchant.Delivery, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.IndexFunc(q.turns, func(m *share) bool { return m.sending < q.workers-q.sending })
	if at < 0 {
		return merchant.Delivery{}, false
	}
	m := q.turns[at]
	q.turns = slices.Delete(q.turns, at, at+1)
	h := m.turns[0]
	m.turns = m.turns[1:]
	m.turn, h.turn = false, false
	d := h.waiting[0]
	h.waiting = h.waiting[1:]
	h.sending++
	m.waiting--
	m.sending++
	q.waiting--
	q.sending++
	q.line(m, h)
	if len(q.turns) > 0 {
		q.ring()
	}
	return d, true
}

// sent says that a try has ended, and is to be recorded: the host has room for
// another.
func (q *queue) sent(d merchant.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.merchants[d.MerchantID]
	h := m.hosts[d.Host]
	h.sending--
	if h.sending == 0 && len(h.waiting) == 0 {
		delete(m.hosts, d.Host)
	}
	q.line(m, h)
}

// done says that the worker of a try is free again; sent was before.
func (q *queue) done(d merchant.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.merchants[d.MerchantID]
	m.sending--
	q.sending--
	if m.idle() {
		delete(q.merchants, d.MerchantID)
	}
	if len(q.turns) > 0 {
		q.ring()
	}
}

// idle reports whether nothing of a merchant waits or has a worker.
func (m *share) idle() bool { return len(m.hosts) == 0 && m.sending == 0 }

// answered notes how long a place took to answer.
func (q *queue) answered(at place, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, known := q.took[at]
	switch {
	case known:
		took = (3*before + took) / 4
	case len(q.took) >= maxTook:
		clear(q.took) // they are learned again soon
	}
	q.took[at] = max(took, time.Microsecond)
}

// failed forgets how quick a place was that did not answer.
func (q *queue) failed(at place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.took, at)
}

// mayWait is how many deliveries may wait in memory for a place: where it is quick,
// what it takes within quickWait.
func (q *queue) mayWait(at place) int {
	took, known := q.took[at]
	if !known {
		return maxPerHost
	}
	return min(max(maxPerHost, int(quickWait/took)*q.perHost), maxPerQuickHost)
}

// room is how many more deliveries a merchant may have waiting.
func (q *queue) room(merchantID string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.roomOf(merchantID)
}

func (q *queue) roomOf(merchantID string) int {
	left := maxQueued - q.waiting
	if m := q.merchants[merchantID]; m != nil {
		left -= m.waiting
	}
	return max(0, (left+1)/2) // each that it takes leaves one less for others
}

// full lists the hosts of a merchant that may have no more waiting, in order.
func (q *queue) full(merchantID string) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.merchants[merchantID]
	if m == nil {
		return nil
	}
	var names []string
	for name, h := range m.hosts {
		if len(h.waiting) >= q.mayWait(place{merchantID, name}) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// place is a host of one merchant.
type place struct{ merchantID, host string }

func placeOf(d merchant.Delivery) place { return place{d.MerchantID, d.Host} }

// fits returns a function that reports whether there is room for one more
// delivery to a place, besides those that it was asked about before.
func (q *queue) fits() func(place) bool {
	ofHost, ofMerchant, taken := make(map[place]int), make(map[string]int), 0
	return func(at place) bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		if _, known := ofMerchant[at.merchantID]; !known {
			ofMerchant[at.merchantID] = q.roomOf(at.merchantID)
		}
		if _, known := ofHost[at]; !known {
			ofHost[at] = q.mayWait(at)
			if m := q.merchants[at.merchantID]; m != nil && m.hosts[at.host] != nil {
				ofHost[at] -= len(m.hosts[at.host].waiting)
			}
		}
		if ofMerchant[at.merchantID] <= 0 || ofHost[at] <= 0 || q.waiting+taken >= maxQueued {
			return false
		}
		taken++
		ofMerchant[at.merchantID]--
		ofHost[at]--
		return true
	}
}

// empty takes out what waits where take says so.
func (q *queue) empty(take func(place) bool) []merchant.Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	var left []merchant.Delivery
	for _, m := range q.merchants {
		for _, h := range m.hosts {
			if !take(place{m.merchantID, h.name}) {
				continue
			}
			left = append(left, h.waiting...)
			m.waiting -= len(h.waiting)
			q.waiting -= len(h.waiting)
			h.waiting, h.turn = nil, false
			m.turns = slices.DeleteFunc(m.turns, func(other *host) bool { return other == h })
			if h.sending == 0 {
				delete(m.hosts, h.name)
			}
		}
		if m.turn && len(m.turns) == 0 {
			m.turn = false
			q.turns = slices.DeleteFunc(q.turns, func(other *share) bool { return other == m })
		}
		if m.idle() {
			delete(q.merchants, m.merchantID)
		}
	}
	return left
}
