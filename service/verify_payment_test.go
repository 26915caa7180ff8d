package service

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// A charge that the shop has registered otherwise than the platform knows the
// payment moves nothing there, and the shop is told what differs.
func TestAWrongChargeIsNoticedBeforeItsFirstRefund(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	w := newWeChatShop(t, platform, address, "1900009191", "public_key")
	for _, test := range []struct {
		name          string
		number, at    string // of the payment
		change        func(*refund.Charge)
		code, message string
	}{
		{"of more than was paid", "VERIFY0001", "4200000000202611290000000001", func(c *refund.Charge) { c.Amount += 100 }, channel.CodeOtherAmount, "1000 minor units were paid, and the charge has 1100: nothing was sent"},
		{"of a payment that there is not", "VERIFY0002", "4200000000202611290000000002", func(c *refund.Charge) { c.TransactionID = "4200000000202611290000000003" }, channel.CodeNoPayment, "nothing was sent"},
	} {
		id := w.platformOrder(platform, test.number, test.at)
		w.charge = w.registerAs(platform, id, test.change)
		failed := w.refunded(50, refund.Failed)
		if failed.FailureCode != test.code || !strings.Contains(failed.FailureMessage, test.message) {
			t.Errorf("%s: %s %s", test.name, failed.FailureCode, failed.FailureMessage)
		}
		if theirs, err := platform.Store.Charge(t.Context(), merchant.DemoID, id); err != nil || theirs.Refunds != 0 {
			t.Errorf("%s: the platform has refunded %d times, %v", test.name, theirs.Refunds, err)
		}
	}
	alerts, _, err := w.Store.Alerts(t.Context(), w.owner, false, refund.Page{Limit: 10})
	if err != nil || len(alerts) != 2 {
		t.Errorf("alerts %+v, %v", alerts, err)
	}
}

// The platform does not say how much it had refunded: the refund is sent, and the
// platform holds the cap.
func TestWhatThePlatformRefundedBeforeWithoutAnAmountIsAnAlert(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	first := newWeChatShop(t, platform, address, "1900009191", "public_key")
	first.refunded(100, refund.Succeeded)
	second := newWeChatShop(t, platform, address, "1900009191", "public_key")
	done := second.refunded(200, refund.Succeeded)
	attempts, err := second.Store.Attempts(t.Context(), second.owner, done.ID)
	if err != nil || len(attempts) == 0 {
		t.Fatalf("%v, %v", attempts, err)
	}
	for _, shop := range []*weChatShop{first, second} {
		alerts, _, err := shop.Store.Alerts(t.Context(), shop.owner, false, refund.Page{Limit: 10})
		if told := len(alerts) == 1 && strings.Contains(alerts[0].Text, "does not say how much"); err != nil || told != (shop == second) {
			t.Errorf("alerts %+v, %v", alerts, err)
		}
		charge, err := shop.Store.Charge(t.Context(), shop.owner, shop.charge.ID)
		if err != nil || charge.VerifiedAt.IsZero() || charge.Counted != 0 {
			t.Errorf("verified at %v, counted %d, %v", charge.VerifiedAt, charge.Counted, err)
		}
	}
}
