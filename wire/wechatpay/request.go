package wechatpay

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/wire/exactjson"
)

// Limits of a refund request (W2.1-6 to W2.1-16), in bytes unless they say
// otherwise.
const (
	MaxOutRefundNo = 64
	MinOutTradeNo  = 6
	MaxOutTradeNo  = 32
	MaxReason      = 80
	MinNotifyURL   = 8
	MaxNotifyURL   = 256
	maxID          = 32
	maxGoodsName   = 256 // characters
	// maxGoods bounds goods_detail; the documents give no number.
	maxGoods = 500
)

// Currency is the only one of this API.
const Currency = "CNY"

// RefundRequest is the body of POST /v3/refund/domestic/refunds (W2.1-1 to
// W2.1-39). What is absent is "" or nil; it marshals as a client sends it.
type RefundRequest struct {
	// SubMchID is required from a partner and absent from a direct merchant;
	// which of the two the caller is decides the caller's account: see
	// CheckMode.
	SubMchID string `json:"sub_mchid,omitempty"`
	// TransactionID and OutTradeNo name the order; where both are given, the
	// first wins.
	TransactionID string        `json:"transaction_id,omitempty"`
	OutTradeNo    string        `json:"out_trade_no,omitempty"`
	OutRefundNo   string        `json:"out_refund_no"`
	Reason        string        `json:"reason,omitempty"`
	NotifyURL     string        `json:"notify_url,omitempty"`
	FundsAccount  string        `json:"funds_account,omitempty"`
	Amount        RequestAmount `json:"amount"`
	// Goods is nil when goods_detail was absent, null or empty.
	Goods []Goods `json:"goods_detail,omitempty"`
}

// RequestAmount is the amount of a refund request: of this refund, before
// coupons, and of the order.
type RequestAmount struct {
	Refund int64 `json:"refund"`
	// From is nil when it was absent, null or empty.
	From     []From `json:"from,omitempty"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

// From is an account that pays a part of a refund.
type From struct {
	Account string `json:"account"`
	Amount  int64  `json:"amount"`
}

// Goods is one of the goods that are given back, in requests and in the refund
// object alike. RefundAmount is before the coupon.
type Goods struct {
	MerchantGoodsID  string `json:"merchant_goods_id"`
	WechatpayGoodsID string `json:"wechatpay_goods_id,omitempty"`
	GoodsName        string `json:"goods_name,omitempty"`
	UnitPrice        int64  `json:"unit_price"`
	RefundAmount     int64  `json:"refund_amount"`
	RefundQuantity   int64  `json:"refund_quantity"`
}

// DecodeRefundRequest reads and checks a request's form, in the order of the
// page. Members that it doesn't know are ignored. Errors are *ParamError.
func DecodeRefundRequest(body exactjson.Value) (RefundRequest, error) {
	r := newReader(body)
	request := RefundRequest{
		SubMchID:      r.text("sub_mchid", rule{min: 1, max: maxID, good: isDigits, issue: "must be digits"}),
		TransactionID: r.text("transaction_id", rule{min: 1, max: maxID, good: isNumber, issue: "must be letters and digits"}),
		OutTradeNo:    r.text("out_trade_no", rule{min: MinOutTradeNo, max: MaxOutTradeNo, good: isNumber, issue: numberIssue}),
	}
	if request.TransactionID == "" && request.OutTradeNo == "" {
		r.fail("transaction_id", exactjson.Value{}, "or out_trade_no is required")
	}
	request.OutRefundNo = r.text("out_refund_no", rule{required: true, min: 1, max: MaxOutRefundNo, good: isNumber, issue: numberIssue})
	request.Reason = r.text("reason", rule{max: MaxReason})
	request.NotifyURL = r.text("notify_url", rule{min: MinNotifyURL, max: MaxNotifyURL, good: IsNotifyURL, issue: "must be an absolute https or http address without a query"})
	request.FundsAccount = r.text("funds_account", rule{good: oneOf(FundsAvailable, FundsUnsettled), issue: "must be AVAILABLE or UNSETTLED"})
	r.child("amount", true, request.Amount.read)
	r.each("goods_detail", maxGoods, func(r *reader) { request.Goods = append(request.Goods, readGoods(r)) })
	if err := r.err(); err != nil {
		return RefundRequest{}, err
	}
	return request, nil
}

func (a *RequestAmount) read(r *reader) {
	a.Refund = r.saturated("refund", 1)
	a.Total = r.integer("total", true, 1)
	a.Currency = r.text("currency", rule{required: true, good: oneOf(Currency), issue: "must be CNY"})
	left := a.Refund
	r.each("from", 2, func(r *reader) {
		from := From{
			Account: r.text("account", rule{required: true, good: oneOf(FundsAvailable, FundsUnavailable), issue: "must be AVAILABLE or UNAVAILABLE"}),
			Amount:  r.integer("amount", true, 1),
		}
		if slices.ContainsFunc(a.From, func(other From) bool { return other.Account == from.Account }) {
			r.fail("account", exactjson.Value{Text: from.Account}, "is there twice")
		}
		// Subtracted from what is left, since a sum could pass 64 bits.
		left -= from.Amount
		a.From = append(a.From, from)
	})
	if a.From != nil && left != 0 {
		r.fail("from", exactjson.Value{}, "must add up to the refund")
	}
}

func readGoods(r *reader) Goods {
	return Goods{
		MerchantGoodsID:  r.text("merchant_goods_id", rule{required: true, min: 1, max: maxID, good: isGoodsID, issue: "must be letters, digits, - and _"}),
		WechatpayGoodsID: r.text("wechatpay_goods_id", rule{max: maxID}),
		GoodsName:        r.text("goods_name", rule{max: maxGoodsName, characters: true}),
		UnitPrice:        r.integer("unit_price", true, 0),
		RefundAmount:     r.integer("refund_amount", true, 0),
		RefundQuantity:   r.integer("refund_quantity", true, 1),
	}
}

// CheckMode checks sub_mchid against what the caller is: a partner must give
// it, a direct merchant must not. It returns *ParamError or nil.
func CheckMode(subMchID string, partner bool, location string) error {
	field := "sub_mchid"
	if location == LocationBody {
		field = "/" + field
	}
	switch {
	case partner && subMchID == "":
		return &ParamError{Field: field, Issue: "is required from a partner", Location: location}
	case partner && !IsMchID(subMchID):
		return &ParamError{Field: field, Value: shown(exactjson.Value{Text: subMchID}), Issue: "must be digits", Location: location}
	case !partner && subMchID != "":
		return &ParamError{Field: field, Value: shown(exactjson.Value{Text: subMchID}), Issue: "must not be given by a direct merchant", Location: location}
	}
	return nil
}

const numberIssue = "must be digits, letters, _, -, |, * and @"

// IsOutRefundNo reports whether text has the form of a merchant's refund
// number: 1 to 64 of digits, letters and _ - | * @.
func IsOutRefundNo(text string) bool {
	return text != "" && len(text) <= MaxOutRefundNo && isNumber(text)
}

// IsOutTradeNo reports whether text has the form of a merchant's order number:
// 6 to 32 of the same characters.
func IsOutTradeNo(text string) bool {
	return len(text) >= MinOutTradeNo && len(text) <= MaxOutTradeNo && isNumber(text)
}

// IsPossibleID reports whether text can be looked up as a number that the
// platform makes, of an order or a refund: 1 to 32 letters, digits and _ - | *
// @.
func IsPossibleID(text string) bool { return text != "" && len(text) <= maxID && isNumber(text) }

// IsMchID reports whether text is 1 to 32 digits, as merchants' numbers are.
func IsMchID(text string) bool { return isDigits(text) && len(text) <= maxMchID }

func isNumber(text string) bool { return onlyAlphanumericAnd(text, "_-|*@") }

func isGoodsID(text string) bool { return onlyAlphanumericAnd(text, "-_") }

func onlyAlphanumericAnd(text, more string) bool {
	for i := range len(text) {
		lower := text[i] | 0x20 // folds ASCII letters; digits keep their value
		if (lower < 'a' || lower > 'z') && (text[i] < '0' || text[i] > '9') && strings.IndexByte(more, text[i]) < 0 {
			return false
		}
	}
	return true
}

func oneOf(values ...string) func(string) bool {
	return func(text string) bool { return slices.Contains(values, text) }
}

// IsNotifyURL reports whether text is an address for notifications: absolute,
// https or http, with a host and without user, query, fragment and blanks.
// Whether it may be reached is another question.
func IsNotifyURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Hostname() != "" &&
		parsed.User == nil && !strings.ContainsAny(text, "?# \t\u00a0\u3000")
}

// Conflict names the first member, as a JSON Pointer, in which a request that
// repeats an out_refund_no differs from the earlier one; "" when they are the
// same. Only what moves money counts, not reason and notify_url (W3-14 to
// W3-16). The order counts where both name it in the same way: an order has two
// names, and only who knows it can compare the one with the other.
func (request RefundRequest) Conflict(earlier RefundRequest) string {
	both := func(a, b string) bool { return a != "" && b != "" && a != b }
	switch {
	case request.SubMchID != earlier.SubMchID:
		return "/sub_mchid"
	case both(request.TransactionID, earlier.TransactionID):
		return "/transaction_id"
	case both(request.OutTradeNo, earlier.OutTradeNo):
		return "/out_trade_no"
	case request.Amount.Refund != earlier.Amount.Refund:
		return "/amount/refund"
	case request.Amount.Total != earlier.Amount.Total:
		return "/amount/total"
	case request.Amount.Currency != earlier.Amount.Currency:
		return "/amount/currency"
	case !sameSet(request.Amount.From, earlier.Amount.From):
		return "/amount/from"
	case !sameSet(request.Goods, earlier.Goods):
		return "/goods_detail"
	}
	return ""
}

// sameSet compares two lists whose order means nothing.
func sameSet[T comparable](a, b []T) bool {
	count := map[T]int{}
	for _, element := range a {
		count[element]++
	}
	for _, element := range b {
		count[element]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// PathNumber reads a number out of a path segment that was decoded once, and
// complains as a parameter of the address would: name is the parameter's.
func PathNumber(name, segment string) (string, error) {
	limit := maxID
	if name == "out_refund_no" {
		limit = MaxOutRefundNo
	}
	if segment == "" || len(segment) > limit || !isNumber(segment) {
		return "", &ParamError{Field: name, Value: shown(exactjson.Value{Text: segment}), Issue: "must be 1 to " + strconv.Itoa(limit) + " digits, letters, _, -, |, * and @", Location: LocationURL}
	}
	return segment, nil
}
