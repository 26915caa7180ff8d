package intake_test

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// A replica stands still within a transaction, as after SIGSTOP. The server ends
// the transaction, others go on with what it held, and the replica begins anew
// when it runs again.
func TestAReplicaThatStandsStillInATransactionLosesItsLocks(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	for name, want := range map[string]string{"idle_in_transaction_session_timeout": "8s", "lock_timeout": "2s"} {
		if got, err := s.DB().Setting(t.Context(), name); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %s", name, got, err, want)
		}
	}
	still := storetest.Open(t, url+"&idle_in_transaction_session_timeout=1000") // as in production, and sooner
	c := chargesOf(t, s, newMerchant(), 1, 10)[0]
	key := refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}
	stands, goOn := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	runs := 0
	go func() {
		ended <- still.InTx(context.Background(), func(tx intake.Tx) error {
			_, err := tx.LockCharges(context.Background(), []refund.ChargeKey{key})
			if runs++; err == nil && runs == 1 {
				close(stands)
				<-goOn
				_, err = tx.LockCharges(context.Background(), []refund.ChargeKey{key})
			}
			return err
		})
	}()
	<-stands
	desk := open(t, s, intake.Options{})
	start := time.Now()
	_, err := desk.Accept(t.Context(), ask(c, 1, "R1", ""), 0)
	for refund.KindOf(err) == refund.KindBusy {
		_, err = desk.Accept(t.Context(), ask(c, 1, "R1", ""), 0)
	}
	if err != nil {
		t.Error(err)
	}
	t.Logf("the charge was free after %v", time.Since(start))
	close(goOn)
	if err := <-ended; err != nil || runs != 2 {
		t.Errorf("the replica that stood still ran %d times: %v", runs, err)
	}
	checkHeld(t, s, c, 1)
}
