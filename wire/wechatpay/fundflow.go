package wechatpay

import (
	"bufio"
	"fmt"
	"io"
	"time"
)

// Values of a fund-flow bill's columns (W2.6-33 and W2.6-34). A refund is 退款 of
// kind 退款, going out; the fee that comes back and a refund that was closed come
// in.
const (
	FlowIn  = "收入"
	FlowOut = "支出"

	FlowRefund       = "退款"
	FlowFeeReturn    = "退还交易手续费"
	FlowRefundClosed = "退款关闭"
	FlowTrade        = "交易"
	FlowFee          = "扣除交易手续费"
)

// FlowRow is one movement of a merchant's funds. Amounts are fen; Amount is
// never negative, Direction tells its sign.
type FlowRow struct {
	At time.Time
	// BusinessNumber is the platform's number of what moved the funds: a
	// refund's refund_id.
	BusinessNumber string
	FlowNumber     string
	Business       string
	Kind           string
	Direction      string
	Amount         int64
	Balance        int64
	Applicant      string
	Note           string // of a refund: its reason
	// Voucher is the merchant's number: of a refund, out_refund_no.
	Voucher string
}

// FlowSummary is the last line of a fund-flow bill; its sums are in fen.
type FlowSummary struct {
	Count     int64
	InCount   int64
	InAmount  int64
	OutCount  int64
	OutAmount int64
}

var flowColumns = []column[FlowRow]{
	timeColumn("记账时间", func(r *FlowRow) *time.Time { return &r.At }),
	textColumn("微信支付业务单号", func(r *FlowRow) *string { return &r.BusinessNumber }),
	textColumn("资金流水单号", func(r *FlowRow) *string { return &r.FlowNumber }),
	textColumn("业务名称", func(r *FlowRow) *string { return &r.Business }),
	textColumn("业务类型", func(r *FlowRow) *string { return &r.Kind }),
	textColumn("收支类型", func(r *FlowRow) *string { return &r.Direction }),
	numberColumn("收支金额(元)", fenDecimals, func(r *FlowRow) *int64 { return &r.Amount }),
	numberColumn("账户结余(元)", fenDecimals, func(r *FlowRow) *int64 { return &r.Balance }),
	textColumn("资金变更提交申请人", func(r *FlowRow) *string { return &r.Applicant }),
	textColumn("备注", func(r *FlowRow) *string { return &r.Note }),
	textColumn("业务凭证号", func(r *FlowRow) *string { return &r.Voucher }),
}

var flowSummaryColumns = []column[FlowSummary]{
	countColumn("资金流水总笔数", func(s *FlowSummary) *int64 { return &s.Count }),
	countColumn("收入笔数", func(s *FlowSummary) *int64 { return &s.InCount }),
	numberColumn("收入金额", fenDecimals, func(s *FlowSummary) *int64 { return &s.InAmount }),
	countColumn("支出笔数", func(s *FlowSummary) *int64 { return &s.OutCount }),
	numberColumn("支出金额", fenDecimals, func(s *FlowSummary) *int64 { return &s.OutAmount }),
}

// FlowBill writes a fund-flow bill row by row.
type FlowBill struct {
	out     *bufio.Writer
	summary FlowSummary
	err     error // the first
}

// NewFlowBill begins a bill. Nothing is sure to be written before Close.
func NewFlowBill(w io.Writer) *FlowBill {
	bill := &FlowBill{out: bufio.NewWriter(w)}
	_, _ = bill.out.WriteString(bom)
	writeHeader(bill.out, flowColumns)
	return bill
}

// Add writes a row, and counts it: whatever is not FlowIn goes out.
func (bill *FlowBill) Add(row FlowRow) {
	writeRow(bill.out, flowColumns, &row)
	s := &bill.summary
	sum, count := &s.OutAmount, &s.OutCount
	if row.Direction == FlowIn {
		sum, count = &s.InAmount, &s.InCount
	}
	s.Count++
	*count++
	if err := addTo(sum, row.Amount); bill.err == nil {
		bill.err = err
	}
}

// Close writes the summary and ends the bill. It fails as the writer did, from
// the first line on, and with ErrSum where a sum does not fit.
func (bill *FlowBill) Close() error {
	if bill.err != nil {
		return fmt.Errorf("write fund-flow bill: %w", bill.err)
	}
	writeHeader(bill.out, flowSummaryColumns)
	writeRow(bill.out, flowSummaryColumns, &bill.summary)
	if err := bill.out.Flush(); err != nil {
		return fmt.Errorf("write fund-flow bill: %w", err)
	}
	return nil
}

// ReadFlowBill reads an uncompressed fund-flow bill like ReadTradeBill.
func ReadFlowBill(r io.Reader, each func(FlowRow) error) (FlowSummary, error) {
	summary, rows, err := readBill(r, flowColumns, flowSummaryColumns, each)
	if err == nil && rows != summary.Count {
		err = fmt.Errorf("%w: %d rows, the summary says %d", ErrBill, rows, summary.Count)
	}
	return summary, err
}
