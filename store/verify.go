package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/store/sqldb"
)

// What Verify looks for, by the names that findings carry.
const (
	VerifyCap           = "never more than was paid" // docs/money.md, invariant 1
	VerifyCounters      = "counters"
	VerifyParts         = "parts"
	VerifyTransfers     = "transfers"
	VerifyBooks         = "the books balance"
	VerifyDue           = "never forgotten"
	VerifyState         = "states"
	VerifyEvents        = "events"
	VerifyFeed          = "feed numbers"
	VerifyAttempts      = "attempts"
	VerifyNumbers       = "refund numbers and keys"
	VerifyChannelNumber = "channel numbers"
	VerifyAliases       = "aliases"
	VerifyDeliveries    = "deliveries"
	VerifyAccounts      = "channel accounts"
	VerifySealed        = "sealed secrets"
	VerifySandbox       = "the sandbox's books"
	VerifyAudit         = "audit chain"
	// VerifyExcess is no broken invariant but recorded truth: a channel gave
	// back more than was paid, and these refunds are the evidence.
	VerifyExcess = "excess with evidence"
	// VerifyMore stands for what is not listed: there are too many findings.
	VerifyMore = "more findings"
)

// mostFindings bounds what Verify lists. A fault that repeats itself in every
// row is seen in the first thousand.
const mostFindings = 1000

// Finding is one row that breaks an invariant.
type Finding struct {
	// Invariant is one of the names above.
	Invariant  string
	MerchantID string // "" where the row has none
	// Row names the row: its table and id.
	Row  string
	Text string
	// Note says that nothing is broken: an operator should know, and that is all.
	Note bool
}

// String gives a finding in one line.
func (f Finding) String() string {
	if f.MerchantID != "" {
		return fmt.Sprintf("%s: %s of %s: %s", f.Invariant, f.Row, f.MerchantID, f.Text)
	}
	return fmt.Sprintf("%s: %s: %s", f.Invariant, f.Row, f.Text)
}

// Verify derives every invariant of docs/money.md again from the rows and
// gives what does not hold, at most mostFindings. It trusts no counter: each is
// added up from refunds, transfers and the sandbox's own books. It reads all
// merchants in one consistent snapshot, in the order of keys, so that its
// memory does not grow with the database; it locks nothing and needs no master
// key. Excess is listed as a note, with its evidence.
//
// The error is about reading, never about what was read.
func (s *Store) Verify(ctx context.Context) ([]Finding, error) {
	v := &verifier{}
	err := s.db.Snapshot(ctx, func(q sqldb.Querier) error {
		v.q = q
		return v.run(ctx)
	})
	return v.list, err
}

// verifier is Verify at work.
type verifier struct {
	q    sqldb.Querier
	list []Finding
	full bool
}

// run makes every pass over the rows.
func (v *verifier) run(ctx context.Context) error {
	for _, pass := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"charges", v.charges},
		{"refunds", v.refunds},
		{"carried balances", v.carried},
		{"numbers", v.numbers},
		{"events and deliveries", v.deliveries},
		{"channel accounts and secrets", v.accounts},
		{"the sandbox's books", v.sandbox},
		{"audit records", v.audit},
	} {
		err := pass.run(ctx)
		if errors.Is(err, errEnough) {
			v.list = append(v.list, Finding{Invariant: VerifyMore, Row: pass.name, Text: fmt.Sprintf("only the first %d are listed", mostFindings)})
			return nil
		}
		if err != nil {
			return fmt.Errorf("verify %s: %w", pass.name, err)
		}
	}
	return nil
}

// errEnough ends the reading once the list is full.
var errEnough = errors.New("there are too many findings to list")

func (v *verifier) add(f Finding) {
	if len(v.list) >= mostFindings {
		v.full = true
		return
	}
	v.list = append(v.list, f)
}

func (v *verifier) found(invariant, merchantID, row, format string, args ...any) {
	v.add(Finding{Invariant: invariant, MerchantID: merchantID, Row: row, Text: fmt.Sprintf(format, args...)})
}

const (
	// fieldEnd ends each field of a streamed row. No id, state or JSON text has
	// this character in it: JSON writes it as \u001f.
	fieldEnd = "\x1f"
	// mostFields is how many fields the widest of these rows has.
	mostFields = 16
)

// streamRow is a row of a statement that puts rows of several tables together
// by a key that they share. What its fields are depends on what. They come as
// one text, because reading columns is most of what a row costs.
type streamRow struct {
	merchant, key string
	what          int64
	place         int64 // of the row among those with its key
	field         [mostFields]string
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
// sorted by the first four, and calls each for every row. Its parameter is
// fieldEnd.
func (v *verifier) stream(ctx context.Context, sql string, each func(*streamRow) error) error {
	var row streamRow
	var fields string
	into := []any{&row.merchant, &row.key, &row.what, &row.place, &fields}
	return v.q.Query(ctx, sql, []any{fieldEnd}, func(scan func(...any) error) error {
		if err := scan(into...); err != nil {
			return err
		}
		if v.full {
			return errEnough
		}
		for n := range row.field {
			row.field[n], fields, _ = strings.Cut(fields, fieldEnd)
		}
		return errors.Join(each(&row), row.err)
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
