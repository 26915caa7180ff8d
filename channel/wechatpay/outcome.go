package wechatpay

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// meaning is what an error's code says of a refund, by the call that it answers.
type meaning struct{ submit, query, reroute refund.OutcomeKind }

// unclear is a code after which money may have moved.
var unclear = meaning{refund.OutcomeUnknown, refund.OutcomeUnknown, refund.OutcomeUnknown}

// meanings are all codes that the documents know (docs/rules/wechatpay.md, W5-6). A
// code that is not here is unknown, and so is every answer with 202, 429 or 5xx,
// whatever its code: a refund may have come into being.
var meanings = map[wire.Code]meaning{
	wire.CodeParam:          {refund.OutcomeRefused, refund.OutcomeRefused, refund.OutcomeRefused},
	wire.CodeInvalidRequest: {refund.OutcomeRefused, refund.OutcomeRefused, refund.OutcomeRefused},
	wire.CodeNoAuth:         {refund.OutcomeRefused, refund.OutcomeRefused, refund.OutcomeRefused},
	wire.CodeMchNotExists:   {refund.OutcomeRefused, refund.OutcomeRefused, refund.OutcomeRefused},
	// The account's key or clock is wrong, not the refund: it is sent again with
	// another signature, and nothing came of this one.
	wire.CodeSign: {refund.OutcomeTryLater, refund.OutcomeTryLater, refund.OutcomeTryLater},
	// Nothing was created: the same number and the same request once funds are there.
	wire.CodeNotEnough: {refund.OutcomeShortOfFunds, refund.OutcomeUnknown, refund.OutcomeShortOfFunds},
	// Nothing was created, so that there is nothing to reroute either.
	wire.CodeUserAccountAbnormal: {refund.OutcomeRefused, refund.OutcomeUnknown, refund.OutcomeRefused},
	// To a submit the order is what does not exist, to a query the refund.
	wire.CodeResourceNotExists: {refund.OutcomeRefused, refund.OutcomeNotFound, refund.OutcomeRefused},
	// Of order queries only: it means nothing here.
	wire.CodeOrderNotExist:      unclear,
	wire.CodeFrequencyLimited:   unclear,
	wire.CodeRateLimitExceeded:  unclear,
	wire.CodeSystem:             unclear,
	wire.CodeServiceUnavailable: unclear,
}

// states are what a refund's status says.
var states = map[string]refund.OutcomeKind{
	wire.StatusSuccess:    refund.OutcomeDone,
	wire.StatusProcessing: refund.OutcomeAccepted,
	wire.StatusClosed:     refund.OutcomeFailed,
	wire.StatusAbnormal:   refund.OutcomeAbnormal,
}

// of is the kind for a call.
func (m meaning) of(call refund.Source) refund.OutcomeKind {
	switch call {
	case refund.Submit:
		return m.submit
	case refund.Query:
		return m.query
	case refund.Reroute:
		return m.reroute
	}
	return refund.OutcomeUnknown
}

// outcome is what an answer says of a refund. It is unknown unless the platform's
// own, verified word says more.
func (a answer) outcome(call refund.Source, i channel.Instruction) refund.Outcome {
	o := refund.Outcome{Kind: refund.OutcomeUnknown, Sent: a.sent, RetryAfter: a.retryAfter}
	switch {
	case a.problem != nil && a.status == 0:
		o.Code, o.Message = "NO_ANSWER", a.problem.Error()
	case a.problem != nil:
		// Nobody may go by these words, but an operator should see them.
		fault := wire.DecodeError(a.status, a.body)
		o.Code, o.Message = a.code(fault), fmt.Sprintf("HTTP %d, not believed: %v", a.status, a.problem)
		o.Throttled = a.throttled(fault)
		if fault.Code != "" {
			o.Message += "; it says " + fault.Error()
		}
	case a.status == http.StatusOK:
		return a.refund(o, i)
	default:
		fault := wire.DecodeError(a.status, a.body)
		o.Code, o.Message = a.code(fault), fault.Message
		o.Throttled = a.throttled(fault)
		refuses := a.status >= http.StatusBadRequest && !wire.OutcomeUnknown(a.status)
		if known, ok := meanings[fault.Code]; ok && refuses {
			o.Kind = known.of(call)
		}
		if o.Kind == refund.OutcomeTryLater {
			o.Alert = fmt.Sprintf("WeChat Pay refuses the account's signature with %s (hint: refundry account check says why; is the machine's clock right?)", fault.Code)
		}
	}
	return o
}

// throttled reports whether there were too many calls. That is believed without a
// signature: it only makes them rarer.
func (a answer) throttled(fault *wire.Error) bool {
	return a.status == http.StatusTooManyRequests || fault.Code == wire.CodeFrequencyLimited || fault.Code == wire.CodeRateLimitExceeded
}

// code is an error's, or else its status.
func (a answer) code(fault *wire.Error) string {
	if fault.Code != "" {
		return string(fault.Code)
	}
	return "HTTP_" + strconv.Itoa(a.status)
}

// refund is what a verified answer's refund object says of the refund that was
// sent or asked about. An object of another refund says nothing.
func (a answer) refund(o refund.Outcome, i channel.Instruction) refund.Outcome {
	value, err := a.value()
	if err != nil {
		o.Code, o.Message = "UNREADABLE", err.Error()
		return o
	}
	got, err := wire.DecodeRefund(value)
	switch {
	case err != nil:
		o.Code, o.Message = "UNREADABLE", err.Error()
	case got.OutRefundNo != i.Number:
		o.Code, o.Message = "OTHER_REFUND", "the answer is about another refund"
	case wire.IsPossibleID(i.TransactionID) && got.TransactionID != i.TransactionID:
		o.Code, o.Message = "OTHER_ORDER", "the answer is about a refund of another order"
	default:
		return said(o, got, i)
	}
	return o
}

// said fills in what a refund object says.
func said(o refund.Outcome, got wire.Refund, i channel.Instruction) refund.Outcome {
	kind, known := states[got.Status]
	switch {
	case !known:
		o.Code, o.Message = "STATUS", fmt.Sprintf("the refund has a status that is not known, %q", got.Status)
		return o
	case got.Amount.Total != int64(i.Total.Minor):
		o.Code, o.Message = "TOTAL", fmt.Sprintf("the answer is about an order of %d fen, not of %d", got.Amount.Total, i.Total.Minor)
		return o
	}
	amount := money.Minor(got.Amount.Refund)
	o.Kind, o.ChannelRefundID, o.Amount = kind, got.RefundID, &amount
	o.Landed, o.Message = landed(got.Channel, got.UserReceivedAccount), allocation(got, i)
	switch {
	case kind == refund.OutcomeDone && got.SuccessTime != nil:
		o.SucceededAt = time.Time(*got.SuccessTime)
	case kind == refund.OutcomeFailed, kind == refund.OutcomeAbnormal:
		o.Code, o.Message = got.Status, endings[got.Status]
	}
	return o
}

// endings say what a status means that is no success.
var endings = map[string]string{
	wire.StatusClosed:   "WeChat Pay closed the refund, or a bank sent it back",
	wire.StatusAbnormal: "the payer's account can't take the money",
}
