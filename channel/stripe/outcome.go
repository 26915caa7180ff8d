package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// meaning is what an error's code says of a refund, by the call that it answers.
type meaning struct{ submit, query refund.OutcomeKind }

var (
	// refusal: Stripe has checked the request and refuses it. A question that is
	// refused so says nothing of the refund.
	refusal = meaning{refund.OutcomeRefused, refund.OutcomeUnknown}
	// notNow: nothing was executed, and the same may be sent again.
	notNow = meaning{refund.OutcomeTryLater, refund.OutcomeTryLater}
	// unclear: an earlier request of the same key may have created the refund, or is
	// about to.
	unclear = meaning{refund.OutcomeUnknown, refund.OutcomeUnknown}
)

// meanings are the codes that Stripe documents for refunds. A code that is not here
// is unknown, and so is every answer with 5xx, whatever its code: Stripe calls the
// result of such a request indeterminate.
var meanings = map[stripe.ErrorCode]meaning{
	stripe.ErrorCodeChargeAlreadyRefunded:        refusal,
	stripe.ErrorCodeChargeDisputed:               refusal,
	stripe.ErrorCodeRefundDisputedPayment:        refusal,
	stripe.ErrorCodeChargeNotRefundable:          refusal,
	stripe.ErrorCodeAmountTooLarge:               refusal,
	stripe.ErrorCodeAmountTooSmall:               refusal,
	stripe.ErrorCodeInvalidChargeAmount:          refusal,
	codeNoDecimals:                               refusal,
	stripe.ErrorCodePaymentIntentUnexpectedState: refusal,
	stripe.ErrorCodeLivemodeMismatch:             refusal,
	stripe.ErrorCodeParameterInvalidEmpty:        refusal,
	stripe.ErrorCodeParameterInvalidInteger:      refusal,
	stripe.ErrorCodeParameterInvalidStringBlank:  refusal,
	stripe.ErrorCodeParameterInvalidStringEmpty:  refusal,
	stripe.ErrorCodeParameterMissing:             refusal,
	stripe.ErrorCodeParameterUnknown:             refusal,
	stripe.ErrorCodeParametersExclusive:          refusal,
	// To a submit the payment is what is missing, to a question by id the refund.
	stripe.ErrorCodeResourceMissing: {refund.OutcomeRefused, refund.OutcomeNotFound},
	// Payment methods that can't wait for funds. A card's refund is created all the
	// same, pending with insufficient_funds.
	stripe.ErrorCodeBalanceInsufficient: {refund.OutcomeShortOfFunds, refund.OutcomeUnknown},
	// Rate limiters stand before everything else, and an object that could not be
	// locked was not changed.
	stripe.ErrorCodeRateLimit:   notNow,
	stripe.ErrorCodeLockTimeout: notNow,
	// The account is wrong, and not the refund.
	stripe.ErrorCodeAPIKeyExpired:         notNow,
	stripe.ErrorCodePlatformAPIKeyExpired: notNow,
	stripe.ErrorCodeSecretKeyRequired:     notNow,
	stripe.ErrorCodeAccountInvalid:        notNow,

	stripe.ErrorCodeIdempotencyKeyInUse: unclear,
}

// codeNoDecimals is the code for a fraction of a currency that has none any more; it
// is not among the client's.
const codeNoDecimals stripe.ErrorCode = "invalid_charge_amount_no_decimal_compatible"

// codeless are errors without a code, by status and type. That more than is left
// can't be refunded has none.
var codeless = map[int]map[stripe.ErrorType]meaning{
	http.StatusBadRequest:      {stripe.ErrorTypeInvalidRequest: refusal, stripe.ErrorTypeIdempotency: unclear},
	http.StatusUnauthorized:    {stripe.ErrorTypeInvalidRequest: notNow, "authentication_error": notNow},
	http.StatusForbidden:       {stripe.ErrorTypeInvalidRequest: notNow, "permission_error": notNow},
	http.StatusTooManyRequests: {stripe.ErrorTypeInvalidRequest: notNow, "rate_limit_error": notNow, stripe.ErrorTypeRateLimit: notNow},
}

// states are what a refund's status says.
var states = map[stripe.RefundStatus]refund.OutcomeKind{
	stripe.RefundStatusSucceeded:      refund.OutcomeDone,
	stripe.RefundStatusPending:        refund.OutcomeAccepted,
	stripe.RefundStatusRequiresAction: refund.OutcomeAccepted,
	stripe.RefundStatusFailed:         refund.OutcomeFailed,
	stripe.RefundStatusCanceled:       refund.OutcomeFailed,
}

// of is the kind for an error that answered a call.
func (m meaning) of(call refund.Source) refund.OutcomeKind {
	if call == refund.Submit {
		return m.submit
	}
	return m.query
}

// outcome is what a call came to: its refund, or its error. It is unknown unless
// Stripe says more.
func (c *connector) outcome(call refund.Source, x *exchange, got *stripe.Refund, err error, i channel.Instruction, of payment) refund.Outcome {
	o := refund.Outcome{Kind: refund.OutcomeUnknown, Sent: x.sent, RetryAfter: x.retryAfter}
	if err == nil {
		return described(o, call, got, i, of)
	}
	o.Code, o.Message = "NO_ANSWER", c.said(err)
	if errors.Is(err, errOthers) {
		o.Code, o.Message = "OTHER_PAYMENT", errOthers.Error()
	}
	var fault *stripe.Error
	if !errors.As(err, &fault) {
		return o
	}
	o.Code = codeOf(fault)
	if x.replayed {
		o.Message += " (the answer to an earlier request with this key)"
	}
	if fault.HTTPStatusCode < http.StatusBadRequest || fault.HTTPStatusCode >= http.StatusInternalServerError {
		return o
	}
	o.Throttled = fault.HTTPStatusCode == http.StatusTooManyRequests && fault.Code != stripe.ErrorCodeLockTimeout
	if known, ok := meaningOf(fault); ok {
		o.Kind = known.of(call)
	}
	if o.Kind == refund.OutcomeTryLater && fault.HTTPStatusCode != http.StatusTooManyRequests {
		o.Alert = fmt.Sprintf("Stripe refuses the account's key with HTTP %d, %s (hint: refundry account check says why, account rotate sets another key)", fault.HTTPStatusCode, o.Code)
	}
	if o.Kind == refund.OutcomeNotFound && i.ChannelRefundID == "" {
		// It is the payment that this account does not know: a key of another Stripe
		// account may have been set since, and nothing is proved.
		o.Kind = refund.OutcomeInconclusive
	}
	return o
}

func meaningOf(fault *stripe.Error) (meaning, bool) {
	if fault.Code != "" && fault.Type != stripe.ErrorTypeIdempotency {
		known, ok := meanings[fault.Code]
		return known, ok
	}
	known, ok := codeless[fault.HTTPStatusCode][fault.Type]
	return known, ok
}

// codeOf is an error's code, or else its type, or else its status.
func codeOf(fault *stripe.Error) string {
	switch {
	case fault.Code != "":
		return string(fault.Code)
	case fault.Type != "":
		return string(fault.Type)
	}
	return "HTTP_" + strconv.Itoa(fault.HTTPStatusCode)
}

// described is what a refund object says of the refund that was sent or asked about.
// An object of another refund says nothing.
func described(o refund.Outcome, call refund.Source, got *stripe.Refund, i channel.Instruction, of payment) refund.Outcome {
	amount, counted := fromStripe(got.Amount, string(got.Currency))
	kind, known := states[got.Status]
	switch {
	case got.Object != "refund" || got.ID == "":
		o.Code, o.Message = "UNREADABLE", "the answer is no refund"
	case !of.owns(got):
		o.Code, o.Message = "OTHER_PAYMENT", "the answer is about a refund of another payment"
	case call == refund.Submit && numberOf(got) != i.Number, i.ChannelRefundID != "" && got.ID != i.ChannelRefundID:
		o.Code, o.Message = "OTHER_REFUND", "the answer is about another refund"
	case !counted || amount.Currency != i.Amount.Currency:
		o.Code, o.Message = "OTHER_CURRENCY", fmt.Sprintf("the answer is about %d of %q", got.Amount, got.Currency)
	case !known:
		o.Code, o.Message = "STATUS", fmt.Sprintf("the refund has a status that is not known, %q", got.Status)
	default:
		o.Kind, o.ChannelRefundID, o.Amount = kind, got.ID, &amount.Minor
		explain(&o, got)
		if kind == refund.OutcomeDone && call == refund.Submit {
			o.SucceededAt = time.Unix(got.Created, 0)
		}
	}
	return o
}

// explain fills in what a refund says of its way and of its failure.
func explain(o *refund.Outcome, got *stripe.Refund) {
	switch {
	case o.Kind == refund.OutcomeFailed && got.FailureReason != "":
		o.Code = string(got.FailureReason)
	case o.Kind != refund.OutcomeDone:
		o.Code = string(got.Status)
	}
	var parts []string
	switch {
	case got.Status == stripe.RefundStatusFailed:
		parts = append(parts, "the refund failed, or the bank sent it back")
	case got.Status == stripe.RefundStatusCanceled:
		parts = append(parts, "the refund was canceled at Stripe")
	case got.Status == stripe.RefundStatusRequiresAction:
		parts = append(parts, "waits for the payer, whom Stripe asks where the money should go")
	case got.PendingReason == stripe.RefundPendingReasonInsufficientFunds:
		// It exists at Stripe and goes on by itself: nothing is submitted again.
		parts = append(parts, "waits at Stripe for funds (insufficient_funds)")
	case got.PendingReason != "":
		parts = append(parts, "pending: "+string(got.PendingReason))
	}
	way, reference := destination(got.DestinationDetails)
	if reference != "" {
		parts = append(parts, reference)
	}
	o.Landed.Way, o.Message = way, strings.Join(parts, "; ")
}

// ways are the destinations that are not the way the money came.
var ways = map[string]refund.Way{"customer_cash_balance": refund.WayBalance}

// destination is where the money went, and the bank's reference as a text.
func destination(details *stripe.RefundDestinationDetails) (refund.Way, string) {
	if details == nil {
		return "", ""
	}
	// Each kind of destination is a type of its own, and the reference is in all of
	// them by the same names.
	var all map[string]json.RawMessage
	var one struct {
		Reference     string `json:"reference"`
		Status        string `json:"reference_status"`
		ReferenceType string `json:"reference_type"`
	}
	text, err := json.Marshal(details)
	if err != nil || json.Unmarshal(text, &all) != nil {
		return ways[details.Type], ""
	}
	if err := json.Unmarshal(all[details.Type], &one); err != nil || one.Reference == "" {
		return ways[details.Type], ""
	}
	kind := one.ReferenceType
	if kind == "" {
		kind = details.Type + " reference"
	}
	return ways[details.Type], strings.ReplaceAll(kind, "_", " ") + " " + one.Reference
}
