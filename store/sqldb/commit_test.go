package sqldb_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// A COMMIT that waits for a lock stands for one that is slow. Its caller gives up
// meanwhile: what it did is known all the same, and the database is not taken for
// one that can't be used.
func TestACallerThatGivesUpDuringCommitIsNoOutage(t *testing.T) {
	address := storetest.Postgres(t)
	open := func() *sqldb.DB {
		db, err := sqldb.Open(t.Context(), address, sqldb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		return db
	}
	db, other := open(), open()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go db.Watch(ctx, slog.New(slog.DiscardHandler))
	exec := func(q sqldb.Querier, statements ...string) error {
		for _, one := range statements {
			if _, err := q.Exec(t.Context(), one); err != nil {
				return err
			}
		}
		return nil
	}
	if err := db.Write(t.Context(), func(q sqldb.Querier) error {
		return exec(q, "CREATE TABLE slow (v BIGINT)",
			"CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END'",
			"CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()")
	}); err != nil {
		t.Fatal(err)
	}
	count := func(q sqldb.Querier, query string) (n int64, err error) {
		err = q.Query(t.Context(), query, nil, func(scan func(...any) error) error { return scan(&n) })
		return n, err
	}
	caller, giveUp := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	if err := other.Write(t.Context(), func(q sqldb.Querier) error {
		if err := exec(q, "SELECT pg_advisory_xact_lock(42)"); err != nil {
			return err
		}
		go func() {
			ended <- db.Write(caller, func(q sqldb.Querier) error { return exec(q, "INSERT INTO slow VALUES (1)") })
		}()
		for waiting := int64(0); waiting == 0; {
			var err error
			if waiting, err = count(q, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		giveUp()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the commit ended with %v", err)
	}
	if err := db.Down(); err != nil {
		t.Errorf("the database is said to be down: %v", err)
	}
	// Who gave up before COMMIT has committed nothing, and knows it.
	caller, giveUp = context.WithCancel(t.Context())
	err := db.Write(caller, func(q sqldb.Querier) error {
		defer giveUp()
		return exec(q, "INSERT INTO slow VALUES (2)")
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, sqldb.ErrCommitUnknown) || db.Down() != nil {
		t.Errorf("before COMMIT: %v, %v", err, db.Down())
	}
	if err := db.Read(t.Context(), func(q sqldb.Querier) error {
		if n, err := count(q, "SELECT count(*) FROM slow"); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
