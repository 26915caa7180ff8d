package sqldb

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// firstMeasured and lastMeasured are the commits after which tables are
	// measured, doubled from one to the other: at first each batch doubles a
	// table, and by the last autovacuum has come round, which looks each minute.
	firstMeasured = 16
	lastMeasured  = 8192
	// measureTimeout bounds one measurement; it takes some ten milliseconds.
	measureTimeout = 30 * time.Second
)

// planner has PostgreSQL measure the tables that grow while they are young. It keeps the plan of a prepared statement until a table is
// measured again, and the plan that suits an empty table reads all of it: a
// busy new database would read hundreds of thousands of rows for each batch
// until autovacuum comes.
type planner struct {
	pool    *pgxpool.Pool
	tables  []string
	log     *slog.Logger
	commits atomic.Int64
	busy    atomic.Bool
	end     context.CancelFunc
	alive   context.Context
	working sync.WaitGroup
}

func newPlanner(pool *pgxpool.Pool, opts Options) *planner {
	p := &planner{pool: pool, tables: opts.Growing, log: opts.Log}
	p.alive, p.end = context.WithCancel(context.Background())
	return p
}

// committed counts a commit, and measures when it is time.
func (p *planner) committed() {
	n := p.commits.Add(1)
	if len(p.tables) == 0 || n < firstMeasured || n > lastMeasured || n&(n-1) != 0 || !p.busy.CompareAndSwap(false, true) {
		return
	}
	p.working.Go(func() {
		defer p.busy.Store(false)
		if err := p.measure(); err != nil && p.alive.Err() == nil {
			p.log.Warn("tables could not be measured; until autovacuum does, statements may be slow", "error", err)
		}
	})
}

// measure takes the smallest sample, of 300 rows: how large a table is matters, not
// what is in it.
func (p *planner) measure() error {
	ctx, cancel := context.WithTimeout(p.alive, measureTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL default_statistics_target = 1"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "ANALYZE "+strings.Join(p.tables, ", "))
		return err
	})
}

// close ends a measurement that is under way.
func (p *planner) close() {
	p.end()
	p.working.Wait()
}
