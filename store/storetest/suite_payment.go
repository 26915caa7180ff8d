package storetest

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/verify"
	"github.com/refundry/refundry/webhook"
)

const paid = "payment.succeeded"

// A payment leaves its event in the commit that registers its charge, once.
func paymentLeavesAnEvent(t *testing.T, f *fixture) {
	f.own(t)
	c := f.charge(1000)
	w := &refund.Write{MerchantID: f.merchant, Key: "paid", Call: "payin", Content: "c"}
	stored, again, err := f.RegisterPaid(t.Context(), c, paid, w)
	if err != nil || again || stored.ID != c.ID {
		t.Fatalf("registered %+v, again %v, %v", stored, again, err)
	}
	f.wantKept(t, "paid", "payin", c.ID)
	other := c
	other.Amount++
	_, _, err = f.RegisterPaid(t.Context(), other, paid, nil)
	wantKind(t, err, refund.KindChargeConflict)
	if stored, again, err = f.RegisterPaid(t.Context(), c, paid, nil); err != nil || !again || stored.ID != c.ID {
		t.Errorf("once more %+v, again %v, %v", stored, again, err)
	}
	if merchants, err := f.MerchantsWithNewEvents(t.Context(), "", 1000); err != nil || !slices.Contains(merchants, f.merchant) {
		t.Errorf("merchants with new events %v, %v", merchants, err)
	}
	news := f.news(t)
	if len(news.Events) != 1 {
		t.Fatalf("news %+v", news)
	}
	e := news.Events[0]
	if e.Kind != webhook.AboutPayment || e.ID != c.ID || e.Type != paid || !e.At.Equal(c.CreatedAt) || e.Charge.ID != c.ID || e.Err != nil || e.Mode != merchant.Test {
		t.Errorf("event %+v", e)
	}
	d := f.delivery(e, 5)
	f.takenOver(t, news, d)
	if news := f.news(t); len(news.Events) != 0 {
		t.Errorf("after the fan-out there is %+v", news)
	}
	if feed, err := f.Feed(t.Context(), f.merchant, 0, 10); err != nil || len(feed) != 0 {
		t.Errorf("in the feed is %+v, %v", feed, err)
	}
	sum, err := f.PaymentSummary(t.Context(), merchant.Payin, stored)
	if err != nil || sum != (merchant.DeliverySummary{}) {
		t.Errorf("before any try %+v, %v", sum, err)
	}
	claimed := f.claimedDelivery(t, d, 5)
	if _, err := f.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: claimed, At: at(6), Status: 200, Delivered: true}}); err != nil {
		t.Fatal(err)
	}
	sum, err = f.PaymentSummary(t.Context(), merchant.Payin, stored)
	if want := (merchant.DeliverySummary{Tries: 1, LastAt: at(6), ReceivedAt: at(6)}); err != nil || sum != want {
		t.Errorf("after one try %+v, want %+v, %v", sum, want, err)
	}
	findings, err := verify.Run(t.Context(), f.DB())
	if err != nil || slices.ContainsFunc(findings, func(one refund.Finding) bool { return one.MerchantID == f.merchant }) {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// An order whose number is another payment's name in WeChat Pay is registered
// all the same: that name was made up for it.
func paidOrderGivesWay(t *testing.T, f *fixture) {
	named := func() refund.Charge {
		c := f.charge(1000)
		c.OrderNo = "ORDER_OF_TWO_APIS"
		c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wechatpay", Identity: "1900009191", Name: c.OrderNo, MadeUp: true})
		return c
	}
	first := f.registered(t, named())
	stored, again, err := f.RegisterPaid(t.Context(), named(), paid, nil)
	if err != nil || again || stored.ID == first.ID {
		t.Fatalf("registered %+v, again %v, %v", stored, again, err)
	}
	if c, err := f.ChargeByAlias(t.Context(), f.merchant, "wechatpay", first.OrderNo); err != nil || c.ID != first.ID {
		t.Errorf("the first one's name is charge %q, %v", c.ID, err)
	}
}
