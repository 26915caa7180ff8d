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
	address := storetest.EmptyPostgres(t)
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

// Where the first statement can't even be sent, BEGIN is not sent either: what follows
// must not be done outside of the transaction.
func TestNothingIsDoneWhereTheFirstStatementFails(t *testing.T) {
	db, err := sqldb.Open(t.Context(), storetest.EmptyPostgres(t), sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := db.Maintain(t.Context(), "CREATE TABLE kept (v BIGINT)"); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]string{"text": "INSERTT $1", "table": "INSERT INTO nothing VALUES ($1)", "value": "SELECT CAST($1 AS BIGINT) / 0"}
	second := map[string]func(q sqldb.Querier) error{
		"statement": func(q sqldb.Querier) error {
			_, err := q.Exec(t.Context(), "INSERT INTO kept VALUES (1)")
			return err
		},
		"batch": func(q sqldb.Querier) error {
			_, err := q.Send(t.Context(), []sqldb.Statement{{SQL: "INSERT INTO kept VALUES (1)"}, {SQL: "INSERT INTO kept VALUES (2)"}})
			return err
		},
		"rows": func(q sqldb.Querier) error {
			return q.Query(t.Context(), "INSERT INTO kept VALUES (1) RETURNING v", nil, func(scan func(...any) error) error { return scan(new(int64)) })
		},
		"copy": func(q sqldb.Querier) error {
			return sqldb.CopyRows(t.Context(), q, "kept", []string{"v"}, [][]any{{int64(1)}})
		},
	}
	for name, text := range wrong {
		for kind, again := range second {
			for _, result := range []error{nil, errors.New("taken back")} {
				err := db.Write(t.Context(), func(q sqldb.Querier) error {
					if _, err := q.Exec(t.Context(), text, int64(1)); err == nil {
						t.Errorf("%s: no error", name)
					}
					if err := again(q); err == nil {
						t.Errorf("%s, then %s: it was done", name, kind)
					}
					return result
				})
				if err == nil || errors.Is(err, sqldb.ErrCommitUnknown) {
					t.Errorf("%s, then %s: the transaction ended with %v", name, kind, err)
				}
			}
		}
	}
	if err := db.Read(t.Context(), func(q sqldb.Querier) error {
		return q.Query(t.Context(), "SELECT count(*) FROM kept", nil, func(scan func(...any) error) error {
			var n int64
			err := scan(&n)
			if n != 0 {
				t.Errorf("%d rows are left", n)
			}
			return err
		})
	}); err != nil {
		t.Error(err)
	}
}
