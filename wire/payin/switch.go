package payin

// Settings of a merchant in this API, by their names in what is kept with its
// identity (such as Y7.1-9). A client's key may have SwitchRequireBodySHA256
// and SettingClientID of its own. A switch is on when its text is SwitchOn; all
// are off by default.
const (
	// SwitchNumberAmount takes an amount that is a JSON number.
	SwitchNumberAmount = "accept_number_amount"
	// SwitchThreeDecimals takes a third decimal of KWD, BHD and OMR.
	SwitchThreeDecimals = "three_decimals"
	// SwitchRequireBodySHA256 refuses a POST without HeaderBodySHA256.
	SwitchRequireBodySHA256 = "require_body_sha256"
	// SwitchOmitRefundID leaves our _refundId out of notifications.
	SwitchOmitRefundID = "omit_refund_id"
	// SwitchNotifyFailures tells an order's own address of refunds that failed.
	SwitchNotifyFailures = "notify_failures"
	// SettingClientID is the client's id that orders show.
	SettingClientID = "client_id"

	// SwitchOn is the text of a switch that is on.
	SwitchOn = "true"
)
