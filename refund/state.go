package refund

// moves lists, for each state, the states that may follow. The store repeats
// the closed set of states as a CHECK; moves are enforced here, by move().
var moves = map[State][]State{
	Held:      {Created, Pending, Canceled, Succeeded, Failed, Abnormal},
	Created:   {Held, Pending, Succeeded, Failed, Abnormal, Canceled},
	Pending:   {Succeeded, Failed, Abnormal, Held},
	Abnormal:  {Pending, Succeeded, Failed},
	Succeeded: {Failed},    // only as returned: a bank sent it back
	Failed:    {Succeeded}, // only as corrected
	Canceled:  {Succeeded}, // only as corrected
}

// States lists all seven, in the order of a refund's life.
func States() []State {
	return []State{Held, Created, Pending, Abnormal, Succeeded, Failed, Canceled}
}

// May reports whether a refund in s may become next.
func (s State) May(next State) bool {
	for _, n := range moves[s] {
		if n == next {
			return true
		}
	}
	return false
}

// Final reports whether nothing more is expected. A channel may still
// contradict a final state; see Apply.
func (s State) Final() bool { return s == Succeeded || s == Failed || s == Canceled }

// Reserves reports whether a refund in s holds its amount in Charge.Reserved.
func (s State) Reserves() bool { return !s.Final() }

// Valid reports whether s is one of the seven.
func (s State) Valid() bool { return moves[s] != nil }

// EndEvents are the types of the events that tell of a refund's end, and of one
// that its channel could not bring to an end.
func EndEvents() []string {
	return []string{"refund." + string(Succeeded), "refund." + string(Failed), "refund." + string(Abnormal)}
}
