package sim_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// order is a refund that a shop asks for.
type order struct {
	at   time.Duration // after the beginning
	shop int
	n    int // of the shop's
}

// load is what is asked for.
type load struct {
	shops int
	// orders are those of all shops; the first one has nine of ten of them, half of
	// these in crowds.
	orders int
	during time.Duration
	// troubled are the shops in trouble; but for the first, each asks for so many
	// refunds, in crowds.
	troubled map[int]fault
	each     int
}

// fine are the shops that have no trouble.
func (l load) fine() (shops []int) {
	for n := range l.shops {
		if l.troubled[n] == healthy {
			shops = append(shops, n)
		}
	}
	return shops
}

// crowd is how many refunds a shop asks for within a second, when it has a list.
const crowd = 50

// plan draws the orders from a seed. Each shop has a random sequence of its own, so
// that its orders are the same whatever others do.
func (l load) plan(seed uint64) []order {
	var all []order
	for shop := range l.shops {
		random := rand.New(rand.NewPCG(seed, uint64(shop)))
		count, crowds, within := l.orders/10/(l.shops-1), 0, l.during
		fault, is := l.troubled[shop]
		switch {
		case shop == 0:
			count, crowds = l.orders*9/10, 2*crowd
		case fault == limited:
			// One a second can be called: the queue is full for a while.
			count, crowds, within = int(l.during/time.Second)/6, 1, l.during/10
		case is:
			count, crowds = l.each, 1
		}
		for n := 0; n < count; {
			at, together := time.Duration(random.Int64N(int64(within))), 1
			if crowds > 0 && random.IntN(crowds) == 0 {
				together = min(crowd, count-n)
			}
			for range together {
				all = append(all, order{at + time.Duration(random.Int64N(int64(time.Second))), shop, n})
				n++
			}
		}
	}
	slices.SortStableFunc(all, func(a, b order) int { return cmp.Compare(a.at, b.at) })
	return all
}
