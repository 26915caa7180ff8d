package chinaums

// Code is an answer's errCode. It is compared with its letters' case.
type Code string

// The documented codes.
const (
	CodeSuccess             Code = "SUCCESS" // of a refund: accepted; its result is refundStatus
	CodeInternalError       Code = "INTERNAL_ERROR"
	CodeTimeout             Code = "TIMEOUT"
	CodeNetError            Code = "NET_ERROR"
	CodeInvalidResponse     Code = "INVALID_RESPONSE"
	CodeDiscarded           Code = "TXN_DISCARDED"
	CodeOrderProcessing     Code = "ORDER_PROCESSING"
	CodeDupOrder            Code = "DUP_ORDER"
	CodeAbnormalRequestTime Code = "ABNORMAL_REQUEST_TIME"
	CodeBadSign             Code = "BAD_SIGN"
	CodeInvalidMsgSrc       Code = "INVALID_MSGSRC"
	CodeMerchantConfig      Code = "INVLID_MERCHANT_CONFIG" //nolint:misspell // spelled so
	CodeDeniedIP            Code = "DENIED_IP"
	CodeNoMerchant          Code = "NO_MERCHANT"
	CodeInactiveMerchant    Code = "INACTIVE_MERCHANT"
	CodeBadRequest          Code = "BAD_REQUEST"
	CodeNoService           Code = "NO_SERVICE"
	CodeInvalidOrder        Code = "INVALID_ORDER"
	CodeNoOrder             Code = "NO_ORDER"
	CodeNotAllowed          Code = "OPERATION_NOT_ALLOWED"
	CodeNoCrossDay          Code = "NO_CROSS_DAY_TRADING"
	CodeTargetFail          Code = "TARGET_FAIL"
)

// The values of refundStatus, which are compared without their letters' case.
const (
	RefundSuccess    = "SUCCESS"
	RefundFail       = "FAIL"
	RefundProcessing = "PROCESSING"
	RefundUnknown    = "UNKNOWN"
)

// The values of an order's status, and of billStatus, that say whether it was paid.
const (
	TradeSuccess = "TRADE_SUCCESS"
	TradeRefund  = "TRADE_REFUND" // something of it was refunded, or everything
	BillPaid     = "PAID"
	BillRefund   = "REFUND"
)

// The values of instMid. Each way of paying has its own, and a refund must name
// its payment's.
const (
	InstBill      = "QRPAYDEFAULT" // the payer scans a bill: refunded by billNo and billDate
	InstAccount   = "YUEDANDEFAULT"
	InstMini      = "MINIDEFAULT"
	InstApp       = "APPDEFAULT"
	InstH5        = "H5DEFAULT"
	InstGateway   = "WGDEFAULT"
	MaxRefund     = 100_000_000 // fen, of one refund
	MaxRefundDesc = 255
)
