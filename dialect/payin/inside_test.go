package payin

import (
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Every state of the core has a status and a result (Y7.4-9 and Y3.4-23).
func TestEveryStateHasItsWord(t *testing.T) {
	want := map[refund.State][2]string{
		refund.Held:      {"pending", "Not_Yet"},
		refund.Created:   {"pending", "Not_Yet"},
		refund.Pending:   {"pending", "Not_Yet"},
		refund.Abnormal:  {"pending", "Not_Yet"},
		refund.Succeeded: {"success", "Approved"},
		refund.Failed:    {"fail", "Declined_NoRetry"},
		refund.Canceled:  {"fail", "Aborted"},
	}
	for _, state := range refund.States() {
		if got := [2]string{statuses[state], results[state]}; got != want[state] {
			t.Errorf("%s is %v, want %v", state, got, want[state])
		}
	}
}

// The page's ways of paying are shown as they are, others by the name that the
// charge has (Y0-12).
func TestWaysOfPayingAreShownAsTheyAre(t *testing.T) {
	for _, method := range []string{"stcpay", "mastercard", "applePay", "tap", "wx", "alipay_qr"} {
		o := order{Charge: refund.Charge{Channel: method, Aliases: []refund.Alias{{Dialect: merchant.Payin}}}}
		if got := refundObject(refund.Refund{Currency: "SAR", Amount: 1}, o).PaymentMethod; got != method {
			t.Errorf("%s is shown as %s", method, got)
		}
	}
}
