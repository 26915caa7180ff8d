package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/store/migration"
	"github.com/refundry/refundry/store/sqldb"
)

// Spread brings a database on a Citus coordinator to the current schema and
// spreads its tables: rows of merchants by merchant_id, all others replicated to
// every server. progress, which may be nil, is called with each table that was
// spread. Run again, it goes on where it broke; on a database that is spread it
// changes nothing. Only one process may be at work, and none may serve.
func (s *Store) Spread(ctx context.Context, progress func(table, how string)) error {
	hosts, err := s.OtherHosts(ctx)
	if err != nil {
		return err
	}
	if len(hosts) > 0 {
		return fmt.Errorf("spread tables: a process of %s uses the database: stop it first", hosts[0])
	}
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	return s.spread(ctx, progress)
}

// Sharded reports whether the tables are spread by Citus.
func (s *Store) Sharded() bool { return s.db.Sharded() }

func (s *Store) spread(ctx context.Context, progress func(table, how string)) error {
	return s.db.Spread(ctx, sqldb.Spread{
		Tables: migration.Tables(), Replicated: replicated, Coordinator: onCoordinator, Progress: progress,
	})
}

var (
	// replicated are tables that are small and joined with others of their kind
	// across merchants, though their keys begin with the merchant.
	replicated = []string{"pauses"}
	// onCoordinator are tables of the process or of the sandbox alone, which nothing
	// of a merchant's is joined with.
	onCoordinator = []string{"probes", "live_audits", "sandbox_refunds", "sandbox_notices", "sandbox_accounts"}
)
