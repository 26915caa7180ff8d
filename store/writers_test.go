package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// Another session holds a charge, and its merchant's programs ask again and again
// for something to be done with it: as many as there are connections, and more.
// Other merchants' actions have connections meanwhile.
func TestManyActionsThatWaitForARowLeaveConnectionsToOthers(t *testing.T) {
	const callers, actions = 64, 20
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	now := time.Now().UTC().Truncate(time.Microsecond)
	held, other := claimedRefund(t, s, "mer_held", now), claimedRefund(t, s, "mer_other", now)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"BEGIN", "SELECT id FROM charges WHERE merchant_id = 'mer_held' FOR UPDATE"} {
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan struct{})
	var asking sync.WaitGroup
	for range callers {
		asking.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				_, _, err := s.CancelRefund(t.Context(), held.MerchantID, held.ID, storetest.Record(held.MerchantID), now)
				if refund.KindOf(err) != refund.KindBusy {
					t.Errorf("the merchant whose row is held: %v", err)
					return
				}
			}
		})
	}
	_, _, err = s.CancelRefund(t.Context(), held.MerchantID, held.ID, storetest.Record(held.MerchantID), now) // they are at it
	if refund.KindOf(err) != refund.KindBusy {
		t.Error(err)
	}
	var longest time.Duration
	for n := range actions {
		start := time.Now()
		alert := refund.Alert{Account: fmt.Sprint("acct_", n), Text: "look"}
		_, _, err := s.CancelRefund(t.Context(), other.MerchantID, "re_none", storetest.Record(other.MerchantID), now)
		if refund.KindOf(err) != refund.KindRefundNotFound {
			t.Errorf("another merchant's action: %v", err)
		}
		if err := s.SaveAlert(t.Context(), alert); err != nil {
			t.Error(err)
		}
		longest = max(longest, time.Since(start))
	}
	t.Logf("another merchant's actions took at most %v", longest)
	if longest > time.Second {
		t.Error("they wait for connections")
	}
	close(ended)
	asking.Wait()
	_, err = conn.Exec(t.Context(), "ROLLBACK")
	if err := errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Error(err)
	}
}
