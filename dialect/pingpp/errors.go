package pingpp

import (
	"net/http"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// answerRow is how one kind of error is answered.
type answerRow struct {
	status int
	tell   func(*call, *refund.Error) wire.Error
}

// closeConnection in place of a status: no answer would be true.
const closeConnection = 0

// answers is the table from every error kind of the core to the dialect's
// answer (P4.1-1 to P4.4-2). Only 400, 401, 404, 405, 500 and 503 occur: Ruby
// repeats a POST that got 409, Go takes 502 for an empty success, and 403 means
// the rate limit to five clients.
var answers = map[refund.Kind]answerRow{
	refund.KindInvalid:          {http.StatusBadRequest, tellInvalid},
	refund.KindTooLarge:         {http.StatusBadRequest, say("", text{"请求体过大。", "The request's body is too large."})},
	refund.KindUnauthenticated:  {http.StatusUnauthorized, tellCaller},
	refund.KindForbidden:        {http.StatusBadRequest, tellDetail(text{"当前 API KEY 无权进行此操作。", "This key may not do that"})},
	refund.KindNotFound:         {http.StatusNotFound, say("", text{"请求的地址不存在。", "Nothing is served at this address."})},
	refund.KindMethodNotAllowed: {http.StatusMethodNotAllowed, say("", text{"该地址不支持此请求方法。", "This address is not served by that method."})},

	refund.KindChargeNotFound: {http.StatusNotFound, func(c *call, _ *refund.Error) wire.Error {
		return c.locale.NotFound(wire.ObjectCharge, c.pathID("ch"))
	}},
	refund.KindRefundNotFound: {http.StatusNotFound, func(c *call, _ *refund.Error) wire.Error {
		return c.locale.NotFound(wire.ObjectRefund, c.pathID("re"))
	}},
	refund.KindEventNotFound: {http.StatusNotFound, func(c *call, _ *refund.Error) wire.Error {
		return c.locale.NotFound(wire.ObjectEvent, c.pathID("evt"))
	}},

	refund.KindNoAccount:      {http.StatusBadRequest, say("", text{"该订单没有可用的渠道账户，无法退款。", "No channel account takes this charge: it can't be refunded."})},
	refund.KindAmountExceeded: {http.StatusBadRequest, say("amount", text{"退款金额超过了可退款金额。", "The amount is more than is still refundable."})},
	refund.KindFullyRefunded: {http.StatusBadRequest, func(c *call, _ *refund.Error) wire.Error {
		return c.locale.FullyRefunded(c.charge.OrderNo, chargeName(c.charge))
	}},
	refund.KindWindowOver: {http.StatusBadRequest, func(c *call, _ *refund.Error) wire.Error {
		return c.locale.RefundTooLate(channelName(c.charge.Channel))
	}},
	refund.KindTooManyRefunds: {http.StatusBadRequest, say("", text{"退款次数超过了渠道允许的最大次数。", "The charge has as many refunds as its channel allows."})},
	refund.KindTooSoon:        {http.StatusBadRequest, say("", text{"距离上一次退款的时间过短，请稍后再试。", "The charge was refunded too recently, try again later."})},
	refund.KindFullOnly:       {http.StatusBadRequest, say("amount", text{"该渠道只支持全额退款。", "The channel refunds this charge in full or not at all."})},
	refund.KindPolicyRefused:  {http.StatusBadRequest, say("", text{"商户的退款规则不允许这笔退款。", "A policy of the merchant refuses this refund."})},
	refund.KindLimitExceeded: {http.StatusBadRequest, func(c *call, e *refund.Error) wire.Error {
		return say("amount", text{"退款金额超过了允许的上限。", "The amount is above " + e.Bound() + "."})(c, e)
	}},

	refund.KindNumberConflict: {http.StatusBadRequest, say("", text{"退款单号已被另一笔退款使用。", "The refund number was used for another refund."})},
	refund.KindKeyConflict:    {http.StatusBadRequest, say("Idempotency-Key", text{"Idempotency-Key 已被另一个请求使用。", "The idempotency key was used for another request."})},
	refund.KindChargeConflict: {http.StatusBadRequest, func(c *call, _ *refund.Error) wire.Error {
		return wire.Error{Type: wire.TypeInvalidRequest, Code: wire.CodeChargeOrderNoUsed, Param: "order_no", Message: text{
			"订单号已被使用。", "The order_no was used for another charge.",
		}.in(c.locale)}
	}},
	refund.KindStateConflict: {http.StatusBadRequest, say("", text{"当前状态不允许此操作。", "The object's state does not allow this."})},

	// Nothing was accepted, so that the Java client's repetition is harmless.
	refund.KindBusy:        {http.StatusServiceUnavailable, fault(text{"系统繁忙，请稍后再试。", "The server is busy and accepted nothing, try again."})},
	refund.KindUnavailable: {http.StatusServiceUnavailable, fault(text{"系统暂时不可用，请稍后再试。", "The server can't work now and accepted nothing, try again."})},
	// See Dialect.fail.
	refund.KindUnknownOutcome: {status: closeConnection},
	refund.KindCorrupt: {http.StatusInternalServerError, func(c *call, e *refund.Error) wire.Error {
		return fault(text{"服务器数据已损坏，请联系管理员: " + e.Told(), "Stored data is damaged, ask the operator: " + e.Told()})(c, e)
	}},
	refund.KindInternal: {http.StatusInternalServerError, fault(text{"服务器内部错误。", "The server has an internal error."})},
}

// tellCaller answers a key that is not known, and one that may not be used from the
// caller's address.
func tellCaller(c *call, e *refund.Error) wire.Error {
	answer := c.locale.InvalidKey(c.key)
	if e.Param == dialect.ParamAddress {
		answer.Message = text{"当前 API KEY 不允许从此 IP 地址使用。", "This key may not be used from this IP address."}.in(c.locale)
	}
	return answer
}

// say tells the same words whatever the case.
func say(param string, words text) func(*call, *refund.Error) wire.Error {
	return func(c *call, _ *refund.Error) wire.Error {
		return wire.Error{Type: wire.TypeInvalidRequest, Message: words.in(c.locale), Param: param}
	}
}

// fault is an error of ours, with the request's id for whoever reports it.
func fault(words text) func(*call, *refund.Error) wire.Error {
	return func(c *call, _ *refund.Error) wire.Error {
		return wire.Error{Type: wire.TypeAPI, Message: words.in(c.locale) + " (" + c.requestID + ")"}
	}
}

// tellInvalid returns what the core or the shared reader refuses; its details
// are in English only.
func tellInvalid(c *call, e *refund.Error) wire.Error {
	if e.Param == "" {
		return malformed("", text{"格式错误", e.Detail}).tell(c.locale)
	}
	return invalid(e.Param, text{"格式或取值不符合要求", e.Detail}).tell(c.locale)
}

// tellDetail tells the words, and in English the detail behind them.
func tellDetail(words text) func(*call, *refund.Error) wire.Error {
	return func(c *call, e *refund.Error) wire.Error {
		return wire.Error{Type: wire.TypeInvalidRequest, Message: text{words.chinese, words.english + ": " + e.Detail + "."}.in(c.locale)}
	}
}

// pathID is an id of the path, cut to what can be an id at all: a message
// repeats no more than that.
func (c *call) pathID(name string) string { return cutID(c.r.PathValue(name)) }

func cutID(id string) string {
	const most = 64 // wire.IsPossibleID
	runes := []rune(id)
	return string(runes[:min(most, len(runes))])
}

// chargeName is the charge's name in this dialect, "" if it has none.
func chargeName(c refund.Charge) string { return namedHere(c.Named()) }

func namedHere(c refund.NamedCharge) string {
	alias, _ := c.Alias(merchant.PingPP)
	return alias.Name
}
