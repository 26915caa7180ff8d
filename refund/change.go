package refund

import (
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// Change is what a decision wants written, in one commit: the charge and the
// refunds as they are afterwards, and what hangs on them.
type Change struct {
	Charge    Charge
	Refunds   []Refund
	Transfers []Transfer
	Events    []Event
	Attempts  []Attempt
	Alerts    []Alert
	// Dispute is the charge's dispute as it is now, where it is new or has changed, and
	// DisputeEvents are what is told of it.
	Dispute       *Dispute
	DisputeEvents []DisputeEvent
	// Approvals are new questions to a second person, and Ended is how those ended
	// that waited for the change's refunds.
	Approvals []Approval
	Ended     []ApprovalEnd
	// Routed says that the charge had no channel account and has one now.
	Routed bool
	// Actions has the operator's action that the change is the effect of, if it
	// is one.
	Actions []Action
}

// Cause is what brought a change about: whose request, and which. The zero
// Cause is that of a change that the channel or time brought.
type Cause struct {
	Actor     audit.Actor
	RequestID string
}

// Transfer is a ledger transfer of one refund.
type Transfer struct {
	RefundID, ChargeID string
	ledger.Transfer
}

// Event is the fact that something changed, with refund and charge as they
// were right after the change. What never changes is not repeated in it.
type Event struct {
	Type     string // "refund." and the state
	Was      State  // the state before; "" for a refund that is new
	RefundID string
	ChargeID string
	At       time.Time
	Snapshot Snapshot
	// Cause is empty where no request caused it.
	Cause
}

// Snapshot is the part of a refund and its charge that changes over time.
type Snapshot struct {
	State           State       `json:"state"`
	ChannelRefundID string      `json:"channel_refund_id,omitempty"`
	SucceededAt     time.Time   `json:"succeeded_at,omitzero"`
	UpdatedAt       time.Time   `json:"updated_at"`
	HeldReason      string      `json:"held_reason,omitempty"`
	FailureCode     string      `json:"failure_code,omitempty"`
	FailureMessage  string      `json:"failure_message,omitempty"`
	ChargeReserved  money.Minor `json:"charge_reserved"`
	ChargeRefunded  money.Minor `json:"charge_refunded"`
	ChargeBlocked   money.Minor `json:"charge_blocked"`
	ChargeExcess    money.Minor `json:"charge_excess"`
}

// Restore returns r and c as they were when the snapshot was taken.
func (s Snapshot) Restore(r Refund, c Charge) (Refund, Charge) {
	r.State, r.ChannelRefundID, r.SucceededAt, r.UpdatedAt = s.State, s.ChannelRefundID, s.SucceededAt, s.UpdatedAt
	r.HeldReason, r.FailureCode, r.FailureMessage = s.HeldReason, s.FailureCode, s.FailureMessage
	c.Reserved, c.Refunded, c.Blocked, c.Excess = s.ChargeReserved, s.ChargeRefunded, s.ChargeBlocked, s.ChargeExcess
	return r, c
}

// SnapshotOf is what of a refund and its charge changes over time, as it is now.
func SnapshotOf(r Refund, c Charge) Snapshot { return snapshot(r, c) }

// Together is refunds that were accepted together, as they were at one moment,
// found by their idempotency key.
type Together struct {
	Key string
	// Batch is the batch that they are; zero for none.
	Batch Batch
	// Contents is what the request said, and Refunds what became of it, in the
	// order of the request.
	Contents  []Content
	Refunds   []Refund
	Charges   map[string]Charge // by id
	CreatedAt time.Time
}

// Ended reports whether every refund is in a final state, and whether one of
// them has succeeded.
func (t Together) Ended() (ended, succeeded bool) {
	for _, r := range t.Refunds {
		if !r.State.Final() {
			return false, false
		}
		succeeded = succeeded || r.State == Succeeded
	}
	return true, succeeded
}

// Attempt is one call to a channel, or one word of it, for one refund.
type Attempt struct {
	RefundID string
	Source   Source
	Epoch    int64
	Outcome  OutcomeKind
	Code     string
	Message  string
	// At is when the outcome was known to us.
	At time.Time
	// Note says what we made of it where that is not obvious: stale lease,
	// amount not believed, older than what we know.
	Note string
	// Unreadable says that the row is damaged: of Sent nothing but the account's version
	// is known.
	Unreadable bool
	// Sent is what the call sent; zero for notices.
	Sent Sent
	// Actor is who said it or asked for the call; nobody where the engine did.
	Actor audit.Actor
	// Times is how many equal answers it stands for, the last of them at At; 0 is
	// one.
	Times int64
}

// Alert is something an operator should look at. It is kept until one has, and
// the log and a metric carry it.
type Alert struct {
	RefundID string // "" for what is about no refund
	Text     string
	// Account is the channel account that it is about where no refund is.
	Account string
}

func snapshot(r Refund, c Charge) Snapshot {
	return Snapshot{
		State: r.State, ChannelRefundID: r.ChannelRefundID, SucceededAt: r.SucceededAt, UpdatedAt: r.UpdatedAt,
		HeldReason: r.HeldReason, FailureCode: r.FailureCode, FailureMessage: r.FailureMessage,
		ChargeReserved: c.Reserved, ChargeRefunded: c.Refunded, ChargeBlocked: c.Blocked, ChargeExcess: c.Excess,
	}
}

// event records that r reached its state from another, "" where it is new, with c as
// it is then.
func event(was State, r Refund, c Charge, at time.Time, cause Cause) Event {
	return Event{
		Type: "refund." + string(r.State), Was: was, RefundID: r.ID, ChargeID: c.ID, At: at,
		Snapshot: snapshot(r, c), Cause: cause,
	}
}

func transfers(r Refund, legs []ledger.Transfer) []Transfer {
	out := make([]Transfer, len(legs))
	for i, leg := range legs {
		out[i] = Transfer{RefundID: r.ID, ChargeID: r.ChargeID, Transfer: leg}
	}
	return out
}
