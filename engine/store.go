package engine

import (
	"context"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
)

// Due is a refund whose time has come, as a look without locks saw it.
type Due struct {
	intake.RefundKey
	LeaseEpoch int64
}

// Word is what a call, a notice or an operator says of one refund. A notice
// knows the refund only by its channel account and number there.
type Word struct {
	intake.RefundKey
	ChargeID string // "" for notices: the store finds it
	// Mark is the engine's own: the word's place among those it records.
	Mark    int
	Outcome refund.Outcome
}

// Store is what the engine needs of the database.
type Store interface {
	// DueRefunds lists refunds with due_at <= now, oldest first, across
	// merchants and without locks.
	DueRefunds(ctx context.Context, now time.Time, limit int) ([]Due, error)
	// ClaimRefunds takes leases with refund.Claim: each is a compare-and-set
	// of lease_epoch that also demands due_at <= now still. It gives those it
	// got. The commit is over when it returns.
	ClaimRefunds(ctx context.Context, due []Due, now, until time.Time) ([]intake.Claimed, error)
	// ClaimAbnormal takes the lease of an abnormal refund that nobody is
	// calling about, whenever it is due. Absent is KindRefundNotFound; another
	// state, or a lease that holds, is KindStateConflict.
	ClaimAbnormal(ctx context.Context, merchantID, refundID string, now, until time.Time) (intake.Claimed, error)
	// TakeOverLeases makes every leased refund due now. Only for the one
	// process that owns a SQLite file, at its start.
	TakeOverLeases(ctx context.Context, now time.Time) (int64, error)
	// Record takes words through one transaction: it locks their charges,
	// then their refunds, each sorted by key, calls decide for each word in
	// order with refund and charge as the words before it left them, and
	// writes the changes. It gives each word's refund and charge after it; a
	// word whose refund is not there has a zero Posted. A repeated transaction
	// calls decide again. Errors: nothing was written, or it wraps
	// intake.ErrCommitUnknown; words may be recorded again without harm.
	Record(ctx context.Context, words []Word, decide func(refund.Charge, refund.Refund, Word) refund.Change) ([]intake.Posted, error)
	// FindRefund finds the refund that a channel account knows by a number.
	// Absent is false.
	FindRefund(ctx context.Context, account, channelNumber string) (refund.Refund, bool, error)
}
