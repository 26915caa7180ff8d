package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/verify"
	"github.com/refundry/refundry/webhook"
)

// news reads what a fan-out of the case's merchant would.
func (f *fixture) news(t *testing.T) webhook.News {
	t.Helper()
	news, err := f.News(t.Context(), f.merchant, 100)
	if err != nil {
		t.Fatal(err)
	}
	return news
}

// takenOver is a fan-out that must succeed.
func (f *fixture) takenOver(t *testing.T, news webhook.News, deliveries ...merchant.Delivery) {
	t.Helper()
	if done, err := f.FanOut(t.Context(), news, deliveries); err != nil || !done {
		t.Fatalf("fan-out: done %v, %v", done, err)
	}
}

// delivery is one of an event, to an address that came with it.
func (f *fixture) delivery(e webhook.Event, second int) merchant.Delivery {
	return merchant.Delivery{
		MerchantID: f.merchant, ID: refund.NewID(at(second)), CreatedAt: at(second), EventID: e.ID, Dialect: merchant.Payin,
		URL: "https://shop.example/?a=1", Host: "shop.example", Body: []byte("as rendered"), DueAt: at(second),
	}
}

func (f *fixture) claimedDelivery(t *testing.T, d merchant.Delivery, second int) merchant.Delivery {
	t.Helper()
	claimed, err := f.ClaimDeliveries(t.Context(), []merchant.DeliveryKey{{MerchantID: d.MerchantID, CreatedAt: d.CreatedAt, ID: d.ID}}, at(second), at(second+60))
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	return claimed[0]
}

func (f *fixture) records(t *testing.T) []merchant.DeliveryRecord {
	t.Helper()
	records, _, err := f.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: f.merchant}, refund.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// endpoint adds an address of the case's merchant.
func (f *fixture) endpoint(t *testing.T, name string) merchant.Endpoint {
	t.Helper()
	p := merchant.Endpoint{ID: f.merchant + name, MerchantID: f.merchant, Dialect: merchant.Payin, URL: "https://shop.example/" + name, CreatedAt: at(1)}
	if _, err := f.AddEndpoint(t.Context(), p, Record(f.merchant)); err != nil {
		t.Fatal(err)
	}
	return p
}

// numbers are the feed's, with the refunds that they are about.
func (f *fixture) numbers(t *testing.T) []string {
	t.Helper()
	feed, err := f.Feed(t.Context(), f.merchant, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, e := range feed {
		numbers = append(numbers, fmt.Sprint(e.FeedNumber, " ", e.Refund.ID))
	}
	return numbers
}

// What is new is read without locks, and taken over once. What has changed
// since changes nothing, whole or in part.
func newsAreTakenOverOnce(t *testing.T, f *fixture) {
	f.own(t)
	inUse, disabled := f.endpoint(t, "in use"), f.endpoint(t, "disabled")
	if err := f.DisableEndpoint(t.Context(), f.merchant, disabled.ID, Record(f.merchant), at(2)); err != nil {
		t.Fatal(err)
	}
	c := f.registered(t, f.charge(1000))
	first := f.accept(t, c, at(3), request(c, 10))[0]
	news := f.news(t)
	if len(news.Events) != 1 || news.Events[0].Refund.ID != first.ID || news.Events[0].Mode != merchant.Test || len(news.Endpoints) != 1 || news.Endpoints[0].ID != inUse.ID {
		t.Fatalf("news %+v", news)
	}
	second := f.accept(t, c, at(4), request(c, 10))[0]
	older := f.news(t) // both
	f.takenOver(t, news, f.delivery(news.Events[0], 5))
	for range 2 {
		if done, err := f.FanOut(t.Context(), older, []merchant.Delivery{f.delivery(older.Events[1], 6)}); err != nil || done {
			t.Errorf("what was taken over in part: done %v, %v", done, err)
		}
	}
	if diff := cmp.Diff([]string{"1 " + first.ID}, f.numbers(t)); diff != "" || len(f.records(t)) != 1 {
		t.Errorf("%d deliveries, feed (-want +got):\n%s", len(f.records(t)), diff)
	}
	f.takenOver(t, f.news(t))
	if diff := cmp.Diff([]string{"1 " + first.ID, "2 " + second.ID}, f.numbers(t)); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}

// An endpoint that is disabled while its deliveries are made gets none.
func disabledMeanwhile(t *testing.T, f *fixture) {
	f.own(t)
	p := f.endpoint(t, "hook")
	c := f.registered(t, f.charge(1000))
	f.accept(t, c, at(3), request(c, 10))
	news := f.news(t)
	d := f.delivery(news.Events[0], 5)
	d.EndpointID = p.ID
	if err := f.DisableEndpoint(t.Context(), f.merchant, p.ID, Record(f.merchant), at(4)); err != nil {
		t.Fatal(err)
	}
	if done, err := f.FanOut(t.Context(), news, []merchant.Delivery{d}); err != nil || done {
		t.Errorf("done %v, %v", done, err)
	}
	if news = f.news(t); len(news.Events) != 1 || len(news.Endpoints) != 0 || len(f.records(t)) != 0 {
		t.Errorf("then there are %+v", news)
	}
}

// An event that can't be read has its Err and gets its number all the same;
// those beside it are read.
func corruptEventIsNumbered(t *testing.T, f *fixture) {
	f.own(t)
	c := f.registered(t, f.charge(1000))
	for second := 3; second < 6; second++ {
		f.accept(t, c, at(second), request(c, 10))
	}
	guilty := f.news(t).Events[1]
	f.must(t, `UPDATE events SET snapshot = 'no snapshot' WHERE merchant_id = $1 AND id = $2`, f.merchant, guilty.ID)
	f.Store = Open(t, f.url) // a process that does not remember the events
	news := f.news(t)
	for n, e := range news.Events {
		if (e.Err != nil) != (e.ID == guilty.ID) || e.MerchantID != f.merchant || (e.Refund.ID == "") != (e.Err != nil) {
			t.Errorf("event %d is %+v", n, e)
		}
	}
	f.takenOver(t, news)
	if news = f.news(t); len(news.Events) != 0 {
		t.Errorf("still new is %+v", news)
	}
	if _, _, err := f.Subject(t.Context(), f.delivery(guilty, 7)); err == nil || refund.KindOf(err) == refund.KindNotFound {
		t.Errorf("its delivery's subject: %v", err)
	}
}

// Merchants take turns from anywhere in the list.
func merchantsInTurn(t *testing.T, f *fixture) {
	ids := []string{"mer_a", "mer_b", "mer_c", "mer_d"}
	for n, id := range ids {
		f.merchant = id
		c := f.charge(1000)
		if n == 2 { // payments count like refunds
			if _, _, err := f.RegisterPaid(t.Context(), c, paid, nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		c = f.registered(t, c)
		for range n + 1 {
			f.accept(t, c, at(3), request(c, 10))
		}
	}
	for _, test := range []struct {
		after string
		limit int
		want  string
	}{
		{"", 10, "mer_a mer_b mer_c mer_d"},
		{"", 2, "mer_a mer_b"},
		{"mer_b", 10, "mer_c mer_d"},
		{"mer_b", 1, "mer_c"},
		{"mer_bb", 10, "mer_c mer_d"},
		{"mer_d", 10, ""},
	} {
		got, err := f.MerchantsWithNewEvents(t.Context(), test.after, test.limit)
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%d after %q: %v, %v", test.limit, test.after, got, err)
		}
	}
	f.merchant = "mer_c"
	f.takenOver(t, f.news(t))
	if got, err := f.MerchantsWithNewEvents(t.Context(), "", 10); err != nil || !slices.Equal(got, []string{"mer_a", "mer_b", "mer_d"}) {
		t.Errorf("after a turn: %v, %v", got, err)
	}
}

// unmade writes deliveries of one event that could not be made.
func (f *fixture) unmade(t *testing.T, count int) (webhook.Event, []merchant.Delivery) {
	t.Helper()
	f.own(t)
	c := f.registered(t, f.charge(1000))
	f.accept(t, c, at(3), request(c, 10))
	news := f.news(t)
	all := make([]merchant.Delivery, count)
	for n := range all {
		all[n] = f.delivery(news.Events[0], 5+n)
		all[n].Body, all[n].Problem, all[n].MakeAt = []byte{}, "no key", at(15+n)
	}
	f.takenOver(t, news, all...)
	return news.Events[0], all
}

// kept are the case's deliveries as they are on record, oldest first.
func (f *fixture) kept(t *testing.T) []string {
	t.Helper()
	var kept []string
	for _, r := range slices.Backward(f.records(t)) {
		kept = append(kept, fmt.Sprintf("%s %q %q %s", r.State, r.Delivery.Problem, r.Delivery.Body, r.Delivery.KeyID))
	}
	return kept
}

// A delivery that could not be made waits to be made, and nobody sends it.
func unmadeDeliveryWaits(t *testing.T, f *fixture) {
	told, all := f.unmade(t, 2)
	for n, r := range f.records(t) { // newest first
		d := all[len(all)-1-n]
		if r.State != merchant.DeliveryWaiting || r.Delivery.Problem != "no key" || !r.Delivery.DueAt.Equal(d.MakeAt) || !r.Delivery.MakeAt.Equal(d.MakeAt) {
			t.Errorf("record %+v", r)
		}
	}
	if keys, err := f.DueDeliveries(t.Context(), at(1_000_000), 10); err != nil || len(keys) != 0 {
		t.Errorf("due to be sent: %+v, %v", keys, err)
	}
	for second, want := range map[int]int{14: 0, 15: 1, 16: 2} {
		if unmade, err := f.Unmade(t.Context(), at(second), 10); err != nil || len(unmade) != want {
			t.Errorf("at %d to be made: %+v, %v", second, unmade, err)
		}
	}
	event, _, err := f.Subject(t.Context(), all[0])
	if diff := cmp.Diff(told.Refund, event.Refund); err != nil || diff != "" || event.ID != told.ID || event.Mode != merchant.Test || event.Pending != len(all) {
		t.Errorf("subject %+v, %v, refund (-want +got):\n%s", event, err, diff)
	}
	if findings, err := verify.Run(t.Context(), f.DB()); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// It is made, put off, given up or withdrawn by whoever comes first.
func unmadeDeliveryIsMadeOnce(t *testing.T, f *fixture) {
	_, all := f.unmade(t, 4)
	makings := make([]webhook.Making, len(all))
	for n, d := range all {
		makings[n] = webhook.Making{Delivery: d, Before: d.MakeAt, At: at(100)}
		makings[n].Delivery.MakeAt = time.Time{}
	}
	made, later, dead := &makings[0].Delivery, &makings[1].Delivery, &makings[2].Delivery
	made.Problem, made.KeyID, made.Body, made.DueAt = "", "pk_1", []byte("made"), at(100)
	later.Problem, later.MakeAt = "still no key", at(200)
	dead.Problem = "never a key"
	makings[3].Withdrawn = true
	f.saved(t, makings)
	second := slices.Clone(makings) // another process, which read the same
	second[0].Delivery.Body = []byte("made by another")
	second[1].Withdrawn, second[2].Withdrawn = true, true
	f.saved(t, second)
	want := []string{`waiting "" "made" pk_1`, `waiting "still no key" "" `, `dead "never a key" "" `}
	if diff := cmp.Diff(want, f.kept(t)); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	if keys, err := f.DueDeliveries(t.Context(), at(100), 10); err != nil || len(keys) != 1 || keys[0].ID != all[0].ID {
		t.Errorf("due to be sent: %+v, %v", keys, err)
	}
	f.foundInTurns(t, all[0])
	if unmade, err := f.Unmade(t.Context(), at(200), 10); err != nil || len(unmade) != 1 || unmade[0].ID != all[1].ID {
		t.Errorf("to be made: %+v, %v", unmade, err)
	}
	by := audit.New(audit.ByCommand("root"), f.merchant, "delivery.replay", all[2].ID, at(300))
	replayed, err := f.ReplayDelivery(t.Context(), f.merchant, all[2].ID, refund.Action{Record: by}, at(300))
	if err != nil || replayed.State != merchant.DeliveryWaiting {
		t.Fatalf("replayed %+v, %v", replayed, err)
	}
	if unmade, err := f.Unmade(t.Context(), at(300), 10); err != nil || len(unmade) != 2 || unmade[1].ID != replayed.Delivery.ID || unmade[1].Problem == "" {
		t.Errorf("to be made after a replay: %+v, %v", unmade, err)
	}
	if findings, err := verify.Run(t.Context(), f.DB()); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// foundInTurns finds d, which is due at 100, by its merchant.
func (f *fixture) foundInTurns(t *testing.T, d merchant.Delivery) {
	t.Helper()
	for _, look := range []struct {
		after  string
		second int
		want   bool
	}{{"", 100, true}, {"", 99, false}, {f.merchant, 100, false}} {
		due, err := f.MerchantsWithDueDeliveries(t.Context(), look.after, at(look.second), 1000)
		if err != nil || slices.Contains(due, f.merchant) != look.want {
			t.Errorf("after %q at %d: %v, %v", look.after, look.second, due, err)
		}
	}
	for host, want := range map[string]int{"elsewhere.example": 1, d.Host: 0} {
		keys, err := f.DueDeliveriesOf(t.Context(), f.merchant, at(100), []string{host}, 10)
		if err != nil || len(keys) != want {
			t.Errorf("without %s: %+v, %v", host, keys, err)
		}
	}
}

func (f *fixture) saved(t *testing.T, makings []webhook.Making) {
	t.Helper()
	if err := f.SaveMakings(t.Context(), makings); err != nil {
		t.Fatal(err)
	}
}

// A delivery whose event or endpoint is gone has no subject.
func subjectIsGone(t *testing.T, f *fixture) {
	f.own(t)
	p := f.endpoint(t, "hook")
	c := f.registered(t, f.charge(1000))
	f.accept(t, c, at(3), request(c, 10))
	d := f.delivery(f.news(t).Events[0], 5)
	d.EndpointID = p.ID
	if _, endpoint, err := f.Subject(t.Context(), d); err != nil || endpoint.URL != p.URL {
		t.Errorf("endpoint %+v, %v", endpoint, err)
	}
	for _, id := range []string{"", "evt_", "evt_" + refund.NewID(at(3)), "ch_unknown"} {
		other := d
		other.EventID = id
		_, _, err := f.Subject(t.Context(), other)
		wantKind(t, err, refund.KindNotFound)
	}
	if err := f.DisableEndpoint(t.Context(), f.merchant, p.ID, Record(f.merchant), at(6)); err != nil {
		t.Fatal(err)
	}
	_, _, err := f.Subject(t.Context(), d)
	wantKind(t, err, refund.KindNotFound)
}
