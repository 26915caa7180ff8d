package sqldb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// A server that stands still breaks no connection, and must hold nobody for ever.
func TestAReadThatGetsNoAnswerEnds(t *testing.T) {
	db, err := sqldb.Open(t.Context(), storetest.EmptyPostgres(t), sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	const timeout = 300 * time.Millisecond
	db.SetAnswerTimeout(timeout)
	err = db.Read(t.Context(), func(q sqldb.Querier) error {
		return q.Query(t.Context(), "SELECT CAST(pg_sleep(600) AS TEXT)", nil, func(func(...any) error) error { return nil })
	})
	if !errors.Is(err, sqldb.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	// What the caller itself takes its time for is no matter of the server's.
	rows := 0
	err = db.Read(t.Context(), func(q sqldb.Querier) error {
		return q.Query(t.Context(), "SELECT v FROM (VALUES (1), (2)) AS list (v)", nil, func(func(...any) error) error {
			rows++
			time.Sleep(2 * timeout)
			return nil
		})
	})
	if err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
