package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

// unnumbered shows a merchant's new events and leaves them new.
func unnumbered(t *testing.T, s *store.Store) []webhook.Event {
	t.Helper()
	news, err := s.News(t.Context(), "mer_1", 100)
	if err != nil {
		t.Fatal(err)
	}
	return news.Events
}

func TestEventsInMemoryAreThoseOfTheDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		charge := shopCharge(t, s, "mer_1", "a")
		other := shopCharge(t, s, "mer_1", "b")
		same := func(when string, count int) {
			t.Helper()
			fromMemory := unnumbered(t, s)
			s.ForgetRecent()
			fromDatabase := unnumbered(t, s)
			if diff := cmp.Diff(fromDatabase, fromMemory, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: memory differs (-database +memory):\n%s", when, diff)
			}
			if len(fromMemory) != count || number(t, s, "mer_1") != count {
				t.Errorf("%s: %d events, want %d", when, len(fromMemory), count)
			}
		}
		shopRefund(t, s, "mer_1", charge.ID, "1", 100, noon.Add(time.Second))
		shopRefund(t, s, "mer_1", other.ID, "2", 200, noon.Add(2*time.Second))
		same("accepted", 2)

		// A transaction that is undone leaves no event, whatever is remembered.
		errUndo := errors.New("undone")
		err := s.InTx(t.Context(), func(tx intake.Tx) error {
			return errors.Join(insertUnit(t.Context(), tx, shopUnit("mer_1", charge.ID, "3", 100), noon.Add(3*time.Second)), errUndo)
		})
		if !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		same("undone", 0)

		succeed(t, s, "mer_1", "1", noon.Add(4*time.Second))
		succeed(t, s, "mer_1", "2", noon.Add(5*time.Second))
		same("succeeded", 2)
	})
}
