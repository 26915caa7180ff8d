package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// cut is a store whose connection breaks: during a commit of outcomes, or before a
// notice is saved.
type cut struct {
	engine.Store
	commits int
	notices bool
}

func (c *cut) Record(ctx context.Context, reports []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error) {
	posted, err := c.Store.Record(ctx, reports, wait, decide)
	if err == nil && c.commits > 0 {
		c.commits--
		return nil, fmt.Errorf("%w: cut", refund.ErrCommitUnknown)
	}
	return posted, err
}

func (c *cut) SaveNotice(ctx context.Context, n refund.KeptNotice, by *refund.Action) error {
	if c.notices {
		return errors.New("cut")
	}
	return c.Store.SaveNotice(ctx, n, by)
}

func (r *rig) over(t *testing.T, s engine.Store) *engine.Engine {
	t.Helper()
	return engine.New(s, r.board, to(connectorOf(t, r.sandbox, r.account)),
		engine.Options{Now: r.clock.Now, Log: quiet(), Notifiers: []channel.Notifier{r.sandbox}, Alert: r.alert})
}

// recorded are the merchant's records of an action.
func (r *rig) recorded(t *testing.T, s *store.Store, action string) []audit.Record {
	t.Helper()
	if _, err := s.LinkAudit(t.Context(), r.owner); err != nil {
		t.Fatal(err)
	}
	all, err := s.AuditRecords(t.Context(), r.owner, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r audit.Record) bool { return r.Action != action })
}

func TestAnOperatorsWordWhoseCommitIsUnknownIsAnsweredAsItWasRecorded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		accepted := r.accept(r.charge(1000).ID, 58)
		r.run(1)
		other := r.over(t, &cut{Store: r.store, commits: 1})
		word := refund.Outcome{Kind: refund.OutcomeDone, Message: "statement 7"}
		got, err := other.Resolve(t.Context(), r.owner, accepted.ID, word, r.record("refund.resolve"))
		if err != nil || got.State != refund.Succeeded || got.ResolvedBy != audit.ByCommand("root") {
			t.Errorf("answered %s by %s, %v", got.State, got.ResolvedBy, err)
		}
		if records := r.recorded(t, s, "refund.resolve"); len(records) != 1 {
			t.Errorf("records %+v", records)
		}
		word.Kind = refund.OutcomeFailed
		if _, err := other.Resolve(t.Context(), r.owner, accepted.ID, word, r.record("refund.resolve")); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("another word after it: %v", err)
		}
	})
}

func TestANoticeThatSomebodyHasTriedAgainBearsTheirNameWhateverFails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		amount := money.Minor(300)
		foreign := channel.Notified{Account: r.account, Noticed: refund.Noticed{
			Number: "foreign1", TransactionID: "txlate", Outcome: refund.Outcome{Kind: refund.OutcomeDone, Amount: &amount, ChannelRefundID: "cf1"},
		}}
		if err := r.engine.Notify(t.Context(), r.account, []channel.Notified{foreign}); err != nil {
			t.Fatal(err)
		}
		c := r.chargeOf("txlate", 1000)
		kept, _, err := s.Notices(t.Context(), r.owner, "", refund.Page{Limit: 10})
		if err != nil || len(kept) != 1 {
			t.Fatal(kept, err)
		}
		if _, err := r.over(t, &cut{Store: r.store, notices: true}).RetryNotice(t.Context(), r.owner, kept[0].ID, r.record("notice.retry")); err == nil {
			t.Fatal("a notice that can't be saved is said to be placed")
		}
		adopted, _, err := s.RefundList(t.Context(), refund.Filter{MerchantID: r.owner, ChargeID: c.ID, Page: refund.Page{Limit: 10}})
		if err != nil || len(adopted) != 1 {
			t.Fatal(adopted, err)
		}
		attempts, err := s.Attempts(t.Context(), r.owner, adopted[0].ID)
		if err != nil || len(attempts) != 1 || attempts[0].Actor != audit.ByCommand("root") {
			t.Errorf("attempts %+v, %v", attempts, err)
		}
		if records := r.recorded(t, s, "notice.retry.begin"); len(records) != 1 || records[0].Actor != audit.ByCommand("root") {
			t.Errorf("records %+v", records)
		}
		// A look that is older than what became of the notice overwrites nothing.
		if _, err := r.engine.StepInbox(t.Context()); err != nil {
			t.Fatal(err)
		}
		stale := kept[0]
		stale.Tries++
		if err := s.SaveNotice(t.Context(), stale, nil); err != nil {
			t.Fatal(err)
		}
		if now, err := s.Notice(t.Context(), r.owner, stale.ID); err != nil || now.State == refund.NoticeWaiting {
			t.Errorf("the notice is %s, %v", now.State, err)
		}
	})
}
