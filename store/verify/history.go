package verify

import (
	"fmt"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/refund"
)

// stateAt is a state that a refund reached, and when, in microseconds.
type stateAt struct {
	state refund.State
	at    int64
}

func (s stateAt) String() string { return string(s.state) }

// moved returns how often each kind of transfer was made in full, and finds what
// the refund's state and parts don't explain. It needs no order: that of two
// transfers in one microsecond is not kept.
func (h *refundHistory) moved() map[ledger.Kind]int {
	times := make(map[ledger.Kind]int)
	for kind, legs := range map[ledger.Kind][]ledger.Transfer{
		ledger.Reserve: ledger.Reserving(h.amount, h.currency),
		ledger.Release: ledger.Releasing(h.amount, h.currency),
		ledger.Settle:  ledger.Settling(h.legs, h.currency),
		ledger.Return:  ledger.Returning(h.legs, h.currency),
		ledger.Correct: ledger.Correcting(h.legs, h.currency),
	} {
		n, ok := h.whole(kind, legs)
		if !ok {
			h.found(Transfers, "its transfers to %s are not %v each time", kind, legs)
		}
		times[kind] = n
	}
	for _, t := range h.transfers {
		if _, known := times[t.Kind]; !known {
			h.found(Transfers, "there is no kind of transfer %q", t.Kind)
		}
	}
	reserve, release, settle, back, correct := times[ledger.Reserve], times[ledger.Release], times[ledger.Settle], times[ledger.Return], times[ledger.Correct]
	out := settle + correct - back // 1 while the payer has the money
	ended, paid := 1, 0
	if h.state.Reserves() {
		ended = 0
	}
	if h.state == refund.Succeeded {
		paid = 1
	}
	if reserve != 1 || release+settle != ended || out != paid || correct > release+back || back > settle+correct {
		h.found(Transfers, "it is %s, and its transfers are %v", h.state, times)
	}
	return times
}

// whole returns how often the legs were moved, and whether nothing else was
// under that kind.
func (h *refundHistory) whole(kind ledger.Kind, legs []ledger.Transfer) (times int, ok bool) {
	count := 0
	for _, t := range h.transfers {
		if t.Kind == kind {
			count++
		}
	}
	if len(legs) == 0 { // parts that can't be read
		return 0, count == 0
	}
	if count%len(legs) != 0 {
		return count / len(legs), false
	}
	times = count / len(legs)
	for _, leg := range legs {
		same := 0
		for _, t := range h.transfers {
			if t == leg {
				same++
			}
		}
		if same != times {
			return times, false
		}
	}
	return times, true
}

// maxAtOnce bounds how many events of one refund in one microsecond are put
// into an order that makes sense; more are a finding.
const maxAtOnce = 6

// follows reports whether the events are a way of allowed moves that ends in
// the refund's state. Events of one microsecond may have been in any order.
func (h *refundHistory) follows() bool { return follows("", h.events, h.state, h.adopted) }

func follows(from refund.State, rest []stateAt, end refund.State, adopted bool) bool {
	if len(rest) == 0 {
		return from == end
	}
	together := 1
	for together < len(rest) && rest[together].at == rest[0].at {
		together++
	}
	if together > maxAtOnce {
		return false
	}
	for n := range together {
		if next := rest[n].state; from.May(next) || from == "" && begins(next, adopted) {
			rest[0], rest[n] = rest[n], rest[0]
			if follows(next, rest[1:], end, adopted) {
				return true
			}
			rest[0], rest[n] = rest[n], rest[0]
		}
	}
	return false
}

// begins reports whether a refund may be in the state when it is first heard
// of: an adopted one has succeeded already.
func begins(state refund.State, adopted bool) bool {
	return state == refund.Created || state == refund.Held || adopted && state == refund.Succeeded
}

var _ fmt.Stringer = stateAt{}
