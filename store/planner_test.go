package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/store/storetest"
)

func TestAYoungTableIsMeasuredBeforeAutovacuumComes(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	for n := range 40 {
		err := s.Books(t.Context(), func(tx sandbox.Tx) error {
			return tx.AddEntries(t.Context(), []sandbox.Entry{{
				Account: "a", Number: fmt.Sprint(n), ChannelID: "c", TransactionID: "t",
				Amount: money.Amount{Minor: 1, Currency: "CNY"}, State: sandbox.Absent, CreatedAt: time.Now(),
			}})
		})
		if err != nil {
			t.Fatal(err)
		}
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
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var rows float32 // -1 is "never measured"
		if err := conn.QueryRow(t.Context(), "SELECT reltuples FROM pg_class WHERE oid = 'sandbox_refunds'::regclass").Scan(&rows); err != nil {
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
