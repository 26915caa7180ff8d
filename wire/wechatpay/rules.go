package wechatpay

import (
	"time"
	"unicode/utf8"
)

// What the platform lets be refunded (W3-1 to W3-3).
const (
	// RefundWindow is from an order's success_time.
	RefundWindow = 365 * 24 * time.Hour
	// MaxRefunds is the most refunds of one order.
	MaxRefunds = 50
	// RefundSpacing is the least time between two refunds of one order.
	RefundSpacing = time.Minute
	// ShortageLimit is how long an accepted refund waits for funds before it
	// is CLOSED.
	ShortageLimit = 7 * 24 * time.Hour
)

// Rates of calls, each for one mchid.
const (
	RefundsPerSecond = 150
	// FailuresPerSecond is for requests that end in an error.
	FailuresPerSecond = 6
	// OldRefundsPerMinute is for orders that are older than OldOrder.
	OldRefundsPerMinute = 5000
	OldOrder            = 30 * 24 * time.Hour
	AbnormalPerSecond   = 150
)

// RepeatsAfterUnknown is how many repeats of an unchanged request normally
// suffice after an unknown outcome.
const RepeatsAfterUnknown = 3

// PollDelay is the pause before the n-th question about a refund that is
// processing, from 1: a minute each up to the fifth, then 5, 10, 20 and 30
// minutes, and 30 from there on.
func PollDelay(n int) time.Duration {
	later := [...]time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute}
	const often = 5
	if n <= often {
		return time.Minute
	}
	return later[min(n-often, len(later))-1]
}

// ClipReason makes a reason fit: characters of 4 bytes are dropped, and what
// is longer than 80 bytes is cut between two characters. The stored text stays
// whole; this is for the call only (W2.1-14 and W0-4).
func ClipReason(reason string) string {
	reason = string(DropLongCharacters([]byte(reason)))
	if len(reason) <= MaxReason {
		return reason
	}
	end := MaxReason
	for end > 0 && !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}
