package main

import "testing"

func TestHeapRoomLeavesTheOperatorsChoice(t *testing.T) {
	for _, one := range []struct {
		percent, limit string
		want           int
	}{{"", "", heapFloor}, {"100", "", 0}, {"", "64MiB", 0}} {
		t.Setenv("GOGC", one.percent)
		t.Setenv("GOMEMLIMIT", one.limit)
		if got := len(heapRoom()); got != one.want {
			t.Errorf("GOGC=%s GOMEMLIMIT=%s: %d bytes, not %d", one.percent, one.limit, got, one.want)
		}
	}
}
