package wechatpay

import (
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Each word of the core has one of the page's, and each of a request's is read.
func TestWordsOfTheCoreAreTranslated(t *testing.T) {
	for way, want := range map[refund.Way]string{
		"": "ORIGINAL", refund.WayOfPayment: "ORIGINAL", refund.WayBalance: "BALANCE", refund.WayOtherBalance: "OTHER_BALANCE", refund.WayOtherCard: "OTHER_BANKCARD",
	} {
		if got := wayBack(refund.Landed{Way: way}); got != want {
			t.Errorf("%q is %s, want %s", way, got, want)
		}
	}
	for f, want := range map[refund.Funds]string{
		"": "", refund.FundsUnsettled: "UNSETTLED", refund.FundsAvailable: "AVAILABLE", refund.FundsUnavailable: "UNAVAILABLE",
		refund.FundsOperation: "OPERATION", refund.FundsBasic: "BASIC", refund.FundsDigital: "ECNY_BASIC", "petty cash": "petty cash",
	} {
		if got, back := fundsWord(f), fundsOf(want); got != want || back != f {
			t.Errorf("%q is %s, want %s, and is read as %q", f, got, want, back)
		}
	}
	for scope, want := range map[refund.CouponScope]string{refund.ScopeOrder: "GLOBAL", refund.ScopeGoods: "SINGLE"} {
		if scopes[scope] != want {
			t.Errorf("%q is %s", scope, scopes[scope])
		}
	}
	for kind, want := range map[refund.CouponType]string{refund.TypeFunded: "CASH", refund.TypeUnfunded: "NOCASH"} {
		if types[kind] != want {
			t.Errorf("%q is %s", kind, types[kind])
		}
	}
	if destinations["USER_BANK_CARD"] != channel.ToPayerCard || destinations["MERCHANT_BANK_CARD"] != channel.ToMerchant {
		t.Errorf("destinations are %v", destinations)
	}
}

// What another dialect's request named is told to the channel, and not shown here.
func TestOnlyWhatWasAskedHereIsShownAsItsFundsAccount(t *testing.T) {
	charge, source := refund.Charge{Detail: refund.Detail{FundsAccount: refund.FundsBasic}}, "recharge_funds"
	for name, test := range map[string]struct {
		asked refund.RefundDetail
		want  string
	}{
		"asked here":      {refund.RefundDetail{PaidFrom: refund.FundsAvailable}, wire.FundsAvailable},
		"asked elsewhere": {refund.RefundDetail{PaidFrom: refund.FundsAvailable, FundingSource: &source}, wire.FundsBasic},
		"not asked":       {refund.RefundDetail{}, wire.FundsBasic},
	} {
		if got := fundsAccount(refund.Refund{Detail: test.asked}, charge); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
