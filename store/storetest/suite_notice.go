package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func adopted(t *testing.T, f *fixture) {
	c := f.registered(t, f.fullCharge())
	open := f.accept(t, c, at(3), request(c, c.Refundable()))[0]
	key := refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}
	foreign := func(n int) refund.Foreign {
		return refund.Foreign{
			RefundID: fmt.Sprintf("re_%s_%d", f.merchant, n), ChannelNumber: "console 1", ChannelRefundID: "5000 " + f.merchant,
			Amount: 200, SucceededAt: at(4), Source: refund.Notice,
		}
	}
	const many = 5
	var callers sync.WaitGroup
	news := make([]bool, many)
	ids := make([]string, many)
	for n := range many {
		callers.Go(func() {
			change, adopted, err := f.Adopt(t.Context(), key, foreign(n), at(5))
			if err != nil {
				t.Error(err)
				return
			}
			news[n], ids[n] = adopted, change.Refunds[len(change.Refunds)-1].ID
		})
	}
	callers.Wait()
	slices.Sort(ids)
	if count := len(slices.DeleteFunc(news, func(one bool) bool { return !one })); count != 1 || len(slices.Compact(ids)) != 1 {
		t.Fatalf("adopted %d times, as %v", count, ids)
	}
	r := f.readRefund(t, ids[0])
	if r.State != refund.Succeeded || r.Amount != 200 || r.By.Dialect != refund.ByChannel || r.ChannelNumber != "console 1" || !r.SucceededAt.Equal(at(4)) {
		t.Errorf("adopted %+v", r)
	}
	if got := f.readRefund(t, open.ID); got.State != refund.Canceled {
		t.Errorf("a refund that no longer fits is %s", got.State)
	}
	after := f.readCharge(t, c.ID)
	if err := after.Check(); err != nil || after.Refunded != c.Refunded+200 || after.Reserved != c.Reserved {
		t.Errorf("refunded %d, reserved %d, %v", after.Refunded, after.Reserved, err)
	}
	attempts, err := f.Attempts(t.Context(), f.merchant, r.ID)
	if err != nil || len(attempts) != 1 || attempts[0].Source != refund.Notice || attempts[0].Note == "" {
		t.Errorf("attempts %+v, %v", attempts, err)
	}
	_, _, err = f.Adopt(t.Context(), refund.ChargeKey{MerchantID: f.merchant, ID: "ch_none"}, foreign(9), at(5))
	wantKind(t, err, refund.KindChargeNotFound)
}

// keptNotice is a notice of the fixture's account that names a charge.
func (f *fixture) keptNotice(number, transactionID string) refund.KeptNotice {
	amount := money.Minor(7)
	return refund.KeptNotice{
		Account: "account_" + f.merchant, Channel: "acme", ReceivedAt: at(3), Digest: number, Times: 1, Text: "a text", State: refund.NoticeWaiting, Note: "why",
		DueAt: at(10), Noticed: refund.Noticed{
			Number: number, TransactionID: transactionID, OtherTransactionID: "other " + number, OrderNo: "o1", Currency: "CNY", MadeAt: at(1),
			Outcome: refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Notice, ChannelRefundID: "5000", Amount: &amount, SucceededAt: at(2), Code: "C", Message: "M"},
		},
	}
}

func (f *fixture) withAccount(t *testing.T) {
	t.Helper()
	f.must(t, "INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, 'm', 'test', 1)", f.merchant)
	f.must(t, "INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ($1, $2, 'sandbox', 1)", "account_"+f.merchant, f.merchant)
}

func (f *fixture) inbox(t *testing.T) []refund.KeptNotice {
	t.Helper()
	list, _, err := f.Notices(t.Context(), f.merchant, "", refund.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// due are the numbers of the fixture's own notices that are due.
func (f *fixture) dueNotices(t *testing.T, now time.Time) (own []string) {
	t.Helper()
	list, err := f.DueNotices(t.Context(), now, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		if n.MerchantID == f.merchant {
			own = append(own, n.Noticed.Number)
		}
	}
	slices.Sort(own)
	return own
}

func inbox(t *testing.T, f *fixture) {
	f.withAccount(t)
	c := f.charge(100)
	c.ChannelAccount = "account_" + f.merchant
	one, other := f.keptNotice("n1", c.TransactionID), f.keptNotice("n2", "")
	for _, n := range []refund.KeptNotice{one, other, one} {
		if err := f.KeepNotice(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	list := f.inbox(t)
	if len(list) != 2 {
		t.Fatalf("%d notices are kept, want two", len(list))
	}
	at1 := slices.IndexFunc(list, func(n refund.KeptNotice) bool { return n.Noticed.Number == "n1" })
	got := list[at1]
	want := one
	want.MerchantID, want.ID, want.Times = f.merchant, got.ID, 2
	if diff := cmp.Diff(want, got); diff != "" || got.ID == "" {
		t.Errorf("(-kept +read): %s", diff)
	}
	if due := f.dueNotices(t, at(9)); len(due) != 0 {
		t.Errorf("due early: %v", due)
	}
	// One is due by its time, the other as soon as its charge is there.
	if due := f.dueNotices(t, at(10)); !slices.Equal(due, []string{"n1", "n2"}) {
		t.Errorf("due %v", due)
	}
	f.registered(t, c)
	if due := f.dueNotices(t, at(9)); !slices.Equal(due, []string{"n1"}) {
		t.Errorf("with its charge there: due %v", due)
	}
	got.State, got.Note, got.Tries, got.DueAt, got.ChargeKnown, got.RefundID = refund.NoticeAdopted, "", 3, time.Time{}, true, "re_1"
	if err := f.SaveNotice(t.Context(), got, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, f.inbox(t)[at1]); diff != "" {
		t.Errorf("(-saved +read): %s", diff)
	}
	if due := f.dueNotices(t, at(9)); len(due) != 0 {
		t.Errorf("after its end: due %v", due)
	}
	if waiting, _, err := f.Notices(t.Context(), f.merchant, refund.NoticeWaiting, refund.Page{Limit: 10}); err != nil || len(waiting) != 1 || waiting[0].Noticed.Number != "n2" {
		t.Errorf("waiting %+v, %v", waiting, err)
	}
	// What waits is never forgotten, what has ended is in the end.
	if _, err := f.ForgetNotices(t.Context(), at(3).Add(91*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list := f.inbox(t); len(list) != 1 || list[0].Noticed.Number != "n2" {
		t.Errorf("kept after a long time: %+v", list)
	}
}

// lateCharges: what was set aside before its charge was there is looked at again
// when the charge comes, by whichever name it is registered.
func lateCharges(t *testing.T, f *fixture) {
	f.withAccount(t)
	c := f.charge(100)
	c.ChannelAccount, c.OrderNo = "account_"+f.merchant, "once "+f.merchant
	twice := f.charge(101)
	twice.ChannelAccount, twice.OrderNo = c.ChannelAccount, "twice "+f.merchant
	again := f.charge(102)
	again.ChannelAccount, again.OrderNo = c.ChannelAccount, twice.OrderNo
	for _, n := range []struct {
		number, transaction, other, order string
		dispute                           bool
	}{
		{number: "by its number", transaction: c.TransactionID, dispute: true},
		{number: "by the other number", transaction: "ch_1", other: c.TransactionID, dispute: true},
		{number: "by its order", transaction: "ch_1", other: "pi_1", order: c.OrderNo, dispute: true},
		{number: "by its order alone", order: c.OrderNo, dispute: true},
		{number: "a refund by the other number", transaction: "ch_1", other: c.TransactionID},
		{number: "x a refund by its order", transaction: "ch_1", order: c.OrderNo},
		{number: "x an order that was paid twice", order: twice.OrderNo, dispute: true},
		{number: "x no name of it", transaction: "ch_1", other: "pi_1", order: "none", dispute: true},
	} {
		kept := f.keptNotice(n.number, n.transaction)
		kept.State, kept.DueAt, kept.Tries = refund.NoticeSetAside, time.Time{}, 24
		kept.Noticed.OtherTransactionID, kept.Noticed.OrderNo = n.other, n.order
		kept.Noticed.Outcome.Message = `says "dispute":{`
		if n.dispute {
			told := disputeOf(refund.DisputeOpen, 40, 4)
			kept.Noticed.Dispute, kept.Noticed.Outcome = &told, refund.Outcome{Source: refund.Notice}
		}
		if err := f.KeepNotice(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
	}
	if due := f.dueNotices(t, at(20)); len(due) != 0 {
		t.Errorf("before a charge is there: due %q", due)
	}
	for _, one := range []refund.Charge{c, twice, again} {
		f.registered(t, one)
	}
	want := []string{"a refund by the other number", "by its number", "by its order", "by its order alone", "by the other number"}
	if diff := cmp.Diff(want, f.dueNotices(t, at(20))); diff != "" {
		t.Errorf("(-want +due): %s", diff)
	}
	for _, n := range f.inbox(t) {
		n.ChargeKnown = true
		if err := f.SaveNotice(t.Context(), n, nil); err != nil {
			t.Fatal(err)
		}
	}
	if due := f.dueNotices(t, at(20)); len(due) != 0 {
		t.Errorf("looked at once more: due %q", due)
	}
}

func refusedNotices(t *testing.T, f *fixture) {
	f.withAccount(t)
	account := "account_" + f.merchant
	const many = 130
	for n := range many {
		err := f.RefuseNotice(t.Context(), refund.KeptNotice{Account: account, Channel: "acme", ReceivedAt: at(3), Text: fmt.Sprint("request ", n), Note: "not verified", Times: 2})
		if err != nil {
			t.Fatal(err)
		}
	}
	list := f.inbox(t)
	var times int64
	for _, n := range list {
		times += n.Times
		if n.State != refund.NoticeRefused || !n.DueAt.IsZero() {
			t.Fatalf("%+v", n)
		}
	}
	if len(list) != 100 || times != 2*many {
		t.Errorf("%d rows for %d requests, want 100 for %d", len(list), times, 2*many)
	}
	if due := f.dueNotices(t, at(1000)); len(due) != 0 {
		t.Errorf("refused ones are due: %v", due)
	}
	for n := range many {
		err := f.RefuseNotice(t.Context(), refund.KeptNotice{Account: fmt.Sprint("nobody ", f.merchant, n), Channel: "acme", ReceivedAt: at(3)})
		if err != nil {
			t.Fatal(err)
		}
	}
	nobodys, more, err := f.Notices(t.Context(), "", refund.NoticeRefused, refund.Page{Limit: 100})
	if err != nil || more || len(nobodys) != 100 {
		t.Errorf("%d rows for accounts that are not there, more: %v, %v", len(nobodys), more, err)
	}
	for _, n := range nobodys {
		if n.Account != "" {
			t.Errorf("a row of the account %q, which anyone can name", n.Account)
		}
	}
}
