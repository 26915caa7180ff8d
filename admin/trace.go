package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Traces is what is kept of one refund, each list oldest first.
type Traces interface {
	Charge(ctx context.Context, merchantID, id string) (refund.Charge, error)
	Attempts(ctx context.Context, merchantID, refundID string) ([]refund.Attempt, error)
	Transfers(ctx context.Context, merchantID, refundID string) ([]refund.StoredTransfer, error)
	// RefundEvents are the events about the refund, RefundNotices what its channel
	// sent of it that is kept in the inbox, RefundAlerts what somebody should look
	// at, and RefundActions the audit records about it.
	RefundEvents(ctx context.Context, r refund.Refund) ([]refund.StoredEvent, error)
	RefundNotices(ctx context.Context, r refund.Refund) ([]refund.KeptNotice, error)
	RefundAlerts(ctx context.Context, r refund.Refund) ([]refund.StoredAlert, error)
	RefundActions(ctx context.Context, r refund.Refund) ([]audit.Record, error)
	// TimesToSuccess are how long the last successes of an account took, from the
	// first call on, at most limit of them, and LastAsked is as Queues says.
	TimesToSuccess(ctx context.Context, merchantID, account string, limit int) ([]time.Duration, error)
	LastAsked(ctx context.Context, merchantID string, refunds []refund.Refund) (map[string]time.Time, error)
	// EventDeliveries are those of one event, with their tries.
	EventDeliveries(ctx context.Context, merchantID, eventID string) ([]merchant.DeliveryRecord, error)
}

// Trace is everything that is kept of one refund, for people.
type Trace struct {
	Refund refund.Refund
	Charge refund.Charge
	// ChargeUnreadable says that the charge is damaged: of Charge the id alone is known.
	ChargeUnreadable bool
	// Next is who acts next, and NextAt when, zero where no time is set.
	Next   Party
	NextAt time.Time
	// Promised is until when it should have succeeded, zero where nobody can tell.
	Promised refund.Promise
	// AskedAt is when the channel was asked last, and AskAt when it is asked next; zero
	// for never.
	AskedAt, AskAt time.Time
	// Entries are what happened, oldest first.
	Entries []TraceEntry
}

// Party is who acts next about a refund.
type Party string

// The parties.
const (
	// NextNobody: it is over, unless a bank sends the money back.
	NextNobody Party = "nobody"
	// NextService: this program tells or asks the channel.
	NextService Party = "service"
	// NextMerchant: the merchant's balance at the channel has to be filled.
	NextMerchant Party = "merchant"
	// NextOperator: a person has to find out or decide.
	NextOperator Party = "operator"
)

// TraceEntry is one thing that happened. One of its members besides At is set.
type TraceEntry struct {
	At       time.Time
	Attempt  *refund.Attempt
	Transfer *refund.StoredTransfer
	Event    *refund.StoredEvent
	// Delivery is the one that Try is of. A delivery without any try is there with a
	// nil Try, at the time when it was made.
	Delivery *merchant.DeliveryRecord
	Try      *merchant.DeliveryTry
	Notice   *refund.KeptNotice
	Alert    *refund.StoredAlert
	Action   *audit.Record
}

// TraceRefund reads everything about a refund.
func TraceRefund(ctx context.Context, s Traces, r refund.Refund) (Trace, error) {
	t := Trace{Refund: r}
	t.Next, t.NextAt = nextParty(r)
	var err error
	switch t.Charge, err = s.Charge(ctx, r.MerchantID, r.ChargeID); {
	case refund.KindOf(err) == refund.KindCorrupt:
		t.Charge, t.ChargeUnreadable = refund.Charge{MerchantID: r.MerchantID, ID: r.ChargeID}, true
	case err != nil:
		return t, err
	}
	for _, read := range []func(context.Context, Traces) error{t.fresh, t.channel, t.books, t.told, t.people} {
		if err := read(ctx, s); err != nil {
			return t, err
		}
	}
	slices.SortStableFunc(t.Entries, func(a, b TraceEntry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.rank(), b.rank())) })
	return t, nil
}

// rank is the order of what happened at the same time: what somebody did, what the
// channel said, and then what it led to.
func (e TraceEntry) rank() int {
	switch {
	case e.Action != nil:
		return 0
	case e.Notice != nil, e.Attempt != nil:
		return 1
	case e.Transfer != nil:
		return 2
	case e.Event != nil:
		return 3
	case e.Alert != nil:
		return 4
	}
	return 5
}

// fresh is how old what we know is, and what may be expected.
func (t *Trace) fresh(ctx context.Context, s Traces) error {
	asked, err := s.LastAsked(ctx, t.Refund.MerchantID, []refund.Refund{t.Refund})
	if err != nil {
		return err
	}
	t.AskedAt = asked[t.Refund.ID]
	switch {
	case !t.Refund.DueAt.IsZero() && refund.NextStep(t.Refund) == refund.StepQuery:
		t.AskAt = t.Refund.DueAt
	case t.Refund.DueAt.IsZero():
		t.AskAt = t.Refund.WatchAt
	}
	if t.Refund.State.Final() {
		return nil
	}
	took, err := s.TimesToSuccess(ctx, t.Refund.MerchantID, t.Refund.ChannelAccount, refund.MaxHistory)
	t.Promised = refund.Promised(t.Refund, took)
	return err
}

func (t *Trace) channel(ctx context.Context, s Traces) error {
	attempts, err := s.Attempts(ctx, t.Refund.MerchantID, t.Refund.ID)
	if err != nil {
		return err
	}
	for n := range attempts {
		t.Entries = append(t.Entries, TraceEntry{At: attempts[n].At, Attempt: &attempts[n]})
	}
	notices, err := s.RefundNotices(ctx, t.Refund)
	for n := range notices {
		t.Entries = append(t.Entries, TraceEntry{At: notices[n].ReceivedAt, Notice: &notices[n]})
	}
	return err
}

func (t *Trace) books(ctx context.Context, s Traces) error {
	transfers, err := s.Transfers(ctx, t.Refund.MerchantID, t.Refund.ID)
	// Those of one commit have no order of their own.
	slices.SortStableFunc(transfers, func(a, b refund.StoredTransfer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	for n := range transfers {
		t.Entries = append(t.Entries, TraceEntry{At: transfers[n].At, Transfer: &transfers[n]})
	}
	return err
}

// told reads the events and who was notified of them.
func (t *Trace) told(ctx context.Context, s Traces) error {
	events, err := s.RefundEvents(ctx, t.Refund)
	if err != nil {
		return err
	}
	for n := range events {
		t.Entries = append(t.Entries, TraceEntry{At: events[n].At, Event: &events[n]})
		deliveries, err := s.EventDeliveries(ctx, t.Refund.MerchantID, events[n].ID)
		if err != nil {
			return err
		}
		for m := range deliveries {
			d := &deliveries[m]
			if len(d.Tries) == 0 {
				t.Entries = append(t.Entries, TraceEntry{At: d.Delivery.CreatedAt, Delivery: d})
			}
			for k := range d.Tries {
				t.Entries = append(t.Entries, TraceEntry{At: d.Tries[k].At, Delivery: d, Try: &d.Tries[k]})
			}
		}
	}
	return nil
}

func (t *Trace) people(ctx context.Context, s Traces) error {
	alerts, err := s.RefundAlerts(ctx, t.Refund)
	if err != nil {
		return err
	}
	for n := range alerts {
		t.Entries = append(t.Entries, TraceEntry{At: alerts[n].CreatedAt, Alert: &alerts[n]})
	}
	actions, err := s.RefundActions(ctx, t.Refund)
	for n := range actions {
		t.Entries = append(t.Entries, TraceEntry{At: actions[n].At, Action: &actions[n]})
	}
	return err
}

// nextParty is who acts next about a refund, and when.
func nextParty(r refund.Refund) (Party, time.Time) {
	switch {
	case r.NeedsPerson, r.State == refund.Abnormal, r.HeldReason == refund.HeldForApproval:
		return NextOperator, r.DueAt
	case r.State == refund.Held && r.HeldReason == refund.HeldForFunds:
		return NextMerchant, r.DueAt
	case r.DueAt.IsZero():
		return NextNobody, time.Time{}
	}
	return NextService, r.DueAt
}
