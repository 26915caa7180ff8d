package wallet

import (
	"net/http"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// answerRow is how one kind of error is answered. status 0 is that of the code.
type answerRow struct {
	status int
	code   wire.Code
	tell   func(*refund.Error) string
}

// answers is the table from every error kind of the core to the dialect's
// answer (L4-1 to L4-21). A 4xx is only told when nothing was accepted.
var answers = map[refund.Kind]answerRow{
	refund.KindInvalid:         {0, wire.CodeParam, detail},
	refund.KindTooLarge:        {0, wire.CodeParam, detail},
	refund.KindUnauthenticated: {0, wire.CodeKeyRequired, detail},
	refund.KindForbidden:       {0, wire.CodeWalletNotUse, detail},
	// The codes have none for addresses.
	refund.KindNotFound:         {http.StatusNotFound, wire.CodeUnknown, detail},
	refund.KindMethodNotAllowed: {http.StatusMethodNotAllowed, wire.CodeUnknown, detail},

	// 100030 is for reads of refunds; the codes have none for charges.
	refund.KindChargeNotFound: {http.StatusNotFound, wire.CodeParam, say("charge not found")},
	refund.KindRefundNotFound: {0, wire.CodeRefundNotFound, say("refund not found")},
	refund.KindEventNotFound:  {http.StatusNotFound, wire.CodeParam, say("event not found")},

	// The one code that sends the caller to an operator.
	refund.KindNoAccount: {0, wire.CodeRefundManual, say("no channel account takes the charge: it can't be refunded here")},

	refund.KindAmountExceeded: {0, wire.CodeRefundFailed, say("amount is more than is still refundable")},
	refund.KindFullyRefunded:  {0, wire.CodeChargeClosed, say("the charge is refunded in full already")},
	refund.KindWindowOver:     {0, wire.CodeRefundFailed, say("the time for refunds of the charge is over")},
	refund.KindTooManyRefunds: {0, wire.CodeRefundFailed, say("the charge has as many refunds as its channel allows")},
	refund.KindTooSoon:        {0, wire.CodeRefundRetry, say("the charge was refunded too recently, try again later")},
	refund.KindFullOnly:       {0, wire.CodeRefundFailed, say("the channel refunds this charge in full or not at all")},
	refund.KindPolicyRefused:  {0, wire.CodeRefundFailed, say("refused by a policy of the merchant")},
	refund.KindLimitExceeded:  {0, wire.CodeRefundFailed, func(e *refund.Error) string { return "amount is above " + e.Bound() }},

	refund.KindNumberConflict: {0, wire.CodeParam, say("extra.refund_order was used for another refund")},
	refund.KindKeyConflict:    {0, wire.CodeParam, say("Idempotency-Key was used for another request")},
	refund.KindChargeConflict: {0, wire.CodeOrderNoUsed, say("order_no was used for another charge")},
	refund.KindStateConflict:  {0, wire.CodeRefundStatus, detail},

	// Nothing was accepted.
	refund.KindBusy:        {wire.StatusBusy, wire.CodeUnknown, say("the server is busy and accepted nothing, try again")},
	refund.KindUnavailable: {http.StatusServiceUnavailable, wire.CodeUnknown, say("the server can't work now and accepted nothing, try again")},
	// It may be on disk, so that no 4xx would be true.
	refund.KindUnknownOutcome: {
		http.StatusGatewayTimeout, wire.CodeRefundPending,
		say("it is not known whether the refund was accepted: look it up, or repeat it with the same number or key"),
	},
	refund.KindCorrupt:  {0, wire.CodeUnknown, func(e *refund.Error) string { return "internal error: " + e.Told() }},
	refund.KindInternal: {0, wire.CodeUnknown, say("internal error")},
}

// say tells the same words whatever the case.
func say(words string) func(*refund.Error) string {
	return func(*refund.Error) string { return words }
}

// detail tells the error's own words.
func detail(e *refund.Error) string { return e.Detail }
