package alipay_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/alipay/alipaytest"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// sent is the content of the last request.
func (f *fake) sent() map[string]any {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	out := map[string]any{}
	if err := json.Unmarshal([]byte(f.Seen[len(f.Seen)-1].Get("biz_content")), &out); err != nil {
		f.Fatal(err)
	}
	return out
}

func TestARefundSaysWhatItHasToAndNothingElse(t *testing.T) {
	f := newFake(t, false)
	for name, test := range map[string]struct {
		change map[string]string
		with   func(*channel.Instruction)
		want   map[string]any
	}{
		"by the platform's number": {nil, func(*channel.Instruction) {}, map[string]any{
			"trade_no": alipaytest.TradeNo, "refund_amount": "1.00", "out_request_no": "R1", "refund_reason": "broken", "query_options": []any{"refund_detail_item_list"},
		}},
		"by the merchant's number, all of it, without its reason": {nil, func(i *channel.Instruction) {
			i.TransactionID, i.Amount.Minor, i.Refund.Detail.Options.HideReason = "pay_1", 1000, true
		}, map[string]any{"out_trade_no": alipaytest.OrderNo, "refund_amount": "10.00", "out_request_no": "R1", "query_options": []any{"refund_detail_item_list"}}},
		"with a long reason, and the bank's word asked for": {map[string]string{"deposit_back_info": "yes"}, func(i *channel.Instruction) {
			i.Reason = strings.Repeat("坏", 300)
		}, map[string]any{
			"trade_no": alipaytest.TradeNo, "refund_amount": "1.00", "out_request_no": "R1", "refund_reason": strings.Repeat("坏", 256),
			"query_options": []any{"refund_detail_item_list", "deposit_back_info"},
		}},
	} {
		i := instruction("R1")
		test.with(&i)
		delete(f.Entries, "R1")
		if o := f.open(f.account(test.change)).Submit(t.Context(), i); o.Kind != refund.OutcomeDone {
			t.Errorf("%s: %+v", name, o)
		}
		if diff := cmp.Diff(test.want, f.sent()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if got := f.Seen[len(f.Seen)-1].Get("notify_url"); got != address || f.ContentType != "application/x-www-form-urlencoded;charset=utf-8" {
			t.Errorf("notify_url %q, %s", got, f.ContentType)
		}
	}
	f.open(f.account(nil)).Query(t.Context(), instruction("R1"))
	want := map[string]any{"trade_no": alipaytest.TradeNo, "out_request_no": "R1", "query_options": []any{"refund_detail_item_list", "gmt_refund_pay", "deposit_back_info"}}
	if diff := cmp.Diff(want, f.sent()); diff != "" || f.Seen[len(f.Seen)-1].Has("notify_url") {
		t.Errorf("query (-want +got)\n%s", diff)
	}
}

// What Ping++ calls split_fund_info, and the parts of a charge's own shares.
func TestSharesAreGivenBackAsRoyalties(t *testing.T) {
	f := newFake(t, false)
	share := func(out, amount, desc string) any {
		one := map[string]any{"royalty_type": "transfer", "trans_out": out, "trans_out_type": "userId", "trans_in": alipaytest.SellerID, "trans_in_type": "userId", "amount": amount}
		if desc != "" {
			one["desc"] = desc
		}
		return one
	}
	named := []refund.Split{{Account: "2088101126765726", Amount: 30, Description: "佣金"}, {Account: "2088101126765727", Amount: 70}}
	ofCharge := func(i *channel.Instruction) {
		i.Charge.Detail.Splits = []refund.Split{{Account: "2088101126765726", Amount: 300}, {Account: "2088101126765727", Amount: 1}, {Account: "2088101126765728", Amount: 100}}
		i.Refund.Parts.Splits = []money.Minor{30, 0, 10}
	}
	for name, test := range map[string]struct {
		with func(*channel.Instruction)
		want any
	}{
		"that the request names": {func(i *channel.Instruction) { ofCharge(i); i.Refund.Detail.Options.Splits = named }, []any{
			share("2088101126765726", "0.30", "佣金"), share("2088101126765727", "0.70", ""),
		}},
		"of the charge, in part": {ofCharge, []any{share("2088101126765726", "0.30", ""), share("2088101126765728", "0.10", "")}},
		// The platform divides those of payments in a shop by itself.
		"of a charge in a shop": {func(i *channel.Instruction) { ofCharge(i); i.Charge.Channel = "alipay_qr" }, nil},
		"none":                  {func(*channel.Instruction) {}, nil},
	} {
		i := instruction("R1")
		test.with(&i)
		delete(f.Entries, "R1")
		if o := f.open(f.account(nil)).Submit(t.Context(), i); o.Kind != refund.OutcomeDone {
			t.Errorf("%s: %+v", name, o)
		}
		if diff := cmp.Diff(test.want, f.sent()["refund_royalty_parameters"]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestWhatCantBeSentIsRefusedAndNothingIsSent(t *testing.T) {
	f := newFake(t, false)
	split := func(amounts ...money.Minor) func(*channel.Instruction) {
		return func(i *channel.Instruction) {
			for _, amount := range amounts {
				i.Refund.Detail.Options.Splits = append(i.Refund.Detail.Options.Splits, refund.Split{Account: "2088101126765726", Amount: amount})
			}
		}
	}
	for name, test := range map[string]struct {
		change map[string]string
		with   func(*channel.Instruction)
		code   string
	}{
		"another currency":                     {nil, func(i *channel.Instruction) { i.Amount.Currency = "USD" }, "NOT_CNY"},
		"a payment in another currency":        {nil, func(i *channel.Instruction) { i.Total.Currency = "HKD" }, "NOT_CNY"},
		"no number of the trade":               {nil, func(i *channel.Instruction) { i.TransactionID, i.Charge.OrderNo = "", "" }, "NO_TRADE"},
		"numbers that are too long":            {nil, func(i *channel.Instruction) { i.TransactionID, i.Charge.OrderNo = "T", strings.Repeat("1", 65) }, "NO_TRADE"},
		"shares and nobody to give them to":    {map[string]string{"seller_id": ""}, split(30), "NO_SELLER_ID"},
		"shares of more than the refund":       {nil, split(60, 41), "SHARES"},
		"a share of nothing":                   {nil, split(60, 0), "SHARES"},
		"more shares than Alipay takes":        {nil, split(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), "SHARES"},
		"a share that would overflow the rest": {nil, split(1<<62, 1<<62, 1<<62), "SHARES"},
	} {
		i := instruction("R1")
		test.with(&i)
		if o := f.open(f.account(test.change)).Submit(t.Context(), i); o.Kind != refund.OutcomeRefused || o.Code != test.code || !strings.Contains(o.Message, "nothing was sent") {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if len(f.Seen) > 0 {
		t.Errorf("%d requests were sent", len(f.Seen))
	}
}

func TestAServiceProvidersTokenIsSent(t *testing.T) {
	f := newFake(t, false)
	f.Token = "201308BB1234567890"
	if o := f.open(f.account(nil)).Submit(t.Context(), instruction("R1")); o.Kind != refund.OutcomeDone {
		t.Errorf("%+v", o)
	}
	a := f.account(nil)
	delete(a.Secrets, "app_auth_token")
	if o := f.open(a).Submit(t.Context(), instruction("R2")); o.Kind == refund.OutcomeDone || f.Entries["R2"] != nil {
		t.Errorf("without it: %+v", o)
	}
}
