package sandbox

import (
	"context"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// State is where a refund stands in the sandbox's own books.
type State string

// The states. A row that is absent only remembers that it was asked for: no
// refund was created (outcomes 51, 54, 55 and 59), and a query does not find it.
const (
	Absent     State = "absent"
	Processing State = "processing"
	Succeeded  State = "succeeded"
	Failed     State = "failed"
	Abnormal   State = "abnormal"
	Returned   State = "returned"
)

// Entry is one refund in the sandbox's own books.
type Entry struct {
	Account       string
	Number        string // ours: the number that the engine sends
	ChannelID     string // the sandbox's own, 28 digits
	TransactionID string
	Amount        money.Amount
	State         State
	// Submits counts how often the refund was submitted; Moves how often money
	// moved, which must never be above 1 (a return is no move).
	Submits, Moves int64
	// CreatedAt and SucceededAt are times of the account's clock.
	CreatedAt   time.Time
	SucceededAt time.Time
	// WakesAt is when, by the account's clock, time alone changes it (56, 58);
	// zero when it does not.
	WakesAt time.Time
}

// Key names an entry.
type Key struct{ Account, Number string }

// Key is the entry's name.
func (e Entry) Key() Key { return Key{e.Account, e.Number} }

// Account is a sandbox account's clock and funds.
type Account struct {
	ID string
	// ClockOffset is how far its clock was moved ahead.
	ClockOffset time.Duration
	// FundsAddedAt is when funds were last added; zero is never. It ends the
	// shortage of all 55s that were submitted before or after.
	FundsAddedAt time.Time
}

// Notice is what the sandbox has to say, until it is acknowledged. Content is
// its JSON.
type Notice struct {
	ID        string
	Account   string
	Number    string
	Content   []byte
	CreatedAt time.Time
}

// Tx is one transaction on the books. All methods take batches and match by
// key.
type Tx interface {
	// Accounts reads accounts, without a lock; one that nobody wrote is left out.
	Accounts(ctx context.Context, ids []string) (map[string]Account, error)
	// MoveClock moves an account's clock ahead and makes the account if it is
	// new; by 0 only makes it.
	MoveClock(ctx context.Context, account string, by time.Duration) error
	// AddFunds notes that an account has funds, and makes it if it is new.
	AddFunds(ctx context.Context, account string, at time.Time) error
	// Entries reads entries and locks them in the order of their keys; absent
	// ones are left out.
	Entries(ctx context.Context, keys []Key) (map[Key]Entry, error)
	// Waking reads and locks an account's entries whose WakesAt is not after
	// now, by number.
	Waking(ctx context.Context, account string, now time.Time, limit int) ([]Entry, error)
	// AddEntries inserts entries that Entries did not find. When another
	// transaction was quicker, this one is run again.
	AddEntries(ctx context.Context, entries []Entry) error
	// SaveEntries changes entries that were read.
	SaveEntries(ctx context.Context, entries []Entry) error
	// AddNotices inserts notices; one whose id is there stays as it is.
	AddNotices(ctx context.Context, notices []Notice) error
}

// Books is what the sandbox needs of the database.
type Books interface {
	// Books runs work in a transaction of its own and commits it, again after
	// a deadlock; work makes everything anew each time. An error that wraps
	// refund.ErrCommitUnknown may have happened, any other was rolled back.
	Books(ctx context.Context, w *refund.Write, work func(Tx) error) error
	// Notices lists what waits, oldest first, by id within the same time.
	Notices(ctx context.Context, limit int) ([]Notice, error)
	DropNotices(ctx context.Context, ids []string) error
	// AccountsToWake lists accounts that were made and have an entry which, at
	// the time now plus their offset, time has changed.
	AccountsToWake(ctx context.Context, now time.Time, limit int) ([]string, error)
	// OfPayment lists an account's entries of a payment, oldest first.
	OfPayment(ctx context.Context, account, transactionID string) ([]Entry, error)
	// Bill lists an account's entries that moved money at from <= time < to of
	// the account's clock, oldest first.
	Bill(ctx context.Context, account string, from, to time.Time) ([]Entry, error)
}
