package pingpp

import (
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// channelFailures maps channels' own codes to the dialect's (P4.4-1 and
// P4.4-2). A code that is not here is a refusal, which is what channels nearly
// always mean; each connector adds the codes that say something else.
var channelFailures = map[string]string{
	"RETURNED":       wire.CodeRefundFailed, // a bank sent it back after success (P6-4)
	"SETTLED_FAILED": wire.CodeRefundFailed, // the sandbox, by hand
}

// failureOf returns failure_code and failure_msg of a refund that failed or was
// withdrawn. The words are the recorded ones for a refusal (P4.3-7).
func failureOf(r refund.Refund, locale wire.Locale) (code, message *string) {
	tell := func(code, message string) (*string, *string) { return &code, &message }
	if r.State == refund.Canceled {
		return tell(wire.CodeRefundFailed, text{"退款已取消。", "The refund was withdrawn."}.in(locale))
	}
	if known, ok := channelFailures[r.FailureCode]; ok {
		return tell(known, text{
			"退款失败。来自渠道的信息：" + r.FailureMessage, "The refund failed. The channel says: " + r.FailureMessage,
		}.in(locale))
	}
	if r.FailureMessage == "" {
		return tell(wire.CodeRefundRefused, text{"退款已被支付渠道拒绝。", "The payment channel refused the refund."}.in(locale))
	}
	return tell(wire.CodeRefundRefusedMessage, locale.RefusedByChannel(channelName(r.Channel), r.FailureMessage))
}
