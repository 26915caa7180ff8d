package chinaums_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAPaymentIsLookedUp(t *testing.T) {
	for way, of := range map[string]struct {
		settings map[string]string
		number   string
		paid     string // the status of one that was paid
		closed   string
	}{
		"order": {nil, orderNo, "TRADE_SUCCESS", "WAIT_BUYER_PAY"}, "bill": {bills, billNo, "PAID", "UNPAID"}, "older message": {legacy, orderNo, "TRADE_SUCCESS", "TRADE_CLOSED"},
	} {
		t.Run(way, func(t *testing.T) {
			f := newFake(t)
			connector := f.open(f.account(of.settings))
			ref := channel.PaymentRef{OrderNo: of.number, Charge: refund.Charge{PaidAt: time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)}}
			got, err := connector.Charge(t.Context(), ref)
			want := channel.Payment{
				TransactionID: "4200002026110100000001", OrderNo: of.number, Amount: money.Amount{Minor: 1000, Currency: "CNY"}, PaidAt: got.PaidAt, Paid: true,
			}
			if err != nil || got != want || !got.PaidAt.Equal(time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)) {
				t.Errorf("%+v, %v", got, err)
			}
			for _, number := range []string{"3194202611010000000000009", "1", ""} {
				if _, err := connector.Charge(t.Context(), channel.PaymentRef{OrderNo: number, Charge: ref.Charge}); !errors.Is(err, channel.ErrNotFound) {
					t.Errorf("%q: %v", number, err)
				}
			}
			named := ref
			named.OrderNo, named.TransactionID = "", of.number
			if got, err := connector.Charge(t.Context(), named); err != nil || got.TransactionID != of.number {
				t.Errorf("by the number that it is asked about: %+v, %v", got, err)
			}
			f.orders[of.number].status = of.closed
			if got, err := connector.Charge(t.Context(), ref); err != nil || got.Paid {
				t.Errorf("%s: %+v, %v", of.closed, got, err)
			}
			f.orders[of.number].status = map[bool]string{true: "REFUND", false: "TRADE_REFUND"}[way == "bill"]
			if got, err := connector.Charge(t.Context(), ref); err != nil || !got.Paid || !got.RefundedUnknown || got.Refunded != 0 {
				t.Errorf("one of which something was refunded: %+v, %v", got, err)
			}
			f.orders[of.number].status, f.orders[of.number].total = of.paid, 0
			if got, err := connector.Charge(t.Context(), ref); err == nil {
				t.Errorf("without an amount: %+v", got)
			}
			f.always["query"], f.always["bills.query"] = "TIMEOUT", "TIMEOUT"
			if _, err := connector.Charge(t.Context(), ref); err == nil || errors.Is(err, channel.ErrNotFound) {
				t.Errorf("no answer from the wallet: %v", err)
			}
			f.Close()
			if _, err := connector.Charge(t.Context(), ref); err == nil || errors.Is(err, channel.ErrNotFound) {
				t.Errorf("nobody answers: %v", err)
			}
		})
	}
}

func TestCheckSaysWhichSettingIsWrong(t *testing.T) {
	for name, of := range map[string]struct {
		change map[string]string
		secret map[string]string
		fault  func(*fake)
		wrong  string // the setting, "" for none
		hint   string
	}{
		"all is well":                            {},
		"all is well with the older messages":    {change: legacy},
		"another appId":                          {change: map[string]string{"app_id": "1"}, wrong: "app_key", hint: "app_id"},
		"another appKey":                         {secret: map[string]string{"app_key": "1"}, wrong: "app_key", hint: "belong together"},
		"another communication key that signs":   {change: legacy, secret: map[string]string{"communication_key": "1"}, wrong: "communication_key", hint: "msg_src"},
		"another source":                         {change: map[string]string{"mode": "legacy", "msg_src": "OTHER"}, wrong: "msg_src", hint: "set msg_src"},
		"another merchant's number":              {change: map[string]string{"mid": "898310000000009"}, wrong: "mid", hint: "mid and tid"},
		"a merchant that is frozen":              {fault: func(f *fake) { f.always["refundQuery"] = "INACTIVE_MERCHANT" }, wrong: "mid", hint: "frozen"},
		"a machine that is not admitted":         {fault: func(f *fake) { f.always["refundQuery"] = "DENIED_IP" }, wrong: "base_url", hint: "admit"},
		"no communication key for notices":       {secret: map[string]string{"communication_key": ""}, wrong: "communication_key", hint: "account set"},
		"a code that nobody knows":               {fault: func(f *fake) { f.always["refundQuery"] = "NEW" }, wrong: "app_key", hint: "clock"},
		"nobody answers":                         {fault: func(f *fake) { f.Close() }, wrong: "base_url", hint: "--egress-allow"},
		"an address where another program lives": {fault: func(f *fake) { f.queries["3194REFUNDRYCHECK"] = "html" }, wrong: "base_url", hint: "is the address"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			a := f.account(of.change)
			for name, value := range of.secret {
				a.Secrets[name] = value
			}
			if of.fault != nil {
				of.fault(f)
			}
			if f.queries["3194REFUNDRYCHECK"] != "" {
				f.refunds["3194REFUNDRYCHECK"] = &entry{number: "3194REFUNDRYCHECK", order: orderNo}
			}
			found := false
			for _, one := range f.open(a).Check(t.Context()) {
				if (one.Err != nil) != (one.Name == of.wrong) {
					t.Errorf("%s: %v", one.Name, one.Err)
				}
				found = found || one.Name == of.wrong && one.Err != nil && strings.Contains(one.Err.Error(), of.hint) && strings.Contains(one.Err.Error(), "(hint: ")
			}
			if !found && of.wrong != "" {
				t.Errorf("nothing says that %s is wrong", of.wrong)
			}
			for _, path := range f.paths() {
				if path != "refund-query" && path != "/netpay-route-server/api/" {
					t.Errorf("a check called %s", path)
				}
			}
		})
	}
}
