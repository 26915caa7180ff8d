package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// dueOfAccounts takes accounts in turns, and each account's refunds by their next
// step.
func dueOfAccounts(t *testing.T, f *fixture) {
	var accounts []refund.AccountKey
	sent := make(map[refund.AccountKey]refund.Refund)
	for n := range 3 {
		c := f.charge(100)
		c.ChannelAccount = fmt.Sprintf("account_%d_%s", n, f.merchant)
		c = f.registered(t, c)
		key := refund.AccountKey{MerchantID: f.merchant, ID: c.ChannelAccount}
		accounts = append(accounts, key)
		if n == 1 {
			f.accept(t, c, at(50), request(c, 1)) // not due
			continue
		}
		for second := range 4 {
			f.accept(t, c, at(3+second), request(c, 1))
		}
		sent[key] = f.accept(t, c, at(3), request(c, 1))[0]
		f.must(t, "UPDATE refunds SET state = 'pending', submitted_at = 1 WHERE merchant_id = $1 AND id = $2", f.merchant, sent[key].ID)
	}
	var found []refund.AccountKey
	var after refund.AccountKey
	for {
		next, err := f.DueAccounts(t.Context(), at(9), after, 1)
		if err != nil || len(next) > 1 {
			t.Fatal(next, err)
		}
		if len(next) == 0 {
			break
		}
		after = next[0]
		if after.MerchantID == f.merchant {
			found = append(found, after)
		}
	}
	if want := []refund.AccountKey{accounts[0], accounts[2]}; !slices.Equal(found, want) {
		t.Errorf("accounts %v, want %v", found, want)
	}
	due, err := f.DueOf(t.Context(), at(9), []refund.DueAsk{
		{AccountKey: accounts[2], Submits: true, Limit: 2}, {AccountKey: accounts[2], Limit: 2}, {AccountKey: accounts[1], Submits: true, Limit: 2},
	})
	if err != nil || len(due) != 3 {
		t.Fatalf("%d are due, %v; want two submits and a question", len(due), err)
	}
	if !due[0].Submits || !due[0].DueAt.Equal(at(3)) || !due[1].Submits || !due[1].DueAt.Equal(at(4)) || due[2].ID != sent[accounts[2]].ID || due[2].Account != accounts[2].ID {
		t.Errorf("%+v", due)
	}
}

// nextDue finds what is due first of everything.
func nextDue(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	r := f.accept(t, c, at(3), request(c, 1))[0]
	long := at(3).AddDate(-10, 0, 0) // before anything that another test left
	f.must(t, "UPDATE refunds SET due_at = $3 WHERE merchant_id = $1 AND id = $2", f.merchant, r.ID, sqldb.Micros(long))
	if next, err := f.NextDue(t.Context()); err != nil || !next.Equal(long) {
		t.Errorf("due next at %v, %v; want %v", next, err, long)
	}
	f.must(t, "UPDATE events SET created_at = $2 WHERE merchant_id = $1", f.merchant, sqldb.Micros(long.Add(-time.Hour)))
	if next, err := f.NextDue(t.Context()); err != nil || !next.Equal(long.Add(-time.Hour)) {
		t.Errorf("an event waits for its deliveries since %v, %v; want %v", next, err, long.Add(-time.Hour))
	}
	// What is shared with other tests is as it was.
	f.must(t, "UPDATE refunds SET due_at = $3 WHERE merchant_id = $1 AND id = $2", f.merchant, r.ID, sqldb.Micros(at(3)))
	f.must(t, "UPDATE events SET created_at = $2 WHERE merchant_id = $1", f.merchant, sqldb.Micros(at(3)))
}

// stepsInTheIndex holds what an index says of the next step against
// refund.NextStep, for every refund that there can be.
func stepsInTheIndex(t *testing.T, f *fixture) {
	c := f.charge(100)
	c.ChannelAccount = "account_" + f.merchant
	c = f.registered(t, c)
	r := f.accept(t, c, at(3), request(c, 1))[0]
	key := refund.AccountKey{MerchantID: f.merchant, ID: c.ChannelAccount}
	for _, state := range []refund.State{refund.Created, refund.Held, refund.Pending, refund.Abnormal, refund.Failed} {
		for _, doubt := range []int64{0, refund.DoubtUnknown, refund.DoubtRefused, refund.DoubtContradicted, refund.DoubtUnproven | refund.DoubtNeedsPerson} {
			for _, rest := range []struct {
				reason              string
				submitted, leasedTo int64
			}{{}, {refund.HeldForCancel, 0, 0}, {refund.HeldForFunds, 1, 0}, {"", 0, 1}} {
				f.must(t, "UPDATE refunds SET state = $3, doubt = $4, held_reason = $5, submitted_at = $6, lease_until = $7 WHERE merchant_id = $1 AND id = $2",
					f.merchant, r.ID, string(state), doubt, rest.reason, rest.submitted, rest.leasedTo)
				due, err := f.DueOf(t.Context(), at(9), []refund.DueAsk{{AccountKey: key, Submits: true, Limit: 1}})
				if err != nil {
					t.Fatal(err)
				}
				submits := refund.NextStep(f.readRefund(t, r.ID)) == refund.StepSubmit && rest.leasedTo == 0
				if (len(due) == 1) != submits {
					t.Errorf("%s, doubt %d, %+v: submits %v, and the index says otherwise", state, doubt, rest, submits)
				}
			}
		}
	}
}

// corruptRefunds are left out of a claim and set apart; the others are claimed with
// them in one commit.
func corruptRefunds(t *testing.T, f *fixture) {
	sound, broken := f.registered(t, f.charge(1000)), f.registered(t, f.charge(100))
	var ids []string
	for range 20 {
		ids = append(ids, f.accept(t, sound, at(3), request(sound, 1))[0].ID)
	}
	ofBroken := f.accept(t, broken, at(3), request(broken, 1))[0].ID
	f.must(t, `UPDATE refunds SET parts = '{"payer":2}' WHERE merchant_id = $1 AND id = $2`, f.merchant, ids[0])
	f.must(t, `UPDATE refunds SET detail = 'no JSON' WHERE merchant_id = $1 AND id = $2`, f.merchant, ids[1])
	f.must(t, `UPDATE charges SET detail = 'no JSON' WHERE merchant_id = $1 AND id = $2`, f.merchant, broken.ID)
	claimed, corrupt, err := f.ClaimRefunds(t.Context(), f.due(t, at(4)), at(4), at(4).Add(lease))
	if err != nil || len(claimed) != 18 || len(corrupt) != 3 {
		t.Fatalf("%d were claimed, %d are corrupt, %v; want 18 and 3", len(claimed), len(corrupt), err)
	}
	for n := range corrupt {
		corrupt[n].DueAt = at(50)
		if !slices.Contains([]string{ids[0], ids[1], ofBroken}, corrupt[n].ID) || corrupt[n].Text == "" {
			t.Errorf("corrupt: %+v", corrupt[n])
		}
	}
	if err := f.SetApart(t.Context(), corrupt); err != nil {
		t.Fatal(err)
	}
	if due := f.due(t, at(40)); len(due) != 0 {
		t.Errorf("%d are still due", len(due))
	}
	if due := f.due(t, at(50)); len(due) != 18+3 { // and the leases that are over by then
		t.Errorf("%d are due afterwards", len(due))
	}
	alerts, _, err := f.Alerts(t.Context(), f.merchant, false, refund.Page{Limit: 10})
	if err != nil || len(alerts) != 3 {
		t.Errorf("alerts %+v, %v", alerts, err)
	}
	corrupt[0].LeaseEpoch, corrupt[0].DueAt = 7, at(55)
	if err := f.SetApart(t.Context(), corrupt[:1]); err != nil || len(f.due(t, at(50))) != 21 {
		t.Errorf("one that was claimed meanwhile was set apart, %v", err)
	}
}

// oldestOfWhatWaits looks across merchants.
func oldestOfWhatWaits(t *testing.T, f *fixture) {
	f.own(t)
	wantEvent := func(want time.Time) {
		t.Helper()
		if got, err := f.OldestNewEvent(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("the oldest new event is of %v, %v, want %v", got, err, want)
		}
	}
	wantDelivery := func(second int, want time.Time) {
		t.Helper()
		if got, err := f.OldestDueDelivery(t.Context(), at(second)); err != nil || !got.Equal(want) {
			t.Errorf("at %d the oldest delivery is due since %v, %v, want %v", second, got, err, want)
		}
	}
	wantEvent(time.Time{})
	c := f.registered(t, f.charge(1000))
	f.accept(t, c, at(30), request(c, 10))
	other := f.charge(1000)
	other.MerchantID, other.ID, other.TransactionID = newMerchant(), "ch_other", "other"
	other.CreatedAt = at(20)
	f.registered(t, other)
	f.accept(t, other, at(40), request(other, 10))
	wantEvent(at(30))
	news := f.news(t)
	f.takenOver(t, news, f.delivery(news.Events[0], 50))
	wantEvent(at(40))
	paid := f.charge(1000)
	paid.ID, paid.TransactionID, paid.CreatedAt = "ch_paid", "paid", at(35)
	if _, _, err := f.RegisterPaid(t.Context(), paid, "payment.succeeded", nil); err != nil {
		t.Fatal(err)
	}
	wantEvent(at(35))
	wantDelivery(49, time.Time{})
	wantDelivery(60, at(50))
}
