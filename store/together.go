package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// maxTogether is the most keys of one statement.
	maxTogether = 64
	// togetherWorkers is how many statements of one kind may be under way at once, and
	// togetherCrowd how many keys must wait for another one to begin.
	togetherWorkers = 2
	togetherCrowd   = 24
	// maxAsking bounds the callers of one kind that wait; one beyond it is answered
	// "busy". One merchant's fill at most half of it.
	maxAsking = 4096
	// togetherPatience is how long a caller waits for a statement of others before it
	// runs its own: one connection that stands still holds nobody up for longer.
	togetherPatience = 2 * time.Second
	// togetherTimeout bounds a shared statement. Whoever waits for it has left by then.
	togetherTimeout = 5 * time.Second
)

// keyed is a read of the rows that belong to a key, in the words of SQL.
type keyed[R any] struct {
	// alone is of one key, whose parts are $1, $2, ...; $1 is the merchant.
	alone string
	// columns are n and the parts of the key, and together is of a list v of them. It
	// has the columns of alone and v.n behind them, and each key's rows in their order.
	columns  sqldb.Columns
	together string
	// scan reads a row, or scanInto does into one that is zero. An error is the row's
	// alone.
	scan     func(scan func(...any) error) (R, error)
	scanInto func(row *R, scan func(...any) error) error
}

// seen is a row that was read. Of one that is damaged, fault says how, and the plain
// columns are there.
type seen[R any] struct {
	row   R
	fault error
}

// unreadable reports whether the row is damaged.
func (s seen[R]) unreadable() bool { return s.fault != nil }

// firstFault is the first fault of rows that matches.
func firstFault[R any](rows []seen[R], matches func(error) bool) error {
	for _, one := range rows {
		if one.fault != nil && matches(one.fault) {
			return one.fault
		}
	}
	return nil
}

func anyFault(error) bool { return true }

// plain are the rows themselves, nil for none.
func plain[R any](rows []seen[R]) (out []R) {
	if len(rows) > 0 {
		out = make([]R, len(rows))
	}
	for n, one := range rows {
		out[n] = one.row
	}
	return out
}

// see reads a row with columns behind its own. The error is the statement's.
func (k *keyed[R]) see(one *seen[R], scan func(...any) error, behind ...any) (err error) {
	*one = seen[R]{}
	noted := func(columns ...any) error {
		err = scan(append(columns, behind...)...)
		return err
	}
	if k.scanInto != nil {
		one.fault = k.scanInto(&one.row, noted)
	} else {
		one.row, one.fault = k.scan(noted)
	}
	return err
}

// gathered is a keyed read whose callers share statements while they come together:
// what arrives while a statement is under way goes with the next one, and a lone
// caller goes at once. A statement begins after its keys were asked for, so that each
// caller sees whatever was committed before it asked, as with one of its own.
//
// A fault of one row is its caller's alone. After any other error of a shared
// statement, each caller runs its own.
type gathered[R any] struct {
	keyed[R]
	s     *Store
	group *batch.Group[[]any, []seen[R]]
}

func gather[R any](s *Store, k keyed[R]) *gathered[R] {
	g := &gathered[R]{keyed: k, s: s}
	g.group = batch.New(batch.Options[[]any]{
		MaxItems: maxTogether, MaxQueued: maxAsking, Workers: togetherWorkers, Crowd: togetherCrowd,
		Lane: func(key []any) string { return key[0].(string) },
	}, g.flush)
	return g
}

// rows returns the rows of one key, whose first part is the merchant. The error is
// not about one of them.
func (g *gathered[R]) rows(ctx context.Context, key ...any) ([]seen[R], error) {
	if !g.s.together.running.Load() || g.s.db.Sharded() {
		return g.own(ctx, key)
	}
	if g.group.Enter() {
		defer g.group.Leave()
		return g.own(ctx, key)
	}
	rows, err := g.group.Ask(ctx, key, g.s.together.patience)
	switch {
	case err == nil || ctx.Err() != nil:
		return rows, err
	case errors.Is(err, batch.ErrBusy) && !errors.Is(err, batch.ErrEnded):
		return nil, refund.Errorf(refund.KindBusy, "", "too many requests are waiting; try again")
	}
	return g.own(ctx, key)
}

// own runs the statement of one key.
func (g *gathered[R]) own(ctx context.Context, key []any) ([]seen[R], error) {
	return read(ctx, g.s, g.keyed, key...)
}

// read runs the statement of one key.
func read[R any](ctx context.Context, s *Store, k keyed[R], key ...any) (rows []seen[R], err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		var one seen[R]
		return q.Query(ctx, k.alone, key, func(scan func(...any) error) error {
			err := k.see(&one, scan)
			rows = append(rows, one)
			return err
		})
	})
	return rows, err
}

// flush runs the statement of some keys.
func (g *gathered[R]) flush(ctx context.Context, keys [][]any) []batch.Result[[]seen[R]] {
	ctx, cancel := context.WithTimeout(ctx, togetherTimeout)
	defer cancel()
	rows := make([][]any, len(keys))
	for n, key := range keys {
		rows[n] = append(append(make([]any, 0, 1+len(key)), int64(n)), key...)
	}
	results := make([]batch.Result[[]seen[R]], len(keys))
	err := g.s.Read(ctx, func(q sqldb.Querier) error {
		var one seen[R]
		var n int64
		return sqldb.QueryValues(ctx, q, g.columns, rows, g.together, func(scan func(...any) error) error {
			err := g.see(&one, scan, &n)
			if err == nil {
				results[n].Value = append(results[n].Value, one)
			}
			return err
		})
	})
	if err != nil {
		for n := range results {
			results[n] = batch.Result[[]seen[R]]{Err: fmt.Errorf("a statement of %d callers: %w", len(keys), err)}
		}
	}
	return results
}

// together are the reads that dialects make for each request.
type together struct {
	running  atomic.Bool   // ReadTogether runs
	patience time.Duration // togetherPatience, but in tests

	charge, chargeByAlias, chargeByName *gathered[refund.Charge]
	chargeID                            *gathered[string]
	refund                              *gathered[refund.Refund]
	refundByAlias, refundsByAlias       *gathered[namedRefund]
	refundsOfCharge, refundsByNumber    *gathered[refund.Refund]
	attempts                            *gathered[attemptSeen]
	transfers                           *gathered[refund.StoredTransfer]
}

func (t *together) make(s *Store) {
	t.patience = togetherPatience
	t.charge, t.chargeByAlias, t.chargeByName = gather(s, chargeByID), gather(s, chargeByAlias), gather(s, chargeByName)
	t.chargeID = gather(s, chargeIDByName)
	t.refund = gather(s, refundByID)
	t.refundByAlias, t.refundsByAlias = gather(s, refundByAlias), gather(s, refundsByAlias)
	t.refundsOfCharge, t.refundsByNumber = gather(s, refundsOfOneCharge), gather(s, refundsOfOneNumber)
	t.attempts, t.transfers = gather(s, attemptsOfRefund), gather(s, transfersOfRefund)
}

// readGroup is a batch.Group of any kind.
type readGroup interface {
	Run(ctx context.Context)
	Step(ctx context.Context) int
	Enter() bool
	Leave()
	Len() int
}

func (t *together) groups() []readGroup {
	return []readGroup{
		t.charge.group, t.chargeByAlias.group, t.chargeByName.group, t.chargeID.group, t.refund.group,
		t.refundByAlias.group, t.refundsByAlias.group, t.refundsOfCharge.group, t.refundsByNumber.group, t.attempts.group, t.transfers.group,
	}
}

// ReadTogether has callers that read at the same time share statements, until ctx
// ends; then what waits is read, and later callers go alone. On SQLite, where a read
// is cheap, and on Citus, where a statement of several merchants is none of one
// server, each goes alone all the time.
func (s *Store) ReadTogether(ctx context.Context) {
	if s.SQLite() {
		<-ctx.Done()
		return
	}
	t := &s.together
	var all sync.WaitGroup
	for _, group := range t.groups() {
		all.Go(func() { group.Run(ctx) })
	}
	t.running.Store(true)
	all.Wait()
	t.running.Store(false)
}
