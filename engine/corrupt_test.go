package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// damage makes refunds break an invariant, behind the store's back.
func (r *rig) damage(ids []string) {
	r.t.Helper()
	err := r.store.DB().Write(r.t.Context(), func(q sqldb.Querier) error {
		for _, id := range ids {
			if _, err := q.Exec(r.t.Context(), `UPDATE refunds SET parts = '{"payer":7}' WHERE merchant_id = $1 AND id = $2`, r.owner, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// acceptMany has refunds accepted, as many together as may be.
func (r *rig) acceptMany(chargeID string, n int) (accepted []refund.Refund) {
	r.t.Helper()
	for len(accepted) < n {
		many := unit(r.owner, chargeID, 100)
		for range min(100, n-len(accepted)) - 1 {
			many.Requests, many.Members = append(many.Requests, many.Requests[0]), append(many.Members, refund.Content{})
		}
		result, err := r.intake.Accept(r.t.Context(), many, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		accepted = append(accepted, result.Refunds...)
	}
	return accepted
}

// More corrupt refunds than a look reads are in front of sound ones.
func TestCorruptRefundsAtTheFrontHoldUpNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		c := r.charge(1_000_000)
		reserved := fill(r.engine) // so that all are left to the looks
		var corrupt, sound []string
		for n, one := range r.acceptMany(c.ID, 320) {
			if n < 300 {
				corrupt = append(corrupt, one.ID)
			} else {
				sound = append(sound, one.ID)
			}
		}
		r.engine.Release(reserved)
		r.damage(corrupt)
		r.run(2)
		for _, id := range sound {
			if got := r.refund(id); got.State != refund.Succeeded {
				t.Fatalf("a sound refund is %s, due %s", got.State, got.DueAt)
			}
		}
		if got := r.engine.SetAside(); got != 300 || len(r.alertsRaised()) != 300 {
			t.Errorf("%d were set apart, with %d alerts; want 300", got, len(r.alertsRaised()))
		}
		r.run(60)
		if got := r.engine.SetAside(); got != 300 {
			t.Errorf("a minute later %d were set apart: they are taken again and again", got)
		}
	})
}

// noticing is a channel whose notices wait until they are acknowledged.
type noticing struct{ notices []channel.PendingNotice }

func (n *noticing) OnNotice(func()) {}

func (n *noticing) Notices(_ context.Context, limit int) ([]channel.PendingNotice, error) {
	return slices.Clone(n.notices[:min(limit, len(n.notices))]), nil
}

func (n *noticing) Acknowledge(_ context.Context, ids []string) error {
	n.notices = slices.DeleteFunc(n.notices, func(one channel.PendingNotice) bool { return slices.Contains(ids, one.ID) })
	return nil
}

// deafTo keeps no notice of some refunds.
type deafTo struct {
	*store.Store
	numbers []string
}

func (d deafTo) KeepNotice(ctx context.Context, n refund.KeptNotice) error {
	if slices.Contains(d.numbers, n.Noticed.Number) {
		return errors.New("it can't be kept")
	}
	return d.Store.KeepNotice(ctx, n)
}

// Notices about corrupt refunds go into the inbox, and those that not even that
// takes are left with their channel; the others are taken all the same.
func TestNoticesAboutCorruptRefundsHoldUpNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const many = 150 // more than one look reads
		r := newRig(t, s, pendingChannel())
		c := r.charge(1_000_000)
		var waiting noticing
		var corrupt, deaf []string
		var last refund.Refund
		for n, one := range r.acceptMany(c.ID, 2*many+1) {
			last = one
			notice := channel.PendingNotice{ID: fmt.Sprint(n), Notified: r.notified(c, last.ChannelNumber, 100)}
			notice.Account = r.account
			waiting.notices = append(waiting.notices, notice)
			switch {
			case n < many:
				deaf = append(deaf, last.ChannelNumber)
				fallthrough
			case n < 2*many:
				corrupt = append(corrupt, last.ID)
			}
		}
		r.steps(r.engine)
		r.damage(corrupt)
		r.engine = engine.New(deafTo{s, deaf}, r.board, to(pendingChannel()), engine.Options{
			Now: r.clock.Now, Log: quiet(), Alert: r.alert, Notifiers: []channel.Notifier{&waiting},
		})
		for range 5 {
			if _, err := r.engine.StepNotices(t.Context()); err == nil {
				t.Error("some notices can't be taken, and nobody is told")
			}
			r.clock.advance(time.Second)
		}
		if got := r.refund(last.ID); got.State != refund.Succeeded {
			t.Errorf("the sound refund behind them is %s", got.State)
		}
		if len(waiting.notices) != many || len(r.inbox()) != 100 {
			t.Errorf("%d notices are left with the channel, want the %d that can't be kept; %d are in the inbox's first page", len(waiting.notices), many, len(r.inbox()))
		}
		r.clock.advance(time.Hour)
		r.stepInbox() // and none of them stops the inbox
		if _, err := r.engine.StepInbox(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
