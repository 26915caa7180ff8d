package wechatpay

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// refundRequest is the body of a refund request.
type refundRequest struct {
	SubMchID      string        `json:"sub_mchid"`
	TransactionID string        `json:"transaction_id"`
	OutTradeNo    string        `json:"out_trade_no"`
	OutRefundNo   string        `json:"out_refund_no"`
	Reason        string        `json:"reason"`
	NotifyURL     string        `json:"notify_url"`
	FundsAccount  string        `json:"funds_account"`
	Amount        requestAmount `json:"amount"`
	Goods         []goods       `json:"goods_detail"`
}

type requestAmount struct {
	Refund   money.Minor `json:"refund"`
	Total    money.Minor `json:"total"`
	Currency string      `json:"currency"`
	From     []from      `json:"from"`
}

type from struct {
	Account string      `json:"account"`
	Amount  money.Minor `json:"amount"`
}

type goods struct {
	MerchantGoodsID  string      `json:"merchant_goods_id"`
	WechatpayGoodsID string      `json:"wechatpay_goods_id,omitempty"`
	GoodsName        string      `json:"goods_name,omitempty"`
	UnitPrice        money.Minor `json:"unit_price"`
	RefundAmount     money.Minor `json:"refund_amount"`
	RefundQuantity   int64       `json:"refund_quantity"`
}

var (
	refundNumber = regexp.MustCompile(`^[0-9A-Za-z_|*@-]{1,64}$`)
	merchantNo   = regexp.MustCompile(`^[0-9]{1,32}$`)
	goodsID      = regexp.MustCompile(`^[0-9A-Za-z_-]{1,32}$`)
)

// readRefund reads a refund request; a refusal says what is wrong with its form.
func readRefund(body []byte) (in refundRequest, refused *channelsim.Answer) {
	bad := func(field string, value any, issue string) (refundRequest, *channelsim.Answer) {
		a := badParam(field, value, issue, "body")
		return in, &a
	}
	if !utf8.Valid(body) || json.Unmarshal(body, &in) != nil {
		return bad("/", "", "the body is not the JSON of a refund")
	}
	for _, one := range []struct {
		field, value string
		wrong        bool
		issue        string
	}{
		{"/sub_mchid", in.SubMchID, in.SubMchID != "" && !merchantNo.MatchString(in.SubMchID), "must be digits"},
		{"/transaction_id", in.TransactionID, in.TransactionID == "" && in.OutTradeNo == "", "transaction_id or out_trade_no is required"},
		{"/transaction_id", in.TransactionID, len(in.TransactionID) > 32, "at most 32 characters"},
		{"/out_trade_no", in.OutTradeNo, in.OutTradeNo != "" && (len(in.OutTradeNo) < 6 || len(in.OutTradeNo) > 32), "6 to 32 characters"},
		{"/out_refund_no", in.OutRefundNo, !refundNumber.MatchString(in.OutRefundNo), "1 to 64 digits, letters and _-|*@"},
		{"/reason", in.Reason, len(in.Reason) > 80, "at most 80 bytes"},
		{"/reason", in.Reason, strings.ContainsFunc(in.Reason, func(r rune) bool { return r > 0xFFFF }), "only characters of up to 3 bytes"},
		{"/notify_url", in.NotifyURL, in.NotifyURL != "" && !isNotifyURL(in.NotifyURL), "an absolute address of 8 to 256 characters without a query"},
		{"/funds_account", in.FundsAccount, !slices.Contains([]string{"", "AVAILABLE", "UNSETTLED"}, in.FundsAccount), "must be AVAILABLE or UNSETTLED"},
		{"/amount/currency", in.Amount.Currency, in.Amount.Currency != "CNY", "must be CNY"},
	} {
		if one.wrong {
			return bad(one.field, one.value, one.issue)
		}
	}
	if in.Amount.Refund < 1 || in.Amount.Total < 1 {
		return bad("/amount/refund", in.Amount.Refund, "must be at least 1")
	}
	if !in.fromFits() {
		return bad("/amount/from", "", "each account once, AVAILABLE or UNAVAILABLE, together the refund")
	}
	for _, line := range in.Goods {
		if !goodsID.MatchString(line.MerchantGoodsID) || line.UnitPrice < 0 || line.RefundAmount < 0 || line.RefundQuantity < 1 {
			return bad("/goods_detail", line.MerchantGoodsID, "merchant_goods_id, unit_price, refund_amount and refund_quantity are required")
		}
	}
	return in, nil
}

func (in refundRequest) fromFits() bool {
	if len(in.Amount.From) == 0 {
		return true
	}
	left := in.Amount.Refund
	seen := map[string]bool{}
	for _, one := range in.Amount.From {
		if one.Account != "AVAILABLE" && one.Account != "UNAVAILABLE" || seen[one.Account] || one.Amount < 1 || one.Amount > left {
			return false
		}
		seen[one.Account] = true
		left -= one.Amount
	}
	return left == 0
}

func isNotifyURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) >= 8 && len(text) <= 256 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.RawQuery == "" && !u.ForceQuery
}

// content is what makes two requests the same: everything but reason and address.
func (in refundRequest) content() string {
	in.Reason, in.NotifyURL = "", ""
	text, _ := json.Marshal(in) // texts and numbers
	return string(text)
}
