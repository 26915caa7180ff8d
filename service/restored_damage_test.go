package service

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// A channel account that can't be read when a database is restored may have sent refunds
// that are lost here, as any other. Whoever mends its row gets an account that is paused
// and whose channel is asked first: a merchant's repeat of a lost refund would move the
// money a second time.
func TestAnAccountThatWasDamagedAtARestoreIsAskedBeforeItSends(t *testing.T) {
	for _, damage := range []struct{ name, breaks, mends string }{
		{"its settings", `UPDATE channel_accounts SET settings = 'no such {' || settings WHERE merchant_id = $1`, `UPDATE channel_accounts SET settings = SUBSTR(settings, 10) WHERE merchant_id = $1`},
		{"its secrets", `UPDATE channel_accounts SET sealed = 'no such {' || sealed WHERE merchant_id = $1`, `UPDATE channel_accounts SET sealed = SUBSTR(sealed, 10) WHERE merchant_id = $1`},
		{"its state", `UPDATE channel_accounts SET state = 'no such {' || state WHERE merchant_id = $1`, `UPDATE channel_accounts SET settings = settings WHERE merchant_id = $1`},
	} {
		t.Run(damage.name, func(t *testing.T) {
			each(t, func(t *testing.T, database string) {
				w := newDamageWorld(t, database)
				if err := w.life(w.b, "b"); err != nil {
					t.Fatal(err)
				}
				if w.change(damage.breaks) < 1 {
					t.Fatal("nothing was damaged")
				}
				if _, err := w.PauseRestored(t.Context()); err != nil {
					t.Fatal(err)
				}
				if w.change(damage.mends) < 1 {
					t.Fatal("nothing was mended")
				}
				pauses, err := w.admin.Pauses(t.Context(), w.a.id)
				w.must(err)
				for _, p := range pauses { // what an operator who has mended it ends
					_, err := w.admin.Resume(t.Context(), ann, p.PauseScope)
					w.must(err)
				}
				for _, of := range []*shop{w.a, w.b} {
					account, err := w.Store.ChannelAccount(t.Context(), of.account)
					if err != nil || account.State != merchant.AccountPaused || account.AskSince.IsZero() {
						t.Errorf("the account of %s is %s, to be asked since %s, %v", of.id, account.State, account.AskSince, err)
					}
					_, err = w.admin.ResumeAccount(t.Context(), ann, of.id, of.account)
					if refund.KindOf(err) != refund.KindStateConflict || err == nil || !strings.Contains(err.Error(), "account check --since") {
						t.Errorf("it was resumed without a question: %v", err)
					}
				}
				id, err := w.ask(w.a, w.charge(w.a), 200)
				w.must(err)
				w.must(w.work())
				if r, err := w.Store.Refund(t.Context(), w.a.id, id); err != nil || r.State != refund.Created || r.Attempts > 0 {
					t.Errorf("a repeat of a lost refund is %s after %d attempts, %v", r.State, r.Attempts, err)
				}
			})
		})
	}
}
