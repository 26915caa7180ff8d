package intake_test

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// brokenCap is a store that shows the rules more money than one charge has,
// as a fault in the rules would: what the database refuses by itself.
type brokenCap struct {
	intake.Store
	chargeID string
}

func (b brokenCap) InTx(ctx context.Context, work func(intake.Tx) error) error {
	return b.Store.InTx(ctx, func(tx intake.Tx) error { return work(brokenCapTx{tx, b.chargeID}) })
}

type brokenCapTx struct {
	intake.Tx
	chargeID string
}

func (tx brokenCapTx) LockCharges(ctx context.Context, keys []refund.ChargeKey) (map[refund.ChargeKey]refund.Charge, error) {
	found, err := tx.Tx.LockCharges(ctx, keys)
	for key, c := range found {
		if key.ID == tx.chargeID {
			c.Amount *= 1000
			found[key] = c
		}
	}
	return found, err
}

func TestTheAcceptingCommitClaimsForItsEngineAsFarAsItHasRoom(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		desk, m := idle(s, intake.Options{}), newMerchant()
		desk.engine.room = 2
		paid := chargesOf(t, s, m, 3, 100)
		units := make([]refund.Unit, 3)
		for n := range units {
			units[n] = ask(paid[n], 1, "", "")
		}
		before := time.Now()
		answers := oneBatchAt(t, desk, units)
		var claimed, unclaimed int
		for n, answer := range answers {
			if answer.err != nil {
				t.Fatal(answer.err)
			}
			r, err := s.Refund(t.Context(), m, answer.result.Refunds[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case r.LeaseEpoch == 1 && r.LeaseUntil.After(before.Add(40*time.Second)) && r.DueAt.Equal(r.LeaseUntil):
				claimed++
			case r.LeaseEpoch == 0 && r.LeaseUntil.IsZero() && r.DueAt.Equal(r.CreatedAt):
				unclaimed++
			default:
				t.Errorf("refund %d: epoch %d, lease until %s, due at %s", n, r.LeaseEpoch, r.LeaseUntil, r.DueAt)
			}
		}
		if claimed != 2 || unclaimed != 1 || len(desk.engine.taken) != 2 || desk.engine.room != 0 || desk.engine.reserved != 0 {
			t.Errorf("%d claimed, %d not; the engine took %d and has room for %d", claimed, unclaimed, len(desk.engine.taken), desk.engine.room)
		}
		for _, taken := range desk.engine.taken {
			if taken.Refund.LeaseEpoch != 1 || taken.Charge.Reserved != 1 {
				t.Errorf("taken: epoch %d, charge holds %d", taken.Refund.LeaseEpoch, taken.Charge.Reserved)
			}
		}
	})
}

func TestRoomAtTheEngineIsGivenBackWhateverFails(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	m := newMerchant()
	paid := chargesOf(t, s, m, 2, 100)
	desk := idle(brokenCap{s, paid[0].ID}, intake.Options{})
	desk.engine.room = 10
	oneBatchAt(t, desk, []refund.Unit{ask(paid[0], 101, "", ""), ask(paid[1], 1, "", ""), ask(paid[1], 101, "", "")})
	if desk.engine.room != 9 || desk.engine.reserved != 0 || len(desk.engine.taken) != 1 {
		t.Errorf("room %d, reserved %d, taken %d; want 9, 0, 1", desk.engine.room, desk.engine.reserved, len(desk.engine.taken))
	}
}

func TestAHeldRefundIsNotHandedOver(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	desk := idle(s, intake.Options{})
	desk.engine.room = 10
	unit := ask(chargesOf(t, s, newMerchant(), 1, 100)[0], 1, "", "")
	unit.Requests[0].HoldUntil = time.Now().Add(time.Hour)
	answers := oneBatchAt(t, desk, []refund.Unit{unit})
	if answers[0].err != nil || answers[0].result.Refunds[0].State != refund.Held || len(desk.engine.taken) != 0 || desk.engine.room != 10 {
		t.Errorf("%+v; taken %d", answers[0], len(desk.engine.taken))
	}
}

// What its account would not send is committed unclaimed and due later, and the engine
// learns of it once it is there.
func TestWhatAPauseHoldsUpIsNotClaimed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		m := newMerchant()
		paid := chargesOf(t, s, m, 2, 100)
		desk := idle(brokenCap{s, paid[0].ID}, intake.Options{})
		desk.engine.room = 10
		until := time.Now().Add(time.Minute).UTC().Truncate(time.Microsecond)
		desk.engine.paused = until
		answers := oneBatchAt(t, desk, []refund.Unit{ask(paid[0], 101, "", ""), ask(paid[1], 1, "", "")})
		if answers[0].err == nil || answers[1].err != nil {
			t.Fatalf("%v, %v", answers[0].err, answers[1].err)
		}
		r, err := s.Refund(t.Context(), m, answers[1].result.Refunds[0].ID)
		if err != nil || r.State != refund.Created || r.LeaseEpoch != 0 || !r.LeaseUntil.IsZero() || !r.DueAt.Equal(until) {
			t.Errorf("it is %s, lease %d until %s, due at %s; %v", r.State, r.LeaseEpoch, r.LeaseUntil, r.DueAt, err)
		}
		if len(desk.engine.putOff) != 1 || len(desk.engine.taken)+len(desk.engine.left) != 0 || desk.engine.room != 10 {
			t.Errorf("the engine knows of %v, took %d and was left %d; room for %d", desk.engine.putOff, len(desk.engine.taken), len(desk.engine.left), desk.engine.room)
		}
	})
}
