package payin

import (
	"errors"
	"strings"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// answerRow is how one kind of error is answered.
type answerRow struct {
	code wire.Code
	tell func(*refund.Error) string
}

// closeConnection in place of a code: no answer would be true.
const closeConnection wire.Code = ""

const (
	noSuchObject = "there is no such object"
	faultOfOurs  = "internal error"
)

// answers is the table from every error kind of the core to the dialect's
// answer (Y7.4-1 to Y7.4-8). There is no 405 and no 413 among them.
var answers = map[refund.Kind]answerRow{
	refund.KindInvalid:  {wire.CodeBadRequest, detail},
	refund.KindTooLarge: {wire.CodeBadRequest, detail},
	// Told by wire.NotAllowed, with what the server saw.
	refund.KindUnauthenticated:  {wire.CodeNotAllowed, say("No access")},
	refund.KindForbidden:        {wire.CodeForbidden, detail},
	refund.KindNotFound:         {wire.CodeNotFound, detail},
	refund.KindMethodNotAllowed: {wire.CodeNotFound, detail},
	refund.KindChargeNotFound:   {wire.CodeNotFound, say("there is no such order")},
	refund.KindRefundNotFound:   {wire.CodeNotFound, say("there is no such refund")},
	refund.KindEventNotFound:    {wire.CodeNotFound, say(noSuchObject)},

	refund.KindNoAccount:      {wire.CodeRefundNotSupported, say("no channel account takes this order: it can't be refunded")},
	refund.KindAmountExceeded: {wire.CodeAmountExceeded, say("amount: is more than is still refundable")},
	refund.KindFullyRefunded:  {wire.CodeAmountExceeded, say("amount: the order is refunded in full already")},
	refund.KindPolicyRefused:  {wire.CodeRefundNotSupported, say("refused by a policy of the merchant")},
	refund.KindLimitExceeded:  {wire.CodeAmountExceeded, func(e *refund.Error) string { return "amount: is above " + e.Bound() }},
	refund.KindWindowOver:     {wire.CodeRefundNotSupported, say("the time for refunds of this order is over")},
	refund.KindTooManyRefunds: {wire.CodeRefundNotSupported, say("the order has as many refunds as its channel allows")},
	refund.KindFullOnly:       {wire.CodeRefundNotSupported, say("the order is refunded in full or not at all")},
	refund.KindTooSoon:        {wire.CodeTooManyRequests, say("the order was refunded too recently, try again later")},

	refund.KindNumberConflict: {wire.CodeDuplicateNumber, say("merchantRefundId: was used for another refund")},
	refund.KindKeyConflict:    {wire.CodeDuplicateNumber, say("Idempotency-Key: was used for another request")},
	// The codes have none for orders.
	refund.KindChargeConflict: {wire.CodeBadRequest, say("merchantOrderId: was used for another order")},
	refund.KindStateConflict:  {wire.CodeRefundNotSupported, say("the state does not allow this")},

	// Nothing was accepted.
	refund.KindBusy:        {wire.CodeChannelUnavailable, say("the server is busy and accepted nothing, try again")},
	refund.KindUnavailable: {wire.CodeChannelUnavailable, say("the server can't work now and accepted nothing, try again")},
	// See Dialect.fail.
	refund.KindUnknownOutcome: {closeConnection, say("")},
	refund.KindCorrupt:        {wire.CodeInternalError, func(e *refund.Error) string { return faultOfOurs + ": " + e.Told() }},
	refund.KindInternal:       {wire.CodeInternalError, say(faultOfOurs)},
}

// say tells the same words whatever the case.
func say(words string) func(*refund.Error) string {
	return func(*refund.Error) string { return words }
}

// detail tells the error's own words, behind the member at fault.
func detail(e *refund.Error) string {
	if e.Param == "" || e.Param == "Idempotency-Key" { // whose detail begins with it
		return e.Detail
	}
	return e.Param + ": " + e.Detail
}

// invalid turns what wire refuses into the core's kind.
func invalid(err error, param string) *refund.Error {
	var field *wire.FieldError
	if errors.As(err, &field) {
		return refund.Errorf(refund.KindInvalid, field.Field, "%s", field.Text)
	}
	return refund.Errorf(refund.KindInvalid, param, "%s", strings.TrimPrefix(err.Error(), param+" "))
}
