package payin

import (
	"errors"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// faults are the errors that say what became of a submit. Payin's documents have
// notAllowed alone; the others are those of the API as this program serves it, and
// count with the status that goes with them. Any other is unknown, and so is each
// that a query gets.
var faults = map[wire.Code]refund.OutcomeKind{
	// The key, the secret or the clock is wrong, not the refund.
	wire.CodeNotAllowed: refund.OutcomeTryLater,
	// It was not taken.
	wire.CodeTooManyRequests: refund.OutcomeTryLater,

	wire.CodeBadRequest:         refund.OutcomeRefused,
	wire.CodeForbidden:          refund.OutcomeRefused,
	wire.CodeNotFound:           refund.OutcomeRefused,
	wire.CodeOrderNotPaid:       refund.OutcomeRefused,
	wire.CodeAmountExceeded:     refund.OutcomeRefused,
	wire.CodeRefundNotSupported: refund.OutcomeRefused,

	// The number stands for another amount or order: only a person can tell how.
	wire.CodeDuplicateNumber:    refund.OutcomeUnknown,
	wire.CodeInternalError:      refund.OutcomeUnknown,
	wire.CodeChannelUnavailable: refund.OutcomeUnknown,
}

// states are what a refund's status says.
var states = map[string]refund.OutcomeKind{
	wire.StatusPending: refund.OutcomeAccepted,
	wire.StatusSuccess: refund.OutcomeDone,
	wire.StatusFail:    refund.OutcomeFailed,
}

// submitted is what the answer to a submit says. It is unknown unless Payin's own
// word says more.
func (a answer) submitted(order string, i channel.Instruction) refund.Outcome {
	err := a.failure()
	if err == nil {
		return a.refund(order, i)
	}
	o := unread(a.sent, err)
	if fault := (*faulted)(nil); errors.As(err, &fault) {
		if kind, ok := faults[fault.fault.Code]; ok && fault.status == fault.fault.Code.Status() {
			o.Kind = kind
		}
	}
	return o
}

// refund is what an answer's refund says of the one that was sent or asked about. A
// refund of another order or number says nothing.
func (a answer) refund(order string, i channel.Instruction) refund.Outcome {
	o := refund.Outcome{Kind: refund.OutcomeUnknown, Sent: a.sent}
	got, err := wire.DecodeRefundAnswer(a.value)
	switch {
	case err != nil:
		o.Code, o.Message = "UNREADABLE", err.Error()
	case got.OrderID != order:
		o.Code, o.Message = "OTHER_ORDER", "the answer is about a refund of another order"
	case got.MerchantRefundID != i.Number && (i.ChannelRefundID == "" || got.ID != i.ChannelRefundID):
		o.Code, o.Message = "OTHER_REFUND", "the answer is about another refund"
	case got.Amount.Currency != i.Amount.Currency:
		o.Code, o.Message = "CURRENCY", "the answer is in another currency"
	default:
		return said(a.sent, got)
	}
	return o
}

// said is what a refund says.
func said(sent refund.Sent, got wire.RefundAnswer) refund.Outcome {
	kind, known := states[got.Status]
	if !known {
		return refund.Outcome{Kind: refund.OutcomeUnknown, Code: "STATUS", Message: fmt.Sprintf("the refund has a status that is not known, %q", got.Status), Sent: sent}
	}
	o := refund.Outcome{Kind: kind, ChannelRefundID: got.ID, Amount: &got.Amount.Minor, Sent: sent}
	switch kind {
	case refund.OutcomeDone:
		o.SucceededAt = got.FinishedAt
	case refund.OutcomeFailed:
		o.Code, o.Message = got.Status, "Payin says that the refund failed, and not why"
	}
	return o
}
