package store

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// probeBytes is how much a probe writes: a disk that has room for less is full
// again with the next batch of refunds.
const probeBytes = 1 << 20

// refused is what whoever asks the database is told where nothing was done.
func refused(down bool, err error) error {
	if down {
		return refund.Unavailable(fmt.Errorf("%w: %w", refund.ErrUnavailable, err))
	}
	return refund.Unavailable(err)
}

// Down returns why the database can't be used, nil while it can; see Watch.
func (s *Store) Down() error { return s.db.Down() }

// Stats returns what became of the database's connections and transactions so far.
func (s *Store) Stats() sqldb.Stats { return s.db.Stats() }

// Watch logs when the database can't be used and when it is back, each once,
// until ctx ends. Whatever asks it meanwhile gets refund.ErrUnavailable where
// nothing was done.
func (s *Store) Watch(ctx context.Context) { s.db.Watch(ctx, s.log, probe, unprobe) }

// probe writes what can't be packed: to know that there is room, it must be there.
func probe(ctx context.Context, q sqldb.Querier) error {
	filler := make([]byte, probeBytes)
	_, _ = rand.Read(filler)
	const write = `INSERT INTO probes (id, filler) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET filler = excluded.filler`
	if _, err := q.Exec(ctx, write, filler); err != nil {
		return fmt.Errorf("probe database: %w", err)
	}
	return nil
}

// unprobe frees the room, so that the next probe needs it anew.
func unprobe(ctx context.Context, q sqldb.Querier) error {
	if _, err := q.Exec(ctx, `DELETE FROM probes WHERE id = 1`); err != nil {
		return fmt.Errorf("probe database: %w", err)
	}
	return nil
}
