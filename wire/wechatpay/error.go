package wechatpay

import (
	"net/http"
	"strconv"

	"github.com/refundry/refundry/wire/exactjson"
)

// Code is an error's code (W5-6; W2.6-13 and W2.6-14 for bills).
type Code string

// The codes.
const (
	CodeParam               Code = "PARAM_ERROR"
	CodeInvalidRequest      Code = "INVALID_REQUEST"
	CodeSign                Code = "SIGN_ERROR"
	CodeNoAuth              Code = "NO_AUTH"
	CodeNotEnough           Code = "NOT_ENOUGH"
	CodeUserAccountAbnormal Code = "USER_ACCOUNT_ABNORMAL"
	CodeResourceNotExists   Code = "RESOURCE_NOT_EXISTS"
	CodeMchNotExists        Code = "MCH_NOT_EXISTS"
	CodeOrderNotExist       Code = "ORDER_NOT_EXIST" // of order queries only
	// CodeNotFound is the one that the Java client's certificate download
	// bears, and what an address that is not served gets.
	CodeNotFound           Code = "NOT_FOUND"
	CodeFrequencyLimited   Code = "FREQUENCY_LIMITED"
	CodeRateLimitExceeded  Code = "RATELIMIT_EXCEEDED"
	CodeSystem             Code = "SYSTEM_ERROR"
	CodeServiceUnavailable Code = "SERVICE_UNAVAILABLE"
	CodeNoStatement        Code = "NO_STATEMENT_EXIST"
	CodeStatementCreating  Code = "STATEMENT_CREATING"
	// CodeFail is what a receiver of notifications answers by convention.
	CodeFail Code = "FAIL"
)

var statuses = map[Code]int{
	CodeParam:               http.StatusBadRequest,
	CodeInvalidRequest:      http.StatusBadRequest,
	CodeSign:                http.StatusUnauthorized,
	CodeNoAuth:              http.StatusForbidden,
	CodeNotEnough:           http.StatusForbidden,
	CodeUserAccountAbnormal: http.StatusForbidden,
	CodeResourceNotExists:   http.StatusNotFound,
	CodeMchNotExists:        http.StatusNotFound,
	CodeOrderNotExist:       http.StatusNotFound,
	CodeNotFound:            http.StatusNotFound,
	CodeFrequencyLimited:    http.StatusTooManyRequests,
	CodeRateLimitExceeded:   http.StatusTooManyRequests,
	CodeSystem:              http.StatusInternalServerError,
	CodeServiceUnavailable:  http.StatusServiceUnavailable,
	CodeNoStatement:         http.StatusBadRequest,
	CodeStatementCreating:   http.StatusBadRequest,
	CodeFail:                http.StatusInternalServerError,
}

// Status is the HTTP status of a code, 500 for one that is not known.
func (c Code) Status() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Messages that were recorded at the platform. Nobody may branch on them.
const (
	MessageParam         = "参数错误"
	MessageSkew          = "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
	MessageFullyRefunded = "订单已全额退款"
	MessageConflict      = "订单金额或退款金额与之前请求不一致，请核实后再试"
	MessageNotEnough     = "基本账户余额不足，请充值后重新发起"
	MessageOldOrder      = "频率限制，1个月之前的订单申请退款请降低频率再重试"
	MessageUnknownGoods  = "商品编码不存在于订单中"
	MessageNoCertificate = "无可用的平台证书"
)

// Error is the body of every answer outside 2xx: always a JSON object, from
// every corner of a server, since the Java client reads nothing else (W5-1).
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"` // *ParamError or *SignDetail
}

// Error returns code and message: "PARAM_ERROR: ...".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// ParamError says which member of a request was refused and why. It is the
// detail of an Error with CodeParam.
type ParamError struct {
	// Field is a JSON Pointer into the body ("/amount/currency"), else the
	// name of a parameter of the path or query.
	Field string `json:"field"`
	// Value is what was sent, "" when nothing was or when it is too long or
	// secret to be repeated.
	Value    string `json:"value"`
	Issue    string `json:"issue"`
	Location string `json:"location"`
}

// Values of a ParamError's location.
const (
	LocationBody  = "body"
	LocationQuery = "query"
	LocationURL   = "url"
)

// Error returns field and issue: "/amount/currency must be CNY".
func (e *ParamError) Error() string { return e.Field + " " + e.Issue }

// Answer is the error that a request with this member gets.
func (e *ParamError) Answer() Error {
	return Error{Code: CodeParam, Message: MessageParam + ": " + e.Field, Detail: e}
}

// shownBody is how many bytes of a body a SignDetail repeats: enough to see
// whether it is the one that was signed.
const shownBody = 8

// SignDetail is the detail of a request whose signature does not match, as it
// was observed (W1.2-21). It shows the caller what it should have signed;
// everything in it came with the request.
type SignDetail struct {
	Field    string `json:"field"`
	Location string `json:"location"`
	Detail   struct {
		Issue string `json:"issue"`
	} `json:"detail"`
	SignInformation struct {
		Method               string `json:"method"`
		URL                  string `json:"url"`
		SignMessageLength    int    `json:"sign_message_length"`
		TruncatedSignMessage string `json:"truncated_sign_message"`
	} `json:"sign_information"`
}

// NewSignDetail fills the detail for a request.
func NewSignDetail(a Authorization, method, target string, body []byte) *SignDetail {
	whole := RequestMessage(method, target, a.Timestamp, a.Nonce, body)
	shown := whole[:len(whole)-1-max(0, len(body)-shownBody)]
	var d SignDetail
	d.Field, d.Location, d.Detail.Issue = "signature", "authorization", "sign not match"
	d.SignInformation.Method, d.SignInformation.URL = method, target
	d.SignInformation.SignMessageLength = len(whole)
	d.SignInformation.TruncatedSignMessage = string(shown)
	return &d
}

// DecodeError reads the body of an answer outside 2xx, as a client. It never
// fails: what can't be read has no code, and its HTTP status speaks.
func DecodeError(status int, body []byte) *Error {
	value, err := exactjson.Decode(body, exactjson.Limits{})
	code, _ := value.Get("code")
	message, _ := value.Get("message")
	if err != nil || code.Kind != exactjson.String {
		return &Error{Message: "HTTP " + strconv.Itoa(status) + " without a code"}
	}
	return &Error{Code: Code(code.Text), Message: message.Text}
}

// OutcomeUnknown reports whether a refund may have come into being although its
// request got this answer: 202, 429 and every 5xx (W5-20). Ask by out_refund_no,
// then repeat unchanged. A 2xx is unknown as well when its signature does not
// verify; a broken connection always is.
func OutcomeUnknown(status int) bool {
	return status == http.StatusAccepted || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}
