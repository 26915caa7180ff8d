package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/verify"
)

var errUntold = errors.New("it can't be told")

// A payment is told in the commit that registers its charge, or neither is there.
func paymentIsToldWithItsCharge(t *testing.T, f *fixture) {
	f.own(t)
	for _, id := range []string{"in use", "disabled"} {
		if err := f.AddEndpoint(t.Context(), merchant.Endpoint{ID: f.merchant + id, MerchantID: f.merchant, Dialect: merchant.Payin, URL: "https://shop.example/", CreatedAt: at(1)}); err != nil {
			t.Fatal(err)
		}
	}
	f.must(t, `UPDATE endpoints SET disabled_at = 2 WHERE id = $1`, f.merchant+"disabled")
	c := f.charge(1000)
	var asked []merchant.Endpoint
	tell := func(endpoints []merchant.Endpoint) ([]merchant.Delivery, error) {
		asked = endpoints
		return []merchant.Delivery{{
			MerchantID: f.merchant, ID: refund.NewID(at(1)), CreatedAt: at(1), EventID: c.ID, Dialect: merchant.Payin, URL: "https://shop.example/?a=1", Body: []byte{}, DueAt: at(1),
		}}, nil
	}
	_, _, err := f.RegisterTold(t.Context(), c, func([]merchant.Endpoint) ([]merchant.Delivery, error) { return nil, errUntold })
	if !errors.Is(err, errUntold) {
		t.Fatalf("a payment that can't be told: %v", err)
	}
	_, err = f.Charge(t.Context(), f.merchant, c.ID)
	wantKind(t, err, refund.KindChargeNotFound)

	w := &merchant.Write{MerchantID: f.merchant, Key: "told", Call: "payin", Content: "c"}
	stored, again, err := f.RegisterTold(merchant.WithWrite(t.Context(), w), c, tell)
	if err != nil || again || stored.ID != c.ID {
		t.Fatalf("registered %+v, again %v, %v", stored, again, err)
	}
	f.wantKept(t, "told", "payin", c.ID)
	if len(asked) != 1 || asked[0].ID != f.merchant+"in use" {
		t.Errorf("asked about %+v", asked)
	}
	other := c
	other.Amount++
	_, _, err = f.RegisterTold(t.Context(), other, tell)
	wantKind(t, err, refund.KindChargeConflict)
	if stored, again, err = f.RegisterTold(t.Context(), c, tell); err != nil || !again || stored.ID != c.ID {
		t.Errorf("once more %+v, again %v, %v", stored, again, err)
	}
	records, _, err := f.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: f.merchant}, refund.Page{Limit: 1000})
	if err != nil || len(records) != 1 || records[0].State != merchant.DeliveryWaiting || records[0].Delivery.EventID != c.ID {
		t.Fatalf("deliveries %+v, %v", records, err)
	}
	sum, err := f.PaymentSummary(t.Context(), merchant.Payin, stored)
	if err != nil || sum != (merchant.DeliverySummary{}) {
		t.Errorf("before any try %+v, %v", sum, err)
	}
	claimed, err := f.ClaimDeliveries(t.Context(), []merchant.DeliveryKey{{MerchantID: f.merchant, CreatedAt: at(1), ID: records[0].Delivery.ID}}, at(2), at(9))
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	if err := f.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: claimed[0], At: at(3), Status: 200, Delivered: true}}); err != nil {
		t.Fatal(err)
	}
	sum, err = f.PaymentSummary(t.Context(), merchant.Payin, stored)
	if want := (merchant.DeliverySummary{Tries: 1, LastAt: at(3), ReceivedAt: at(3)}); err != nil || sum != want {
		t.Errorf("after one try %+v, want %+v, %v", sum, want, err)
	}
	findings, err := verify.Run(t.Context(), f.DB())
	if err != nil || slices.ContainsFunc(findings, func(one refund.Finding) bool { return one.MerchantID == f.merchant }) {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// An order whose number is another payment's name in WeChat Pay is registered
// all the same: that name was made up for it.
func toldOrderGivesWay(t *testing.T, f *fixture) {
	named := func() refund.Charge {
		c := f.charge(1000)
		c.OrderNo = "ORDER_OF_TWO_APIS"
		c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wechatpay", Identity: "1900009191", Name: c.OrderNo, MadeUp: true})
		return c
	}
	first := f.registered(t, named())
	tell := func([]merchant.Endpoint) ([]merchant.Delivery, error) { return nil, nil }
	stored, again, err := f.RegisterTold(t.Context(), named(), tell)
	if err != nil || again || stored.ID == first.ID {
		t.Fatalf("registered %+v, again %v, %v", stored, again, err)
	}
	if c, err := f.ChargeByAlias(t.Context(), f.merchant, "wechatpay", first.OrderNo); err != nil || c.ID != first.ID {
		t.Errorf("the first one's name is charge %q, %v", c.ID, err)
	}
}
