package refund

import (
	"time"

	"github.com/refundry/refundry/money"
)

// Position is a place in a list that is ordered by time, then id.
type Position struct {
	CreatedAt time.Time
	ID        string
}

// Page says which part of a list, newest first. After selects what is older
// than a position, Before what is newer (still newest first).
type Page struct {
	After, Before *Position
	Limit         int
}

// ChargeFilter selects charges; zero members select all.
type ChargeFilter struct {
	MerchantID             string
	Dialect                string // only charges with an alias there
	Identity               string // and of this identity
	Sub                    string // and with this Sub: the charges of an order
	OrderNo                string
	Customer               string
	AmountMin, AmountMax   money.Minor // inclusive, in minor units; AmountMax 0 is open
	Channel                string
	Channels               []string // any of these
	Refunded               *bool    // any refund was made of it
	RefundedInFull         *bool
	Excess                 bool      // more went back than was paid
	Reversed               *bool     // a refund that has not failed was made by reversing it
	CreatedFrom, CreatedTo time.Time // inclusive from, exclusive to
	PaidFrom, PaidTo       time.Time // inclusive from, exclusive to
	Page                   Page
}

// Filter selects refunds; zero members select all.
type Filter struct {
	MerchantID             string
	ChargeID               string
	Dialect, Sub           string // only of charges with this Sub in this dialect
	State                  State
	States                 []State // any of these
	Number                 string
	Customer               string
	Channel                string // that of the charge: wx, alipay
	ChannelAccount         string
	Reason                 string // a part of the reason; upper and lower case differ
	ReasonCode             string
	FailureCode            string
	AmountMin, AmountMax   money.Minor // inclusive, in minor units; AmountMax 0 is open
	NeedsPerson            bool        // only those that only a person can find out about
	ShortOfFunds           bool        // only those that are held for funds
	Adopted                bool        // only those that the channel made without us
	Sequence               int64       // the refund's place among its charge's, from 1
	CreatedFrom, CreatedTo time.Time   // inclusive from, exclusive to
	Page                   Page
}

// EventFilter selects events; zero members select all.
type EventFilter struct {
	MerchantID             string
	Types                  []string
	CreatedFrom, CreatedTo time.Time // inclusive from, exclusive to
	Page                   Page
}

// BatchFilter selects a dialect's batches; zero members select all. Limit is
// above 0.
type BatchFilter struct {
	MerchantID, Dialect    string
	Identity               string
	CreatedFrom, CreatedTo time.Time // inclusive from, exclusive to
	Limit                  int
	Offset                 int64
}

// Look is a page of a list that was looked through up to a bound.
type Look struct {
	Refunds []Refund
	// Unreadable are refunds of the page that are damaged, and so none of Refunds.
	Unreadable []Unreadable
	// More says that there may be more behind Next, where the next page begins.
	More bool
	Next *Position
}

// Unreadable is what is known of a refund or charge that breaks an invariant, or whose
// row can't be read; `refundry verify` tells more. A charge has no State.
type Unreadable struct {
	Key
	State     State
	CreatedAt time.Time
}

// At is where it stands in its list.
func (u Unreadable) At() Position { return Position{u.CreatedAt, u.ID} }

// ChargeLook is a page of a list of charges, of which those that are damaged are
// named. Next is where the next page begins, nil on the last.
type ChargeLook struct {
	Charges    []Charge
	Unreadable []Unreadable
	Next       *Position
}
