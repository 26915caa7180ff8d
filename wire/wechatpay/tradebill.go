package wechatpay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Values of a trade bill's columns. The states of a refund are the words of v2;
// CHANGE is an abnormal one.
const (
	BillStatePaid     = "SUCCESS"
	BillStateRefund   = "REFUND"
	BillStateReversed = "REVOKED"

	BillRefundSuccess    = "SUCCESS"
	BillRefundProcessing = "PROCESSING"
	BillRefundFail       = "FAIL"
	BillRefundChange     = "CHANGE"

	// BillNone stands for a number that a row has not: the refund's on a
	// payment, the sub-merchant's of a direct merchant.
	BillNone = "0"
)

// BillRefundState is the word of a bill for a refund's status. A refund comes
// into the bill of the day on which it was accepted, and its state there is
// never brought up to date: ask for the final one.
func BillRefundState(status string) string {
	switch status {
	case StatusSuccess:
		return BillRefundSuccess
	case StatusClosed:
		return BillRefundFail
	case StatusAbnormal:
		return BillRefundChange
	}
	return BillRefundProcessing
}

// TradeRow is a payment or a refund in a trade bill (W2.6-20 to W2.6-28).
// Amounts are fen. On a refund Settlement, Coupon and Order are 0, and the fee
// is 0 or negative.
type TradeRow struct {
	// At is when the payment was made, or the refund accepted.
	At            time.Time
	AppID         string
	MchID         string
	SubMchID      string
	DeviceID      string
	TransactionID string
	OutTradeNo    string
	OpenID        string
	TradeType     string
	TradeState    string
	BankType      string
	Currency      string
	Settlement    int64
	Coupon        int64
	// RefundAppliedAt and RefundSucceededAt are in refund bills only.
	RefundAppliedAt   time.Time
	RefundSucceededAt time.Time
	RefundID          string
	OutRefundNo       string
	// SettlementRefund is the refund without unfunded coupons, CouponRefund
	// what goes back to funded ones, RequestedRefund the whole.
	SettlementRefund int64
	CouponRefund     int64
	RefundType       string // as the refund's channel
	RefundState      string
	GoodsName        string
	Attach           string
	// FeeMilliFen is in thousandths of a fen, 0.00001 yuan.
	FeeMilliFen     int64
	Rate            string // such as 0.60%
	Order           int64
	RequestedRefund int64
	RateNote        string
}

// TradeSummary is the last line of a trade bill; its sums are in fen.
type TradeSummary struct {
	Count            int64
	Settlement       int64
	SettlementRefund int64
	CouponRefund     int64
	FeeMilliFen      int64
	Order            int64
	RequestedRefund  int64
}

// tradeColumns are the 29 of a refund bill, in order.
var tradeColumns = []column[TradeRow]{
	timeColumn("交易时间", func(r *TradeRow) *time.Time { return &r.At }),
	textColumn("公众账号ID", func(r *TradeRow) *string { return &r.AppID }),
	textColumn("商户号", func(r *TradeRow) *string { return &r.MchID }),
	textColumn("特约商户号", func(r *TradeRow) *string { return &r.SubMchID }),
	textColumn("设备号", func(r *TradeRow) *string { return &r.DeviceID }),
	textColumn("微信订单号", func(r *TradeRow) *string { return &r.TransactionID }),
	textColumn("商户订单号", func(r *TradeRow) *string { return &r.OutTradeNo }),
	textColumn("用户标识", func(r *TradeRow) *string { return &r.OpenID }),
	textColumn("交易类型", func(r *TradeRow) *string { return &r.TradeType }),
	textColumn("交易状态", func(r *TradeRow) *string { return &r.TradeState }),
	textColumn("付款银行", func(r *TradeRow) *string { return &r.BankType }),
	textColumn("货币种类", func(r *TradeRow) *string { return &r.Currency }),
	numberColumn("应结订单金额", fenDecimals, func(r *TradeRow) *int64 { return &r.Settlement }),
	numberColumn("代金券金额", fenDecimals, func(r *TradeRow) *int64 { return &r.Coupon }),
	timeColumn("退款申请时间", func(r *TradeRow) *time.Time { return &r.RefundAppliedAt }),
	timeColumn("退款成功时间", func(r *TradeRow) *time.Time { return &r.RefundSucceededAt }),
	textColumn("微信退款单号", func(r *TradeRow) *string { return &r.RefundID }),
	textColumn("商户退款单号", func(r *TradeRow) *string { return &r.OutRefundNo }),
	numberColumn("退款金额", fenDecimals, func(r *TradeRow) *int64 { return &r.SettlementRefund }),
	numberColumn("充值券退款金额", fenDecimals, func(r *TradeRow) *int64 { return &r.CouponRefund }),
	textColumn("退款类型", func(r *TradeRow) *string { return &r.RefundType }),
	textColumn("退款状态", func(r *TradeRow) *string { return &r.RefundState }),
	textColumn("商品名称", func(r *TradeRow) *string { return &r.GoodsName }),
	textColumn("商户数据包", func(r *TradeRow) *string { return &r.Attach }),
	numberColumn("手续费", feeDecimals, func(r *TradeRow) *int64 { return &r.FeeMilliFen }),
	textColumn("费率", func(r *TradeRow) *string { return &r.Rate }),
	numberColumn("订单金额", fenDecimals, func(r *TradeRow) *int64 { return &r.Order }),
	numberColumn("申请退款金额", fenDecimals, func(r *TradeRow) *int64 { return &r.RequestedRefund }),
	textColumn("费率备注", func(r *TradeRow) *string { return &r.RateNote }),
}

// Columns that the other types of the bill lack.
var (
	refundBillOnly = []string{"退款申请时间", "退款成功时间"}
	notInSuccess   = []string{"微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"}
)

var tradeSummaryColumns = []column[TradeSummary]{
	countColumn("总交易单数", func(s *TradeSummary) *int64 { return &s.Count }),
	numberColumn("应结订单总金额", fenDecimals, func(s *TradeSummary) *int64 { return &s.Settlement }),
	numberColumn("退款总金额", fenDecimals, func(s *TradeSummary) *int64 { return &s.SettlementRefund }),
	numberColumn("充值券退款总金额", fenDecimals, func(s *TradeSummary) *int64 { return &s.CouponRefund }),
	numberColumn("手续费总金额", feeDecimals, func(s *TradeSummary) *int64 { return &s.FeeMilliFen }),
	numberColumn("订单总金额", fenDecimals, func(s *TradeSummary) *int64 { return &s.Order }),
	numberColumn("申请退款总金额", fenDecimals, func(s *TradeSummary) *int64 { return &s.RequestedRefund }),
}

// TradeBill writes a trade bill row by row.
type TradeBill struct {
	out     *bufio.Writer
	columns []column[TradeRow]
	summary TradeSummary
	err     error // the first
}

// NewTradeBill begins a bill of a type: BillAll, BillSuccess or BillRefund.
// Nothing is sure to be written before Close.
func NewTradeBill(w io.Writer, kind string) *TradeBill {
	left := slices.DeleteFunc(slices.Clone(tradeColumns), func(c column[TradeRow]) bool {
		return kind != BillRefund && slices.Contains(refundBillOnly, c.title) ||
			kind == BillSuccess && slices.Contains(notInSuccess, c.title)
	})
	bill := &TradeBill{out: bufio.NewWriter(w), columns: left}
	_, _ = bill.out.WriteString(bom)
	writeHeader(bill.out, left)
	return bill
}

// Add writes a row, and counts it.
func (bill *TradeBill) Add(row TradeRow) {
	for _, text := range []*string{&row.SubMchID, &row.RefundID, &row.OutRefundNo} {
		if *text == "" {
			*text = BillNone
		}
	}
	writeRow(bill.out, bill.columns, &row)
	if err := bill.summary.add(row); bill.err == nil {
		bill.err = err
	}
}

// Close writes the summary and ends the bill. It fails as the writer did, from
// the first line on, and with ErrSum where a sum does not fit.
func (bill *TradeBill) Close() error {
	if bill.err != nil {
		return fmt.Errorf("write trade bill: %w", bill.err)
	}
	writeHeader(bill.out, tradeSummaryColumns)
	writeRow(bill.out, tradeSummaryColumns, &bill.summary)
	if err := bill.out.Flush(); err != nil {
		return fmt.Errorf("write trade bill: %w", err)
	}
	return nil
}

func (s *TradeSummary) add(row TradeRow) error {
	s.Count++
	return errors.Join(
		addTo(&s.Settlement, row.Settlement), addTo(&s.SettlementRefund, row.SettlementRefund), addTo(&s.CouponRefund, row.CouponRefund),
		addTo(&s.FeeMilliFen, row.FeeMilliFen), addTo(&s.Order, row.Order), addTo(&s.RequestedRefund, row.RequestedRefund),
	)
}

// ReadTradeBill reads an uncompressed trade bill of any type, tolerating a BOM,
// either line end, and columns that it doesn't know. Each row goes to each,
// whose error ends the reading and is returned. Otherwise errors are ErrBill,
// also where the number of rows is not the one in the summary.
func ReadTradeBill(r io.Reader, each func(TradeRow) error) (TradeSummary, error) {
	summary, rows, err := readBill(r, tradeColumns, tradeSummaryColumns, each)
	if err == nil && rows != summary.Count {
		err = fmt.Errorf("%w: %d rows, the summary says %d", ErrBill, rows, summary.Count)
	}
	return summary, err
}
