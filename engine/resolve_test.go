package engine_test

import (
	"errors"
	"testing"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// While someone asks the channel about the refund, its answer would be older
// than an operator's word and look newer. That holds across processes: the lease
// is in the database.
func TestARefundUnderALeaseIsNotResolved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		accepted := r.accept(r.charge(1000).ID, 58) // pending
		other := r.newEngine(nil)                   // another process's, such as a command's
		word := refund.Outcome{Kind: refund.OutcomeDone, Message: "statement 7"}
		resolve := func() (refund.Refund, error) {
			return other.Resolve(t.Context(), r.owner, accepted.ID, word, r.record("refund.resolve"))
		}
		// The accepting commit has claimed it, and nobody has called yet.
		if _, err := resolve(); refund.KindOf(err) != refund.KindStateConflict || r.refund(accepted.ID).State != refund.Created {
			t.Errorf("under a lease: %v", err)
		}
		r.run(1)
		got, err := resolve()
		if err != nil || got.State != refund.Succeeded || got.ResolvedBy != audit.ByCommand("root") || got.State != r.refund(got.ID).State {
			t.Fatalf("%s by %q, %v", got.State, got.ResolvedBy, err)
		}
		if _, err := resolve(); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("at its end: %v", err)
		}
		if read := r.refund(got.ID); read.ResolvedBy != audit.ByCommand("root") {
			t.Errorf("resolved by %q", read.ResolvedBy)
		}
		attempts, err := s.Attempts(t.Context(), r.owner, got.ID)
		if err != nil || attempts[len(attempts)-1].Actor != audit.ByCommand("root") || attempts[len(attempts)-1].Message != "statement 7" {
			t.Errorf("attempts %+v, %v", attempts, err)
		}
		if linked, err := s.LinkAudit(t.Context(), r.owner); err != nil || linked != 2 { // the first made the merchant
			t.Errorf("%d audit records, %v", linked, err)
		}
		r.run(30)
		if got := r.refund(got.ID); got.State != refund.Succeeded || !got.DueAt.IsZero() {
			t.Errorf("afterwards it is %s, due %v", got.State, got.DueAt)
		}
	})
}

func TestNobodyResolvesARefundWithoutAName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		accepted := r.accept(r.charge(1000).ID, 58)
		r.run(1)
		_, err := r.engine.Resolve(t.Context(), r.owner, accepted.ID, refund.Outcome{Kind: refund.OutcomeDone}, refund.Action{})
		if !errors.Is(err, audit.ErrNoActor) || r.refund(accepted.ID).State != refund.Pending {
			t.Errorf("error %v", err)
		}
		_, err = r.engine.Resolve(t.Context(), r.owner, "re_none", refund.Outcome{Kind: refund.OutcomeDone}, r.record("refund.resolve"))
		if refund.KindOf(err) != refund.KindRefundNotFound {
			t.Errorf("an unknown refund: %v", err)
		}
	})
}
