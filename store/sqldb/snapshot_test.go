package sqldb_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

func openAt(t *testing.T, address string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), address, sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func execAt(t *testing.T, db *sqldb.DB, text string) {
	t.Helper()
	err := db.Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func countRows(ctx context.Context, q sqldb.Querier) (n int64, err error) {
	err = q.Query(ctx, "SELECT COUNT(*) FROM seen", nil, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// Both transactions wait until a row was added behind the first one's beginning.
func TestSnapshotsSeeOneMoment(t *testing.T) {
	db := openAt(t, storetest.PlainPostgres(t))
	execAt(t, db, "CREATE TABLE seen (v BIGINT)")
	added := make(chan struct{})
	var works atomic.Int64
	err := db.Snapshots(t.Context(), 2, func(ctx context.Context, q sqldb.Querier) error {
		if works.Add(1) == 2 {
			execAt(t, db, "INSERT INTO seen VALUES (1)")
			close(added)
		}
		select {
		case <-added:
		case <-ctx.Done():
			return ctx.Err()
		}
		n, err := countRows(ctx, q)
		if err == nil && n != 0 {
			t.Errorf("one of them sees %d rows", n)
		}
		return err
	})
	if err != nil || works.Load() != 2 {
		t.Errorf("%d at the same time, %v", works.Load(), err)
	}
}

func TestAnErrorOfOneSnapshotEndsTheOthers(t *testing.T) {
	db := openAt(t, storetest.PlainPostgres(t))
	broken := errors.New("it can't be read")
	var works atomic.Int64
	err := db.Snapshots(t.Context(), 2, func(ctx context.Context, _ sqldb.Querier) error {
		if works.Add(1) == 2 {
			return broken
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, broken) {
		t.Errorf("it ends with %v", err)
	}
}

func TestSnapshotsAreOneWhereThereIsOneConnection(t *testing.T) {
	for name, address := range map[string]string{
		"SQLite": storetest.SQLite(t), "one connection": withOne(storetest.PlainPostgres(t)),
	} {
		t.Run(name, func(t *testing.T) {
			db := openAt(t, address)
			execAt(t, db, "CREATE TABLE seen (v BIGINT)")
			works := 0
			err := db.Snapshots(t.Context(), 2, func(ctx context.Context, q sqldb.Querier) error {
				works++
				_, err := countRows(ctx, q)
				return err
			})
			if err != nil || works != 1 {
				t.Errorf("%d of them, %v", works, err)
			}
		})
	}
}

func withOne(address string) string {
	if strings.Contains(address, "?") {
		return address + "&pool_max_conns=1"
	}
	return address + "?pool_max_conns=1"
}
