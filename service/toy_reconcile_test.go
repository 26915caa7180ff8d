package service

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/toytest"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// yesterday is noon of the day before, as the bank's clock has it.
func (w *toyWorld) yesterday() time.Time {
	return w.now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
}

// reconciles compares the bill of yesterday with the books, and returns what differs
// as "kind of what: note".
func (w *toyWorld) reconciles() (channel.Reconciliation, []string) {
	w.Helper()
	var differences []string
	w.by.RequestID += "x" // another request each time
	found, err := w.admin.Reconcile(w.Context(), w.by, w.owner, admin.BillToReconcile{
		Account: w.account.ID, Date: w.yesterday().Format(time.DateOnly),
	}, func(d channel.Difference) error {
		name := d.RefundID
		if name == "" || d.Kind == channel.DiffersAdopted {
			name = d.Billed.Number
		}
		differences = append(differences, fmt.Sprintf("%s of %s: %s", d.Kind, name, d.Note))
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	slices.Sort(differences)
	return found, differences
}

func (w *toyWorld) bankRefund(number, transaction string, amount money.Minor) toytest.Entry {
	e := toytest.Entry{
		Number: number, ID: "bank " + number, TransactionID: transaction, Amount: money.Amount{Minor: amount, Currency: "CNY"},
		Kind: refund.OutcomeDone, At: w.yesterday(),
	}
	w.bank.Add(e)
	return e
}

// lies has the bank's bill be another than its books.
func (w *toyWorld) lies(change func(rows map[string]channel.Listed)) {
	w.bank.Lie = func(_ channel.BillDay, rows []channel.Listed) []channel.Listed {
		by := make(map[string]channel.Listed)
		for _, row := range rows {
			by[row.Number] = row
		}
		change(by)
		var out []channel.Listed
		for _, name := range slices.Sorted(maps.Keys(by)) {
			out = append(out, by[name])
		}
		return out
	}
}

func (w *toyWorld) sound() {
	w.Helper()
	if found, err := Verify(w.Context(), w.Store); err != nil || slices.ContainsFunc(found, func(f refund.Finding) bool { return !f.Note }) {
		w.Errorf("verify finds %v, %v", found, err)
	}
}

const (
	saysDone   = "the channel, asked, says: it has succeeded"
	saysNone   = "the channel, asked, says: there is no such refund"
	asksAgain  = "; the service asks again and then decides"
	inTheInbox = "in the inbox (hint: refundry notice list)"
)

func TestABillIsComparedRefundByRefundAndASecondTimeChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		w := newToyWorld(t, database)
		w.bank.Now = w.yesterday
		c := w.charge("t1")
		w.accept(c, 100, refund.Succeeded)
		other := w.accept(w.charge("t2"), 200, refund.Succeeded)
		left := w.accept(w.charge("t3"), 300, refund.Succeeded)
		w.bankRefund("page 1", "t1", 400)
		w.bankRefund("page 2", "unheard of", 500)
		w.lies(func(rows map[string]channel.Listed) {
			row := rows[other.ChannelNumber]
			row.Amount.Minor++
			rows[other.ChannelNumber] = row
			delete(rows, left.ChannelNumber)
			rows["never"] = channel.Listed{Number: "never", ChannelRefundID: "bank never", TransactionID: "t1", Amount: row.Amount, Kind: refund.OutcomeDone, SucceededAt: row.SucceededAt}
		})
		found, got := w.reconciles()
		want := []string{
			"adopted of page 1: ", "kept of page 2: " + inTheInbox, "unconfirmed of never: " + saysNone,
			"amount of " + other.ID + ": " + saysDone, "missing of " + left.ID + ": " + saysDone,
		}
		slices.Sort(want)
		if !slices.Equal(got, want) || found.Rows != 5 || found.Agreed != 1 || !found.Differs() {
			t.Fatalf("%+v\ngot  %q\nwant %q", found, got, want)
		}
		if now := w.chargeNow(c.ID); now.Refunded != 500 || now.Reserved != 0 {
			t.Errorf("the charge has %d refunded and %d reserved", now.Refunded, now.Reserved)
		}
		before := w.inbox(w.owner)

		// Once more: what was adopted agrees, and nothing has moved.
		found, got = w.reconciles()
		want = slices.DeleteFunc(want, func(d string) bool { return d == "adopted of page 1: " })
		if !slices.Equal(got, want) || found.Agreed != 2 {
			t.Errorf("once more: %+v, %q", found, got)
		}
		if now := w.chargeNow(c.ID); now.Refunded != 500 || !slices.Equal(w.inbox(w.owner), before) {
			t.Errorf("once more: refunded %d, inbox %q", now.Refunded, w.inbox(w.owner))
		}
		for _, r := range []refund.Refund{other, left} {
			if now := w.refund(r); now.State != refund.Succeeded || now.Contradicted || now.Attempts != r.Attempts {
				t.Errorf("a refund against which only the bill speaks is %s, contradicted %v, %d attempts", now.State, now.Contradicted, now.Attempts)
			}
		}
		w.sound()

		// With the bank's true bill and its foreign refund's charge here, all agrees.
		w.bank.Lie = nil
		w.charge("unheard of")
		for _, err := w.engine.StepInbox(t.Context()); ; _, err = w.engine.StepInbox(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(w.inbox(w.owner)[0], "adopted") {
				break
			}
		}
		if found, got = w.reconciles(); len(got) != 0 || found.Differs() || found.Agreed != 5 {
			t.Errorf("in the end: %+v, %q", found, got)
		}
		w.recorded("account.reconcile.begin", 3)
		w.recorded("account.reconcile", 3)
	})
}

// recorded counts the records of an action.
func (w *toyWorld) recorded(action string, want int) {
	w.Helper()
	records, err := w.Store.AuditRecords(w.Context(), w.owner, 0, 1000)
	count := 0
	for _, r := range records {
		if r.Action == action && r.Actor == w.by.Actor && r.Detail["date"] != "" {
			count++
		}
	}
	if err != nil || count != want {
		w.Errorf("%d records of %s, want %d, %v", count, action, want, err)
	}
}

// What a bill says against a refund is confirmed by a query; only then does the
// refund follow the money.
func TestABillThatContradictsARefundHasTheChannelAsked(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		w := newToyWorld(t, database)
		w.bank.Now = w.yesterday
		back := w.accept(w.charge("t1"), 1_000, refund.Succeeded)
		late := w.accept(w.charge("t2"), 158, refund.Pending)
		lied := w.accept(w.charge("t3"), 2_000, refund.Succeeded)
		w.bank.Fail(back.ChannelNumber)
		w.bank.Finish(late.ChannelNumber)
		w.lies(func(rows map[string]channel.Listed) {
			row := rows[lied.ChannelNumber]
			row.Kind = refund.OutcomeFailed
			rows[lied.ChannelNumber] = row
		})
		const saysFailed = "the channel, asked, says: it has failed, or the money was sent back"
		_, got := w.reconciles()
		want := []string{
			"state of " + back.ID + ": " + saysFailed + asksAgain, "state of " + late.ID + ": " + saysDone + asksAgain,
			"state of " + lied.ID + ": " + saysDone,
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		w.engine.Wake()
		w.await(back, refund.Failed)
		w.await(late, refund.Succeeded)
		if now := w.refund(lied); now.State != refund.Succeeded || now.Contradicted {
			t.Errorf("a refund against which only the bill speaks is %s, contradicted %v", now.State, now.Contradicted)
		}
		w.sound()
		w.bank.Lie = nil
		if found, got := w.reconciles(); found.Differs() {
			t.Errorf("in the end %q", got)
		}
	})
}

func TestABillThatIsNotThereOrBreaksOffChangesNothing(t *testing.T) {
	w := newToyWorld(t, "sqlite:"+t.TempDir()+"/shop.db")
	w.bank.Now = w.yesterday
	c := w.charge("t1")
	day := w.yesterday().Format(time.DateOnly)
	row := fmt.Sprintf(`{"Number": "page 1", "ChannelRefundID": "bank page 1", "TransactionID": "t1", "Amount": {"Minor": 400, "Currency": "CNY"}, "Kind": "done", "SucceededAt": %q}`, w.yesterday().Format(time.RFC3339))
	w.bankRefund("page 1", "t1", 400)
	try := func(which admin.BillToReconcile) (channel.Reconciliation, error) {
		return w.admin.Reconcile(t.Context(), w.by, w.owner, which, func(channel.Difference) error { return nil })
	}
	manual, err := w.admin.AddAccount(t.Context(), w.by, w.owner, admin.NewAccount{Channel: "manual", Takes: []string{"cash"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		which admin.BillToReconcile
		kind  refund.Kind
		says  string
	}{
		"no date":             {admin.BillToReconcile{Account: w.account.ID, Date: "28.11.2026"}, refund.KindInvalid, "date must be a day such as"},
		"a day to come":       {admin.BillToReconcile{Account: w.account.ID, Date: w.now().AddDate(0, 0, 2).Format(time.DateOnly)}, refund.KindInvalid, "in the future"},
		"no such account":     {admin.BillToReconcile{Account: "toy_none", Date: day}, refund.KindNotFound, "no channel account"},
		"a channel without":   {admin.BillToReconcile{Account: manual.ID, Date: day}, refund.KindStateConflict, "has no bills to download"},
		"files not read":      {admin.BillToReconcile{Account: manual.ID, Date: day, File: strings.NewReader(row)}, refund.KindStateConflict, "bill files of channel manual can't be read"},
		"a file cut in two":   {admin.BillToReconcile{Account: w.account.ID, Date: day, File: strings.NewReader(row + row[:50])}, refund.KindStateConflict, "the file can't be taken for the account's bill"},
		"a file that is none": {admin.BillToReconcile{Account: w.account.ID, Date: day, File: strings.NewReader("%PDF")}, refund.KindStateConflict, "the file can't be taken for the account's bill"},
	} {
		if _, err := try(test.which); refund.KindOf(err) != test.kind || !strings.Contains(fmt.Sprint(err), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.bank.BillsUntil = w.yesterday().Truncate(24 * time.Hour)
	if _, err := try(admin.BillToReconcile{Account: w.account.ID, Date: day}); refund.KindOf(err) != refund.KindStateConflict || !strings.Contains(fmt.Sprint(err), "has not made the bill of "+day+" yet") {
		t.Errorf("a bill that is not ready: %v", err)
	}
	if now := w.chargeNow(c.ID); now.Refunded != 0 || len(w.inbox(w.owner)) != 0 {
		t.Fatalf("a bill that can't be read to its end has %d adopted, %q kept", now.Refunded, w.inbox(w.owner))
	}
	if _, err := w.admin.Reconcile(t.Context(), admin.By{}, w.owner, admin.BillToReconcile{Account: w.account.ID, Date: day}, nil); err == nil {
		t.Error("it is done for nobody")
	}
	found, err := try(admin.BillToReconcile{Account: w.account.ID, Date: day, File: strings.NewReader(row)})
	if err != nil || found.Found[channel.DiffersAdopted] != 1 || w.chargeNow(c.ID).Refunded != 400 {
		t.Errorf("the whole file: %+v, %v", found, err)
	}
	told := errors.New("enough")
	w.lies(func(rows map[string]channel.Listed) {
		rows["never"] = channel.Listed{Number: "never", Kind: refund.OutcomeDone}
	})
	w.bank.BillsUntil = time.Time{}
	_, err = w.admin.Reconcile(t.Context(), w.by, w.owner, admin.BillToReconcile{Account: w.account.ID, Date: day}, func(channel.Difference) error { return told })
	if !errors.Is(err, told) {
		t.Errorf("a listing that fails: %v", err)
	}
}

// A refund that was made on the bank's own pages is adopted once, whoever finds it
// first: its notice, the list of its payment or the bill, on either of two processes.
func TestAForeignRefundIsAdoptedOnceWhoeverFindsItFirst(t *testing.T) {
	data := t.TempDir()
	database := storetest.Postgres(t)
	w := newToyWorldIn(t, database, data)
	w.bank.Now = w.yesterday
	other := *w
	other.Service = start(t, Options{
		Database: database, Data: data, PublicURL: "https://pay.example", Drivers: map[string]channel.Driver{toytest.Name: toytest.Driver{Bank: w.bank}},
	})
	since := w.yesterday().Add(-time.Hour)
	const charges, each = 4, 5
	all := make([]refund.Charge, charges)
	var entries []toytest.Entry
	for n := range all {
		name := fmt.Sprint("t", n)
		all[n] = w.charge(name)
		for i := range each {
			entries = append(entries, w.bankRefund(fmt.Sprint("page ", n, i), name, 10_000))
		}
	}
	// Nothing is sent for it: it waits, and no longer fits.
	if err := second(w.admin.PauseAccount(t.Context(), w.by, w.owner, w.account.ID)); err != nil {
		t.Fatal(err)
	}
	old, young := w.asked(all[0], 45_000), w.asked(all[0], 45_000)
	var finders sync.WaitGroup
	find := func(do func() error) {
		finders.Go(func() {
			if err := do(); err != nil {
				t.Error(err)
			}
		})
	}
	for _, one := range []*toyWorld{w, &other} {
		find(func() error {
			for _, e := range entries {
				if code := one.sends(one.address(), bankKey, e, false); code != 200 {
					return fmt.Errorf("a notice is answered %d", code)
				}
			}
			return nil
		})
		find(func() error {
			return second(one.admin.AskAccount(t.Context(), w.by, w.owner, w.account.ID, since, nil))
		})
		find(func() error {
			return second(one.admin.Reconcile(t.Context(), w.by, w.owner, admin.BillToReconcile{
				Account: w.account.ID, Date: w.yesterday().Format(time.DateOnly),
			}, func(channel.Difference) error { return nil }))
		})
	}
	finders.Wait()
	for n, c := range all {
		now := w.chargeNow(c.ID)
		list, _, err := w.Store.RefundList(t.Context(), refund.Filter{MerchantID: w.owner, ChargeID: c.ID, States: []refund.State{refund.Succeeded}, Page: refund.Page{Limit: 100}})
		if err != nil || len(list) != each || now.Refunded != each*10_000 || now.Excess != 0 {
			t.Errorf("charge %d has %d refunded by %d refunds, excess %d, %v", n, now.Refunded, len(list), now.Excess, err)
		}
		for _, r := range list {
			if r.By.Dialect != refund.ByChannel || r.ChannelRefundID != "bank "+r.ChannelNumber {
				t.Errorf("adopted %+v", r)
			}
		}
	}
	if got := [2]refund.State{w.refund(old).State, w.refund(young).State}; got != [2]refund.State{refund.Created, refund.Canceled} {
		t.Errorf("what no longer fits: the older is %s, the younger %s", got[0], got[1])
	}
	if got := w.inbox(w.owner); len(got) != 0 {
		t.Errorf("inbox %q", got)
	}
	// One more than was paid is excess, with an alert.
	if code := w.sends(w.address(), bankKey, w.bankRefund("page last", "t1", 60_000), false); code != 200 {
		t.Errorf("answered %d", code)
	}
	alerts, _, err := w.Store.Alerts(t.Context(), w.owner, false, refund.Page{Limit: 100})
	if now := w.chargeNow(all[1].ID); now.Excess != 10_000 || err != nil || !slices.ContainsFunc(alerts, func(a refund.StoredAlert) bool { return strings.Contains(a.Text, "recorded as excess") }) {
		t.Errorf("excess %d, %v", now.Excess, err)
	}
	w.sound()
}
