package alipay

import (
	"slices"

	"github.com/refundry/refundry/channelsim"
)

type queryBiz struct {
	OutTradeNo   string   `json:"out_trade_no"`
	TradeNo      string   `json:"trade_no"`
	OutRequestNo string   `json:"out_request_no"`
	OrgPID       string   `json:"org_pid"`
	QueryOptions []string `json:"query_options"`
}

type queryAnswer struct {
	success
	GMTRefundPay string       `json:"gmt_refund_pay,omitempty"`
	OutRequestNo string       `json:"out_request_no"`
	OutTradeNo   string       `json:"out_trade_no"`
	RefundAmount string       `json:"refund_amount"`
	Details      []fundsItem  `json:"refund_detail_item_list,omitempty"`
	RefundReason string       `json:"refund_reason,omitempty"`
	RefundStatus string       `json:"refund_status,omitempty"`
	SendBackFee  string       `json:"send_back_fee"`
	TotalAmount  string       `json:"total_amount"`
	TradeNo      string       `json:"trade_no"`
	Deposit      *depositBack `json:"deposit_back_info,omitempty"`
}

// depositBack says what a bank did with the money.
type depositBack struct {
	HasDepositBack string `json:"has_deposit_back"`
	Status         string `json:"dback_status"` // S, F or P
	Amount         string `json:"dback_amount,omitempty"`
	BankAckTime    string `json:"bank_ack_time,omitempty"`
}

// query is alipay.trade.fastpay.refund.query. What it does not know, has not done yet
// or could not do, it answers alike: success, and no refund_status.
func (s *Side) query(c *channelsim.Call, biz string) channelsim.Answer {
	var in queryBiz
	if err := read(biz, &in); err != nil {
		return refuse("ACQ.INVALID_PARAMETER", "参数无效: "+err.Error())
	}
	switch {
	case in.OutTradeNo == "" && in.TradeNo == "":
		return refuse("ACQ.INVALID_PARAMETER", "参数无效: out_trade_no and trade_no are missing")
	case in.OutRequestNo == "":
		return refuse("ACQ.INVALID_PARAMETER", "参数无效: out_request_no is missing")
	}
	for _, option := range in.QueryOptions {
		if !slices.Contains([]string{"refund_detail_item_list", "gmt_refund_pay", "deposit_back_info", "refund_voucher_detail_list", "refund_royaltys"}, option) {
			return refuse("ACQ.INVALID_PARAMETER", "参数无效: query_options has "+option)
		}
	}
	if early := c.Begin(channelsim.StepQuery, in.OutRequestNo); early != nil {
		return *early
	}
	p := trade(c.Books, in.TradeNo, in.OutTradeNo)
	if p == nil {
		return refuse("ACQ.TRADE_NOT_EXIST", "查询退款的交易不存在")
	}
	r := c.Refund(in.OutRequestNo)
	if r != nil && r.TransactionID != p.TransactionID {
		r = refundOf(c.Books, p, in.OutRequestNo)
	}
	if r == nil {
		return answer(ok)
	}
	shown := c.View(r)
	if !succeeded(shown) {
		return answer(ok)
	}
	return answer(found(p, shown, in.QueryOptions))
}

// found is the answer about a refund that succeeded.
func found(p *channelsim.Payment, r channelsim.Refund, options []string) queryAnswer {
	out := queryAnswer{
		success: ok, OutRequestNo: r.Number, OutTradeNo: p.Number, RefundAmount: yuan(r.Amount), RefundReason: r.Attributes[attributeReason],
		RefundStatus: "REFUND_SUCCESS", SendBackFee: yuan(r.Amount), TotalAmount: yuan(p.Amount), TradeNo: p.TransactionID,
	}
	for _, option := range options {
		switch option {
		case "gmt_refund_pay":
			out.GMTRefundPay = stamp(r.SucceededAt)
		case "refund_detail_item_list":
			out.Details = details(p, r.Amount)
		case "deposit_back_info":
			out.Deposit = deposit(p, r)
		}
	}
	return out
}

// deposit is what the bank did; nil where none was involved.
func deposit(p *channelsim.Payment, r channelsim.Refund) *depositBack {
	switch {
	case p.Attributes[attributeBank] == "":
		return nil
	case r.State == channelsim.Returned:
		return &depositBack{HasDepositBack: "true", Status: "F", BankAckTime: stamp(r.EndedAt)}
	}
	return &depositBack{HasDepositBack: "true", Status: "S", Amount: yuan(r.Amount), BankAckTime: stamp(r.SucceededAt)}
}

type tradeBiz struct {
	OutTradeNo   string   `json:"out_trade_no"`
	TradeNo      string   `json:"trade_no"`
	OrgPID       string   `json:"org_pid"`
	QueryOptions []string `json:"query_options"`
}

type tradeAnswer struct {
	success
	BuyerLogonID   string `json:"buyer_logon_id"`
	BuyerPayAmount string `json:"buyer_pay_amount"`
	OutTradeNo     string `json:"out_trade_no"`
	ReceiptAmount  string `json:"receipt_amount"`
	SendPayDate    string `json:"send_pay_date"`
	TotalAmount    string `json:"total_amount"`
	TradeNo        string `json:"trade_no"`
	TradeStatus    string `json:"trade_status"`
}

// trade is alipay.trade.query. How much was refunded it does not say.
func (s *Side) trade(c *channelsim.Call, biz string) channelsim.Answer {
	var in tradeBiz
	if err := read(biz, &in); err != nil {
		return refuse("ACQ.INVALID_PARAMETER", "参数无效: "+err.Error())
	}
	if in.OutTradeNo == "" && in.TradeNo == "" {
		return refuse("ACQ.INVALID_PARAMETER", "参数无效: out_trade_no and trade_no are missing")
	}
	if early := c.Begin(channelsim.StepCharge, in.TradeNo+in.OutTradeNo); early != nil {
		return *early
	}
	p := trade(c.Books, in.TradeNo, in.OutTradeNo)
	if p == nil {
		return refuse("ACQ.TRADE_NOT_EXIST", "交易不存在")
	}
	total := yuan(c.Amount(p))
	return answer(tradeAnswer{
		success: ok, BuyerLogonID: "sim***@example.com", BuyerPayAmount: total, OutTradeNo: p.Number, ReceiptAmount: total,
		SendPayDate: stamp(p.PaidAt), TotalAmount: total, TradeNo: p.TransactionID, TradeStatus: status(c.Books, p),
	})
}

// status is a trade's: closed once all of it is refunded, finished once nothing can be.
func status(books *channelsim.Books, p *channelsim.Payment) string {
	switch {
	case taken(books, p) >= p.Amount:
		return "TRADE_CLOSED"
	case books.Now().After(p.PaidAt.AddDate(0, windowMonths, 0)):
		return "TRADE_FINISHED"
	}
	return "TRADE_SUCCESS"
}
