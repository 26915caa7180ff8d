package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// slow is a channel that answers when the call's time is over.
type slow struct {
	channel.Basic
	kind refund.OutcomeKind
}

func (s slow) Submit(ctx context.Context, _ channel.Instruction) refund.Outcome {
	<-ctx.Done()
	return refund.Outcome{Kind: s.kind}
}

func (s slow) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	return s.Submit(ctx, i)
}

func (slow) Pace() refund.Pace { return refund.Pace{First: time.Second, Longest: time.Second} }

func TestAfterItsDeadlineACallIsOnlyBelievedWhatTheChannelMustHaveSaid(t *testing.T) {
	for kind, want := range map[refund.OutcomeKind]refund.OutcomeKind{
		refund.OutcomeUnknown:      refund.OutcomeUnknown,
		refund.OutcomeTryLater:     refund.OutcomeUnknown,
		refund.OutcomeRefused:      refund.OutcomeUnknown,
		refund.OutcomeShortOfFunds: refund.OutcomeUnknown,
		refund.OutcomeNotFound:     refund.OutcomeUnknown,
		refund.OutcomeDone:         refund.OutcomeDone,
		refund.OutcomeFailed:       refund.OutcomeFailed,
	} {
		synctest.Test(t, func(t *testing.T) {
			e := New(nil, intake.NewBoard(), func(context.Context, string) (channel.Opened, error) {
				return channel.NewOpened(merchant.ChannelAccount{}, slow{kind: kind}), nil
			}, Options{})
			sent := e.now()
			r := refund.Refund{State: refund.Created, LeaseEpoch: 7, LeaseUntil: sent.Add(Lease)}
			w := e.carry(t.Context(), job{Claimed: &refund.Claimed{Refund: r}, step: refund.StepSubmit, lane: e.lane(refund.AccountKey{MerchantID: "m", ID: "a"}), since: sent})
			if took := e.now().Sub(sent); took != channel.CallTimeout {
				t.Errorf("the call took %s", took)
			}
			if w.Outcome.Kind != want || w.Outcome.Source != refund.Submit || w.Outcome.Epoch != 7 || !w.Outcome.SentAt.Equal(sent) {
				t.Errorf("%s became %+v, want %s", kind, w.Outcome, want)
			}
		})
	}
}

func TestACallThatWasCutOffIsNotToldToTheChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(nil, intake.NewBoard(), func(context.Context, string) (channel.Opened, error) {
			return channel.Opened{}, errors.New("must not be asked for")
		}, Options{})
		now := e.now()
		r := refund.Refund{State: refund.Created, LeaseEpoch: 1, LeaseUntil: now.Add(channel.CallTimeout - time.Microsecond)}
		w := e.carry(t.Context(), job{Claimed: &refund.Claimed{Refund: r}, step: refund.StepSubmit, lane: e.lane(refund.AccountKey{MerchantID: "m", ID: "a"}), since: now.Add(-16 * time.Second)})
		if !w.due.Equal(now) || w.Outcome.Kind != "" {
			t.Errorf("word %+v, want the lease given back, due now", w)
		}
	})
}

func TestTheAgendaKnowsTheNextTimes(t *testing.T) {
	now := time.UnixMicro(1_000_000_000)
	a := newAgenda()
	for _, wait := range []time.Duration{3 * time.Second, time.Second, time.Second - time.Millisecond, time.Second, 2 * agendaAhead} {
		a.add(now.Add(wait), now)
	}
	a.add(time.Time{}, now)
	var times []time.Duration
	for {
		first, ok := a.first()
		if !ok {
			break
		}
		times = append(times, first.Sub(now))
		a.pass(first)
	}
	if want := []time.Duration{time.Second, 3 * time.Second}; !slices.Equal(times, want) {
		t.Errorf("times %v, want %v: rounded up, each once, the far one left to the poll", times, want)
	}
	if len(a.known) != 0 {
		t.Errorf("%d times are remembered that are over", len(a.known))
	}
}

func TestALookComesWhenSomethingIsDueAndNotLaterThanThePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(nil, intake.NewBoard(), nil, Options{})
		now := e.now()
		e.lastLook = now
		if got := e.NextLook(); !got.Equal(now.Add(PollInterval)) {
			t.Errorf("an idle engine looks after %s", got.Sub(now))
		}
		e.remember(now.Add(200 * time.Millisecond))
		if got := e.NextLook(); !got.Equal(now.Add(200 * time.Millisecond)) {
			t.Errorf("with a refund due in 200 ms it looks after %s", got.Sub(now))
		}
		e.Wake()
		if got := e.NextLook(); got.After(now) {
			t.Errorf("when it is woken it looks after %s", got.Sub(now))
		}
	})
}

// accounts are so many accounts of as many merchants.
func accounts(n int) []refund.AccountKey {
	keys := make([]refund.AccountKey, n)
	for i := range keys {
		keys[i] = refund.AccountKey{MerchantID: strconv.Itoa(i), ID: strconv.Itoa(i)}
	}
	return keys
}

func granted(reserved []intake.Reservation) (n int) {
	for _, one := range reserved {
		if one.Room {
			n++
		}
	}
	return n
}

func TestRoomIsFreedForWhoWasRefusedIt(t *testing.T) {
	e := New(nil, intake.NewBoard(), nil, Options{Queue: 16})
	keys := accounts(20)
	if got := granted(e.Reserve(keys)); got != 14 {
		t.Fatalf("reserved %d of 16, want all but the look's share", got)
	}
	e.Left(keys[14:])
	e.lastLook = e.now()
	if got := e.NextLook(); !got.IsZero() {
		t.Error("there is room for the look, and nobody looks")
	}
	if asks := e.takeAsks(e.now()); len(asks) != 2 {
		t.Errorf("the look asks for %+v, want one refund of each of two accounts", asks)
	}
	e.asks = nil
	e.Release(keys[:3])
	e.Left(keys[14:])
	if got := e.NextLook(); !got.IsZero() {
		t.Error("room was freed, and nobody looks for what was left in the database")
	}
	if got := granted(e.Reserve(accounts(40)[20:])); got != 1 {
		t.Errorf("reserved %d after 3 were freed, want 1: 14 less the 13 in use", got)
	}
}

func TestOneAccountGetsAThirdOfTheRoomAndOneMerchantHalf(t *testing.T) {
	e := New(nil, intake.NewBoard(), nil, Options{Queue: 1200})
	take := func(key refund.AccountKey) (n int) {
		e.mu.Lock()
		defer e.mu.Unlock()
		l := e.lane(key)
		l.known = true
		for e.room(l, &l.submits, 0, e.now()) > 0 {
			e.reserve(l, &l.submits, 1)
			n++
		}
		return n
	}
	var got []int
	for _, key := range []refund.AccountKey{{MerchantID: "a", ID: "1"}, {MerchantID: "a", ID: "2"}, {MerchantID: "b", ID: "3"}, {MerchantID: "c", ID: "4"}} {
		got = append(got, take(key))
	}
	if want := []int{400, 200, 200, 133}; !slices.Equal(got, want) {
		t.Errorf("accounts got %v of 1200, want %v", got, want)
	}
}
