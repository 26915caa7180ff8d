package refund

import (
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/ledger"
)

// StoredEvent is an event with what it is about, as it was then.
type StoredEvent struct {
	MerchantID string
	ID         string
	Type       string
	At         time.Time
	FeedNumber int64 // 0: not yet in the feed
	RequestID  string
	Actor      audit.Actor // nobody where the channel or time caused it
	Refund     Refund
	Charge     Charge
	// Together is what an event about a batch of refunds is about, nil in all
	// others; Refund and Charge are then the first of them.
	Together *Together
	// PendingDeliveries are those that have not succeeded yet.
	PendingDeliveries int64
	// Unreadable says that the event, its refund or its charge is damaged: of these
	// two the ids alone are known, and the state that the event's type names.
	Unreadable bool
}

// AlertRaised is the type of the event that an alert is: told once, to endpoints that
// name it.
const AlertRaised = "alert.raised"

// StoredAlert is an alert as it is kept.
type StoredAlert struct {
	MerchantID string
	ID         string
	RefundID   string
	Text       string
	// Times counts how often it came until somebody looked; LastAt is the last
	// time.
	Times             int64
	CreatedAt, LastAt time.Time
	AckedAt           time.Time // zero while nobody has looked at it
	AckedBy           audit.Actor
}

// StoredTransfer is a ledger transfer with its row's id and time.
type StoredTransfer struct {
	ID string
	At time.Time
	ledger.Transfer
}

// Registered is what became of one charge of a batch.
type Registered struct {
	Charge Charge
	Again  bool
	Err    error // nil, or why this charge was not registered
	// SameOrder is another charge with the order number of a new one, "" for
	// none. An order may be paid twice; or a payment was registered twice
	// under different numbers.
	SameOrder string
}
