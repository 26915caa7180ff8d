package sandbox_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// Another session holds an entry of one account. The calls of others that share
// its commit are answered while it does.
func TestAnEntryThatIsHeldStopsNoOtherAccount(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	box := open(sandbox.NewDatabase(s))
	start(t, box)
	held := instruction(100)
	if o := of(box).Submit(t.Context(), held); o.Kind != refund.OutcomeDone {
		t.Fatal(o)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"BEGIN", "SELECT number FROM sandbox_refunds FOR UPDATE"} {
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	var calling sync.WaitGroup
	for range 20 {
		calling.Go(func() {
			if o := of(box).Submit(t.Context(), held); o.Kind != refund.OutcomeUnknown {
				t.Errorf("the account whose entry is held: %s %s", o.Kind, o.Message)
			}
		})
		calling.Go(func() {
			other := instruction(100)
			other.Account = "sandbox_other"
			connector, err := box.Open(channel.Account{ID: other.Account})
			if err != nil {
				t.Error(err)
				return
			}
			if o := connector.Submit(t.Context(), other); o.Kind != refund.OutcomeDone {
				t.Errorf("another account: %s %s", o.Kind, o.Message)
			}
		})
	}
	calling.Wait()
	// A connection that is closed frees its locks some moments later.
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if o := of(box).Submit(t.Context(), held); o.Kind != refund.OutcomeDone {
		t.Errorf("once it is free: %s %s", o.Kind, o.Message)
	}
}
