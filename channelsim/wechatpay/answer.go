package wechatpay

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/refundry/refundry/channelsim"
)

// problem is an error answer.
type problem struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Detail  *detail `json:"detail,omitempty"`
}

// detail says which parameter is wrong. Field is a JSON pointer in the body, or the
// parameter's name.
type detail struct {
	Field    string `json:"field"`
	Value    any    `json:"value"`
	Issue    string `json:"issue"`
	Location string `json:"location"`
}

func answer(status int, content any) channelsim.Answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(content) // of structs and maps of texts and numbers
	a := channelsim.Answer{Status: status, Body: bytes.TrimSuffix(body.Bytes(), []byte("\n"))}
	a.Set("Content-Type", "application/json; charset=utf-8")
	return a
}

func fail(status int, code, message string) channelsim.Answer {
	return answer(status, problem{Code: code, Message: message})
}

// badParam is the answer to a parameter that is missing or malformed.
func badParam(field string, value any, issue, location string) channelsim.Answer {
	return answer(http.StatusBadRequest, problem{Code: "PARAM_ERROR", Message: "参数错误", Detail: &detail{field, value, issue, location}})
}

// against is the answer to a request that is well formed and against a rule.
func against(message string) channelsim.Answer {
	return fail(http.StatusBadRequest, "INVALID_REQUEST", message)
}

// Throttled implements channelsim.Side.
func (*Side) Throttled(*channelsim.Call) channelsim.Answer {
	return fail(http.StatusTooManyRequests, "FREQUENCY_LIMITED", "频率限制，请降低频率后重试")
}

// ShortOfFunds implements channelsim.Side.
func (*Side) ShortOfFunds(*channelsim.Call) channelsim.Answer {
	return fail(http.StatusForbidden, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
}
