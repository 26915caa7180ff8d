package refund

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What rows of every released schema hold is understood, and what is written now
// is understood by a previous version, which knows these texts.
func TestWordsAreStoredAsInEveryReleasedSchema(t *testing.T) {
	charge := Detail{
		ReceivedAccount: "r", FundsAccount: FundsBasic, SubMerchant: "1900000109", Sharing: SharingUnder,
		Coupons: []Coupon{{ID: "1", Scope: ScopeOrder, Type: TypeFunded, Amount: 1}, {ID: "2", Scope: ScopeGoods, Type: TypeUnfunded, Amount: 2}},
	}
	source := "unsettled_funds"
	asked := RefundDetail{
		FundingSource: &source, PaidFrom: FundsUnsettled, From: []FundsFrom{{FundsAvailable, 1}, {FundsUnavailable, 2}},
		Options: ChannelOptions{Splits: []Split{{Account: "2088", Amount: 2, Description: "d"}}, Rate: "6.4650", ExchangedAmount: 7, HideReason: true},
	}
	for name, test := range map[string]struct {
		value, read any
		text        string
	}{
		"a charge": {&charge, &Detail{}, `{"coupons":[{"id":"1","scope":"GLOBAL","type":"CASH","amount":1},{"id":"2","scope":"SINGLE","type":"NOCASH","amount":2}],` +
			`"received_account":"r","funds_account":"BASIC","sub_merchant":"1900000109","profit_sharing":"sharing"}`},
		"a refund": {&asked, &RefundDetail{}, `{"funding_source":"unsettled_funds",` +
			`"extra":{"split_fund_info":[{"account":"2088","amount":2,"desc":"d"}],"rate":"6.4650","refund_amount":7,"hide_reason":true},` +
			`"funds_account":"UNSETTLED","from":[{"account":"AVAILABLE","amount":1},{"account":"UNAVAILABLE","amount":2}]}`},
		"nothing asked":      {&RefundDetail{}, &RefundDetail{}, `{}`},
		"another card":       {&Landed{Way: WayOtherCard, Account: "a"}, &Landed{}, `{"channel":"OTHER_BANKCARD","account":"a"}`},
		"another balance":    {&Landed{Way: WayOtherBalance}, &Landed{}, `{"channel":"OTHER_BALANCE"}`},
		"the balance":        {&Landed{Way: WayBalance}, &Landed{}, `{"channel":"BALANCE"}`},
		"the way of payment": {&Landed{Way: WayOfPayment}, &Landed{}, `{"channel":"ORIGINAL"}`},
		"an account by a name of the channel's own": {&Detail{FundsAccount: "petty cash"}, &Detail{}, `{"funds_account":"petty cash"}`},
	} {
		text, err := json.Marshal(test.value)
		if err != nil || string(text) != test.text {
			t.Errorf("%s is written %s (%v), want %s", name, text, err, test.text)
		}
		if err := json.Unmarshal([]byte(test.text), test.read); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.value, test.read); diff != "" {
			t.Errorf("%s (-written +read)\n%s", name, diff)
		}
	}
}
