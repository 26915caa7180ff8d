// Package intake gathers the refund requests that arrive while the last
// commit is under way and takes the whole batch through one transaction: lock,
// decide, write, commit once, answer all. There is no artificial wait: an idle
// intake commits a lone request at once.
package intake

import (
	"context"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Store is what the intake needs of the database. InTx runs work in one
// transaction. A deadlock or serialization error repeats it; a broken
// connection during COMMIT is refund.ErrCommitUnknown; any other error rolled
// back, and refund.ErrLocked says that a row was held by another transaction.
type Store interface {
	InTx(ctx context.Context, work func(Tx) error) error
	// Settled waits until no transaction that was lost may still commit, by
	// locking the charges of keys on a fresh connection for at most the given
	// time, and then says in a new statement which refunds are there.
	Settled(ctx context.Context, charges []refund.ChargeKey, refunds []refund.Key, within time.Duration) (map[refund.Key]refund.Refund, error)
	// RuleBook returns a merchant's rules, from memory.
	// Where they are not known and can't be read it is an Error, KindBusy.
	RuleBook(merchantID string) (refund.RuleBook, error)
	// Apart reports whether policies of the merchant count earlier refunds or cost much
	// (refund.Policies), from memory; false where that is not known.
	Apart(merchantID string) bool
	// TakenNumbers returns those of the numbers that stand for a refund.
	TakenNumbers(ctx context.Context, numbers []refund.ChannelNumber) ([]refund.ChannelNumber, error)
}

// Tx is one transaction. All methods take batches, lock in the order of their
// keys, and match what comes back by key.
type Tx interface {
	// LockCharges locks the charges and returns those that exist.
	LockCharges(ctx context.Context, keys []refund.ChargeKey) (map[refund.ChargeKey]refund.Charge, error)
	// FreeCharges is LockCharges for charges that another transaction may hold for
	// long: it waits for none, and returns those that are held.
	FreeCharges(ctx context.Context, keys []refund.ChargeKey) (free map[refund.ChargeKey]refund.Charge, held map[refund.ChargeKey]bool, err error)
	// NamedCharges locks charges that are known by name, and waits for none. Those that
	// do not exist are absent.
	NamedCharges(ctx context.Context, names []refund.ChargeName) (map[refund.ChargeName]FoundCharge, error)
	// ClaimNumbers inserts the numbers that are new and returns the claims
	// that others made before. A concurrent claimer is waited for.
	ClaimNumbers(ctx context.Context, claims []refund.Number) (map[refund.NumberKey]refund.Number, error)
	// TakeGates has every other transaction wait that takes the gate of one of the
	// same customers, or of the same merchants where Customer is "", until this one
	// has ended. Asks are sorted; only MerchantID and Customer count.
	TakeGates(ctx context.Context, gates []refund.WindowAsk, now time.Time) error
	// Recent counts earlier refunds, with those of transactions that have ended.
	Recent(ctx context.Context, asks []refund.WindowAsk) (map[refund.WindowAsk]refund.Recent, error)
	// MoveNumbers corrects claims of this transaction: Refunds empty deletes.
	MoveNumbers(ctx context.Context, claims []refund.Number) error
	// Refunds reads refunds, with no lock.
	Refunds(ctx context.Context, keys []refund.Key) (map[refund.Key]refund.Refund, error)
	// KeyDays locks the totals of keys' days and returns them. One that is not
	// there yet begins with what its key asked for on the day before its ceiling
	// was set. Nothing is locked after them.
	KeyDays(ctx context.Context, days []refund.DayTotal) (map[refund.DayKey]money.Minor, error)
	// SaveKeyDays writes totals that KeyDays has locked.
	SaveKeyDays(ctx context.Context, days []refund.DayTotal) error
	// Insert writes the changes of accepted units: new refunds, the charges as
	// they are now, transfers and events.
	Insert(ctx context.Context, changes []refund.Change) error
}

// Result is what became of a unit.
type Result struct {
	Refunds []refund.Refund
	// Charges are the refunds' charges, by id, as they were right after.
	Charges map[string]refund.Charge
	// Repeated says that the refunds were accepted before.
	Repeated bool
}

// Engine takes accepted refunds over in memory. The intake reserves room
// before the commit, and gives back what it did not use.
type Engine interface {
	// Reserve says what is to become of one refund of each account. It asks no database.
	Reserve(accounts []refund.AccountKey) []Reservation
	// Release returns what was reserved for one refund of each account.
	Release(accounts []refund.AccountKey)
	// Left says that refunds of the accounts were committed and are due, because
	// there was no room for them.
	Left(accounts []refund.AccountKey)
	// PutOff says that refunds of the accounts were committed which wait for their
	// accounts, as Reserve said: they are sent soon after their accounts send again,
	// also if that was meanwhile.
	PutOff(accounts []refund.AccountKey)
	// Take hands claimed refunds over, using up room.
	Take(refunds []refund.Claimed)
	// Lease is how long a claim holds.
	Lease() time.Duration
}

// Reservation is what becomes of an accepted refund that is to be sent. The zero
// Reservation is due at once, and unclaimed, since the engine has no room for it.
type Reservation struct {
	// Room says that the engine takes it now, which is reserved.
	Room bool
	// PutOff, if not zero, says that its account sends nothing. Nobody claims the refund,
	// and it is looked at then.
	PutOff time.Time
}
