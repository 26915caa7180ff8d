package bench

import "testing"

// The reference draws its charges at random; drawn in a row, all refunds of a moment
// would change the same few pages, and cost half as much again of PostgreSQL's log.
func TestRequestsDrawChargesEvenlyAndNotInARow(t *testing.T) {
	const charges, each = 1000, 20
	r := &run{charges: make([]charge, charges)}
	count, beside := make([]int, charges), 0
	for n := range charges * each {
		one := r.drawn(n)
		if one != r.drawn(n) {
			t.Fatalf("request %d draws two charges", n)
		}
		count[one]++
		if next := r.drawn(n + 1); next-one > -10 && next-one < 10 {
			beside++
		}
	}
	for n, drawn := range count {
		if drawn < each/4 || drawn > each*3 {
			t.Errorf("charge %d is drawn %d times of %d", n, drawn, charges*each)
		}
	}
	if most := charges * each / 20; beside > most { // 2 % by chance
		t.Errorf("%d times the next charge is beside the one before", beside)
	}
}
