package store

import (
	"context"
	"time"

	"github.com/refundry/refundry/store/sqldb"
)

// byMonth are the tables to which each refund only adds. An event's number is unique in
// its partition by an index, and over all by the lock of its merchant's counter, under
// which numbers are taken; verify looks for numbers that are there twice.
var byMonth = sqldb.Months{
	Tables: []string{"attempts", "transfers", "events", "deliveries", "delivery_attempts"},
	Unique: map[string][]string{"events": {"(merchant_id, feed_number) WHERE feed_number > 0"}},
}

// PartitionByMonth brings a database of PostgreSQL to the current schema and cuts its
// large tables by month, while others may serve it. progress, which may be nil, is
// called with what was done. Run again, it goes on where it broke.
func (s *Store) PartitionByMonth(ctx context.Context, now time.Time, progress func(table, what string)) error {
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	months := byMonth
	months.Now, months.Progress = now, progress
	if err := s.db.PartitionByMonth(ctx, months); err != nil {
		return err
	}
	return s.store(ctx)
}

// KeepMonths makes the partitions of the next months where tables are cut by month,
// and returns how many.
func (s *Store) KeepMonths(ctx context.Context, now time.Time) (int, error) {
	months := byMonth
	months.Now = now
	made, err := s.db.KeepMonths(ctx, months)
	if err == nil && made > 0 {
		err = s.store(ctx)
	}
	if err != nil && s.Down() != nil {
		err = refused(true, err)
	}
	return made, err
}

// store sets how PostgreSQL stores the tables, and partitions that are new.
func (s *Store) store(ctx context.Context) error {
	for _, one := range storage {
		if err := s.db.Storage(ctx, one.table, one.settings); err != nil {
			return err
		}
	}
	return nil
}
