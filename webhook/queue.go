package webhook

import (
	"slices"
	"sync"

	"github.com/refundry/refundry/merchant"
)

// queue holds claimed deliveries by host, so that a slow host holds up nobody
// but itself: hosts take turns, and each has a bounded number under way.
type queue struct {
	perHost int
	bell    chan struct{} // a worker may have something to do

	mu    sync.Mutex
	hosts map[string]*host
	// turns are the hosts with something waiting and room for one more try.
	turns   []string
	waiting int
}

type host struct {
	waiting []merchant.Delivery
	sending int
	turn    bool // it stands in turns
}

func newQueue(perHost, workers int) *queue {
	return &queue{perHost: perHost, hosts: make(map[string]*host), bell: make(chan struct{}, workers)}
}

// put adds deliveries in order.
func (q *queue) put(deliveries []merchant.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range deliveries {
		h := q.hosts[d.Host]
		if h == nil {
			h = &host{}
			q.hosts[d.Host] = h
		}
		h.waiting = append(h.waiting, d)
		q.waiting++
		q.line(d.Host, h)
	}
}

// line gives a host its turn if it has something to do, and rings.
func (q *queue) line(name string, h *host) {
	if h.turn || len(h.waiting) == 0 || h.sending >= q.perHost {
		return
	}
	h.turn = true
	q.turns = append(q.turns, name)
	select {
	case q.bell <- struct{}{}:
	default: // every worker has been rung for
	}
}

// next gives the delivery whose turn it is; done must follow.
func (q *queue) next() (merchant.Delivery, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.turns) == 0 {
		return merchant.Delivery{}, false
	}
	name := q.turns[0]
	q.turns = q.turns[1:]
	h := q.hosts[name]
	h.turn = false
	d := h.waiting[0]
	h.waiting = h.waiting[1:]
	h.sending++
	q.waiting--
	q.line(name, h)
	return d, true
}

// done says that a try to a host has ended.
func (q *queue) done(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.hosts[name]
	h.sending--
	if h.sending == 0 && len(h.waiting) == 0 {
		delete(q.hosts, name)
		return
	}
	q.line(name, h)
}

// room is how many more deliveries may wait.
func (q *queue) room() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, mostQueued-q.waiting)
}

// full lists the hosts that may have no more waiting, in order.
func (q *queue) full() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var names []string
	for name, h := range q.hosts {
		if len(h.waiting) >= mostPerHost {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// roomAt gives the room of each host that is asked for, less what was asked
// for before, and at most room in all.
func (q *queue) roomAt() func(name string) bool {
	left, total := make(map[string]int), q.room()
	return func(name string) bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		if _, known := left[name]; !known {
			left[name] = mostPerHost
			if h := q.hosts[name]; h != nil {
				left[name] -= len(h.waiting)
			}
		}
		if total <= 0 || left[name] <= 0 {
			return false
		}
		left[name]--
		total--
		return true
	}
}

// fitting gives the keys that there is room for.
func (q *queue) fitting(keys []merchant.DeliveryKey) []merchant.DeliveryKey {
	fits := q.roomAt()
	return slices.DeleteFunc(keys, func(k merchant.DeliveryKey) bool { return !fits(k.Host) })
}

// empty takes out everything that waits.
func (q *queue) empty() []merchant.Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	var left []merchant.Delivery
	for _, h := range q.hosts {
		left = append(left, h.waiting...)
		h.waiting, h.turn = nil, false
	}
	q.turns, q.waiting = nil, 0
	return left
}
