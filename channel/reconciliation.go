package channel

import (
	"context"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// DifferenceKind says how a day's bill and our books differ.
type DifferenceKind string

// The kinds of differences.
const (
	// DiffersAmount: the bill has another amount than our refund.
	DiffersAmount DifferenceKind = "amount"
	// DiffersState: the bill has another state than our refund.
	DiffersState DifferenceKind = "state"
	// DiffersRepeated: the bill names one refund more than once.
	DiffersRepeated DifferenceKind = "repeated"
	// DiffersMissing: our refund has succeeded, and the bill does not have it.
	DiffersMissing DifferenceKind = "missing"
	// DiffersEdge: as missing, of a refund so close to midnight that it may be in the
	// bill of the day before or after, which could not be read.
	DiffersEdge DifferenceKind = "edge"
	// DiffersAdopted: the channel made the refund without us; it is ours now.
	DiffersAdopted DifferenceKind = "adopted"
	// DiffersKept: a refund that is not ours is in the inbox of notices: it names no
	// charge of ours, or only a person can place it.
	DiffersKept DifferenceKind = "kept"
	// DiffersOpen: a refund that is not ours has not ended at the channel yet.
	DiffersOpen DifferenceKind = "open"
	// DiffersUnconfirmed: the bill has a refund that is not ours, and the channel,
	// asked, does not confirm it. Nothing was taken from the bill.
	DiffersUnconfirmed DifferenceKind = "unconfirmed"
)

// Counts reports whether such a difference is one that somebody has to look at.
func (k DifferenceKind) Counts() bool { return k != DiffersAdopted && k != DiffersEdge }

// Difference is one refund of which a bill says something else than our books.
type Difference struct {
	Kind DifferenceKind
	// Billed is the bill's row; its zero value where the bill has none.
	Billed Listed
	// RefundID, State and Amount are our refund's; zero where there is none.
	RefundID string
	State    refund.State
	Amount   money.Amount
	// Note says what the channel answered when it was asked about the refund, and
	// what became of it.
	Note string
}

// Reconciliation is what came of comparing a day's bill with our books.
type Reconciliation struct {
	Account string
	Day     BillDay
	// Rows is how many refunds the bill has, Agreed how many of them our books have
	// as the bill does, and Nothing how many of them are not ours and moved no money.
	Rows, Agreed, Nothing int64
	// Found counts the differences of each kind.
	Found map[DifferenceKind]int64
}

// Differs reports whether somebody has to look at a difference.
func (r Reconciliation) Differs() bool {
	for kind, count := range r.Found {
		if kind.Counts() && count > 0 {
			return true
		}
	}
	return false
}

// ReconcileTask is a bill to be compared with our books.
type ReconcileTask struct {
	Account   merchant.ChannelAccount
	Connector Connector
	Day       BillDay
	// Bill is open; who made the task closes it.
	Bill Bill
	// Cause is who wants it.
	Cause refund.Cause
	// Each is called for every difference, in no order.
	Each func(Difference) error
	Now  func() time.Time
}

// InstructionOf is what a connector needs to know of a refund of ours.
func InstructionOf(r refund.Refund, c refund.Charge) Instruction {
	return Instruction{
		MerchantID: r.MerchantID, RefundID: r.ID,
		Number: r.ChannelNumber, ChannelRefundID: r.ChannelRefundID,
		Account: r.ChannelAccount, TransactionID: c.TransactionID,
		Amount: money.Amount{Minor: r.Amount, Currency: r.Currency},
		Total:  money.Amount{Minor: c.Amount, Currency: c.Currency},
		Reason: r.Reason, Charge: c, Refund: r,
	}
}

// ForeignInstruction is what a connector needs to know of a refund that is not ours,
// to be asked about it: what a bill says of it, and the charge that it is of.
func ForeignInstruction(row Listed, c refund.Charge) Instruction {
	return Instruction{
		MerchantID: c.MerchantID, Number: row.Number, ChannelRefundID: row.ChannelRefundID, Account: c.ChannelAccount, TransactionID: row.TransactionID,
		Amount: row.Amount, Total: money.Amount{Minor: c.Amount, Currency: c.Currency}, Charge: c,
		Refund: refund.Refund{
			MerchantID: c.MerchantID, ChargeID: c.ID, Amount: row.Amount.Minor, Currency: row.Amount.Currency, ChannelAccount: c.ChannelAccount,
			ChannelNumber: row.Number, ChannelRefundID: row.ChannelRefundID,
		},
	}
}

// SafeQuery asks a connector about a refund. A connector that breaks off says
// nothing: OutcomeUnknown.
func SafeQuery(ctx context.Context, connector Connector, i Instruction) (o refund.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	defer func() {
		if recover() != nil {
			o = refund.Outcome{Kind: refund.OutcomeUnknown, Code: "NO_ANSWER"}
		}
	}()
	return connector.Query(ctx, i)
}
