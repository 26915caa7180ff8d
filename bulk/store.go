package bulk

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/refund"
)

// Select says which lines of a job are read, by their numbers.
type Select struct {
	// After is the line behind which reading begins; States are any, or all.
	After  int64
	States []LineState
	Limit  int
}

// Changed is what a change leaves of a job. Lines are those that changed; Alert
// is what an operator should know.
type Changed struct {
	Job   Job
	Lines []Line
	Alert string
}

// ErrUnchanged ends a change that leaves everything as it is.
var ErrUnchanged = errors.New("the job is as it was")

// Store keeps jobs.
type Store interface {
	// DueBulkJobs finds jobs of all merchants whose next step is due and that nobody
	// holds, the longest due first.
	DueBulkJobs(ctx context.Context, now time.Time, limit int) ([]Key, error)
	// ChangeBulkJob locks a job, and writes what change makes of it in the same
	// transaction, with the record of who did it where there is one. An error of change
	// undoes everything and is returned; ErrUnchanged is none. A job that is not there
	// is KindNotFound.
	ChangeBulkJob(ctx context.Context, key Key, record *refund.Action, change func(Job) (Changed, error)) (Job, error)
	// BulkLines reads lines in their order, with their refunds as they are now.
	BulkLines(ctx context.Context, key Key, s Select) ([]Line, error)
	// BulkGoodAfter counts the good lines behind a line, up to a bound.
	BulkGoodAfter(ctx context.Context, key Key, after, bound int64) (int64, error)
	// BulkRecent reads the last lines that were handed over, up to a line and newest
	// first, with their refunds as they are now.
	BulkRecent(ctx context.Context, key Key, upTo int64, limit int) ([]Line, error)
	// BulkEarlier is what good lines up to a line take of charges, by their ids.
	BulkEarlier(ctx context.Context, key Key, upTo int64, charges []string) (map[string]Earlier, error)
	// BulkNumbers finds which refund numbers stand for refunds, and which are given
	// by lines up to a line.
	BulkNumbers(ctx context.Context, key Key, upTo int64, numbers []string) (taken map[string]string, before map[string]int64, err error)
	// ChargeByAny finds a charge by any number of it.
	ChargeByAny(ctx context.Context, merchantID, name string) (refund.Charge, error)
	// RuleBook returns a merchant's rules.
	RuleBook(merchantID string) (refund.RuleBook, error)
}
