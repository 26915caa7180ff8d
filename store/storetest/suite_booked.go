package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// bookedByName: a bill's rows find refunds by the number, or else by the channel's own
// id, of their account alone.
func bookedByName(t *testing.T, f *fixture) {
	c := f.registered(t, f.fullCharge())
	key := refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}
	adopt := func(id, number, channelID string, second int) refund.Refund {
		change, adopted, err := f.Adopt(t.Context(), key, refund.Foreign{
			RefundID: id + f.merchant, ChannelNumber: number, ChannelRefundID: channelID, Amount: 1, SucceededAt: at(second), Source: refund.Notice,
		}, at(second))
		if err != nil || !adopted {
			t.Fatal(adopted, err)
		}
		return change.Refunds[0]
	}
	one, other := adopt("re_1", "n1", "id1 "+f.merchant, 5), adopt("re_2", "n2", "id2 "+f.merchant, 6)
	waits := f.accept(t, c, at(7), request(c, 1))[0]
	account := refund.AccountKey{MerchantID: f.merchant, ID: c.ChannelAccount}
	names := []refund.BillName{
		{Number: "n2"},
		{ChannelRefundID: one.ChannelRefundID},
		{Number: "none", ChannelRefundID: other.ChannelRefundID},
		{Number: "none", ChannelRefundID: "none"},
		{},
		{Number: "n1", ChannelRefundID: other.ChannelRefundID},
		{Number: waits.ChannelNumber},
	}
	got := make(map[int]string)
	for range 2 { // as many as make several statements
		names = append(names, names...)
	}
	found, err := f.BookedByName(t.Context(), account, names)
	if err != nil {
		t.Fatal(err)
	}
	for n, b := range found {
		if n < 7 {
			got[n] = b.ID
		}
	}
	want := map[int]string{0: other.ID, 1: one.ID, 2: other.ID, 5: one.ID, 6: waits.ID}
	if diff := cmp.Diff(want, got); diff != "" || len(found) != 4*len(want) {
		t.Errorf("%d found (-want +got): %s", len(found), diff)
	}
	same := refund.Booked{
		ID: one.ID, ChargeID: c.ID, TransactionID: c.TransactionID, ChannelNumber: "n1", ChannelRefundID: one.ChannelRefundID, Amount: money.Amount{Minor: 1, Currency: c.Currency}, State: refund.Succeeded,
		Adopted: true, CreatedAt: at(5), SucceededAt: at(5),
	}
	if diff := cmp.Diff(same, found[1]); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
	if found[6].Adopted || found[6].State != waits.State {
		t.Errorf("what was asked of us: %+v", found[6])
	}
	for _, other := range []refund.AccountKey{{MerchantID: f.merchant, ID: "another"}, {MerchantID: "another", ID: c.ChannelAccount}} {
		if found, err := f.BookedByName(t.Context(), other, names); err != nil || len(found) != 0 {
			t.Errorf("%+v: %v, %v", other, found, err)
		}
	}

	// What succeeded from a time to another, page by page.
	var pages []string
	var after refund.Booked
	for {
		page, err := f.Succeeded(t.Context(), account, at(5), at(7), after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		after = page[0]
		pages = append(pages, after.ID)
	}
	if diff := cmp.Diff([]string{one.ID, other.ID}, pages); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
	for _, span := range [][2]time.Time{{at(4), at(5)}, {at(7), at(900)}} {
		if page, err := f.Succeeded(t.Context(), account, span[0], span[1], refund.Booked{}, 10); err != nil || len(page) != 0 {
			t.Errorf("%v: %v, %v", span, page, err)
		}
	}
}
