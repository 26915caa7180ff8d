package sqldb_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestAYoungTableIsMeasuredBeforeAutovacuumComes(t *testing.T) {
	url := storetest.EmptyPostgres(t)
	db, err := sqldb.Open(t.Context(), url, sqldb.Options{Growing: []string{"notes"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	write := func(text string) {
		err := db.Write(t.Context(), func(q sqldb.Querier) error {
			_, err := q.Exec(t.Context(), text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write("CREATE TABLE notes (note TEXT NOT NULL)")
	for range 40 {
		write("INSERT INTO notes (note) VALUES ('a')")
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	deadline := time.NewTimer(3 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var rows float32 // -1 is "never measured"
		if err := conn.QueryRow(t.Context(), "SELECT reltuples FROM pg_class WHERE oid = 'notes'::regclass").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("40 commits later nobody had measured the table")
		}
	}
}
