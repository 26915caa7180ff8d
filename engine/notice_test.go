package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// notified is a notice of a success that the channel's own console made.
func (r *rig) notified(c refund.Charge, number string, amount money.Minor) channel.Notified {
	return channel.Notified{
		Text: "success of " + number,
		Noticed: refund.Noticed{
			Number: number, TransactionID: c.TransactionID, Currency: c.Currency,
			Outcome: refund.Outcome{Kind: refund.OutcomeDone, ChannelRefundID: "own " + number + r.account, Amount: &amount, SucceededAt: r.clock.Now()},
		},
	}
}

func (r *rig) notify(notices ...channel.Notified) error {
	return r.engine.Notify(r.t.Context(), r.account, notices)
}

// inbox lists the inbox as "number state".
func (r *rig) inbox() []string {
	r.t.Helper()
	list, _, err := r.store.Notices(r.t.Context(), r.owner, "", refund.Page{Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, n := range list {
		out = append(out, n.Noticed.Number+" "+string(n.State))
	}
	slices.Sort(out)
	return out
}

func (r *rig) stepInbox() {
	r.t.Helper()
	if _, err := r.engine.StepInbox(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func pendingChannel() *scripted {
	fake := newScripted()
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
		return refund.Outcome{Kind: refund.OutcomeAccepted}
	}
	return fake
}

func TestANoticeIsRecordedBeforeItIsAnswered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, pendingChannel())
		c := r.charge(1000)
		rf := r.accept(c.ID, 100)
		r.steps(r.engine)
		n := r.notified(c, rf.ChannelNumber, 100)
		for range 2 { // told twice
			if err := r.notify(n); err != nil {
				t.Fatal(err)
			}
			if got := r.refund(rf.ID); got.State != refund.Succeeded || got.ChannelRefundID != n.Outcome.ChannelRefundID {
				t.Errorf("it is %s with %q", got.State, got.ChannelRefundID)
			}
		}
		if got := r.inbox(); len(got) != 0 || r.chargeNow(c.ID).Refunded != 100 {
			t.Errorf("inbox %v, refunded %d", got, r.chargeNow(c.ID).Refunded)
		}
	})
}

func TestANoticeInAnotherCurrencyIsNotBelieved(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newRig(t, s, pendingChannel())
	c := r.charge(1000)
	rf := r.accept(c.ID, 100)
	r.steps(r.engine)
	n := r.notified(c, rf.ChannelNumber, 100)
	n.Currency = "USD"
	if err := r.notify(n); err != nil {
		t.Fatal(err)
	}
	if got := r.refund(rf.ID); got.State != refund.Pending || len(r.alertsRaised()) != 1 {
		t.Errorf("it is %s, alerts %q", got.State, r.alertsRaised())
	}
}

func TestAHintHasTheChannelAskedAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := pendingChannel()
		r := newRig(t, s, fake)
		rf := r.accept(r.charge(1000).ID, 100)
		r.steps(r.engine)
		before := r.refund(rf.ID)
		hint := channel.Notified{Noticed: refund.Noticed{Number: rf.ChannelNumber, Hint: true, Outcome: refund.Outcome{Kind: refund.OutcomeDone}}}
		if err := r.notify(hint); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(10 * time.Millisecond) // decisions have times of their own
		hinted := r.refund(rf.ID)
		if hinted.State != refund.Pending || hinted.Attempts != before.Attempts || hinted.DueAt.After(r.clock.Now()) {
			t.Errorf("after a hint it is %s, due %s", hinted.State, hinted.DueAt)
		}
		fake.query = func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: refund.OutcomeDone}
		}
		r.steps(r.engine)
		if got := r.refund(rf.ID); got.State != refund.Succeeded {
			t.Errorf("asked, it is %s", got.State)
		}
	})
}

func TestARefundThatTheChannelMadeIsAdoptedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, pendingChannel())
		c := r.charge(1000)
		r.accept(c.ID, 900)
		r.steps(r.engine)
		n := r.notified(c, "console", 300)
		for range 3 {
			if err := r.notify(n); err != nil {
				t.Fatal(err)
			}
		}
		n.TransactionID, n.OrderNo = "", c.OrderNo // told once more, in other words
		if err := r.notify(n); err != nil {
			t.Fatal(err)
		}
		after := r.chargeNow(c.ID)
		if after.Refunded != 300 || after.Reserved != 900 || after.Excess != 200 {
			t.Errorf("refunded %d, reserved %d, excess %d", after.Refunded, after.Reserved, after.Excess)
		}
		list, _, err := s.RefundList(t.Context(), refund.Filter{MerchantID: r.owner, ChargeID: c.ID, Page: refund.Page{Limit: 10}})
		if err != nil || len(list) != 2 {
			t.Fatalf("%d refunds, %v", len(list), err)
		}
		if got := r.inbox(); len(got) != 0 {
			t.Errorf("inbox %v", got)
		}
		if got := r.alertsRaised(); len(got) != 2 {
			t.Errorf("alerts %q, want one for the adoption and one for the excess", got)
		}
		for _, one := range list {
			if one.Amount == 300 && !slices.Equal(events(t, r, one.ID), []string{"refund.succeeded"}) {
				t.Errorf("events %v", events(t, r, one.ID))
			}
		}
	})
}

func TestANoticeThatMatchesNothingWaitsForItsCharge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, pendingChannel())
		unknown := refund.Charge{TransactionID: "t later", Currency: "CNY"}
		n := r.notified(unknown, "console", 300)
		for range 2 {
			if err := r.notify(n); err != nil {
				t.Fatal(err)
			}
		}
		r.stepInbox()
		if got := r.inbox(); !slices.Equal(got, []string{"console waiting"}) {
			t.Fatalf("inbox %v", got)
		}
		r.clock.advance(time.Second)
		c, _, err := r.store.RegisterCharge(t.Context(), refund.Charge{
			MerchantID: r.owner, ID: "ch_" + refund.NewID(time.Now()), OrderNo: "o", Channel: "wx", ChannelAccount: r.account,
			TransactionID: unknown.TransactionID, Currency: "CNY", Amount: 1000, PaidAt: r.clock.Now(), CreatedAt: r.clock.Now(),
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.stepInbox()
		if got := r.inbox(); !slices.Equal(got, []string{"console adopted"}) || r.chargeNow(c.ID).Refunded != 300 {
			t.Errorf("inbox %v, refunded %d", got, r.chargeNow(c.ID).Refunded)
		}
		r.stepInbox()
		if got := r.chargeNow(c.ID).Refunded; got != 300 {
			t.Errorf("looked at again, %d is refunded", got)
		}
	})
}

// A bill's row says nothing for sure, also where its charge comes later.
func TestAHintThatWaitsForItsChargeIsAdoptedOnlyIfTheChannelConfirmsIt(t *testing.T) {
	answers := func(kind refund.OutcomeKind) func(context.Context, channel.Instruction) refund.Outcome {
		return func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: kind, Amount: new(money.Minor(200)), ChannelRefundID: "the channel's own"}
		}
	}
	done := func(number string) []channel.Listed {
		return []channel.Listed{{Number: number, Kind: refund.OutcomeDone, Amount: money.Amount{Minor: 200, Currency: "CNY"}}}
	}
	tests := []struct {
		name   string
		says   refund.OutcomeKind
		listed []channel.Listed // nil: the channel has no list
		order  bool             // the charge has the row's order number alone
		want   string
	}{
		{"confirmed", refund.OutcomeDone, nil, false, "adopted"},
		{"unheard of", refund.OutcomeNotFound, nil, false, "waiting"},
		{"no answer", refund.OutcomeUnknown, nil, false, "waiting"},
		{"under way", refund.OutcomeAccepted, nil, false, "waiting"},
		{"failed", refund.OutcomeFailed, done("row"), false, "waiting"},
		{"listed", refund.OutcomeNotFound, done("row"), false, "adopted"},
		{"another is listed", refund.OutcomeNotFound, done("other"), false, "waiting"},
		{"of another payment of the order", refund.OutcomeDone, nil, true, "set_aside"},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				fake := newPaying(nil)
				fake.lists, fake.refunds = test.listed != nil, test.listed
				fake.query = answers(test.says)
				r := newRig(t, s, fake)
				hint := r.notified(refund.Charge{TransactionID: "t row", Currency: "CNY"}, "row", 300)
				hint.Hint, hint.OrderNo = true, "o1"
				if err := r.notify(hint); err != nil {
					t.Fatal(err)
				}
				c := refund.Charge{
					MerchantID: r.owner, ID: "ch_" + refund.NewID(time.Now()), OrderNo: "o1", Channel: "wx", ChannelAccount: r.account,
					TransactionID: "t row", Currency: "CNY", Amount: 1000, PaidAt: r.clock.Now(), CreatedAt: r.clock.Now(),
				}
				if test.order {
					c.TransactionID = "t other"
				}
				if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
					t.Fatal(err)
				}
				r.clock.advance(2 * time.Minute)
				r.stepInbox()
				refunded := money.Minor(0)
				if test.want == "adopted" {
					refunded = 200 // what the channel says, and not the row
				}
				if got := r.inbox(); !slices.Equal(got, []string{"row " + test.want}) || r.chargeNow(c.ID).Refunded != refunded {
					t.Errorf("inbox %v, refunded %d", got, r.chargeNow(c.ID).Refunded)
				}
				if test.order && len(fake.said()) != 0 {
					t.Errorf("asked %v", fake.said())
				}
			})
		}
	})
}

func TestANoticeThatMatchesNothingIsSetAsideInTheEnd(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newRig(t, s, pendingChannel())
	n := r.notified(refund.Charge{TransactionID: "t never"}, "console", 300)
	if err := r.notify(n, r.notified(refund.Charge{TransactionID: "t never"}, "other", 300)); err != nil {
		t.Fatal(err)
	}
	for range 48 {
		r.clock.advance(time.Hour)
		r.stepInbox()
	}
	if got := r.inbox(); !slices.Equal(got, []string{"console set_aside", "other set_aside"}) {
		t.Errorf("inbox %v", got)
	}
	raised := r.alertsRaised()
	slices.Sort(raised)
	if kinds := slices.Compact(raised); len(kinds) != 1 || !strings.Contains(kinds[0], r.account) {
		t.Errorf("alerts %q, want the same words for both", raised)
	}
	// Its charge comes after all.
	_, _, err := r.store.RegisterCharge(t.Context(), refund.Charge{
		MerchantID: r.owner, ID: "ch_" + refund.NewID(time.Now()), OrderNo: "o", Channel: "wx", ChannelAccount: r.account,
		TransactionID: "t never", Currency: "CNY", Amount: 1000, PaidAt: r.clock.Now(), CreatedAt: r.clock.Now(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.stepInbox()
	if got := r.inbox(); !slices.Equal(got, []string{"console adopted", "other adopted"}) {
		t.Errorf("inbox %v", got)
	}
}

func TestANoticeThatOnlyAPersonCanPlaceIsAnAlert(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newRig(t, s, pendingChannel())
	c := r.charge(1000)
	n := r.notified(c, "console", 300)
	n.Outcome.Amount = nil
	if err := r.notify(n); err != nil {
		t.Fatal(err)
	}
	if got := r.inbox(); !slices.Equal(got, []string{"console set_aside"}) || len(r.alertsRaised()) != 1 || r.chargeNow(c.ID).Refunded != 0 {
		t.Errorf("inbox %v, alerts %q", got, r.alertsRaised())
	}
}

// That holds where the notice names a refund of ours, too.
func TestANoticeThatOnlyAPersonCanUnderstandIsSetAsideAndMovesNothing(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newRig(t, s, pendingChannel())
	c := r.charge(1000)
	rf := r.accept(c.ID, 300)
	r.steps(r.engine)
	n := r.notified(c, rf.ChannelNumber, 300)
	n.Aside = "an event that can't be understood"
	for range 2 {
		if err := r.notify(n); err != nil {
			t.Fatal(err)
		}
		r.stepInbox()
	}
	if got := r.inbox(); len(got) != 1 || !strings.HasSuffix(got[0], "set_aside") || r.chargeNow(c.ID).Refunded != 0 {
		t.Errorf("inbox %q, %d is refunded", got, r.chargeNow(c.ID).Refunded)
	}
	if told := r.alertsRaised(); len(told) == 0 || !strings.Contains(told[0], n.Aside) {
		t.Errorf("alerts %q", told)
	}
}

// One notice that can't be recorded stops no other, and is kept.
func TestANoticeThatCannotBeRecordedIsKeptAndStopsNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		there := &picky{Store: s}
		r := newRig(t, s, pendingChannel())
		r.engine = engine.New(there, r.board, to(pendingChannel()), engine.Options{Now: r.clock.Now, Log: quiet(), Alert: r.alert})
		r.startIntake()
		c := r.charge(1000)
		good, bad := r.accept(c.ID, 100), r.accept(c.ID, 200)
		r.steps(r.engine)
		there.guilty = bad.ID
		// U+0000 is what no database keeps.
		if err := r.notify(r.notified(c, bad.ChannelNumber+"\x00", 200), r.notified(c, good.ChannelNumber, 100)); err != nil {
			t.Fatal(err)
		}
		if got := r.refund(good.ID).State; got != refund.Succeeded {
			t.Errorf("the other is %s", got)
		}
		if got := r.inbox(); !slices.Equal(got, []string{bad.ChannelNumber + " waiting"}) {
			t.Fatalf("inbox %v", got)
		}
		there.guilty = ""
		r.clock.advance(2 * time.Minute)
		r.stepInbox()
		if got := r.refund(bad.ID).State; got != refund.Succeeded || !slices.Equal(r.inbox(), []string{bad.ChannelNumber + " matched"}) {
			t.Errorf("tried again it is %s, inbox %v", got, r.inbox())
		}
	})
}

// deaf is a database that keeps no notice.
type deaf struct{ *store.Store }

func (deaf) KeepNotice(context.Context, refund.KeptNotice) error { return errors.New("no answer") }

func TestANoticeThatWasNotKeptIsAnErrorToTheChannel(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newRig(t, s, pendingChannel())
	c := r.charge(1000)
	rf := r.accept(c.ID, 100)
	r.steps(r.engine)
	r.engine = engine.New(deaf{s}, r.board, to(pendingChannel()), engine.Options{Now: r.clock.Now, Log: quiet()})
	if err := r.notify(r.notified(c, rf.ChannelNumber, 100), r.notified(refund.Charge{}, "console", 1)); err == nil {
		t.Error("a notice that nobody kept was taken")
	}
	if got := r.refund(rf.ID).State; got != refund.Succeeded {
		t.Errorf("the notice beside it left the refund %s", got)
	}
}

// A person has a notice tried again, which the record names.
func TestANoticeIsTriedAgainWhenSomebodyWantsIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, pendingChannel())
		c := r.charge(1000)
		foreign := r.notified(c, "made elsewhere", 100)
		foreign.TransactionID = "of a charge that comes later"
		aside := r.notified(c, "without amount", 50)
		aside.Outcome.Amount = nil
		if err := r.notify(foreign, aside); err != nil {
			t.Fatal(err)
		}
		list, _, err := s.Notices(t.Context(), r.owner, "", refund.Page{Limit: 10})
		if err != nil || len(list) != 2 {
			t.Fatalf("kept %v, %v", list, err)
		}
		retry := func(number string) (refund.KeptNotice, error) {
			n := list[slices.IndexFunc(list, func(n refund.KeptNotice) bool { return n.Noticed.Number == number })]
			return r.engine.RetryNotice(t.Context(), r.owner, n.ID, storetest.Record(r.owner))
		}
		for _, number := range []string{"made elsewhere", "without amount"} {
			if got, err := retry(number); err != nil || got.State == refund.NoticeAdopted || got.Note == "" {
				t.Errorf("tried again, %q is %s because %q, %v", number, got.State, got.Note, err)
			}
		}
		later := r.chargeOf("of a charge that comes later", 500)
		got, err := retry("made elsewhere")
		if err != nil || got.State != refund.NoticeAdopted || r.chargeNow(later.ID).Refunded != 100 {
			t.Fatalf("it is %s, %v, and the charge has %d refunded", got.State, err, r.chargeNow(later.ID).Refunded)
		}
		kept, err := s.Notice(t.Context(), r.owner, got.ID)
		if err != nil || kept.State != refund.NoticeAdopted || kept.RefundID != got.RefundID {
			t.Errorf("it is kept as %+v, %v", kept, err)
		}
		if _, err = retry("made elsewhere"); refund.KindOf(err) != refund.KindStateConflict || !strings.Contains(err.Error(), got.RefundID) {
			t.Errorf("once more: %v", err)
		}
		_, err = r.engine.RetryNotice(t.Context(), "mer_other", got.ID, storetest.Record("mer_other"))
		if refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("another merchant: %v", err)
		}
		if linked, err := s.LinkAudit(t.Context(), r.owner); err != nil || linked != 7 { // the merchant, and three tries, each begun and ended
			t.Errorf("%d records, %v", linked, err)
		}
		if err := s.RefuseNotice(t.Context(), refund.KeptNotice{Account: r.account, ReceivedAt: r.clock.Now(), Note: "not the channel's"}); err != nil {
			t.Fatal(err)
		}
		refused, _, _ := s.Notices(t.Context(), r.owner, refund.NoticeRefused, refund.Page{Limit: 10})
		if _, err := r.engine.RetryNotice(t.Context(), r.owner, refused[0].ID, storetest.Record(r.owner)); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("a refused one: %v", err)
		}
	})
}

func TestADisputeThatWasSetAsideIsPlacedWhenItsPaymentComesByAnotherName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		id := refund.NewID(time.Now())
		err := r.notify(channel.Notified{Noticed: refund.Noticed{TransactionID: "ch_" + id, OtherTransactionID: "pi_" + id, Dispute: &refund.Dispute{
			ChannelDisputeID: "dp" + id, Amount: money.Amount{Minor: 100, Currency: "CNY"}, State: refund.DisputeOpen, ChannelAt: r.clock.Now(),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			r.clock.advance(time.Hour)
			r.stepInbox()
		}
		c := r.chargeOf("pi_"+id, 100)
		r.stepInbox()
		if got := r.chargeNow(c.ID); got.Blocked != 100 {
			t.Errorf("blocked %d of 100", got.Blocked)
		}
	})
}
