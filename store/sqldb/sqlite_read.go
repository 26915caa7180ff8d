package sqldb

import (
	"context"
	"errors"
	"sync"
)

// sqlitePool lends out connections that only read. They are opened when they
// are first needed.
type sqlitePool struct {
	slots chan struct{} // one for each that may be lent out

	mu     sync.Mutex
	free   []*sqliteConn // the last used is lent out first: its pages are in memory
	closed bool
}

func newSQLitePool(most int) *sqlitePool { return &sqlitePool{slots: make(chan struct{}, most)} }

var errClosed = errors.New("the database is closed")

// borrow waits for a connection; giveBack must follow.
func (p *sqlitePool) borrow(ctx context.Context, open func() (*sqliteConn, error)) (*sqliteConn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	last := len(p.free) - 1
	if p.closed || last >= 0 {
		defer p.mu.Unlock()
		if p.closed {
			<-p.slots
			return nil, errClosed
		}
		c := p.free[last]
		p.free = p.free[:last]
		return c, nil
	}
	p.mu.Unlock()
	c, err := open()
	if err != nil {
		<-p.slots
	}
	return c, err
}

func (p *sqlitePool) giveBack(c *sqliteConn) {
	p.mu.Lock()
	if p.closed || c.broken {
		c.close()
	} else {
		p.free = append(p.free, c)
	}
	p.mu.Unlock()
	<-p.slots
}

// close closes what is not lent out; the rest is closed when it comes back.
func (p *sqlitePool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.free {
		c.close()
	}
	p.free = nil
}

// sqliteReader reads on any of the readers' connections, or in the one
// transaction of a snapshot.
type sqliteReader struct {
	db *sqliteDB
	in *sqliteConn // the snapshot's; nil: any
}

func (q sqliteReader) Exec(context.Context, string, ...any) (int64, error) {
	return 0, errors.New("a statement that writes was run outside a transaction")
}

func (q sqliteReader) Query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	if q.in != nil {
		return q.in.query(ctx, text, args, each)
	}
	c, err := q.db.readers.borrow(ctx, q.db.reader)
	if err != nil {
		return err
	}
	defer q.db.readers.giveBack(c)
	return c.query(ctx, text, args, each)
}

func (q sqliteReader) Send(ctx context.Context, statements []Statement) ([]int64, error) {
	return sendEach(ctx, q, statements)
}

func (q sqliteReader) parts(s Statement) []Statement { return s.values() }

func (q sqliteReader) Lock(string) string { return "" }

func (q sqliteReader) Sharded() bool { return false }
