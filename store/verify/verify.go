// Package verify derives every invariant of docs/money.md again from the rows
// of a database. It shares no statement with package store, whose work it checks.
package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// The invariants, by the names that findings carry.
const (
	Cap           = "never more than was paid" // docs/money.md, invariant 1
	Counters      = "counters"
	Parts         = "parts"
	Transfers     = "transfers"
	Disputes      = "disputes"
	Books         = "the books balance"
	Due           = "never forgotten"
	State         = "states"
	Events        = "events"
	Feed          = "feed numbers"
	Attempts      = "attempts"
	Numbers       = "refund numbers and keys"
	ChannelNumber = "channel numbers"
	Aliases       = "aliases"
	Deliveries    = "deliveries"
	Accounts      = "channel accounts"
	Sealed        = "sealed secrets"
	Approvals     = "approvals"
	Audit         = "audit chain"
	Personal      = "masked data"
	Bulk          = "bulk jobs"
	Readable      = "rows that can be read"
	KeyDays       = "ceilings of keys"
	// Statistics are what the overview counts.
	Statistics = "statistics"
	// Excess is no broken invariant but recorded truth: a channel gave
	// back more than was paid, and these refunds are the evidence.
	Excess = "excess with evidence"
	// More stands for what is not listed: there are too many findings.
	More = "more findings"
)

// maxFindings bounds what Run lists. A fault that repeats itself in every
// row is seen in the first thousand.
const maxFindings = 1000

// Check is a part that another package contributes: a channel compares the
// tables that it keeps with ours.
type Check struct {
	// Name is what is checked, such as "the sandbox's books".
	Name string
	// Run calls found for every row that breaks an invariant; an error of found
	// ends it, and is returned.
	Run func(ctx context.Context, q sqldb.Querier, found func(refund.Finding) error) error
}

// Run derives every invariant of docs/money.md again from the rows and returns
// what does not hold, at most maxFindings. It trusts no counter: each is added
// up from refunds, transfers and the channels' own books. It reads all merchants
// in one consistent snapshot, in the order of keys, so that its memory does not
// grow with the database; it locks nothing and needs no master key. Excess is
// listed as a note, with its evidence.
//
// The error is about reading, never about what was read.
func Run(ctx context.Context, db *sqldb.DB, checks ...Check) ([]refund.Finding, error) {
	r := newRun(checks)
	err := db.Snapshots(ctx, connections, r.work)
	return r.findings(), err
}

// connections bounds how many passes read at the same time: one can be decoded while
// the database sorts for another.
const connections = 2

// verifier reads, and lists what does not hold.
type verifier struct {
	q    sqldb.Querier
	list []refund.Finding
	full bool
	// slice says that only charges of one merchant are read; within are then its
	// id, the id behind which the slice begins, and the last one in it.
	slice  bool
	within []any
}

// errEnough ends the reading once the list is full.
var errEnough = errors.New("there are too many findings to list")

func (v *verifier) add(f refund.Finding) {
	if len(v.list) >= maxFindings {
		v.full = true
		return
	}
	v.list = append(v.list, f)
}

func (v *verifier) found(invariant, merchantID, row, format string, args ...any) {
	v.add(refund.Finding{Invariant: invariant, MerchantID: merchantID, Row: row, Text: fmt.Sprintf(format, args...)})
}

const (
	// fieldEnd ends each field of a streamed row. No id, state or JSON text has
	// this character in it: JSON writes it as \u001f.
	fieldEnd = "\x1f"
	// maxFields is how many fields the widest of these rows has.
	maxFields = 16
)

// streamRow is a row of a statement that puts rows of several tables together
// by a key that they share. What its fields are depends on what. They come as
// one text, because reading columns is most of what a row costs.
type streamRow struct {
	merchant, key string
	what          int64
	place         int64 // of the row among those with its key
	field         [maxFields]string
	err           error // of a number that is none
}

// number is a field that is a whole number. SQLite would keep a text there.
func (r *streamRow) number(n int) int64 {
	number, err := strconv.ParseInt(r.field[n], 10, 64)
	if err != nil {
		r.err = fmt.Errorf("a number that belongs to %s of %s: %w", r.key, r.merchant, err)
	}
	return number
}

// stream runs a statement that gives merchant, key, what, place and fields,
// sorted by the first four, and calls each for every row. Its parameters are
// fieldEnd and what bounds a slice.
func (v *verifier) stream(ctx context.Context, sql string, each func(*streamRow) error) error {
	var row streamRow
	var fields string
	into := []any{&row.merchant, &row.key, &row.what, &row.place, &fields}
	return v.q.Query(ctx, sql, append([]any{fieldEnd}, v.within...), func(scan func(...any) error) error {
		if err := scan(into...); err != nil {
			return &rowError{err}
		}
		if v.full {
			return errEnough
		}
		for n := range row.field {
			row.field[n], fields, _ = strings.Cut(fields, fieldEnd)
		}
		if err := errors.Join(each(&row), row.err); err != nil {
			return &rowError{err}
		}
		return nil
	})
}

// total adds amounts up and notices when 64 bits don't hold them.
type total struct {
	sum  money.Minor
	over bool
}

func (t *total) add(m money.Minor) {
	sum, ok := money.Add(t.sum, m)
	t.sum, t.over = sum, t.over || !ok
}

func (t total) is(m int64) bool { return !t.over && t.sum == money.Minor(m) }

// fromJSON reads a column; an empty one leaves into as it is, and an empty object too.
func fromJSON(text string, into any) error {
	if text == "" || text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}
