package refund

import "time"

// Reference is what a dialect's name of a refund says of it, in one of three
// ways: its id, its place among a charge's refunds, or when its id was made.
type Reference struct {
	// ID is the refund's id here, "" if the name does not hold it.
	ID string
	// Dialect and Charge name a charge as that dialect does; Sequence is the
	// refund's place among its refunds, from 1.
	Dialect, Charge string
	Sequence        int64
	// At is when the refund's id was made, to the millisecond; Is recognizes the
	// id among those of about that time.
	At time.Time
	Is func(id string) bool
}
