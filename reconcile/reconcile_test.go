package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/reconcile"
	"github.com/refundry/refundry/refund"
)

var (
	beijing = time.FixedZone("UTC+8", 8*60*60)
	day     = channel.BillDay{Day: time.Date(2026, 11, 27, 0, 0, 0, 0, beijing)}
	// began is when the comparisons are made: the day after, in the afternoon.
	began = time.Date(2026, 11, 28, 15, 0, 0, 0, beijing)
)

// world is a store, an engine and a channel that hold what a test says.
type world struct {
	*testing.T
	booked   []refund.Booked
	can      channel.Capabilities
	bills    map[string][]channel.Listed // by day; absent is not ready
	knows    map[string]refund.OutcomeKind
	began    time.Time
	asked    []string
	hinted   []string
	compared []string
	list     func(refund.AccountKey, time.Time, time.Time, refund.Booked, int) []refund.Booked
	watch    func()
}

func (w *world) BookedByName(_ context.Context, _ refund.AccountKey, names []refund.BillName) (map[int]refund.Booked, error) {
	out := make(map[int]refund.Booked)
	for n, name := range names {
		if w.list != nil {
			out[n] = generated(name.Number)
			continue
		}
		for _, b := range w.booked {
			if name.Number == b.ChannelNumber || name.ChannelRefundID != "" && name.ChannelRefundID == b.ChannelRefundID {
				out[n] = b
			}
		}
	}
	if w.watch != nil {
		w.watch()
	}
	return out, nil
}

func (w *world) Succeeded(_ context.Context, key refund.AccountKey, from, to time.Time, after refund.Booked, limit int) ([]refund.Booked, error) {
	if w.list != nil {
		return w.list(key, from, to, after, limit), nil
	}
	var out []refund.Booked
	for _, b := range w.booked {
		if b.State == refund.Succeeded && !b.SucceededAt.Before(from) && b.SucceededAt.Before(to) && b.ID > after.ID && len(out) < limit {
			out = append(out, b)
		}
	}
	return out, nil
}

func (w *world) Refund(_ context.Context, merchantID, id string) (refund.Refund, error) {
	for _, b := range w.booked {
		if b.ID == id {
			return refund.Refund{
				MerchantID: merchantID, ID: id, ChargeID: b.ChargeID, ChannelNumber: b.ChannelNumber, ChannelRefundID: b.ChannelRefundID,
				Amount: b.Amount.Minor, Currency: b.Amount.Currency, State: b.State,
			}, nil
		}
	}
	return refund.Refund{}, fmt.Errorf("no refund %s", id)
}

func (*world) Charge(_ context.Context, merchantID, id string) (refund.Charge, error) {
	return refund.Charge{MerchantID: merchantID, ID: id}, nil
}

func (*world) NoticeMatch(_ context.Context, _ string, n refund.Noticed) (refund.NoticeMatch, error) {
	return refund.NoticeMatch{Charge: refund.Charge{ID: strings.Replace(n.TransactionID, "t", "ch", 1), MerchantID: "mer"}}, nil
}

func (w *world) Compare(_ context.Context, _ string, listed []channel.Listed, _ time.Time, _ refund.Cause) (channel.Comparison, error) {
	w.compared = append(w.compared, listed[0].Number+" "+string(listed[0].Kind))
	if listed[0].TransactionID == "" {
		return channel.Comparison{Kept: 1}, nil
	}
	return channel.Comparison{Adopted: []refund.Refund{{ID: "re_" + listed[0].Number}}}, nil
}

func (w *world) Notify(_ context.Context, _ string, notices []channel.Notified) error {
	if !notices[0].Hint {
		w.Error("a notice that is no hint would change a refund by the bill's word")
	}
	w.hinted = append(w.hinted, notices[0].Number)
	return nil
}

// connector is the channel's side.
type connector struct {
	channel.Basic
	*world
}

func (c connector) Submit(context.Context, channel.Instruction) refund.Outcome {
	c.Error("something was submitted")
	return refund.Outcome{}
}

func (c connector) Query(_ context.Context, i channel.Instruction) refund.Outcome {
	c.asked = append(c.asked, i.Number)
	kind, known := c.knows[i.Number]
	if !known {
		kind = refund.OutcomeNotFound
	}
	return refund.Outcome{Kind: kind}
}

func (c connector) Capabilities() channel.Capabilities { return c.can }

func (c connector) Charge(context.Context, channel.PaymentRef) (channel.Payment, error) {
	return channel.Payment{}, channel.ErrUnsupported
}

func (c connector) Bill(_ context.Context, d channel.BillDay) (channel.Bill, error) {
	rows, ready := c.bills[d.String()]
	if !ready {
		return nil, channel.ErrBillNotReady
	}
	return &rowsOf{rows: rows}, nil
}

type rowsOf struct {
	rows []channel.Listed
	at   int
}

func (b *rowsOf) Next() (channel.Listed, error) {
	if b.at == len(b.rows) {
		return channel.Listed{}, io.EOF
	}
	b.at++
	return b.rows[b.at-1], nil
}

func (*rowsOf) Close() error { return nil }

// run compares a bill, and returns the differences as "kind name".
func (w *world) run(bill channel.Bill) (channel.Reconciliation, []string) {
	w.Helper()
	if w.began.IsZero() {
		w.began = began
	}
	folder := w.TempDir()
	var differences []string
	found, err := reconcile.New(w, w, folder).Reconcile(w.Context(), channel.ReconcileTask{
		Account: merchant.ChannelAccount{ID: "acc", MerchantID: "mer"}, Connector: connector{world: w}, Day: day, Bill: bill,
		Each: func(d channel.Difference) error {
			name := d.RefundID
			if name == "" {
				name = d.Billed.Number
			}
			differences = append(differences, string(d.Kind)+" "+name)
			return nil
		},
		Now: func() time.Time { return w.began },
	})
	if err != nil {
		w.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		w.Errorf("the temporary folder still has %v, %v", left, err)
	}
	slices.Sort(differences)
	return found, differences
}

func yuan(minor money.Minor) money.Amount { return money.Amount{Minor: minor, Currency: "CNY"} }

// succeeded is a refund that was sent and succeeded at times of Beijing.
func succeeded(name, sent, done string) refund.Booked {
	at := func(text string) time.Time {
		t, err := time.ParseInLocation("2006-01-02 15:04:05", text, beijing)
		if err != nil {
			panic(err)
		}
		return t
	}
	return refund.Booked{
		ID: "re_" + name, ChargeID: "ch", ChannelNumber: name, Amount: yuan(100), State: refund.Succeeded,
		CreatedAt: at(sent), FirstSubmittedAt: at(sent), SubmittedAt: at(sent), SucceededAt: at(done),
	}
}

func billed(name string) channel.Listed {
	return channel.Listed{Number: name, TransactionID: "t", Amount: yuan(100), Kind: refund.OutcomeDone}
}

func TestWhichDaysBillARefundIsExpectedIn(t *testing.T) {
	early, late := "2026-11-26 12:00:00", "2026-11-28 12:00:00"
	for _, test := range []struct {
		name       string
		sent, done string
		accepted   bool              // the channel bills on acceptance
		beside     map[string]string // refunds in the bills of other days
		want       string
	}{
		{name: "at noon", sent: early, done: "2026-11-27 12:00:00", want: "missing"},
		{name: "the day before by the channel's clock, though the same day of UTC", sent: early, done: "2026-11-26 23:50:00"},
		{name: "the day after by the channel's clock, though the same day of UTC", sent: early, done: "2026-11-28 00:06:00"},
		{name: "a second before midnight, and in the next day's bill", sent: early, done: "2026-11-27 23:59:59", beside: map[string]string{"2026-11-28": "r"}},
		{name: "a second before midnight, and in no bill", sent: early, done: "2026-11-27 23:59:59", beside: map[string]string{"2026-11-28": "other"}, want: "missing"},
		{name: "a second before midnight, and the next day's bill is not there", sent: early, done: "2026-11-27 23:59:59", want: "edge"},
		{name: "at midnight, and in the bill of the day before", sent: early, done: "2026-11-27 00:00:00", beside: map[string]string{"2026-11-26": "r"}},
		{name: "at midnight, and in no bill", sent: early, done: "2026-11-27 00:00:00", beside: map[string]string{"2026-11-26": ""}, want: "missing"},
		{name: "at the next midnight, and in no bill", sent: early, done: "2026-11-28 00:00:00", beside: map[string]string{"2026-11-28": ""}, want: "missing"},
		{name: "accepted that day, and succeeded days later", accepted: true, sent: "2026-11-27 12:00:00", done: late, want: "missing"},
		{name: "accepted the day before, and succeeded that day", accepted: true, sent: early, done: "2026-11-27 12:00:00"},
		{name: "accepted about midnight, and in the next day's bill", accepted: true, sent: "2026-11-27 23:59:59", done: late, beside: map[string]string{"2026-11-28": "r"}},
		{name: "accepted about midnight, and in no bill", accepted: true, sent: "2026-11-27 23:59:59", done: late, beside: map[string]string{"2026-11-28": ""}, want: "missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{
				T: t, booked: []refund.Booked{succeeded("r", test.sent, test.done)}, knows: map[string]refund.OutcomeKind{"r": refund.OutcomeDone},
				can: channel.Capabilities{Bills: true, BillZone: beijing, BilledWhenAccepted: test.accepted}, bills: make(map[string][]channel.Listed),
			}
			for date, number := range test.beside {
				w.bills[date] = []channel.Listed{billed(number)}
			}
			_, got := w.run(&rowsOf{})
			var want []string
			if test.want != "" {
				want = []string{test.want + " re_r"}
			}
			if diff := cmp.Diff(want, got); diff != "" || len(w.hinted) != 0 {
				t.Errorf("hinted %q (-want +got)\n%s", w.hinted, diff)
			}
			if _, got := w.run(&rowsOf{rows: []channel.Listed{billed("r")}}); len(got) != 0 {
				t.Errorf("with the refund in the bill: %q", got)
			}
		})
	}
	t.Run("a day that is not over has only what is a while ago", func(t *testing.T) {
		w := &world{
			T: t, began: day.Day.Add(12 * time.Hour), can: channel.Capabilities{BillZone: beijing},
			booked: []refund.Booked{succeeded("a", early, "2026-11-27 11:00:00"), succeeded("b", early, "2026-11-27 11:59:00")},
			knows:  map[string]refund.OutcomeKind{"a": refund.OutcomeDone, "b": refund.OutcomeDone},
		}
		if _, got := w.run(&rowsOf{}); !slices.Equal(got, []string{"missing re_a"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestARefundThatWasUnderWayForDaysIsMissedOnItsLastDayAlone(t *testing.T) {
	for _, test := range []struct{ name, sent, last, want string }{
		{"a day wholly inside", "2026-11-25 12:00:00", "2026-11-30 12:00:00", ""},
		{"a day wholly inside, from the day before to the day after", "2026-11-26 12:00:00", "2026-11-28 12:00:00", ""},
		{"the first day of several", "2026-11-27 12:00:00", "2026-11-30 12:00:00", ""},
		{"the first day of two", "2026-11-27 12:00:00", "2026-11-28 12:00:00", "missing re_r"},
		{"the last day", "2026-11-24 12:00:00", "2026-11-27 12:00:00", "missing re_r"},
		{"the only day, from its first minute to its last", "2026-11-27 00:01:00", "2026-11-27 23:58:00", "missing re_r"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := succeeded("r", test.sent, test.last)
			b.SubmittedAt = b.SucceededAt
			w := &world{
				T: t, booked: []refund.Booked{b}, knows: map[string]refund.OutcomeKind{"r": refund.OutcomeDone}, began: day.Day.AddDate(0, 0, 7),
				can:   channel.Capabilities{Bills: true, BillZone: beijing, BilledWhenAccepted: true},
				bills: map[string][]channel.Listed{"2026-11-26": {}, "2026-11-28": {}},
			}
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			if _, got := w.run(&rowsOf{}); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// What a bill says of a refund by our state of it: agree, or the kind of difference,
// and whether the engine is told to ask.
func TestWhatABillsRowSaysAgainstOurState(t *testing.T) {
	for _, test := range []struct {
		billed refund.OutcomeKind
		ours   refund.State
		says   refund.OutcomeKind // of the channel, asked
		want   string
		hint   bool
	}{
		{refund.OutcomeDone, refund.Succeeded, "", "", false},
		{refund.OutcomeAccepted, refund.Succeeded, "", "", false}, // it was under way on its day
		{refund.OutcomeAbnormal, refund.Succeeded, "", "", false},
		{refund.OutcomeAccepted, refund.Failed, "", "", false},
		{refund.OutcomeFailed, refund.Failed, "", "", false},
		{refund.OutcomeFailed, refund.Canceled, "", "", false},
		{refund.OutcomeAccepted, refund.Canceled, refund.OutcomeNotFound, "state", false},
		{refund.OutcomeDone, refund.Failed, refund.OutcomeFailed, "state", false},
		{refund.OutcomeDone, refund.Failed, refund.OutcomeDone, "state", true},
		{refund.OutcomeDone, refund.Canceled, refund.OutcomeNotFound, "state", false},
		{refund.OutcomeDone, refund.Canceled, refund.OutcomeDone, "state", true},
		{refund.OutcomeDone, refund.Pending, refund.OutcomeAccepted, "state", false},
		{refund.OutcomeDone, refund.Pending, refund.OutcomeDone, "state", true},
		{refund.OutcomeFailed, refund.Succeeded, refund.OutcomeDone, "state", false},
		{refund.OutcomeFailed, refund.Succeeded, refund.OutcomeFailed, "state", true},
		{refund.OutcomeFailed, refund.Succeeded, refund.OutcomeUnknown, "state", true},
		{refund.OutcomeFailed, refund.Abnormal, refund.OutcomeAbnormal, "state", false},
		{"nonsense", refund.Succeeded, refund.OutcomeDone, "state", false},
	} {
		t.Run(fmt.Sprintf("%s in the bill, %s here, %s says the channel", test.billed, test.ours, test.says), func(t *testing.T) {
			b := succeeded("r", "2026-11-27 12:00:00", "2026-11-27 12:00:01")
			b.State = test.ours
			w := &world{T: t, booked: []refund.Booked{b}, knows: map[string]refund.OutcomeKind{"r": test.says}, can: channel.Capabilities{BillZone: beijing}}
			row := billed("r")
			row.Kind = test.billed
			found, got := w.run(&rowsOf{rows: []channel.Listed{row}})
			want := []string{test.want + " re_r"}
			if test.want == "" {
				want = nil
			}
			if diff := cmp.Diff(want, got); diff != "" || (len(w.hinted) > 0) != test.hint || (found.Agreed == 1) != (test.want == "") {
				t.Errorf("hinted %q, agreed %d (-want +got)\n%s", w.hinted, found.Agreed, diff)
			}
		})
	}
}

func TestARefundThatIsNotOursIsAdoptedOnlyIfTheChannelConfirmsIt(t *testing.T) {
	for _, test := range []struct {
		name         string
		billed, says refund.OutcomeKind
		payment      string
		want         string
		compared     []string
	}{
		{"confirmed", refund.OutcomeDone, refund.OutcomeDone, "t", "adopted re_f", []string{"f done"}},
		{"under way in the bill, and done by now", refund.OutcomeAccepted, refund.OutcomeDone, "t", "adopted re_f", []string{"f done"}},
		{"under way still", refund.OutcomeAccepted, refund.OutcomeAccepted, "t", "open f", nil},
		{"done in the bill, and under way", refund.OutcomeDone, refund.OutcomeAccepted, "t", "open f", nil},
		{"unheard of", refund.OutcomeDone, refund.OutcomeNotFound, "t", "unconfirmed f", nil},
		{"no answer", refund.OutcomeDone, refund.OutcomeUnknown, "t", "unconfirmed f", nil},
		{"throttled", refund.OutcomeDone, refund.OutcomeTryLater, "t", "unconfirmed f", nil},
		{"sent back since", refund.OutcomeDone, refund.OutcomeFailed, "t", "unconfirmed f", nil},
		{"failed", refund.OutcomeFailed, refund.OutcomeFailed, "t", "", nil},
		{"under way in the bill, and failed by now", refund.OutcomeAccepted, refund.OutcomeFailed, "t", "", nil},
		{"of a payment that is not ours", refund.OutcomeDone, "", "", "kept f", nil},
		{"under way, of a payment that is not ours", refund.OutcomeAccepted, "", "", "open f", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{T: t, knows: map[string]refund.OutcomeKind{"f": test.says}, can: channel.Capabilities{BillZone: beijing}}
			row := billed("f")
			row.Kind, row.TransactionID = test.billed, test.payment
			found, got := w.run(&rowsOf{rows: []channel.Listed{row}})
			want := []string{test.want}
			if test.want == "" {
				want = nil
			}
			if diff := cmp.Diff(want, got); diff != "" || !slices.Equal(w.compared, test.compared) || (found.Nothing == 1) != (test.want == "") {
				t.Errorf("compared %q, nothing %d (-want +got)\n%s", w.compared, found.Nothing, diff)
			}
			if test.payment == "" && len(w.asked) != 0 {
				t.Errorf("asked about %q", w.asked)
			}
			if kept := test.want == "kept f"; kept != slices.Equal(w.hinted, []string{"f"}) {
				t.Errorf("hinted %q", w.hinted)
			}
		})
	}
}

func TestARefundThatABillHasTwiceIsListed(t *testing.T) {
	w := &world{T: t, booked: []refund.Booked{succeeded("r", "2026-11-27 12:00:00", "2026-11-27 12:00:01")}, can: channel.Capabilities{BillZone: beijing}}
	if found, got := w.run(&rowsOf{rows: []channel.Listed{billed("r"), billed("r"), billed("r")}}); !slices.Equal(got, []string{"repeated re_r"}) || found.Agreed != 3 {
		t.Errorf("%+v, %q", found, got)
	}
}

func TestARowWithTheNumberOfAnotherPaymentsRefundIsNotIt(t *testing.T) {
	one := succeeded("r", "2026-11-27 12:00:00", "2026-11-27 12:00:01")
	one.TransactionID = "t1"
	row := billed("r")
	row.TransactionID = "t2"
	w := &world{T: t, booked: []refund.Booked{one}, knows: map[string]refund.OutcomeKind{"r": refund.OutcomeDone}, can: channel.Capabilities{BillZone: beijing}}
	if found, got := w.run(&rowsOf{rows: []channel.Listed{row}}); !slices.Equal(got, []string{"missing re_r", "unconfirmed r"}) || found.Agreed != 0 || len(w.compared)+len(w.hinted) != 0 {
		t.Errorf("%+v, %q", found, got)
	}
}

const millions = 1_000_000

// generated is one of a million refunds that nothing holds.
func generated(number string) refund.Booked {
	b := succeeded(number, "2026-11-27 12:00:00", "2026-11-27 12:00:01")
	b.ID = fmt.Sprintf("re_%024s", number)
	return b
}

type longBill struct{ at int }

func (b *longBill) Next() (channel.Listed, error) {
	if b.at++; b.at == millions {
		return channel.Listed{}, io.EOF // the last of ours is not in it
	}
	return billed(fmt.Sprintf("%09d", b.at)), nil
}

func (*longBill) Close() error { return nil }

func TestABillOfAMillionRowsFitsInAFewMegabytes(t *testing.T) {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	start, most, calls := stats.HeapAlloc, uint64(0), 0
	watch := func() {
		if calls++; calls%200 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&stats)
			most = max(most, stats.HeapAlloc)
		}
	}
	last := generated(fmt.Sprintf("%09d", millions))
	w := &world{T: t, booked: []refund.Booked{last}, knows: map[string]refund.OutcomeKind{last.ChannelNumber: refund.OutcomeDone}, can: channel.Capabilities{BillZone: beijing}, watch: watch}
	w.list = func(_ refund.AccountKey, _, _ time.Time, after refund.Booked, limit int) []refund.Booked {
		at := 0
		if after.ID != "" {
			_, _ = fmt.Sscanf(after.ChannelNumber, "%d", &at)
		}
		var page []refund.Booked
		for n := at + 1; n <= millions && len(page) < limit; n++ {
			page = append(page, generated(fmt.Sprintf("%09d", n)))
		}
		watch()
		return page
	}
	found, got := w.run(&longBill{})
	if found.Rows != millions-1 || found.Agreed != millions-1 || !slices.Equal(got, []string{"missing " + last.ID}) {
		t.Errorf("%+v, %q", found, got)
	}
	const bound = 16 << 20
	if most < start || most-start > bound {
		t.Errorf("%d bytes at most, %d at the start; want %d more at most", most, start, bound)
	}
	t.Logf("%d bytes more than at the start", most-start)
}
