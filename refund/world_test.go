package refund_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// at0 is when the tests' charges were paid.
var at0 = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

var pace = refund.Pace{SettlingTime: 5 * time.Second, First: time.Second, Longest: time.Hour}

func minor(m int64) *money.Minor {
	out := money.Minor(m)
	return &out
}

// paid is a registered charge of the amount with the coupons.
func paid(t testing.TB, amount int64, coupons ...refund.Coupon) refund.Charge {
	t.Helper()
	return registered(t, refund.Charge{Amount: money.Minor(amount), Detail: refund.Detail{Coupons: coupons}})
}

func registered(t testing.TB, c refund.Charge) refund.Charge {
	t.Helper()
	c.MerchantID, c.ID, c.Channel, c.ChannelAccount, c.Currency, c.PaidAt = "m1", "ch_1", "wx", "sandbox_1", "CNY", at0
	out, err := refund.AsRegistered(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func coupon(scope refund.CouponScope, kind refund.CouponType, amount int64, goods ...refund.CouponGoods) refund.Coupon {
	return refund.Coupon{ID: fmt.Sprint(kind, amount), Scope: scope, Type: kind, Amount: money.Minor(amount), Goods: goods}
}

// failer is *testing.T or *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world is one charge with everything that decisions about it left behind. It
// is the tests' own account: what it checks is added up from transfers and
// refunds, never taken from the charge's counters.
type world struct {
	charge    refund.Charge
	at        time.Time
	refunds   map[string]refund.Refund
	order     []string
	transfers []refund.Transfer
	events    map[string][]refund.Event
	attempts  map[string]int64
	alerts    []refund.Alert
	disputes  map[string]refund.Dispute // by the channel's id
	blocked   money.Minor               // without disputes
	told      []string                  // the types of events about disputes
	approvals map[string]refund.Approval
	book      refund.RuleBook
	by        refund.Asker
}

func newWorld(c refund.Charge) *world {
	return &world{
		charge: c, at: at0.Add(time.Hour), refunds: map[string]refund.Refund{}, disputes: map[string]refund.Dispute{}, blocked: c.Blocked,
		events: map[string][]refund.Event{}, attempts: map[string]int64{}, approvals: map[string]refund.Approval{},
	}
}

// accept takes one refund of the amount, nil for everything that is left.
func (w *world) accept(t failer, amount *money.Minor, goods ...refund.RefundedGoods) refund.Refund {
	t.Helper()
	r, err := w.tryAccept(t, refund.Request{Amount: amount, Goods: goods})
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	return r
}

func (w *world) tryAccept(t failer, request refund.Request) (refund.Refund, *refund.Error) {
	t.Helper()
	id := fmt.Sprintf("re_%03d", len(w.order)+1)
	request.RefundID, request.ChannelNumber, request.ChargeID = id, "n"+id, w.charge.ID
	changes, err := refund.Accept(map[string]refund.Charge{w.charge.ID: w.charge},
		refund.Unit{MerchantID: "m1", By: w.by, Requests: []refund.Request{request}}, w.book, w.at)
	if err != nil {
		return refund.Refund{}, err
	}
	if len(changes) != 1 {
		t.Fatalf("%d changes for one refund", len(changes))
	}
	w.take(t, changes[0])
	return w.refunds[id], nil
}

// claim gives the refund a new lease.
func (w *world) claim(id string) {
	w.refunds[id] = refund.Claim(w.refunds[id], w.at, w.at.Add(45*time.Second))
}

// kept fails unless each answer is in an attempt or counted, and none is lost.
func kept(t failer, before, after refund.Refund, o refund.Outcome, attempts []refund.Attempt) {
	t.Helper()
	var answers int64
	for _, a := range attempts {
		answers += max(1, a.Times)
	}
	if got := answers + after.Streak.Times - before.Streak.Times; got != 1 {
		t.Fatalf("one answer became %d: %+v, %+v", got, attempts, after.Streak)
	}
	if len(attempts) == 0 {
		if after.Streak.Outcome != o.Kind || after.Streak.Source != o.Source || after.State != before.State {
			t.Fatalf("the answer was not counted: %+v", after.Streak)
		}
		return
	}
	if last := attempts[len(attempts)-1]; last.RefundID != after.ID || last.Outcome != o.Kind || last.Source != o.Source {
		t.Fatalf("the attempt was not recorded: %+v", attempts)
	}
}

// word is a call's, notice's or operator's word, taken now.
func (w *world) word(t failer, id string, o refund.Outcome) refund.Change {
	t.Helper()
	before := w.refunds[id]
	if o.Source.Call() && o.SentAt.IsZero() {
		o.SentAt = w.at
	}
	change := refund.Apply(w.charge, before, o, pace, w.at)
	w.take(t, change)
	kept(t, before, w.refunds[id], o, change.Attempts)
	if after := w.refunds[id]; after.Attempts-before.Attempts != int64(b2i(o.Source.Call())) {
		t.Fatalf("attempts went from %d to %d on a %s", before.Attempts, after.Attempts, o.Source)
	}
	return change
}

// call claims the refund and takes a call's word under that lease.
func (w *world) call(t failer, id string, source refund.Source, kind refund.OutcomeKind) refund.Change {
	t.Helper()
	w.claim(id)
	return w.word(t, id, refund.Outcome{Kind: kind, Source: source, Epoch: w.refunds[id].LeaseEpoch})
}

func (w *world) cancel(t failer, id string) *refund.Error {
	t.Helper()
	change, err := refund.Cancel(w.charge, w.refunds[id], refund.Cause{Actor: audit.ByKey("key_1"), RequestID: "iar_1"}, w.at)
	if err == nil {
		w.take(t, change)
	}
	return err
}

func (w *world) adopt(t failer, amount int64) refund.Refund {
	t.Helper()
	id := fmt.Sprintf("re_%03d", len(w.order)+1)
	change, err := refund.Adopt(w.charge, w.open(), refund.Foreign{RefundID: id, ChannelNumber: "f" + id, Amount: money.Minor(amount), Source: refund.Notice}, w.at)
	if err != nil {
		t.Fatalf("adopt: %v", err)
	}
	w.take(t, change)
	return w.refunds[id]
}

// open are the refunds that have not ended, oldest first.
func (w *world) open() (open []refund.Refund) {
	for _, known := range w.order {
		if !w.refunds[known].State.Final() {
			open = append(open, w.refunds[known])
		}
	}
	return open
}

// dispute takes what the channel says of a dispute.
func (w *world) dispute(t failer, told refund.Dispute) refund.Change {
	t.Helper()
	change, err := w.charge.Dispute(w.disputes[told.ChannelDisputeID], w.open(), told, "dp_"+told.ChannelDisputeID, w.at)
	if err != nil {
		t.Fatalf("dispute: %v", err)
	}
	w.take(t, change)
	return change
}

// takeDispute writes a dispute down.
func (w *world) takeDispute(t failer, change refund.Change) {
	t.Helper()
	d := change.Dispute
	if (d == nil) != (len(change.DisputeEvents) == 0) || d == nil && len(change.Transfers) > 0 && len(change.Refunds) == 0 {
		t.Fatalf("dispute %+v with events %+v", d, change.DisputeEvents)
	}
	if d == nil {
		return
	}
	if e := change.DisputeEvents[0]; e.Dispute != *d || e.Charge.ChargeBlocked != change.Charge.Blocked || e.Charge.ChargeExcess != change.Charge.Excess || d.State.Closed() == d.ClosedAt.IsZero() || (d.Held > 0) != d.State.Holds() {
		t.Fatalf("dispute %+v with event %+v", d, e)
	}
	w.disputes[d.ChannelDisputeID] = *d
	w.told = append(w.told, change.DisputeEvents[0].Type)
}

// take writes a change down and checks it against everything that was before.
func (w *world) take(t failer, change refund.Change) {
	t.Helper()
	changed := map[string]refund.State{}
	for _, r := range change.Refunds {
		before, known := w.refunds[r.ID]
		switch {
		case !known:
			w.order = append(w.order, r.ID)
			changed[r.ID] = r.State
		case before.State != r.State:
			if !before.State.May(r.State) {
				t.Fatalf("refund %s moved from %s to %s", r.ID, before.State, r.State)
			}
			changed[r.ID] = r.State
		}
		w.refunds[r.ID] = r
	}
	for _, e := range change.Events {
		state, ok := changed[e.RefundID]
		if !ok || e.Type != "refund."+string(state) || e.Snapshot.State != state {
			t.Fatalf("event %s of refund %s tells of no change, or is the second one", e.Type, e.RefundID)
		}
		delete(changed, e.RefundID)
		w.events[e.RefundID] = append(w.events[e.RefundID], e)
	}
	if len(changed) > 0 {
		t.Fatalf("changed without an event: %v", changed)
	}
	if n := len(change.Events); n > 0 {
		last := change.Events[n-1].Snapshot
		if last.ChargeReserved != change.Charge.Reserved || last.ChargeRefunded != change.Charge.Refunded || last.ChargeExcess != change.Charge.Excess && change.Dispute == nil {
			t.Fatalf("the last event shows another charge: %+v, %+v", last, change.Charge)
		}
	}
	for _, a := range change.Attempts {
		w.attempts[a.RefundID]++
	}
	w.takeDispute(t, change)
	w.takeApprovals(t, change)
	w.charge = change.Charge
	w.transfers = append(w.transfers, change.Transfers...)
	w.alerts = append(w.alerts, change.Alerts...)
	w.check(t)
}

// check adds everything up.
func (w *world) check(t failer) {
	t.Helper()
	c := w.charge
	if err := c.Check(); err != nil {
		t.Fatalf("charge: %v", err)
	}
	if held := c.Reserved + c.Refunded + c.Blocked; c.Excess != max(0, held-c.Amount) || c.Refundable() != max(0, c.Amount-held) {
		t.Fatalf("excess %d and refundable %d where %d of %d is held", c.Excess, c.Refundable(), held, c.Amount)
	}
	blocked := w.blocked
	for _, d := range w.disputes {
		blocked += d.Held
	}
	if blocked != c.Blocked {
		t.Fatalf("%d is blocked, its disputes hold %d", c.Blocked, blocked)
	}
	reserved, refunded, fee := money.Minor(0), c.AlreadyRefunded, money.Minor(0)
	coupons := make([]money.Minor, len(c.Detail.Coupons))
	goods := map[string]refund.GoodsUsed{}
	if c.AlreadyRefunded > 0 {
		fresh := c
		fresh.CouponUsed, fresh.FeeUsed, fresh.Refunded, fresh.Reserved = nil, 0, 0, 0
		parts, _ := refund.Allocate(fresh, c.AlreadyRefunded, nil)
		fee += addParts(parts, coupons, goods)
	}
	for _, id := range w.order {
		r := w.refunds[id]
		if err := r.Check(); err != nil {
			t.Fatalf("refund: %v", err)
		}
		if r.DueAt.IsZero() != (r.State.Final() && !r.Contradicted) {
			t.Fatalf("refund %s is %s (contradicted: %v) and due at %v", id, r.State, r.Contradicted, r.DueAt)
		}
		if (r.State == refund.Succeeded) == r.SucceededAt.IsZero() {
			t.Fatalf("refund %s is %s and succeeded at %v", id, r.State, r.SucceededAt)
		}
		switch {
		case r.State.Reserves():
			reserved += r.Amount
		case r.State == refund.Succeeded:
			refunded += r.Amount
		default:
			continue
		}
		fee += addParts(r.Parts, coupons, goods)
	}
	used := make([]money.Minor, len(coupons))
	copy(used, c.CouponUsed)
	counted := maps.Clone(c.GoodsUsed)
	maps.DeleteFunc(counted, func(_ string, g refund.GoodsUsed) bool { return g == refund.GoodsUsed{} })
	if reserved != c.Reserved || refunded != c.Refunded || fee != c.FeeUsed || !slices.Equal(used, coupons) || !maps.Equal(goods, counted) {
		t.Fatalf("the counters are reserved %d, refunded %d, fee %d, coupons %v, goods %v; the refunds say %d, %d, %d, %v, %v",
			c.Reserved, c.Refunded, c.FeeUsed, used, counted, reserved, refunded, fee, coupons, goods)
	}
	w.checkBooks(t)
}

func addParts(p refund.Parts, coupons []money.Minor, goods map[string]refund.GoodsUsed) money.Minor {
	for i, x := range p.Coupons {
		coupons[i] += x
	}
	for key, g := range p.Goods {
		if sum := (refund.GoodsUsed{Quantity: goods[key].Quantity + g.Quantity, Discount: goods[key].Discount + g.Discount}); sum != (refund.GoodsUsed{}) {
			goods[key] = sum
		}
	}
	if p.Fee == nil {
		return 0
	}
	return *p.Fee
}

// checkBooks: per refund and account, the transfers say what the state says.
func (w *world) checkBooks(t failer) {
	t.Helper()
	byRefund := map[string][]ledger.Transfer{}
	for _, transfer := range w.transfers {
		byRefund[transfer.RefundID] = append(byRefund[transfer.RefundID], transfer.Transfer)
	}
	for _, d := range w.disputes {
		balances, err := ledger.Balances(byRefund[d.ID])
		held := ledger.Disputed
		if d.State == refund.DisputeLost {
			held = ledger.Chargeback
		}
		want := map[ledger.Account]money.Minor{ledger.Available: -d.Held}
		want[held] += d.Held
		for account, balance := range balances {
			if balance != want[account.Account] || account.Currency != w.charge.Currency {
				t.Fatalf("the books of dispute %+v: %v", d, balances)
			}
		}
		if err != nil || d.Held > 0 && len(balances) < 2 {
			t.Fatalf("the books of dispute %+v: %v, %v", d, balances, err)
		}
	}
	for _, id := range w.order {
		r := w.refunds[id]
		balances, err := ledger.Balances(byRefund[id])
		if err != nil {
			t.Fatalf("books of refund %s: %v", id, err)
		}
		got := map[ledger.Account]money.Minor{}
		var sum money.Minor
		for account, balance := range balances {
			sum += balance
			if balance != 0 {
				got[account.Account] = balance
			}
		}
		want := map[ledger.Account]money.Minor{}
		add := func(account ledger.Account, m money.Minor) {
			if m != 0 {
				want[account] += m
			}
		}
		switch {
		case r.State.Reserves():
			add(ledger.Available, -r.Amount)
			add(ledger.Reserved, r.Amount)
		case r.State == refund.Succeeded:
			legs := r.Parts.Legs(w.charge.Detail.Coupons)
			add(ledger.Available, -r.Amount)
			add(ledger.Payer, legs.Payer)
			add(ledger.CouponCash, legs.CouponCash)
			add(ledger.CouponNoCash, legs.CouponNoCash)
			add(ledger.ChannelFee, -legs.Fee)
			add(ledger.FeeReturned, legs.Fee)
		}
		if diff := cmp.Diff(want, got); diff != "" || sum != 0 {
			t.Fatalf("the books of refund %s, which is %s, are off by %d: (-want +got)\n%s", id, r.State, sum, diff)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// is fails unless the refund stands in the state.
func (w *world) is(t *testing.T, id string, state refund.State) {
	t.Helper()
	if got := w.refunds[id].State; got != state {
		t.Fatalf("the refund is %s, want %s", got, state)
	}
}

// next fails unless the engine's next step is this one.
func (w *world) next(t *testing.T, id string, step refund.Step) {
	t.Helper()
	if got := refund.NextStep(w.refunds[id]); got != step {
		t.Fatalf("the next step is %s, want %s", got, step)
	}
}

func (w *world) later(d time.Duration) { w.at = w.at.Add(d) }

func (w *world) notice(t *testing.T, id string, kind refund.OutcomeKind) refund.Change {
	t.Helper()
	return w.word(t, id, refund.Outcome{Kind: kind, Source: refund.Notice})
}

// registeredOf100 is a registered charge of 100.
func registeredOf100(t failer) refund.Charge {
	t.Helper()
	out, err := refund.Register(refund.Charge{
		MerchantID: "m1", ID: "ch_1", Channel: "wx", ChannelAccount: "sandbox_1", Currency: "CNY", PaidAt: at0, Amount: 100,
	})
	if err != nil {
		t.Fatalf("register: %v", err)
	}
	return out
}
