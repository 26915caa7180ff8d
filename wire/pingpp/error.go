package pingpp

// Values of an error's type (P4.1-1). Invent no others: the Node client drops
// the message of a type that it does not know.
const (
	TypeInvalidRequest = "invalid_request_error"
	TypeAPI            = "api_error"
	TypeChannel        = "channel_error"
)

// ErrorEnvelope is the body of every answer outside 2xx (P0-5). A body without
// it is taken for a success by the Node client, whatever the status.
type ErrorEnvelope struct {
	Error Error `json:"error"`
}

// Error tells what went wrong. Type and Message are always present. Code and
// Param are left out when empty: the Go client panics on null.
type Error struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Code    string `json:"code,omitempty"`
	Param   string `json:"param,omitempty"`
}

// ParamRefundTime is the param of a refund that comes too late, with its
// capital letter (P4.3-6).
const ParamRefundTime = "Refund_time"

// Codes of charges in error.code and failure_code (P4.4-2).
const (
	CodeChargeClosed           = "charge_closed"
	CodeChargeUnexpectedStatus = "charge_unexpected_status"
	CodeChargeOrderNoUsed      = "charge_order_no_used"
	CodeChargeRequestInvalid   = "charge_request_invalid"
)

// CodeRequestParam is what clients use for errors that they find themselves;
// the service's own documents do not list it.
const CodeRequestParam = "request_param_error"

// Codes of refunds in error.code and failure_code (P4.4-1).
const (
	CodeRefundWaitOperation      = "refund_wait_operation"
	CodeRefundRefused            = "refund_refused"
	CodeRefundRefusedMessage     = "refund_refused_msg"
	CodeRefundRetry              = "refund_retry"
	CodeRefundManualIntervention = "refund_manual_intervention"
	CodeRefundUnexpectedStatus   = "refund_unexpected_status"
	CodeRefundPending            = "refund_pending"
	CodeRefundFailed             = "refund_failed"
	CodeRefundInfoFromChannel    = "refund_info_from_channel"
	CodeRefundNotFound           = "refund_not_found"
)

// Codes of trouble with a channel in error.code and failure_code (P4.4-2).
const (
	CodeChannelConnectionError            = "channel_connection_error"
	CodeChannelRequestError               = "channel_request_error"
	CodeChannelParseError                 = "channel_parse_error"
	CodeChannelSignError                  = "channel_sign_error"
	CodeChannelUnexpectedError            = "channel_unexpected_error"
	CodeChannelParameterError             = "channel_parameter_error"
	CodeChannelAuthError                  = "channel_auth_error"
	CodeChannelResponseCodeFail           = "channel_response_code_fail"
	CodeChannelParametersConsistencyError = "channel_parameters_consistency_error"
	CodeChannelRequestInfo                = "channel_request_info"
	CodeChannelNotifyIDError              = "channel_notify_id_error"
	CodeQueryRightError                   = "query_right_error"
)
