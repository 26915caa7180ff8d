package alipay_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/alipay"
)

func TestAmountsAreExact(t *testing.T) {
	for text, want := range map[string]int64{"0.00": 0, "0.01": 1, "88.8": 8880, "88": 8800, "88.88": 8888, "92233720368547758.07": 1<<63 - 1} {
		if got, err := alipay.ParseYuan(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1.00", "1.001", "1e2", "1,00", ".5", "1.", "+1", " 1", "NaN", "92233720368547758.08"} {
		if got, err := alipay.ParseYuan(text); !errors.Is(err, alipay.ErrAmount) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for fen, want := range map[int64]string{0: "0.00", 5: "0.05", 100: "1.00", 123456: "1234.56"} {
		if got := alipay.FormatYuan(fen); got != want {
			t.Errorf("%d: %s, want %s", fen, got, want)
		}
	}
}

func TestTimesAreBeijings(t *testing.T) {
	at, err := alipay.ParseTime("2026-11-29 00:30:00")
	if err != nil || !at.Equal(time.Date(2026, 11, 28, 16, 30, 0, 0, time.UTC)) || alipay.FormatTime(at.UTC()) != "2026-11-29 00:30:00" {
		t.Errorf("%s, %v", at, err)
	}
	for _, text := range []string{"2026-11-29", "2026-11-29T00:30:00Z", "2026-13-29 00:30:00", ""} {
		if at, err := alipay.ParseTime(text); !errors.Is(err, alipay.ErrTime) {
			t.Errorf("%q: %s, %v", text, at, err)
		}
	}
}

func TestARefundsContentHasDocumentedMembersOnly(t *testing.T) {
	full := alipay.RefundRequest{
		TradeNo: "2013112011001004330000121536", RefundAmount: 8880, OutRequestNo: "R1", RefundReason: "<坏>",
		Royalties: []alipay.Royalty{{
			Type: alipay.RoyaltyTransfer, Out: "2088101126765726", OutType: alipay.ByUserID, In: "2088101126708402", InType: alipay.ByUserID, Amount: 10, Desc: "d",
		}},
		QueryOptions: []string{alipay.OptionItems},
	}
	for _, one := range []struct {
		content any
		want    string
	}{
		{full, `{"trade_no":"2013112011001004330000121536","refund_amount":"88.80","out_request_no":"R1","refund_reason":"<坏>",` +
			`"refund_royalty_parameters":[{"royalty_type":"transfer","trans_out":"2088101126765726","trans_out_type":"userId","trans_in":"2088101126708402","trans_in_type":"userId","amount":"0.10","desc":"d"}],` +
			`"query_options":["refund_detail_item_list"]}`},
		{alipay.RefundRequest{OutTradeNo: "T1", RefundAmount: 1, OutRequestNo: "R1"}, `{"out_trade_no":"T1","refund_amount":"0.01","out_request_no":"R1"}`},
		{alipay.RefundQuery{TradeNo: "1", OutRequestNo: "R1"}, `{"trade_no":"1","out_request_no":"R1"}`},
	} {
		if got, err := alipay.Marshal(one.content); err != nil || string(got) != one.want {
			t.Errorf("%s, %v\nwant %s", got, err, one.want)
		}
	}
}

func TestAnswersAreRead(t *testing.T) {
	fen := func(n int64) *int64 { return &n }
	paid := time.Date(2014, 11, 27, 7, 45, 57, 0, time.UTC)
	r, err := alipay.DecodeRefund(node(t, read(t, "node.txt")))
	want := alipay.RefundAnswer{
		TradeNo: "2013112011001004330000121536", OutTradeNo: "6823789339978248", FundChange: "Y", RefundFee: fen(8880), PaidAt: paid,
		Items: []alipay.FundItem{{Channel: "ALIPAYACCOUNT", Amount: fen(1000)}},
	}
	if diff := cmp.Diff(want, r, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	q, err := alipay.DecodeRefundQuery(node(t, `{"code":"10000","msg":"Success","trade_no":"1","out_trade_no":"2","out_request_no":"R1","refund_status":"REFUND_SUCCESS","total_amount":"100.20",
		"refund_amount":"12.33","gmt_refund_pay":"2014-11-27 15:45:57","send_back_fee":"12.00","refund_detail_item_list":null,
		"deposit_back_info":{"has_deposit_back":"true","dback_status":"F","dback_amount":"1.00","bank_ack_time":"2020-06-02 14:03:48"}}`))
	wantQuery := alipay.RefundQueryAnswer{
		TradeNo: "1", OutTradeNo: "2", OutRequestNo: "R1", RefundStatus: alipay.RefundSuccess, TotalAmount: fen(10020), RefundAmount: fen(1233),
		SendBackFee: fen(1200), PaidAt: paid, DepositBack: &alipay.DepositBack{Status: "F", Amount: fen(100)},
	}
	if diff := cmp.Diff(wantQuery, q, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	trade, err := alipay.DecodeTrade(node(t, `{"code":"10000","trade_no":"1","out_trade_no":"2","trade_status":"TRADE_SUCCESS","total_amount":"88.88","send_pay_date":"2014-11-27 15:45:57"}`))
	if err != nil || trade.Status != alipay.TradeSuccess || *trade.Total != 8888 || !trade.PaidAt.Equal(paid) {
		t.Errorf("%+v, %v", trade, err)
	}
	for name, text := range map[string]string{
		"an amount with three decimals": `{"refund_amount":"1.001"}`,
		"an amount with an exponent":    `{"refund_amount":1e2}`,
		"an amount below 0":             `{"refund_amount":"-1.00"}`,
		"a time that is none":           `{"gmt_refund_pay":"yesterday"}`,
		"a status that is a list":       `{"refund_status":[]}`,
		"items that are none":           `{"refund_detail_item_list":"x"}`,
		"an item with a broken amount":  `{"refund_detail_item_list":[{"amount":"x"}]}`,
		"a deposit-back that is a text": `{"deposit_back_info":"F"}`,
		"a deposit-back of two":         `{"deposit_back_info":[{},{}]}`,
	} {
		if q, err := alipay.DecodeRefundQuery(node(t, text)); !errors.Is(err, alipay.ErrAnswer) {
			t.Errorf("%s: %+v, %v", name, q, err)
		}
	}
}
