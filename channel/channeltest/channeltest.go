// Package channeltest is the suite that every connector must pass, against the
// channel itself or a fake of it that the test directs.
package channeltest

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Scenario is what the channel does with a refund that is submitted to it.
type Scenario string

// The scenarios. Every channel has the first five.
const (
	Succeeds      Scenario = "succeeds at once, or is accepted and succeeds"
	RefusedAlways Scenario = "is refused for good"
	AnswerLost    Scenario = "moves the money, and the answer is lost"
	RequestLost   Scenario = "is lost the first time before anything happens"
	Throttled     Scenario = "is throttled the first time"
	ShortOfFunds  Scenario = "finds the merchant short of funds"
	Unpayable     Scenario = "meets an account that can't take the money"
)

// Peer is the channel on the other side, as the test directs it.
type Peer struct {
	// Connector is of an account that the scenarios' instructions are for.
	Connector channel.Connector
	// Instruction gives a refund of its own number that the channel will treat
	// so; false when this channel has no such thing.
	Instruction func(t *testing.T, s Scenario) (channel.Instruction, bool)
	// Nothing is what a query says of a refund that the channel does not have; default
	// refund.OutcomeNotFound. It is refund.OutcomeInconclusive at a channel whose
	// answer then proves nothing.
	Nothing refund.OutcomeKind
	// WithoutIDs says that the channel has no number of its own for a refund.
	WithoutIDs bool
	// Moves says how often the channel moved money for a refund.
	Moves func(t *testing.T, i channel.Instruction) int
	// Number is the form of the channel's refund numbers; nil is any that has 1
	// to 64 ASCII letters, digits, "_" and "-".
	Number *regexp.Regexp
	// Day is the day of the bill that a refund submitted now is on, where the
	// account has bills.
	Day func(t *testing.T) channel.BillDay
}

// atOnce is how many callers tell the channel the same at once.
const atOnce = 8

// Run runs the suite. peer makes a connector with a channel of its own.
func Run(t *testing.T, peer func(t *testing.T) Peer) {
	t.Helper()
	tests := []struct {
		name     string
		scenario Scenario
		test     func(*testing.T, Peer, channel.Instruction)
	}{
		{"its pace and limits are ones that the engine can keep", Succeeds, pace},
		{"its refund numbers have the channel's form", Succeeds, number},
		{"what it can't do says so", Succeeds, incapable},
		{"a listing names the refund and its outcome", Succeeds, listed},
		{"a listing of a payment without refunds is empty", Succeeds, listedNone},
		{"a bill names the refund once", Succeeds, billed},
		{"a number that the channel never heard of is not found", Succeeds, neverHeard},
		{"a refund that is submitted twice moves money once", Succeeds, twice},
		{"a refund that is submitted many times at once moves money once", Succeeds, manyAtOnce},
		{"a number with another amount moves nothing more", Succeeds, otherAmount},
		{"a call whose context has ended says nothing that is not so", Succeeds, ended},
		{"a refusal moves nothing, however often", RefusedAlways, refused},
		{"a lost answer is unknown, and a query finds what happened", AnswerLost, answerLost},
		{"a lost request is unknown, a query finds nothing, and the next submit moves once", RequestLost, requestLost},
		{"a throttled call moved nothing, and a later one moves once", Throttled, throttled},
		{"being short of funds created nothing", ShortOfFunds, shortOfFunds},
		{"an account that can't take the money is abnormal to a query too", Unpayable, unpayable},
	}
	for _, one := range tests {
		t.Run(one.name, func(t *testing.T) {
			p := peer(t)
			if i, ok := p.Instruction(t, one.scenario); ok {
				one.test(t, p, i)
			} else if slices.Contains([]Scenario{Succeeds, RefusedAlways, AnswerLost, RequestLost, Throttled}, one.scenario) {
				t.Errorf("every channel must be able to show that a refund %s", one.scenario)
			}
		})
	}
}

func pace(t *testing.T, p Peer, _ channel.Instruction) {
	if pace := p.Connector.Pace(); pace.SettlingTime < 0 || pace.First <= 0 || pace.Longest < pace.First {
		t.Errorf("pace %+v", pace)
	}
	limits := p.Connector.Limits()
	if limits.Concurrent < 0 {
		t.Errorf("limits %+v", limits)
	}
	for _, calls := range []channel.Calls{limits.Submit, limits.Query, limits.Reroute} {
		if calls.PerSecond < 0 || calls.Burst < 0 {
			t.Errorf("limits %+v", limits)
		}
	}
}

func neverHeard(t *testing.T, p Peer, i channel.Instruction) {
	p.expect(t, p.Connector.Query(t.Context(), i), p.nothing())
	p.moved(t, i, 0)
}

func twice(t *testing.T, p Peer, i channel.Instruction) {
	first := p.Connector.Submit(t.Context(), i)
	p.expect(t, first, refund.OutcomeDone, refund.OutcomeAccepted)
	second := p.Connector.Submit(t.Context(), i)
	p.expect(t, second, refund.OutcomeDone, refund.OutcomeAccepted)
	asked := p.Connector.Query(t.Context(), i)
	p.expect(t, asked, refund.OutcomeDone, refund.OutcomeAccepted)
	p.moved(t, i, 1)
	for _, o := range []refund.Outcome{first, second, asked} {
		if o.ChannelRefundID != asked.ChannelRefundID || asked.ChannelRefundID == "" && !p.WithoutIDs {
			t.Errorf("the channel's own id is %q, then %q", asked.ChannelRefundID, o.ChannelRefundID)
		}
		if o.Amount != nil && *o.Amount != i.Amount.Minor {
			t.Errorf("the channel speaks of %d, told was %d", *o.Amount, i.Amount.Minor)
		}
	}
}

func manyAtOnce(t *testing.T, p Peer, i channel.Instruction) {
	var callers sync.WaitGroup
	outcomes := make([]refund.Outcome, atOnce)
	for n := range outcomes {
		callers.Go(func() { outcomes[n] = p.Connector.Submit(t.Context(), i) })
	}
	callers.Wait()
	for _, o := range outcomes {
		p.expect(t, o, refund.OutcomeDone, refund.OutcomeAccepted, refund.OutcomeTryLater, refund.OutcomeUnknown)
	}
	p.expect(t, p.Connector.Query(t.Context(), i), refund.OutcomeDone, refund.OutcomeAccepted)
	p.moved(t, i, 1)
}

func otherAmount(t *testing.T, p Peer, i channel.Instruction) {
	p.Connector.Submit(t.Context(), i)
	more := i
	more.Amount.Minor++
	o := p.Connector.Submit(t.Context(), more)
	if o.Kind == refund.OutcomeDone && (o.Amount == nil || *o.Amount == more.Amount.Minor) {
		t.Errorf("the same number was taken for another amount: %+v", o)
	}
	p.moved(t, i, 1)
}

func ended(t *testing.T, p Peer, i channel.Instruction) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := p.Connector.Submit(ctx, i)
	switch moves := p.Moves(t, i); {
	case o.Kind == refund.OutcomeUnknown:
	case (o.Kind == refund.OutcomeDone) == (moves == 1):
	default:
		t.Errorf("it says %s, and money moved %d times", o.Kind, moves)
	}
	p.expect(t, p.Connector.Submit(t.Context(), i), refund.OutcomeDone, refund.OutcomeAccepted)
	p.moved(t, i, 1)
}

func refused(t *testing.T, p Peer, i channel.Instruction) {
	for range 3 {
		o := p.Connector.Submit(t.Context(), i)
		p.expect(t, o, refund.OutcomeRefused, refund.OutcomeFailed)
		if o.Code == "" {
			t.Error("a refusal says why")
		}
	}
	p.expect(t, p.Connector.Query(t.Context(), i), p.nothing(), refund.OutcomeFailed)
	p.moved(t, i, 0)
}

func answerLost(t *testing.T, p Peer, i channel.Instruction) {
	p.expect(t, p.Connector.Submit(t.Context(), i), refund.OutcomeUnknown)
	p.moved(t, i, 1)
	p.expect(t, p.Connector.Query(t.Context(), i), refund.OutcomeDone, refund.OutcomeAccepted)
	p.Connector.Submit(t.Context(), i)
	p.moved(t, i, 1)
}

func requestLost(t *testing.T, p Peer, i channel.Instruction) {
	p.expect(t, p.Connector.Submit(t.Context(), i), refund.OutcomeUnknown)
	p.expect(t, p.Connector.Query(t.Context(), i), p.nothing())
	p.moved(t, i, 0)
	p.expect(t, p.Connector.Submit(t.Context(), i), refund.OutcomeDone, refund.OutcomeAccepted)
	p.moved(t, i, 1)
}

// throttled: a channel whose documents don't say that a throttled call created
// nothing leaves it unknown.
func throttled(t *testing.T, p Peer, i channel.Instruction) {
	p.expect(t, p.Connector.Submit(t.Context(), i), refund.OutcomeTryLater, refund.OutcomeUnknown)
	p.expect(t, p.Connector.Query(t.Context(), i), p.nothing())
	p.moved(t, i, 0)
	const most = 10 // no channel under test throttles for longer
	for range most {
		if o := p.Connector.Submit(t.Context(), i); o.Kind != refund.OutcomeTryLater && o.Kind != refund.OutcomeUnknown {
			p.expect(t, o, refund.OutcomeDone, refund.OutcomeAccepted)
			break
		}
	}
	p.moved(t, i, 1)
}

func shortOfFunds(t *testing.T, p Peer, i channel.Instruction) {
	p.expect(t, p.Connector.Submit(t.Context(), i), refund.OutcomeShortOfFunds)
	p.expect(t, p.Connector.Query(t.Context(), i), p.nothing(), refund.OutcomeShortOfFunds)
	p.moved(t, i, 0)
}

func unpayable(t *testing.T, p Peer, i channel.Instruction) {
	p.expect(t, p.Connector.Submit(t.Context(), i), refund.OutcomeAbnormal, refund.OutcomeAccepted)
	p.expect(t, p.Connector.Query(t.Context(), i), refund.OutcomeAbnormal)
	p.moved(t, i, 0)
}

// nothing is what a query says of a refund that the channel does not have.
func (p Peer) nothing() refund.OutcomeKind { return cmp.Or(p.Nothing, refund.OutcomeNotFound) }

// expect fails unless the outcome is of one of the kinds.
func (p Peer) expect(t *testing.T, o refund.Outcome, kinds ...refund.OutcomeKind) {
	t.Helper()
	if !slices.Contains(kinds, o.Kind) {
		t.Errorf("outcome %s (%s %s), want one of %v", o.Kind, o.Code, o.Message, kinds)
	}
}

// moved fails unless money moved as often.
func (p Peer) moved(t *testing.T, i channel.Instruction, want int) {
	t.Helper()
	if got := p.Moves(t, i); got != want {
		t.Errorf("money moved %d times, want %d", got, want)
	}
}
