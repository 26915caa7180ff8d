package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Transactions is what the books need of the database. The store implements it.
type Transactions interface {
	// Read runs work on one connection, outside a transaction.
	Read(ctx context.Context, work func(sqldb.Querier) error) error
	// Share runs work in one transaction and commits it, again after a deadlock.
	// Others that wait may share the commit.
	Share(ctx context.Context, work func(sqldb.Querier) error) error
	// ShareOnce is Share that records w, if it is not nil, in the same transaction.
	ShareOnce(ctx context.Context, w *refund.Write, work func(sqldb.Querier) error) error
}

// Database is the sandbox's books in tables of their own, as Tables describes
// them.
type Database struct{ db Transactions }

var (
	_ Books = Database{}
	_ Tx    = transaction{}
)

// NewDatabase makes the books of a database.
func NewDatabase(db Transactions) Database { return Database{db} }

var (
	keyColumns     = sqldb.NewColumns("account TEXT", "number TEXT")
	accountColumns = sqldb.NewColumns("account TEXT")
	noticeColumns  = sqldb.NewColumns("id TEXT")
	changeColumns  = sqldb.NewColumns(
		"account TEXT",
		"number TEXT",
		"state TEXT",
		"submits BIGINT",
		"moves BIGINT",
		"succeeded_at BIGINT",
		"wakes_at BIGINT",
	)
)

const (
	// entryColumns is what scanEntry reads, of a table named r.
	entryColumns = `r.account, r.number, r.channel_id, r.transaction_id, r.amount, r.currency, r.state,
		r.submits, r.moves, r.created_at, r.succeeded_at, r.wakes_at`
	entryWidth    = 12
	insertEntries = `INSERT INTO sandbox_refunds (account, number, channel_id, transaction_id, amount, currency, state,
		submits, moves, created_at, succeeded_at, wakes_at) VALUES`
	updateEntries = `UPDATE sandbox_refunds SET state = v.state, submits = v.submits, moves = v.moves,
		succeeded_at = v.succeeded_at, wakes_at = v.wakes_at
		FROM v WHERE sandbox_refunds.account = v.account AND sandbox_refunds.number = v.number`
	noticeWidth = 5
)

// Books implements Books.
func (d Database) Books(ctx context.Context, w *refund.Write, work func(Tx) error) error {
	return d.db.ShareOnce(ctx, w, func(q sqldb.Querier) error { return work(transaction{q}) })
}

// Notices implements Books.
func (d Database) Notices(ctx context.Context, limit int) ([]Notice, error) {
	const text = `SELECT id, account, number, content, created_at FROM sandbox_notices ORDER BY created_at, id LIMIT $1`
	var notices []Notice
	err := d.db.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{int64(limit)}, func(scan func(...any) error) error {
			var n Notice
			var content string
			var createdAt int64
			err := scan(&n.ID, &n.Account, &n.Number, &content, &createdAt)
			n.Content, n.CreatedAt = []byte(content), sqldb.FromMicros(createdAt)
			notices = append(notices, n)
			return err
		})
	})
	return notices, err
}

// DropNotices implements Books.
func (d Database) DropNotices(ctx context.Context, ids []string) error {
	rows := make([][]any, len(ids))
	for n, id := range ids {
		rows[n] = []any{id}
	}
	return d.db.Share(ctx, func(q sqldb.Querier) error {
		_, err := q.Send(ctx, sqldb.WithValues(noticeColumns, rows, `DELETE FROM sandbox_notices WHERE id IN (SELECT v.id FROM v)`))
		return err
	})
}

// AccountsToWake implements Books. It looks once into the index for
// each account that was made: few have a clock.
func (d Database) AccountsToWake(ctx context.Context, now time.Time, limit int) ([]string, error) {
	const text = `SELECT a.account FROM sandbox_accounts a WHERE EXISTS (
			SELECT 1 FROM sandbox_refunds r WHERE r.account = a.account AND r.wakes_at > 0 AND r.wakes_at <= $1 + a.clock_offset_us
		) ORDER BY a.account LIMIT $2`
	var accounts []string
	err := d.db.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{sqldb.Micros(now), int64(limit)}, func(scan func(...any) error) error {
			var account string
			err := scan(&account)
			accounts = append(accounts, account)
			return err
		})
	})
	return accounts, err
}

// OfPayment implements Books.
func (d Database) OfPayment(ctx context.Context, account, transactionID string) ([]Entry, error) {
	const text = `SELECT ` + entryColumns + ` FROM sandbox_refunds r WHERE r.account = $1 AND r.transaction_id = $2 ORDER BY r.created_at, r.number`
	var entries []Entry
	err := d.db.Read(ctx, func(q sqldb.Querier) (err error) {
		entries, err = queryEntries(ctx, q, text, account, transactionID)
		return err
	})
	return entries, err
}

// Bill implements Books.
func (d Database) Bill(ctx context.Context, account string, from, to time.Time) ([]Entry, error) {
	const text = `SELECT ` + entryColumns + ` FROM sandbox_refunds r
		WHERE r.account = $1 AND r.moves > 0 AND r.succeeded_at >= $2 AND r.succeeded_at < $3 ORDER BY r.succeeded_at, r.number`
	var entries []Entry
	err := d.db.Read(ctx, func(q sqldb.Querier) (err error) {
		entries, err = queryEntries(ctx, q, text, account, sqldb.Micros(from), sqldb.Micros(to))
		return err
	})
	return entries, err
}

// transaction is one on the books.
type transaction struct{ q sqldb.Querier }

// Accounts implements Tx.
func (t transaction) Accounts(ctx context.Context, ids []string) (map[string]Account, error) {
	const text = `SELECT a.account, a.clock_offset_us, a.funds_added_at FROM sandbox_accounts a WHERE a.account IN (SELECT v.account FROM v)`
	rows := make([][]any, len(ids))
	for n, id := range ids {
		rows[n] = []any{id}
	}
	accounts := make(map[string]Account)
	err := sqldb.QueryValues(ctx, t.q, accountColumns, rows, text, func(scan func(...any) error) error {
		var a Account
		var offset, funds int64
		err := scan(&a.ID, &offset, &funds)
		a.ClockOffset, a.FundsAddedAt = time.Duration(offset)*time.Microsecond, sqldb.FromMicros(funds)
		accounts[a.ID] = a
		return err
	})
	return accounts, err
}

// MoveClock implements Tx.
func (t transaction) MoveClock(ctx context.Context, account string, by time.Duration) error {
	_, err := t.q.Exec(ctx, `INSERT INTO sandbox_accounts (account, clock_offset_us) VALUES ($1, $2)
		ON CONFLICT (account) DO UPDATE SET clock_offset_us = sandbox_accounts.clock_offset_us + excluded.clock_offset_us`,
		account, by.Microseconds())
	return err
}

// AddFunds implements Tx.
func (t transaction) AddFunds(ctx context.Context, account string, at time.Time) error {
	_, err := t.q.Exec(ctx, `INSERT INTO sandbox_accounts (account, funds_added_at) VALUES ($1, $2)
		ON CONFLICT (account) DO UPDATE SET funds_added_at = excluded.funds_added_at`, account, sqldb.Micros(at))
	return err
}

// Entries implements Tx. CROSS JOIN keeps SQLite from reading the
// whole table beside the list.
func (t transaction) Entries(ctx context.Context, keys []Key) (map[Key]Entry, error) {
	const text = `SELECT ` + entryColumns + ` FROM v CROSS JOIN sandbox_refunds r
		WHERE r.account = v.account AND r.number = v.number ORDER BY v.account, v.number`
	rows := make([][]any, len(keys))
	for n, key := range keys {
		rows[n] = []any{key.Account, key.Number}
	}
	entries := make(map[Key]Entry)
	err := sqldb.QueryValues(ctx, t.q, keyColumns, rows, text+t.q.Lock("OF r"), func(scan func(...any) error) error {
		e, err := scanEntry(scan)
		entries[e.Key()] = e
		return err
	})
	return entries, err
}

// Waking implements Tx.
func (t transaction) Waking(ctx context.Context, account string, now time.Time, limit int) ([]Entry, error) {
	const text = `SELECT ` + entryColumns + ` FROM sandbox_refunds r
		WHERE r.account = $1 AND r.wakes_at > 0 AND r.wakes_at <= $2 ORDER BY r.number LIMIT $3`
	return queryEntries(ctx, t.q, text+t.q.Lock(""), account, sqldb.Micros(now), int64(limit))
}

// errQuicker says that another transaction inserted the same refund first.
var errQuicker = errors.New("another call made the same sandbox refund first")

// AddEntries implements Tx.
func (t transaction) AddEntries(ctx context.Context, entries []Entry) error {
	rows := make([][]any, len(entries))
	for n, e := range entries {
		rows[n] = []any{
			e.Account, e.Number, e.ChannelID, e.TransactionID, int64(e.Amount.Minor), string(e.Amount.Currency), string(e.State),
			e.Submits, e.Moves, sqldb.Micros(e.CreatedAt), sqldb.Micros(e.SucceededAt), sqldb.Micros(e.WakesAt),
		}
	}
	inserted, err := sqldb.Sent(ctx, t.q, sqldb.InsertRows(insertEntries, entryWidth, rows, "ON CONFLICT (account, number) DO NOTHING"))
	if err == nil && inserted != int64(len(entries)) {
		err = sqldb.Again(errQuicker)
	}
	return err
}

// SaveEntries implements Tx.
func (t transaction) SaveEntries(ctx context.Context, entries []Entry) error {
	rows := make([][]any, len(entries))
	for n, e := range entries {
		rows[n] = []any{e.Account, e.Number, string(e.State), e.Submits, e.Moves, sqldb.Micros(e.SucceededAt), sqldb.Micros(e.WakesAt)}
	}
	touched, err := sqldb.Sent(ctx, t.q, sqldb.WithValues(changeColumns, rows, updateEntries))
	if err == nil && touched != int64(len(entries)) {
		err = fmt.Errorf("%d of %d sandbox refunds to be changed are not there", int64(len(entries))-touched, len(entries))
	}
	return err
}

// AddNotices implements Tx.
func (t transaction) AddNotices(ctx context.Context, notices []Notice) error {
	const into = `INSERT INTO sandbox_notices (id, account, number, content, created_at) VALUES`
	rows := make([][]any, len(notices))
	for n, notice := range notices {
		rows[n] = []any{notice.ID, notice.Account, notice.Number, string(notice.Content), sqldb.Micros(notice.CreatedAt)}
	}
	_, err := t.q.Send(ctx, sqldb.InsertRows(into, noticeWidth, rows, "ON CONFLICT (id) DO NOTHING"))
	return err
}

func queryEntries(ctx context.Context, q sqldb.Querier, text string, args ...any) ([]Entry, error) {
	var entries []Entry
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		e, err := scanEntry(scan)
		entries = append(entries, e)
		return err
	})
	return entries, err
}

func scanEntry(scan func(...any) error) (Entry, error) {
	var e Entry
	var currency string
	var createdAt, succeededAt, wakesAt int64
	err := scan(&e.Account, &e.Number, &e.ChannelID, &e.TransactionID, (*int64)(&e.Amount.Minor), &currency, (*string)(&e.State),
		&e.Submits, &e.Moves, &createdAt, &succeededAt, &wakesAt)
	e.Amount.Currency = money.Currency(currency)
	e.CreatedAt, e.SucceededAt, e.WakesAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(succeededAt), sqldb.FromMicros(wakesAt)
	return e, err
}
