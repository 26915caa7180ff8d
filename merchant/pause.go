package merchant

import (
	"time"

	"github.com/refundry/refundry/audit"
)

// PauseScope says which channel accounts a pause covers: those of a merchant, of
// a kind of channel, of both at once, or, with the zero PauseScope, all of the
// installation.
type PauseScope struct {
	// MerchantID is "" for every merchant.
	MerchantID string
	// Channel is a driver's name; "" is every channel.
	Channel string
}

// Covers reports whether the scope has the account in it.
func (p PauseScope) Covers(a ChannelAccount) bool {
	return (p.MerchantID == "" || p.MerchantID == a.MerchantID) && (p.Channel == "" || p.Channel == a.Channel)
}

// Meets reports whether accounts may be in both scopes.
func (p PauseScope) Meets(other PauseScope) bool {
	return (p.MerchantID == "" || other.MerchantID == "" || p.MerchantID == other.MerchantID) &&
		(p.Channel == "" || other.Channel == "" || p.Channel == other.Channel)
}

// String names the scope for people.
func (p PauseScope) String() string {
	switch {
	case p == PauseScope{}:
		return "the installation"
	case p.MerchantID == "":
		return "channel " + p.Channel
	case p.Channel == "":
		return "merchant " + p.MerchantID
	}
	return "channel " + p.Channel + " of merchant " + p.MerchantID
}

// Pause stops sending through the accounts of its scope: refunds are accepted
// and wait, and what was sent before is asked about. An account's own pause is
// its state.
type Pause struct {
	PauseScope
	// Reason is what whoever paused said, "" if nothing.
	Reason string
	At     time.Time
	By     audit.Actor
}
