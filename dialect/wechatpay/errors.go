package wechatpay

import (
	"net/http"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

const (
	// codeMethod is for an address that is served by another method; the
	// documents have none.
	codeMethod wire.Code = "METHOD_NOT_ALLOWED"
	// locationHeader is where a refused header stands; the documents name
	// body, url and query only.
	locationHeader = "header"
)

// answerRow is how one kind of error is answered. status 0 is that of the code.
type answerRow struct {
	status int
	tell   func(*refund.Error) wire.Error
}

// answers is the table from every error kind of the core to the dialect's
// answer (W5-6 to W5-20). A 4xx other than 429 is only told when nothing was
// accepted; after 429 and 5xx clients ask by out_refund_no.
var answers = map[refund.Kind]answerRow{
	refund.KindInvalid:          {tell: tellInvalid},
	refund.KindTooLarge:         {tell: tellInvalid},
	refund.KindUnauthenticated:  say(wire.CodeSign, "错误的签名，验签失败"),
	refund.KindForbidden:        say(wire.CodeNoAuth, "商户号没有权限操作此订单"),
	refund.KindNotFound:         say(wire.CodeNotFound, "请求的地址不存在"),
	refund.KindMethodNotAllowed: {http.StatusMethodNotAllowed, say(codeMethod, "该地址不支持此请求方法").tell},

	refund.KindChargeNotFound: say(wire.CodeResourceNotExists, "订单不存在"),
	refund.KindRefundNotFound: say(wire.CodeResourceNotExists, "退款单不存在"),
	refund.KindEventNotFound:  say(wire.CodeResourceNotExists, "查询的资源不存在"),

	refund.KindNoAccount:      say(wire.CodeNoAuth, "订单没有可用的渠道账户，无法退款"),
	refund.KindAmountExceeded: say(wire.CodeInvalidRequest, "申请退款金额大于订单可退金额"),
	refund.KindFullyRefunded:  say(wire.CodeInvalidRequest, wire.MessageFullyRefunded),
	refund.KindWindowOver:     say(wire.CodeInvalidRequest, "订单已超过可退款的最大期限"),
	refund.KindTooManyRefunds: say(wire.CodeInvalidRequest, "订单已达到最大退款次数"),
	refund.KindTooSoon:        say(wire.CodeFrequencyLimited, "同一订单的退款请求过于频繁，请稍后再试"),
	refund.KindFullOnly:       say(wire.CodeInvalidRequest, "该订单只支持全额退款"),
	refund.KindPolicyRefused:  say(wire.CodeInvalidRequest, "商户的退款规则不允许这笔退款"),
	refund.KindLimitExceeded:  say(wire.CodeInvalidRequest, "退款金额超过单笔上限"),

	refund.KindNumberConflict: say(wire.CodeInvalidRequest, wire.MessageConflict),
	refund.KindKeyConflict:    say(wire.CodeInvalidRequest, "Idempotency-Key 已被另一个请求使用"),
	refund.KindChargeConflict: say(wire.CodeInvalidRequest, "订单与之前登记的内容不一致"),
	refund.KindStateConflict:  say(wire.CodeInvalidRequest, "退款单当前状态不允许此操作"),

	// Nothing was accepted; the client repeats the same.
	refund.KindBusy:        say(wire.CodeServiceUnavailable, "系统繁忙，请稍后使用原参数重试"),
	refund.KindUnavailable: say(wire.CodeServiceUnavailable, "系统暂时不可用，请稍后使用原参数重试"),
	// It may be on disk: SYSTEM_ERROR means query, then repeat the same.
	refund.KindUnknownOutcome: say(wire.CodeSystem, "系统异常，请使用原商户退款单号查询或重试"),
	refund.KindCorrupt: {tell: func(e *refund.Error) wire.Error {
		return wire.Error{Code: wire.CodeSystem, Message: "系统异常，数据已损坏，请联系管理员: " + e.Told()}
	}},
	refund.KindInternal: say(wire.CodeSystem, "系统异常，请稍后重试"),
}

// say tells the same words whatever the case.
func say(code wire.Code, message string) answerRow {
	return answerRow{tell: func(*refund.Error) wire.Error { return wire.Error{Code: code, Message: message} }}
}

// fields are the core's parameters in this dialect's words.
var fields = map[string]string{"amount": "/amount/refund", "charge": "/transaction_id", "number": "/out_refund_no", "reason": "/reason"}

// tellInvalid returns what the core or the shared reader refuses.
func tellInvalid(e *refund.Error) wire.Error {
	switch e.Param {
	case "goods":
		return wire.Error{Code: wire.CodeInvalidRequest, Message: wire.MessageUnknownGoods, Detail: &wire.ParamError{
			Field: "/goods_detail", Issue: e.Detail, Location: wire.LocationBody,
		}}
	case "Idempotency-Key":
		return (&wire.ParamError{Field: e.Param, Issue: e.Detail, Location: locationHeader}).Answer()
	}
	return (&wire.ParamError{Field: fields[e.Param], Issue: e.Detail, Location: wire.LocationBody}).Answer()
}
