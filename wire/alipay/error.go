package alipay

import "github.com/refundry/refundry/wire/exactjson"

// Codes of answers.
const (
	CodeSuccess          = "10000"
	CodePaying           = "10003" // of payments alone
	CodeUnavailable      = "20000"
	CodeUnauthorized     = "20001"
	CodeMissingParameter = "40001"
	CodeInvalidParameter = "40002"
	CodeConditions       = "40003"
	CodeBusiness         = "40004" // sub_code says what
	CodeCallLimit        = "40005"
	CodePermission       = "40006"
)

// Sub-codes that are looked at one by one.
const (
	SubSystemError      = "ACQ.SYSTEM_ERROR"
	SubSystemErrorToo   = "aop.ACQ.SYSTEM_ERROR"
	SubTradeNotExist    = "ACQ.TRADE_NOT_EXIST"
	SubBalance          = "ACQ.SELLER_BALANCE_NOT_ENOUGH"
	SubMissingParameter = "isv.missing-parameter"
	SubInvalidParameter = "isv.invalid-parameter"
	SubNoBillData       = "NO_BILL_DATA"
	SubBillNotExist     = "BILL_NOT_EXIST"
	OverdraftSubPrefix  = "ACQ.OVERDRAFT_"
)

// Status is what every node says of its call.
type Status struct{ Code, Message, SubCode, SubMessage string }

// StatusOf reads a node's status.
func StatusOf(node exactjson.Value) Status {
	return Status{Code: text(node, "code"), Message: text(node, "msg"), SubCode: text(node, "sub_code"), SubMessage: text(node, "sub_msg")}
}

// OK reports whether the call was a success.
func (s Status) OK() bool { return s.Code == CodeSuccess }

// Error is the platform's words, the sub-code first.
func (s Status) Error() string {
	out := s.Code
	if s.SubCode != "" {
		out = s.SubCode
	}
	for _, words := range []string{s.SubMessage, s.Message} {
		if words != "" {
			return out + ": " + words
		}
	}
	return out
}
