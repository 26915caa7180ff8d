package pingpp

import "strings"

// The Chinese texts below are the recorded ones, to the character (P4.3-1 to
// P4.3-7); merchants' programs compare them. The English ones are ours.

// text returns the wording in the locale.
func (locale Locale) text(chinese, english string) string {
	if locale == English {
		return english
	}
	return chinese
}

// InvalidKey is the error of a missing or wrong key, status 401. The key is
// masked here; give it as it came.
func (locale Locale) InvalidKey(key string) Error {
	masked := MaskKey(key)
	return Error{Type: TypeInvalidRequest, Message: locale.text(
		"提供了无效的 API KEY: "+masked+"。",
		"The API key "+masked+" is not valid.",
	)}
}

// NotFound is the error of an unknown id, status 404. object is the kind of
// thing in the words of the wire, such as ObjectCharge. The recordings have it
// for charges and refunds; other objects follow the same pattern.
func (locale Locale) NotFound(object, id string) Error {
	return Error{Type: TypeInvalidRequest, Param: "id", Message: locale.text(
		"未找到 "+object+" : "+id+"。",
		"The "+object+" "+id+" was not found.",
	)}
}

// FullyRefunded is the error of a refund of a charge that has nothing left to
// refund, status 400. orderNo is the charge's order_no.
func (locale Locale) FullyRefunded(orderNo, chargeID string) Error {
	return Error{Type: TypeInvalidRequest, Message: locale.text(
		"不能对订单号 "+orderNo+" 发起退款，因为已经全额退款了。Charge id: "+chargeID+"。",
		"Order "+orderNo+" has been refunded in full, nothing is left to refund. Charge id: "+chargeID+".",
	)}
}

// OrderCharge is the error of using a charge that belongs to an order without
// its order, status 400.
func (locale Locale) OrderCharge() Error {
	return Error{Type: TypeInvalidRequest, Code: CodeChargeRequestInvalid, Message: locale.text(
		"请使用商品订单号进行操作。",
		"This charge belongs to an order. Use the order for this operation.",
	)}
}

// RefundTooLate is the error of a refund after the channel's window, status
// 400. The recorded Chinese text has no full stop.
func (locale Locale) RefundTooLate(channel string) Error {
	return Error{Type: TypeInvalidRequest, Param: ParamRefundTime, Message: locale.text(
		"退款时间超出渠道 "+channel+" 允许的最晚退款时间",
		"The time in which channel "+channel+" takes refunds is over",
	)}
}

// RefusedByChannel is the failure_msg of a refund that the channel refused, with
// the channel's own text; its failure_code is CodeRefundRefusedMessage. Such a
// refund is answered with status 200.
func (locale Locale) RefusedByChannel(channel, channelText string) string {
	return locale.text(
		"退款 "+channel+" 已被支付渠道拒绝。来自渠道的信息："+channelText,
		"The payment channel refused the refund through "+channel+". The channel says: "+channelText,
	)
}

// WaitOperationPrefix begins the failure_msg of a refund that waits for the
// merchant's payment password (P3.3-29). It is the same in every language:
// merchants' programs cut it off, with or without the space.
const WaitOperationPrefix = "需要打开地址进行下一步退款操作: "

// WaitOperation is that failure_msg; its failure_code is
// CodeRefundWaitOperation. Colons in the address's query are percent-encoded,
// because some programs split the text at every colon and keep two pieces; give
// an address without a port for the same reason.
func WaitOperation(address string) string {
	path, query, found := strings.Cut(address, "?")
	if found {
		path += "?" + strings.ReplaceAll(query, ":", "%3A")
	}
	return WaitOperationPrefix + path
}
