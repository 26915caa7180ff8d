package wallet

import "net/http"

// Code is an error's number, exactly as the page prints it, with its jump from
// five digits to six (L4-1).
type Code int

// The codes.
const (
	CodeSuccess              Code = 0
	CodeUnknown              Code = -1
	CodeKeyRequired          Code = 401
	CodeWalletNotExist       Code = 10001
	CodeParam                Code = 10002
	CodeChargeClosed         Code = 10003
	CodeChargeStatus         Code = 10004
	CodeRefundWait           Code = 10005
	CodeRefundRefused        Code = 10006
	CodeRefundRetry          Code = 10007
	CodeRefundManual         Code = 10008
	CodeRefundStatus         Code = 10009
	CodeChannelConnection    Code = 100010
	CodeChannelRequest       Code = 100011
	CodeChannelParse         Code = 100012
	CodeChannelSign          Code = 100013
	CodeChannelUnexpected    Code = 100014
	CodeChannelParameter     Code = 100015
	CodeChannelAuth          Code = 100016
	CodeChannelResponse      Code = 100017
	CodeChannelConsistency   Code = 100018
	CodeChannelInfo          Code = 100021
	CodeOrderNoUsed          Code = 100024
	CodeRefundRefusedMessage Code = 100026
	CodeRefundPending        Code = 100027
	CodeRefundFailed         Code = 100028
	CodeRefundChannelInfo    Code = 100029
	CodeRefundNotFound       Code = 100030
	CodeKeyWalletMismatch    Code = 100034
	CodeWalletNotUnderKey    Code = 100035
	CodeWalletNotUse         Code = 100036
	CodeBodyWalletIDNotExist Code = 100043
	CodeBodyNotExist         Code = 100044
	CodeTimeout              Code = 100045
	CodeWalletIDNull         Code = 100048
	CodePageNull             Code = 100051
	CodeCountNull            Code = 100052
)

// StatusBusy is the HTTP status of a caller that asks too much at once (L4-6).
// The table has no code for it; CodeUnknown goes with it.
const StatusBusy = http.StatusForbidden

// codeInfo is what is known of a code.
type codeInfo struct {
	name string
	// status is the HTTP status with which it is usually sent: 400 for what a
	// request lacks, 402 for business, 404 for what is not there.
	status int
}

var codes = map[Code]codeInfo{
	CodeSuccess:     {"success", http.StatusOK},
	CodeUnknown:     {"unknown", http.StatusInternalServerError},
	CodeKeyRequired: {"api_key_require", http.StatusUnauthorized},

	CodeWalletNotExist: {"wallet_not_exist", http.StatusNotFound},
	CodeParam:          {"param_error", http.StatusBadRequest},
	CodeChargeClosed:   {"charge_closed", http.StatusPaymentRequired},
	CodeChargeStatus:   {"charge_unexpected_status", http.StatusPaymentRequired},
	CodeRefundWait:     {"refund_wait_operation", http.StatusPaymentRequired},
	CodeRefundRefused:  {"refund_refused", http.StatusPaymentRequired},
	CodeRefundRetry:    {"refund_retry", http.StatusPaymentRequired},
	CodeRefundManual:   {"refund_manual_intervention", http.StatusPaymentRequired},
	CodeRefundStatus:   {"refund_unexpected_status", http.StatusPaymentRequired},

	CodeChannelConnection:  {"channel_connection_error", http.StatusPaymentRequired},
	CodeChannelRequest:     {"channel_request_error", http.StatusPaymentRequired},
	CodeChannelParse:       {"channel_parse_error", http.StatusPaymentRequired},
	CodeChannelSign:        {"channel_sign_error", http.StatusPaymentRequired},
	CodeChannelUnexpected:  {"channel_unexpected_error", http.StatusPaymentRequired},
	CodeChannelParameter:   {"channel_parameter_error", http.StatusPaymentRequired},
	CodeChannelAuth:        {"channel_auth_error", http.StatusPaymentRequired},
	CodeChannelResponse:    {"channel_response_code_fail", http.StatusPaymentRequired},
	CodeChannelConsistency: {"channel_parameters_consistency_error", http.StatusPaymentRequired},
	CodeChannelInfo:        {"channel_request_info", http.StatusPaymentRequired},

	CodeOrderNoUsed:          {"charge_order_no_used", http.StatusPaymentRequired},
	CodeRefundRefusedMessage: {"refund_refused_msg", http.StatusPaymentRequired},
	CodeRefundPending:        {"refund_pending", http.StatusPaymentRequired},
	CodeRefundFailed:         {"refund_failed", http.StatusPaymentRequired},
	CodeRefundChannelInfo:    {"refund_info_from_channel", http.StatusPaymentRequired},
	CodeRefundNotFound:       {"refund_not_found", http.StatusNotFound},

	CodeKeyWalletMismatch:    {"api_key_wallet_mismatching", http.StatusNotFound},
	CodeWalletNotUnderKey:    {"wallet_not_exist", http.StatusNotFound},
	CodeWalletNotUse:         {"wallet_not_use", http.StatusPaymentRequired},
	CodeBodyWalletIDNotExist: {"request_body_walletid_not_exist", http.StatusBadRequest},
	CodeBodyNotExist:         {"request_body_not_exist", http.StatusBadRequest},
	CodeTimeout:              {"request_time_out", http.StatusGatewayTimeout},
	CodeWalletIDNull:         {"walletid_is_null", http.StatusBadRequest},
	CodePageNull:             {"page_is_null", http.StatusBadRequest},
	CodeCountNull:            {"count_is_null", http.StatusBadRequest},
}

// Name is the code's name as the page prints it, "unknown" for one that it
// doesn't have.
func (c Code) Name() string {
	if info, ok := codes[c]; ok {
		return info.name
	}
	return codes[CodeUnknown].name
}

// Status is the HTTP status that usually goes with the code. Two cases are not
// usual and are the caller's to know: a charge that is not there is CodeParam
// with 404, and a result that could not be learned, CodeRefundPending, is told
// as a refund that is pending and not as an error wherever that is possible
// (L2.6-25 and L6-14).
func (c Code) Status() int {
	if info, ok := codes[c]; ok {
		return info.status
	}
	return codes[CodeUnknown].status
}
