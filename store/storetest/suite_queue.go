package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// queue is the ids of a whole queue, newest first, read in pages of one.
func (f *fixture) queue(t *testing.T, name refund.Queue) (ids []string) {
	t.Helper()
	page := refund.Page{Limit: 1}
	for {
		found, err := admin.ReadQueue(t.Context(), f, f.merchant, name, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found.Entries {
			ids = append(ids, string(e.Kind)+" "+e.At.ID)
			page.After = &e.At
		}
		if !found.More {
			break
		}
	}
	counts, err := f.QueueCounts(t.Context(), f.merchant)
	if err != nil || counts[name] != int64(len(ids)) {
		t.Errorf("%s counts %d of %d, %v", name, counts[name], len(ids), err)
	}
	return ids
}

func queues(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(1000))
	stuck := f.accept(t, c, at(3), request(c, 10))[0]
	f.word(t, stuck, refund.OutcomeAbnormal, refund.Notice, 4)
	lost := f.accept(t, c, at(5), request(c, 10))[0]
	f.must(t, `UPDATE refunds SET state = 'pending', doubt = 16, first_submitted_at = $3 WHERE merchant_id = $1 AND id = $2`, f.merchant, lost.ID, at(6).UnixMicro())
	f.accept(t, c, at(7), request(c, 10)) // waits for nobody
	change, _, err := f.Adopt(t.Context(), refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}, refund.Foreign{
		RefundID: "re_adopted_" + f.merchant, ChannelNumber: "console", ChannelRefundID: "5000 " + f.merchant, Amount: 2000, SucceededAt: at(8), Source: refund.Notice,
	}, at(9))
	if err != nil {
		t.Fatal(err)
	}
	second := f.registered(t, f.charge(100))
	twice := f.accept(t, second, at(12), request(second, 10))
	f.must(t, `UPDATE refunds SET state = 'failed', due_at = 0, failure_code = $3 WHERE merchant_id = $1 AND id = $2`, f.merchant, twice[0].ID, refund.CodeTwice)
	// A queue's order is that of the making: the charge was made before all refunds.
	for name, want := range map[refund.Queue][]string{
		refund.QueueAbnormal: {"refund " + stuck.ID},
		refund.QueueUnknown:  {"refund " + lost.ID},
		refund.QueueForeign:  {"registered_twice " + twice[0].ID, "adopted " + change.Refunds[len(change.Refunds)-1].ID, "excess " + c.ID},
		refund.QueueFunds:    nil,
	} {
		if got := f.queue(t, name); !slices.Equal(got, want) {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	found, err := admin.ReadQueue(t.Context(), f, f.merchant, refund.QueueUnknown, refund.Page{Limit: 10})
	if err != nil || !found.Entries[0].Since.Equal(at(6)) || !found.Entries[0].AskedAt.IsZero() {
		t.Errorf("what needs a person: %+v, %v", found.Entries, err)
	}
	f.word(t, lost, refund.OutcomeAccepted, refund.Query, 20)
	if asked, err := f.LastAsked(t.Context(), f.merchant, []refund.Refund{f.readRefund(t, lost.ID)}); err != nil || !asked[lost.ID].Equal(at(20)) {
		t.Errorf("asked at %v, %v", asked, err)
	}
	if none, err := f.QueueCounts(t.Context(), "mer_none"); err != nil || none[refund.QueueForeign] != 0 {
		t.Errorf("another merchant: %v, %v", none, err)
	}
}

func timesToSuccess(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(1000))
	for n := range 3 {
		r := f.accept(t, c, at(n), request(c, 10))[0]
		f.must(t, `UPDATE refunds SET state = 'succeeded', due_at = 0, succeeded_at = $3, first_submitted_at = $4 WHERE merchant_id = $1 AND id = $2`,
			f.merchant, r.ID, at(10+2*n).UnixMicro(), at(n).UnixMicro())
	}
	late := f.accept(t, c, at(5), request(c, 10))[0] // somebody else's word: nothing was sent
	f.must(t, `UPDATE refunds SET state = 'succeeded', due_at = 0, succeeded_at = $3 WHERE merchant_id = $1 AND id = $2`, f.merchant, late.ID, at(6).UnixMicro())
	f.accept(t, c, at(6), request(c, 10)) // open
	for limit, want := range map[int][]time.Duration{10: {12 * time.Second, 11 * time.Second, 10 * time.Second}, 2: {12 * time.Second, 11 * time.Second}} {
		if took, err := f.TimesToSuccess(t.Context(), f.merchant, c.ChannelAccount, limit); err != nil || !slices.Equal(took, want) {
			t.Errorf("%d took %v, %v", limit, took, err)
		}
	}
	if took, err := f.TimesToSuccess(t.Context(), f.merchant, "another", 10); err != nil || len(took) != 0 {
		t.Errorf("another account: %v, %v", took, err)
	}
}

func fundsAreBack(t *testing.T, f *fixture) {
	f.withAccount(t)
	account := "account_" + f.merchant
	c := f.charge(1000)
	c.ChannelAccount = account
	c = f.registered(t, c)
	var held []refund.Refund
	for n := range 3 {
		r := f.accept(t, c, at(10+n), request(c, 100))[0]
		f.word(t, r, refund.OutcomeShortOfFunds, refund.Submit, 20)
		if r = f.readRefund(t, r.ID); r.HeldReason != refund.HeldForFunds {
			t.Fatalf("held is %+v", r)
		}
		held = append(held, r)
	}
	sums, err := f.Shortages(t.Context(), f.merchant)
	if err != nil || len(sums) != 1 || sums[0].Account != account || sums[0].Refunds != 3 || sums[0].Needed.String() != "300" || !sums[0].Since.Equal(at(10)) {
		t.Errorf("short are %+v, %v", sums, err)
	}
	f.must(t, `UPDATE refunds SET lease_until = $3 WHERE merchant_id = $1 AND id = $2`, f.merchant, held[2].ID, at(100).UnixMicro())
	for _, one := range []struct {
		account string
		limit   int
		want    int
	}{{"another", 10, 0}, {account, 1, 1}, {account, 10, 1}, {account, 10, 0}} {
		if n, err := f.RetryShortOfFunds(t.Context(), f.merchant, one.account, f.record("account.retry", ""), one.limit, at(20)); err != nil || n != one.want {
			t.Errorf("retried %d of %s at most %d, %v; want %d", n, one.account, one.limit, err, one.want)
		}
	}
	for n, want := range []bool{true, true, false} { // the last is being called about
		if r := f.readRefund(t, held[n].ID); r.DueAt.Equal(at(20)) != want || r.State != refund.Held {
			t.Errorf("%d is %s, due at %s", n, r.State, r.DueAt)
		}
	}
}

func deadIsReplayed(t *testing.T, f *fixture) {
	f.own(t)
	c := f.registered(t, f.personal())
	_, deliveries := f.ended(t, c, 3)
	dead := f.claimedDelivery(t, deliveries[0], 6)
	if _, err := f.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: dead, At: at(7), Status: 500, Dead: true}}); err != nil {
		t.Fatal(err)
	}
	if got := f.queue(t, refund.QueueDeliveries); !slices.Equal(got, []string{"delivery " + dead.ID}) {
		t.Fatalf("dead are %q", got)
	}
	replays, err := f.ReplayDeliveries(t.Context(), f.merchant, []string{"none", deliveries[1].ID, dead.ID}, f.record("delivery.replay", ""), at(8))
	if err != nil || len(replays) != 3 || replays[0].Problem == "" || replays[1].Problem == "" || replays[2].Problem != "" || string(replays[2].Again.Body) != "SECRET body" {
		t.Fatalf("replayed %+v, %v", replays, err)
	}
	if got := f.queue(t, refund.QueueDeliveries); len(got) != 0 {
		t.Errorf("what was sent again waits still: %q", got)
	}
	old, err := f.Delivery(t.Context(), f.merchant, dead.ID)
	if err != nil || !old.ReplayedAt.Equal(at(8)) || old.State != merchant.DeliveryDead {
		t.Errorf("the old one is %+v, %v", old, err)
	}
	// The new one dies too: somebody has to look again.
	again := f.claimedDelivery(t, replays[2].Again, 9)
	if _, err := f.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: again, At: at(10), Status: 500, Dead: true}}); err != nil {
		t.Fatal(err)
	}
	if got := f.queue(t, refund.QueueDeliveries); !slices.Equal(got, []string{"delivery " + again.ID}) {
		t.Errorf("dead are %q", got)
	}
	if _, err := f.ReplayDeliveries(t.Context(), "mer_none", []string{again.ID}, f.record("delivery.replay", ""), at(11)); err != nil {
		t.Error(err)
	}
	if got := f.queue(t, refund.QueueDeliveries); len(got) != 1 {
		t.Errorf("another merchant sent it again: %q", got)
	}
}

// triesRecorded records tries together: what became of one delivery changes nothing
// about another.
func triesRecorded(t *testing.T, f *fixture) {
	f.own(t)
	c := f.registered(t, f.personal())
	_, deliveries := f.ended(t, c, 3)
	_, more := f.ended(t, c, 13)
	deliveries = append(deliveries, more...)
	if len(deliveries) < 4 {
		t.Fatalf("there are %d deliveries", len(deliveries))
	}
	var tries []merchant.DeliveryAttempt
	for n, d := range deliveries[:4] {
		tries = append(tries, merchant.DeliveryAttempt{Delivery: f.claimedDelivery(t, d, 20), At: at(21 + n), Status: 200, Delivered: true})
	}
	f.must(t, `UPDATE deliveries SET lease_epoch = lease_epoch + 1 WHERE merchant_id = $1 AND id = $2`, f.merchant, tries[1].Delivery.ID)
	f.must(t, `DELETE FROM deliveries WHERE merchant_id = $1 AND id = $2`, f.merchant, tries[2].Delivery.ID)
	tries[3].Delivered, tries[3].Status, tries[3].Next = false, 500, at(99)
	for _, batch := range [][]merchant.DeliveryAttempt{{tries[3], tries[2], tries[1], tries[0]}, {tries[3]}} {
		if held, err := f.SaveAttempts(t.Context(), batch); err != nil || len(held) > 0 {
			t.Fatalf("held %v, %v", held, err)
		}
	}
	for n, want := range []struct {
		state merchant.DeliveryState
		tries int
	}{{merchant.Delivered, 1}, {merchant.DeliveryWaiting, 1}, {"", 0}, {merchant.DeliveryWaiting, 2}} {
		d := tries[n].Delivery
		record, err := f.Delivery(t.Context(), f.merchant, d.ID)
		if (want.state == "") != (refund.KindOf(err) == refund.KindNotFound) || record.State != want.state || len(record.Tries) != want.tries {
			t.Errorf("%d is %s with %d tries, %v", n, record.State, len(record.Tries), err)
		}
	}
}
