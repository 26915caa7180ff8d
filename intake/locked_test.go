package intake_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// hold opens a session besides the service, which holds what statements lock
// until it is let go.
func hold(t *testing.T, url string, statements ...string) (letGo func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append([]string{"BEGIN"}, statements...) {
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// Another session holds a charge, or a number, of merchant A, while forty callers
// of A ask for refunds on every replica. Another merchant's requests are answered
// while it is held; A's are not accepted, and are once it is free.
func TestALockOnOneMerchantsRowHoldsUpNoOther(t *testing.T) {
	lockCharge := func(c refund.Charge) string {
		return fmt.Sprintf("SELECT id FROM charges WHERE merchant_id = '%s' AND id = '%s' FOR UPDATE", c.MerchantID, c.ID)
	}
	for name, lock := range map[string]func(c refund.Charge) string{
		"a charge": lockCharge, "a charge that is named": lockCharge,
		"a number": func(c refund.Charge) string {
			return fmt.Sprintf(`INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at)
				VALUES ('%s', 'number', 'held', '["re_held"]', '[{}]', 1)`, c.MerchantID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			const callers, requests = 40, 10
			ask := ask
			if strings.HasSuffix(name, "named") {
				ask = askNamed
			}
			url := storetest.Postgres(t)
			s := storetest.Open(t, url)
			locked, other := chargesOf(t, s, newMerchant(), 1, 1_000_000)[0], chargesOf(t, s, newMerchant(), 1, 1_000_000)[0]
			desks := []*desk{open(t, s, intake.Options{Workers: 4}), open(t, s, intake.Options{Workers: 4})}
			letGo := hold(t, url, lock(locked))
			ended := make(chan struct{})
			var accepted atomic.Int64
			var asking sync.WaitGroup
			for n := range callers {
				asking.Go(func() {
					for {
						select {
						case <-ended:
							return
						default:
							if _, err := desks[n%2].Accept(t.Context(), ask(locked, 1, "held", ""), 0); err == nil {
								accepted.Add(1)
							} else if kind := refund.KindOf(err); kind != refund.KindBusy && kind != refund.KindNumberConflict {
								t.Errorf("the merchant whose row is held: %v", err)
							}
						}
					}
				})
			}
			for _, d := range desks { // every replica has met the lock
				waitUntil(t, "callers wait", func() bool { return d.Waiting() > 0 })
			}
			var longest time.Duration
			for n := range requests {
				start := time.Now()
				if _, err := desks[n%2].Accept(t.Context(), ask(other, 1, fmt.Sprint("R", n), ""), 0); err != nil {
					t.Errorf("another merchant: %v", err)
				}
				longest = max(longest, time.Since(start))
			}
			t.Logf("another merchant was answered within %v", longest)
			if accepted.Load() > 0 {
				t.Errorf("%d were accepted while the row was held", accepted.Load())
			}
			letGo()
			close(ended)
			asking.Wait()
			if strings.HasPrefix(name, "a charge") {
				if _, err := desks[0].Accept(t.Context(), ask(locked, 1, "held", ""), 0); err != nil {
					t.Errorf("once it is free: %v", err)
				}
			}
			checkHeld(t, s, other, requests)
		})
	}
}
