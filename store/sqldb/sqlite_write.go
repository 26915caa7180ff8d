package sqldb

import (
	"context"
	"errors"
	"sync"
)

// maxTogether bounds the transactions of one commit. The loops that share are
// fewer, and each waits for the commit before it comes again.
const maxTogether = 16

// sqliteWriter is the one connection that writes. Who wants to write takes
// turns, first come first served.
//
// Transactions that may share a commit do so whenever the next one is waiting
// already: it goes on in the open transaction, behind a savepoint, and the last
// one commits for all. Nobody waits for company, so that an idle database
// commits at once, and a busy one pays for one commit instead of several. To
// each it is as if the transaction were its own: it is notified of it after the
// commit, also where it failed or found nothing to do behind others, its failure takes its own part back and no other, and what it sees of
// those before it is committed with it or not at all.
type sqliteWriter struct {
	conn   *sqliteConn
	closed bool // guarded by the turn, like conn

	// frames are the pages in the log; copying: they are being copied into the file.
	// The turn guards both.
	frames  int
	copying bool
	copyLog func() // nil: nobody copies
	most    int    // frames before they are copied
	copies  sync.WaitGroup

	mu      sync.Mutex
	busy    bool // someone has the turn
	waiting []*turn
}

// turn is a place in the queue.
type turn struct {
	shares bool
	come   chan *together // gives the open transaction, or nil
}

// together is a transaction that several may share.
type together struct {
	shares bool
	parts  int           // that stand in it
	ended  bool          // guarded by the turn
	done   chan struct{} // closed at its end
	err    error         // nil: committed
}

// wait waits for the turn. It returns the transaction that is open, nil if none.
func (w *sqliteWriter) wait(shares bool) *together {
	w.mu.Lock()
	if !w.busy {
		w.busy = true
		w.mu.Unlock()
		return nil
	}
	t := &turn{shares: shares, come: make(chan *together, 1)}
	w.waiting = append(w.waiting, t)
	w.mu.Unlock()
	return <-t.come
}

// load is how many transactions write and wait for their turn.
func (w *sqliteWriter) load() (busy, waiting int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy {
		busy = 1
	}
	return busy, int64(len(w.waiting))
}

// next gives the turn on; no transaction is open.
func (w *sqliteWriter) next() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.busy = false
		return
	}
	w.pop().come <- nil
}

// passOn gives the turn on with an open transaction, if the next in turn may
// share it.
func (w *sqliteWriter) passOn(g *together) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !g.shares || g.parts >= maxTogether || len(w.waiting) == 0 || !w.waiting[0].shares {
		return false
	}
	w.pop().come <- g
	return true
}

func (w *sqliteWriter) pop() *turn {
	t := w.waiting[0]
	w.waiting[0] = nil
	w.waiting = w.waiting[1:]
	return t
}

// alone runs work while nobody else writes, outside a transaction.
func (w *sqliteWriter) alone(work func() error) error {
	w.wait(false)
	defer w.next()
	if w.closed {
		return errClosed
	}
	return work()
}

// write runs work in a transaction and waits for its commit. A deadline is
// looked at between statements and never ends a commit, so that its result is
// always known.
func (w *sqliteWriter) write(ctx context.Context, shares bool, work func(Querier) error) error {
	g := w.wait(shares)
	if g == nil {
		g = &together{shares: shares, done: make(chan struct{})}
		if err := w.open(ctx); err != nil {
			w.next()
			return err
		}
	}
	// What it reads of those before it is true only once they are committed: also
	// one that fails, or finds nothing to do, is answered after the commit.
	behind := g.parts > 0
	undid, err := w.join(ctx, g, work)
	switch {
	case err == nil:
		<-g.done
		return g.err
	case !behind || undid || ctx.Err() != nil:
		return sqliteProblem(err)
	}
	if <-g.done; g.err != nil {
		return &transientError{errors.Join(err, g.err)}
	}
	return sqliteProblem(err)
}

func (w *sqliteWriter) open(ctx context.Context) error {
	if w.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return sqliteProblem(w.do("BEGIN IMMEDIATE"))
}

func (w *sqliteWriter) do(text string) error {
	_, err := w.conn.exec(context.Background(), text, nil)
	return err
}

// join runs work as a part of g and gives the turn on. After an error the part
// was taken back, and undid says that the parts before it were too.
func (w *sqliteWriter) join(ctx context.Context, g *together, work func(Querier) error) (undid bool, err error) {
	began, stands := false, false
	defer func() { // also when work panics
		if !stands {
			w.takeBack(g, began, err)
			undid = g.ended
		}
		w.finish(g)
	}()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	began = true
	// What is first is taken back with the whole transaction.
	if g.parts > 0 {
		if err := w.do("SAVEPOINT part"); err != nil {
			return false, err
		}
	}
	q := &sqliteTx{conn: w.conn}
	if err := errors.Join(work(q), q.failed); err != nil {
		return false, err
	}
	if g.parts > 0 {
		if err := w.do("RELEASE part"); err != nil {
			return false, err
		}
	}
	stands = true
	g.parts++
	return false, nil
}

// takeBack undoes a part that failed. Some failures, such as a full disk, make
// SQLite undo the whole transaction: then there is no savepoint any more, and
// the next would begin a transaction of its own. Nothing was committed, so that
// the parts before may be run again.
func (w *sqliteWriter) takeBack(g *together, began bool, cause error) {
	switch {
	case g.parts == 0:
		_ = w.do("ROLLBACK")
		w.end(g, nil) // nobody is there to hear it
	case began:
		if err := errors.Join(w.do("ROLLBACK TO part"), w.do("RELEASE part")); err != nil {
			_ = w.do("ROLLBACK")
			w.end(g, &transientError{errors.Join(cause, err)})
		}
	}
}

// finish gives the turn on: with the transaction if the next goes on in it, or
// after its commit.
func (w *sqliteWriter) finish(g *together) {
	if !g.ended {
		if w.passOn(g) {
			return
		}
		w.end(g, w.commit())
	}
	w.next()
}

func (w *sqliteWriter) commit() error {
	err := sqliteProblem(w.do("COMMIT"))
	if err == nil {
		w.written()
		return nil
	}
	_ = w.do("ROLLBACK")
	var again *transientError
	if errors.As(err, &again) || sqliteRefused(err) {
		return err
	}
	return commitUnknown(err)
}

func (w *sqliteWriter) end(g *together, err error) {
	g.ended, g.err = true, err
	close(g.done)
}

// sqliteTx is a transaction, or a part of one, on the connection that writes.
type sqliteTx struct {
	conn *sqliteConn
	// failed is the first statement's error. Nothing runs after it, as on
	// PostgreSQL: SQLite may have undone what was before.
	failed error
}

func (q *sqliteTx) Exec(ctx context.Context, text string, args ...any) (touched int64, err error) {
	err = q.run(ctx, func(steady context.Context) (err error) {
		touched, err = q.conn.exec(steady, text, args)
		return err
	})
	return touched, err
}

func (q *sqliteTx) Query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	return q.run(ctx, func(steady context.Context) error { return q.conn.query(steady, text, args, each) })
}

func (q *sqliteTx) run(ctx context.Context, statement func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if q.failed != nil {
		return q.failed
	}
	err := statement(context.WithoutCancel(ctx))
	if err != nil && q.conn.broken {
		q.failed, q.conn.broken = err, false
	}
	return err
}

func (q *sqliteTx) Send(ctx context.Context, statements []Statement) ([]int64, error) {
	return sendEach(ctx, q, statements)
}

func (q *sqliteTx) parts(s Statement) []Statement { return s.values() }

func (q *sqliteTx) Lock(string) string { return "" }

func (q *sqliteTx) Sharded() bool { return false }

func sendEach(ctx context.Context, q Querier, statements []Statement) ([]int64, error) {
	return sendParts(statements, q.parts, func(statements []Statement) ([]int64, error) { return execEach(ctx, q, statements) })
}

func execEach(ctx context.Context, q Querier, statements []Statement) ([]int64, error) {
	touched := make([]int64, len(statements))
	for n, one := range statements {
		var err error
		if touched[n], err = q.Exec(ctx, one.SQL, one.Args...); err != nil {
			return nil, err
		}
	}
	return touched, nil
}
