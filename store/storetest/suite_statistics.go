package storetest

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/verify"
	"github.com/refundry/refundry/webhook"
)

// numbered gives the merchant's new events their feed numbers, at most so many.
func (f *fixture) numbered(t testing.TB, limit int) {
	t.Helper()
	news, err := f.News(t.Context(), f.merchant, limit)
	if err == nil && len(news.Events) > 0 {
		_, err = f.FanOut(t.Context(), webhook.News{MerchantID: f.merchant, Events: news.Events}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// folded counts until nothing is left.
func (f *fixture) folded(t testing.TB, stores ...*store.Store) {
	t.Helper()
	for range 1000 {
		left := 0
		var counters sync.WaitGroup
		for _, s := range append(stores, f.Store) {
			counters.Go(func() {
				if _, _, err := s.FoldStatistics(t.Context(), f.merchant); err != nil {
					t.Error(err)
				}
			})
		}
		counters.Wait()
		waiting, err := f.MerchantsToFold(t.Context(), "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range waiting {
			if id == f.merchant {
				left++
			}
		}
		if left == 0 || t.Failed() {
			return
		}
	}
	t.Fatal("counting does not end")
}

// day is the filter of all that the cases make.
func (f *fixture) day() refund.OverviewFilter {
	return refund.OverviewFilter{MerchantID: f.merchant, From: at(0).Truncate(time.Hour), To: at(0).Truncate(time.Hour).Add(48 * time.Hour), Step: time.Hour}
}

func (f *fixture) overview(t testing.TB) refund.Overview {
	t.Helper()
	o, err := f.Overview(t.Context(), f.day(), at(0))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// naive adds the merchant's refunds up one by one.
func (f *fixture) naive(t testing.TB) (sums []refund.StateSum, series map[int]map[refund.State]int64) {
	t.Helper()
	all, more, err := f.RefundList(t.Context(), refund.Filter{MerchantID: f.merchant, Page: refund.Page{Limit: 1000}})
	if err != nil || more {
		t.Fatalf("more %v, %v", more, err)
	}
	series = make(map[int]map[refund.State]int64)
	for _, r := range all {
		sums = append(sums, refund.StateSum{Currency: r.Currency, State: r.State, Refunds: 1, Minor: big.NewInt(int64(r.Amount))})
		step := int(r.CreatedAt.Sub(f.day().From) / time.Hour)
		if series[step] == nil {
			series[step] = make(map[refund.State]int64)
		}
		series[step][r.State]++
	}
	return refund.JoinSums(sums), series
}

var compareSums = cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })

// asCounted holds the overview against the refunds themselves, and verify against
// both.
func (f *fixture) asCounted(t *testing.T) {
	t.Helper()
	sums, series := f.naive(t)
	o := f.overview(t)
	if diff := cmp.Diff(sums, o.Sums, compareSums); diff != "" || o.Behind != 0 || o.Recounts != 0 {
		t.Errorf("behind %d, %d hours (-refunds +counted): %s", o.Behind, o.Recounts, diff)
	}
	var open []refund.StateSum
	for _, sum := range sums {
		if !sum.State.Final() {
			open = append(open, sum)
		}
	}
	if diff := cmp.Diff(refund.JoinSums(open), o.Open, compareSums); diff != "" {
		t.Errorf("(-open +counted): %s", diff)
	}
	for n, step := range o.Series {
		for _, state := range refund.States() {
			if step.States[state] != series[n][state] {
				t.Errorf("hour %d: %d refunds are %s, and %d are counted", n, series[n][state], state, step.States[state])
			}
		}
	}
}

// verified returns verify's findings about the statistics of the merchant.
func (f *fixture) verified(t testing.TB) []string {
	t.Helper()
	findings, err := verify.Run(t.Context(), f.DB())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, one := range findings {
		if one.Invariant == verify.Statistics && one.MerchantID == f.merchant {
			found = append(found, one.Row+": "+one.Text)
		}
	}
	return found
}

// lived makes refunds and has some of them go through random states, as Apply
// allows, with events that may come in any order.
func (f *fixture) lived(t *testing.T, rng *rand.Rand, charges, steps int) {
	type one struct {
		key    refund.Key
		charge string
	}
	var refunds []one
	add := func(second int) {
		c := f.charge(money.Minor(3_000_000_000_000))
		c.Currency = []money.Currency{"CNY", "JPY"}[rng.IntN(2)]
		c.ChannelAccount = []string{"account_1", "account_2"}[rng.IntN(2)]
		c = f.registered(t, c)
		for _, r := range f.accept(t, c, at(second), request(c, money.Minor(1+rng.Int64N(1_000_000_000_000)))) {
			refunds = append(refunds, one{keyOf(r), c.ID})
		}
	}
	for range charges {
		add(rng.IntN(2 * 3600))
	}
	for n := range steps {
		target := refunds[rng.IntN(len(refunds))]
		second := 3*3600 + n*rng.IntN(120)
		report := refund.Report{Key: target.key, ChargeID: target.charge}
		kinds := []refund.OutcomeKind{refund.OutcomeAccepted, refund.OutcomeDone, refund.OutcomeAbnormal, refund.OutcomeFailed, refund.OutcomeUnknown, refund.OutcomeShortOfFunds}
		kind := kinds[rng.IntN(len(kinds))]
		for again := range 2 { // what contradicts an end is asked twice
			_, err := f.Record(t.Context(), []refund.Report{report}, true, func(c refund.Charge, r refund.Refund, _ refund.Report) refund.Change {
				now := at(second + again)
				return refund.Apply(c, r, refund.Outcome{Kind: kind, Source: refund.Query, Epoch: r.LeaseEpoch, SucceededAt: now}, refund.Pace{}, now)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// countsAreExact: whatever happens to refunds, what is counted is what they are, though
// two processes count at once, and events are numbered in parts and out of order.
func countsAreExact(t *testing.T, f *fixture) {
	other := Open(t, f.url)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		f.lived(t, rng, 8, 60)
		for range 5 {
			f.numbered(t, 1+rng.IntN(20))
			if found := f.verified(t); len(found) > 0 {
				t.Fatalf("before all is counted: %v", found)
			}
			f.folded(t, other)
		}
		if found := f.verified(t); len(found) > 0 {
			t.Fatalf("in the middle: %v", found)
		}
		for range 20 {
			f.numbered(t, 100)
		}
		f.folded(t, other)
		f.asCounted(t)
		if found := f.verified(t); len(found) > 0 {
			t.Fatal(found)
		}
	}
	o := f.overview(t)
	if o.Of(refund.Succeeded) == 0 || o.Of(refund.Failed) == 0 || o.Times.Count() <= o.Of(refund.Succeeded) { // some came back
		t.Errorf("the history has too little in it: %+v, %d times", o.Sums, o.Times.Count())
	}
}

// countsOfOldEvents: events of a program that did not say what the state was before are
// counted by counting their hour anew.
func countsOfOldEvents(t *testing.T, f *fixture) {
	rng := rand.New(rand.NewPCG(3, 4))
	f.lived(t, rng, 10, 60)
	if _, err := f.exec(t, "UPDATE events SET was = '' WHERE merchant_id = $1", f.merchant); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		f.numbered(t, 10)
		f.folded2(t)
	}
	f.lived(t, rng, 5, 30)
	if _, err := f.exec(t, "UPDATE events SET was = '' WHERE merchant_id = $1 AND type = 'refund.succeeded'", f.merchant); err != nil {
		t.Fatal(err)
	}
	if found := f.verified(t); len(found) > 0 {
		t.Fatal(found)
	}
	for range 20 {
		f.numbered(t, 100)
	}
	f.folded(t)
	f.asCounted(t)
	if found := f.verified(t); len(found) > 0 {
		t.Fatal(found)
	}
}

// folded2 counts a few times, with events left that nobody numbered.
func (f *fixture) folded2(t testing.TB) {
	t.Helper()
	for range 3 {
		if _, _, err := f.FoldStatistics(t.Context(), f.merchant); err != nil {
			t.Fatal(err)
		}
	}
}

// wrongCounts: verify finds a counter that is not what it counts, and counting goes on
// past an event that nobody can count.
func wrongCounts(t *testing.T, f *fixture) {
	f.lived(t, rand.New(rand.NewPCG(5, 6)), 6, 40)
	for range 10 {
		f.numbered(t, 100)
	}
	f.must(t, "UPDATE events SET type = 'refund.unheard_of' WHERE merchant_id = $1 AND feed_number = 3", f.merchant)
	f.folded(t)
	if o := f.overview(t); o.Behind != 0 {
		t.Errorf("%d events are left", o.Behind)
	}
	if len(f.verified(t)) == 0 {
		t.Error("what a corrupt event left out is not found")
	}
	// All is counted anew once the event is mended and the cursor gone.
	for _, text := range []string{
		"DELETE FROM stat_cursors WHERE merchant_id = $1", "DELETE FROM refund_counts WHERE merchant_id = $1", "DELETE FROM refund_times WHERE merchant_id = $1",
		"UPDATE events SET was = '' WHERE merchant_id = $1", "DELETE FROM events WHERE merchant_id = $1 AND feed_number = 3",
	} {
		if _, err := f.exec(t, text, f.merchant); err != nil {
			t.Fatal(err)
		}
	}
	f.folded(t)
	f.asCounted(t)
	if found := f.verified(t); len(found) > 0 {
		t.Fatal(found)
	}
	for n, text := range []string{
		"UPDATE refund_counts SET refunds = refunds + 1 WHERE merchant_id = $1 AND state = 'succeeded'",
		"UPDATE refund_counts SET refunds = refunds - 1, minor_low = minor_low + 1 WHERE merchant_id = $1 AND state = 'succeeded'",
		"UPDATE refund_counts SET minor_low = minor_low - 1 WHERE merchant_id = $1 AND state = 'succeeded'",
		"UPDATE refund_times SET refunds = refunds + 1 WHERE merchant_id = $1",
	} {
		if touched, err := f.exec(t, text, f.merchant); err != nil || touched == 0 {
			t.Fatalf("%d, %v", touched, err)
		}
		found := strings.Join(f.verified(t), "\n")
		if wrong := n != 2; (found != "") != wrong {
			t.Errorf("%s: found %q", text, found)
		}
	}
}

// overviewOfNow: what is open or waits is shown as it is now.
func overviewOfNow(t *testing.T, f *fixture) {
	empty := f.overview(t)
	if len(empty.Sums)+len(empty.Open)+len(empty.Oldest)+len(empty.Accounts) != 0 || len(empty.Series) != 48 || empty.Behind != 0 {
		t.Errorf("of nothing: %+v", empty)
	}
	f.must(t, "INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, $1, 'test', 1)", f.merchant)
	f.must(t, "INSERT INTO channel_accounts (id, merchant_id, connector, state, created_at) VALUES ($1, $2, 'sandbox', 'paused', 1)", "a_"+f.merchant, f.merchant)
	c := f.charge(1000)
	c.ChannelAccount = "a_" + f.merchant
	c = f.registered(t, c)
	var made []refund.Refund
	for n := range 4 {
		made = append(made, f.accept(t, c, at(3+n), request(c, 100))...)
	}
	f.must(t, "UPDATE refunds SET state = 'held', held_reason = 'funds' WHERE merchant_id = $1 AND id = $2", f.merchant, made[0].ID)
	f.must(t, "UPDATE refunds SET state = 'pending', doubt = 17 WHERE merchant_id = $1 AND id = $2", f.merchant, made[2].ID)
	f.must(t, "UPDATE refunds SET state = 'succeeded', succeeded_at = $3, due_at = 0 WHERE merchant_id = $1 AND id = $2", f.merchant, made[3].ID, at(20).UnixMicro())
	if err := f.SaveAlert(t.Context(), refund.Alert{Account: "a_" + f.merchant, Text: "look"}); err != nil {
		t.Fatal(err)
	}
	for n, one := range []string{"waiting', 1, '", "waiting', 9000000000000000, '", "dead', 0, '"} {
		f.must(t, fmt.Sprintf("INSERT INTO deliveries (merchant_id, created_at, id, event_id, dialect, url, body, state, due_at, host) VALUES ($1, 1, 'd%d', 'e', 'native', 'u', $2, '%s')", n, one), f.merchant, []byte("{}"))
	}
	o := f.overview(t)
	if o.NeedPerson.N != 1 || o.ShortOfFunds.N != 1 || o.Alerts.N != 1 || o.Deliveries.Due.N != 1 || o.Deliveries.Waiting.N != 2 || o.Deliveries.Dead.N != 1 || o.Deliveries.OldestDue.UnixMicro() != 1 {
		t.Errorf("%+v", o)
	}
	want := []refund.Oldest{
		{State: refund.Held, MerchantID: f.merchant, RefundID: made[0].ID, CreatedAt: made[0].CreatedAt},
		{State: refund.Created, MerchantID: f.merchant, RefundID: made[1].ID, CreatedAt: made[1].CreatedAt},
		{State: refund.Pending, MerchantID: f.merchant, RefundID: made[2].ID, CreatedAt: made[2].CreatedAt},
	}
	if diff := cmp.Diff(want, o.Oldest); diff != "" {
		t.Error(diff)
	}
	if len(o.Accounts) != 1 || !o.Accounts[0].Paused || o.Accounts[0].State != "paused" || !o.Accounts[0].LastSuccess.Equal(at(20)) {
		t.Errorf("%+v", o.Accounts)
	}
	dead, _, err := f.DeliveryList(t.Context(), merchantDead(f.merchant), refund.Page{Limit: 10})
	if err != nil || len(dead) != 1 {
		t.Errorf("%d dead, %v", len(dead), err)
	}
}

func merchantDead(merchantID string) merchant.DeliveryFilter {
	return merchant.DeliveryFilter{MerchantID: merchantID, State: merchant.DeliveryDead}
}
