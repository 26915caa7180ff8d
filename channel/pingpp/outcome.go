package pingpp

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// faults are all errors that the documents know and that say what became of a
// submit, by status and code. Any other is unknown, and so is each that a query
// gets: the question was refused, which says nothing of the refund.
var faults = map[int]map[string]refund.OutcomeKind{
	http.StatusBadRequest: {
		"": refund.OutcomeRefused, wire.CodeRequestParam: refund.OutcomeRefused,
		wire.CodeChargeClosed: refund.OutcomeRefused, wire.CodeChargeRequestInvalid: refund.OutcomeRefused,
	},
	// The key, the signature or the clock is wrong, not the refund.
	http.StatusUnauthorized: {"": refund.OutcomeTryLater},
	http.StatusPaymentRequired: {
		wire.CodeRefundRefused: refund.OutcomeRefused, wire.CodeRefundRefusedMessage: refund.OutcomeRefused, wire.CodeRefundFailed: refund.OutcomeRefused,
		wire.CodeRefundRetry: refund.OutcomeRefused, wire.CodeRefundManualIntervention: refund.OutcomeRefused,
	},
	// More calls at once than the plan allows: this one was not taken.
	http.StatusForbidden: {"": refund.OutcomeTryLater},
	http.StatusNotFound:  {"": refund.OutcomeRefused},
}

// failures are what a refund object's failure_code says where its status is failed.
// refund_retry is a failure too: another refund is to be created, which is the
// merchant's to ask for. The codes of trouble between Ping++ and its channel, and
// any that is not here, are unknown.
var failures = map[string]refund.OutcomeKind{
	"":                                refund.OutcomeFailed,
	wire.CodeRefundRefused:            refund.OutcomeFailed,
	wire.CodeRefundRefusedMessage:     refund.OutcomeFailed,
	wire.CodeRefundFailed:             refund.OutcomeFailed,
	wire.CodeRefundRetry:              refund.OutcomeFailed,
	wire.CodeRefundManualIntervention: refund.OutcomeFailed,
	wire.CodeRefundInfoFromChannel:    refund.OutcomeFailed,
}

// kindOf is what a refund object says.
func kindOf(one wire.Refund) refund.OutcomeKind {
	switch one.Status {
	case wire.StatusSucceeded:
		return refund.OutcomeDone
	case wire.StatusPending:
		return refund.OutcomeAccepted
	case wire.StatusFailed:
		code := ""
		if one.FailureCode != nil {
			code = *one.FailureCode
		}
		if kind, ok := failures[code]; ok {
			return kind
		}
	}
	return refund.OutcomeUnknown
}

// faulted is an answer of Ping++'s that is an error.
type faulted struct {
	status int
	fault  wire.Error
}

// Error is the status and Ping++'s words.
func (f *faulted) Error() string { return fmt.Sprintf("HTTP %d %v", f.status, f.fault) }

// noCharge reports whether Ping++ says that it does not know the charge.
func (f *faulted) noCharge() bool {
	return f.status == http.StatusNotFound && f.fault.Type == wire.TypeInvalidRequest && f.fault.Param == "id"
}

// code is the error's code, or else its status.
func (f *faulted) code() string {
	if f.fault.Code != "" {
		return f.fault.Code
	}
	return "HTTP_" + strconv.Itoa(f.status)
}

// errNotBelieved: there is an answer, and nobody may go by it.
var errNotBelieved = errors.New("not believed")

// failure is what is wrong with an answer that should be 200: a problem, or a
// *faulted.
func (a answer) failure() error {
	switch {
	case a.problem != nil && a.status != 0:
		return fmt.Errorf("HTTP %d, %w: %w", a.status, errNotBelieved, a.problem)
	case a.problem != nil:
		return a.problem
	case a.status == http.StatusOK:
		return nil
	}
	fault, err := wire.DecodeError(a.value)
	if err != nil {
		return fmt.Errorf("HTTP %d: %w", a.status, err)
	}
	return &faulted{a.status, fault}
}

// unread is the outcome of a query whose answer says nothing of the refund.
func unread(sent refund.Sent, err error) refund.Outcome {
	o := refund.Outcome{Kind: refund.OutcomeUnknown, Code: "NO_ANSWER", Message: err.Error(), Sent: sent}
	switch fault := (*faulted)(nil); {
	case errors.As(err, &fault):
		o.Code = fault.code()
		if fault.status == http.StatusUnauthorized && fault.fault.Type == wire.TypeInvalidRequest {
			o.Alert = "Ping++ refuses the account's key, its signature or the clock with HTTP 401 (hint: refundry account check says why)"
		}
	case errors.Is(err, wire.ErrAnswer):
		o.Code = "UNREADABLE"
	case errors.Is(err, errNotBelieved):
		o.Code = "NOT_BELIEVED"
	}
	return o
}

// submitted is what the answer to a submit says. It is unknown unless Ping++'s own
// word says more.
func (a answer) submitted(charge string, i channel.Instruction) refund.Outcome {
	err := a.failure()
	if err == nil {
		return a.refund(charge, i)
	}
	o := unread(a.sent, err)
	if fault := (*faulted)(nil); errors.As(err, &fault) && (fault.fault.Type == wire.TypeInvalidRequest || fault.fault.Type == wire.TypeChannel) {
		if kind, ok := faults[fault.status][fault.fault.Code]; ok {
			o.Kind = kind
		}
	}
	return o
}

// refund is what an answer's refund object says of the refund that was sent or
// asked about. An object of another refund says nothing.
func (a answer) refund(charge string, i channel.Instruction) refund.Outcome {
	o := refund.Outcome{Kind: refund.OutcomeUnknown, Sent: a.sent}
	got, err := wire.DecodeRefund(a.value)
	switch {
	case err != nil:
		o.Code, o.Message = "UNREADABLE", err.Error()
	case got.Charge != charge:
		o.Code, o.Message = "OTHER_CHARGE", "the answer is about a refund of another charge"
	case wire.MetadataText(got.Metadata, numberKey) != i.Number && got.ID != i.ChannelRefundID:
		o.Code, o.Message = "OTHER_REFUND", "the answer is about another refund"
	default:
		return said(a.sent, got, nil)
	}
	return o
}

// said is what a refund object says. twins are others of the same number, which a
// person has to look at: each has moved money of its own.
func said(sent refund.Sent, got wire.Refund, twins []wire.Refund) refund.Outcome {
	amount := money.Minor(got.Amount)
	o := refund.Outcome{Kind: kindOf(got), ChannelRefundID: got.ID, Amount: &amount, SucceededAt: succeededAt(got), Sent: sent}
	if got.FailureCode != nil {
		o.Code = *got.FailureCode
	}
	if got.FailureMsg != nil {
		o.Message = *got.FailureMsg
	}
	switch o.Kind {
	case refund.OutcomeUnknown:
		o.Code, o.Message, o.Amount, o.ChannelRefundID = "STATUS", fmt.Sprintf("the refund is %q, %q: %s", got.Status, o.Code, o.Message), nil, ""
	case refund.OutcomeFailed:
		o.Code = cmp.Or(o.Code, wire.CodeRefundFailed)
	}
	if o.Code == wire.CodeRefundWaitOperation {
		// Someone opens the address and enters a password: dialects show it.
		o.Sent.Shown = map[string]string{"failure_code": o.Code, "failure_msg": o.Message}
	}
	return withTwins(o, twins)
}

// withTwins tells of refunds that were made twice.
func withTwins(o refund.Outcome, twins []wire.Refund) refund.Outcome {
	for _, one := range twins {
		o.Twins = append(o.Twins, one.ID)
	}
	return o
}
