package alipay

import (
	"fmt"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
)

// Options of a refund and of a question about one (query_options).
const (
	OptionItems       = "refund_detail_item_list"
	OptionPaidAt      = "gmt_refund_pay"
	OptionDepositBack = "deposit_back_info"
)

// RefundRequest is the content of MethodRefund (A2-1 to A2-3). TradeNo wins over
// OutTradeNo.
type RefundRequest struct {
	OutTradeNo   string `json:"out_trade_no,omitempty"`
	TradeNo      string `json:"trade_no,omitempty"`
	RefundAmount Yuan   `json:"refund_amount"`
	// OutRequestNo is the refund's number: the same for a repeat, another for
	// another refund of the trade.
	OutRequestNo string    `json:"out_request_no"`
	RefundReason string    `json:"refund_reason,omitempty"`
	Royalties    []Royalty `json:"refund_royalty_parameters,omitempty"`
	QueryOptions []string  `json:"query_options,omitempty"`
}

// Words of royalties.
const (
	RoyaltyTransfer = "transfer"
	ByUserID        = "userId"
)

// Royalty is a share that is given back: Out gives it, In receives it.
type Royalty struct {
	Type    string `json:"royalty_type"`
	Out     string `json:"trans_out"`
	OutType string `json:"trans_out_type"`
	In      string `json:"trans_in"`
	InType  string `json:"trans_in_type"`
	Amount  Yuan   `json:"amount"`
	Desc    string `json:"desc,omitempty"`
}

// Words of fund_change.
const (
	FundChangeYes = "Y"
	FundChangeNo  = "N"
)

// RefundAnswer is a successful answer to a refund (A2-4). It does not name
// the refund: only the trade.
type RefundAnswer struct {
	TradeNo, OutTradeNo string
	// FundChange is Y where this call moved the money; anything else proves nothing.
	FundChange string
	// RefundFee is what was refunded of the trade so far, and not this refund. nil
	// where it is absent.
	RefundFee *int64
	// SendBackFee is what the merchant paid back now.
	SendBackFee *int64
	Items       []FundItem
	PaidAt      time.Time
}

// FundItem is a way that a part of the money goes.
type FundItem struct {
	Channel string
	Amount  *int64
}

// DecodeRefund reads the answer. Errors are ErrAnswer.
func DecodeRefund(node exactjson.Value) (RefundAnswer, error) {
	r := reader{node: node}
	answer := RefundAnswer{
		TradeNo: r.text("trade_no"), OutTradeNo: r.text("out_trade_no"), FundChange: r.text("fund_change"), RefundFee: r.yuan("refund_fee"),
		SendBackFee: r.yuan("send_back_fee"), Items: r.items(), PaidAt: r.moment("gmt_refund_pay"),
	}
	return answer, r.failure
}

func (r *reader) items() (items []FundItem) {
	for _, value := range r.list(OptionItems) {
		one := reader{node: value}
		items = append(items, FundItem{Channel: one.text("fund_channel"), Amount: one.yuan("amount")})
		if one.failure != nil && r.failure == nil {
			r.failure = fmt.Errorf("%s: %w", OptionItems, one.failure)
		}
	}
	return items
}

// RefundQuery is the content of MethodRefundQuery.
type RefundQuery struct {
	OutTradeNo   string   `json:"out_trade_no,omitempty"`
	TradeNo      string   `json:"trade_no,omitempty"`
	OutRequestNo string   `json:"out_request_no"`
	QueryOptions []string `json:"query_options,omitempty"`
}

// RefundSuccess is the only refund_status that says something.
const RefundSuccess = "REFUND_SUCCESS"

// Words of dback_status: where money that goes back to a bank card stands.
const (
	DepositBackDone    = "S"
	DepositBackFailed  = "F" // the money goes to the payer's Alipay balance instead
	DepositBackPending = "P"
)

// RefundQueryAnswer is a successful answer to a question (A3-1).
type RefundQueryAnswer struct {
	TradeNo, OutTradeNo, OutRequestNo string
	// RefundStatus is REFUND_SUCCESS or "". The latter is said of a refund that was
	// not received, is not done, has failed, or has another number.
	RefundStatus string
	// RefundAmount is this refund's, TotalAmount the trade's; nil where absent.
	RefundAmount, TotalAmount *int64
	SendBackFee               *int64
	PaidAt                    time.Time
	Items                     []FundItem
	// DepositBack is nil where it is absent.
	DepositBack *DepositBack
	// ErrorCode is of refunds that are made later alone.
	ErrorCode string
}

// DepositBack says where money that goes back to a bank card stands.
type DepositBack struct {
	Status string
	Amount *int64
}

// DecodeRefundQuery reads the answer. Errors are ErrAnswer. deposit_back_info is an
// object.
func DecodeRefundQuery(node exactjson.Value) (RefundQueryAnswer, error) {
	r := reader{node: node}
	answer := RefundQueryAnswer{
		TradeNo: r.text("trade_no"), OutTradeNo: r.text("out_trade_no"), OutRequestNo: r.text("out_request_no"), RefundStatus: r.text("refund_status"),
		RefundAmount: r.yuan("refund_amount"), TotalAmount: r.yuan("total_amount"), SendBackFee: r.yuan("send_back_fee"), PaidAt: r.moment(OptionPaidAt),
		Items: r.items(), ErrorCode: r.text("error_code"),
	}
	if value, ok := r.object(OptionDepositBack); ok {
		one := reader{node: value}
		answer.DepositBack = &DepositBack{Status: one.text("dback_status"), Amount: one.yuan("dback_amount")}
		if one.failure != nil && r.failure == nil {
			r.failure = fmt.Errorf("%s: %w", OptionDepositBack, one.failure)
		}
	}
	return answer, r.failure
}
