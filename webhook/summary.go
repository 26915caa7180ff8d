package webhook

import "time"

// Summary is how often one dialect's addresses were told of how a refund
// stands, for protocols that show it.
type Summary struct {
	Tries int64
	// LastAt is the last try, ReceivedAt the first that was answered with
	// "received"; zero for none.
	LastAt, ReceivedAt time.Time
}
