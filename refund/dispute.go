package refund

import (
	"time"

	"github.com/refundry/refundry/money"
)

// Dispute is a payer's claim against a charge, which the channel decides. While it
// is open, and after it is lost, its amount is held: it can't be refunded.
//
// A connector fills in ChannelDisputeID, Amount, State, Reason and ChannelAt; the
// other members are those of the row.
type Dispute struct {
	MerchantID string
	// ID is ours: "dp_" and 24 letters or digits, time-ordered.
	ID             string
	ChargeID       string
	ChannelAccount string
	// ChannelDisputeID is the channel's own id, unique per channel account.
	ChannelDisputeID string
	// Amount is what is disputed, as the channel says it.
	Amount money.Amount
	State  DisputeState
	// Reason is the channel's own word for why, such as "fraudulent"; "" is none.
	Reason string
	// ChannelAt is when the channel says that the dispute came to be as it is; zero
	// where it does not say. What is older than the known ChannelAt changes nothing.
	ChannelAt time.Time
	// Held is what the dispute holds of its charge, in minor units of the charge's
	// currency.
	Held money.Minor

	CreatedAt, UpdatedAt time.Time
	// ClosedAt is when it was won or lost; zero while it is not.
	ClosedAt time.Time
	// Unreadable says, in lists, that the row is damaged: State and Held do not fit.
	Unreadable bool
}

// DisputeFilter selects disputes of a merchant; what is empty selects nothing.
type DisputeFilter struct {
	MerchantID     string
	ChargeID       string
	ChannelAccount string
	State          DisputeState
	// Undecided leaves out those that are won or lost.
	Undecided bool
	Page      Page
}

// DisputeState says where a dispute stands.
type DisputeState string

// The states of a dispute. Each may follow those above it; won and lost may follow
// each other where the channel's times say so.
const (
	// DisputeInquiry: the payer's bank asks about the payment, and nothing is held.
	DisputeInquiry DisputeState = "inquiry"
	// DisputeOpen: the payer claims the amount, and it is held.
	DisputeOpen DisputeState = "open"
	// DisputeWithdrawn: as open, and the channel has taken the amount from the
	// merchant until it decides.
	DisputeWithdrawn DisputeState = "funds_withdrawn"
	// DisputeWon: decided for the merchant, or given up by the payer: nothing is held.
	DisputeWon DisputeState = "won"
	// DisputeLost: decided for the payer, who has the money: it stays held.
	DisputeLost DisputeState = "lost"
)

// Valid reports whether there is such a state.
func (s DisputeState) Valid() bool { return disputeRank[s] > 0 }

// Closed reports whether the channel has decided.
func (s DisputeState) Closed() bool { return s == DisputeWon || s == DisputeLost }

// Holds reports whether the dispute's amount is held.
func (s DisputeState) Holds() bool {
	return s == DisputeOpen || s == DisputeWithdrawn || s == DisputeLost
}

// The types of events about disputes.
const (
	DisputeOpened  = "charge.dispute.opened"
	DisputeUpdated = "charge.dispute.updated"
	DisputeClosed  = "charge.dispute.closed" // won or lost
)

// DisputeEvents are all of them.
func DisputeEvents() []string { return []string{DisputeOpened, DisputeUpdated, DisputeClosed} }

// DisputeEvent is the fact that a dispute changed, with both as they were right after.
type DisputeEvent struct {
	Type    string
	At      time.Time
	Dispute Dispute
	Charge  Snapshot // what of the charge changes over time; nothing of a refund
}

// disputeRank orders the states: one of a lower rank is older.
var disputeRank = map[DisputeState]int{
	DisputeInquiry: 1, DisputeOpen: 2, DisputeWithdrawn: 3, DisputeWon: 4, DisputeLost: 4,
}
