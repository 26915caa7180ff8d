package sandbox

import (
	"context"
	"time"

	"github.com/refundry/refundry/money"
)

// State is where a refund stands in the sandbox's own books.
type State string

// The states. A row that is absent was asked for and never reached the books
// (outcome 54).
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
	CreatedAt      time.Time
	SucceededAt    time.Time
	// WakesAt is when time alone changes it (56, 58); zero when it does not.
	WakesAt time.Time
}

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

// Tx is one transaction on the books. Entries and accounts that it reads are
// locked until its end, in the order of their keys.
type Tx interface {
	// Accounts reads accounts, made on the spot where they are new.
	Accounts(ctx context.Context, ids []string) (map[string]Account, error)
	SaveAccount(ctx context.Context, a Account) error
	// Entries reads entries by (account, number); absent ones are left out.
	Entries(ctx context.Context, keys []Key) (map[Key]Entry, error)
	// Waking reads an account's entries whose WakesAt is not after now, oldest first.
	Waking(ctx context.Context, account string, now time.Time, limit int) ([]Entry, error)
	SaveEntries(ctx context.Context, entries []Entry) error
	AddNotices(ctx context.Context, notices []Notice) error
}

// Key names an entry.
type Key struct{ Account, Number string }

// Books is what the sandbox needs of the database.
type Books interface {
	// Books runs work in a transaction of its own, again after a deadlock.
	Books(ctx context.Context, work func(Tx) error) error
	// Notices lists what waits, oldest first.
	Notices(ctx context.Context, limit int) ([]Notice, error)
	DropNotices(ctx context.Context, ids []string) error
	// AccountsToWake lists accounts that have an entry which time changes.
	AccountsToWake(ctx context.Context, limit int) ([]string, error)
	// Bill lists an account's entries that moved money from..to, oldest first.
	Bill(ctx context.Context, account string, from, to time.Time) ([]Entry, error)
}
