package refund

import (
	"errors"
	"fmt"
)

// ErrCommitUnknown says that the connection broke during COMMIT, so that it
// is not known whether the transaction happened.
var ErrCommitUnknown = errors.New("the commit's result is unknown")

// ErrLocked says that another transaction holds a row that was needed, and did
// not end in time: another session, or a replica that stands still. Nothing was
// changed.
var ErrLocked = errors.New("another transaction holds what this one needs")

// Kind is what went wrong, from a closed list. Each dialect turns every kind
// outward once, in its errors.go; internal/tidy fails when one lacks a row.
type Kind string

// The kinds of errors.
const (
	// KindInvalid: a parameter is missing, malformed or out of range.
	KindInvalid Kind = "invalid"
	// KindUnauthenticated: no key, or one we do not know.
	KindUnauthenticated Kind = "unauthenticated"
	// KindForbidden: the key lacks the scope, or the mode forbids the call.
	KindForbidden Kind = "forbidden"
	// KindNotFound: nothing is served at this address.
	KindNotFound Kind = "not_found"
	// KindChargeNotFound: the merchant has no such charge in this dialect.
	KindChargeNotFound Kind = "charge_not_found"
	// KindRefundNotFound: the merchant has no such refund.
	KindRefundNotFound Kind = "refund_not_found"
	// KindEventNotFound: the merchant has no such event.
	KindEventNotFound Kind = "event_not_found"
	// KindNoAccount: no channel account takes the charge, or the one that took it
	// is closed. Nothing was accepted.
	KindNoAccount Kind = "no_channel_account"
	// KindAmountExceeded: more than is still refundable.
	KindAmountExceeded Kind = "amount_exceeded"
	// KindFullyRefunded: nothing is left to refund.
	KindFullyRefunded Kind = "fully_refunded"
	// KindWindowOver: the channel's time for refunds is over.
	KindWindowOver Kind = "window_over"
	// KindTooManyRefunds: the channel allows no further refund of the charge.
	KindTooManyRefunds Kind = "too_many_refunds"
	// KindTooSoon: the last refund of the charge is too recent.
	KindTooSoon Kind = "too_soon"
	// KindFullOnly: the channel refunds the whole charge or nothing.
	KindFullOnly Kind = "full_only"
	// KindLimitExceeded: above a limit of the merchant.
	KindLimitExceeded Kind = "limit_exceeded"
	// KindPolicyRefused: a policy of the merchant's own refuses the refund.
	KindPolicyRefused Kind = "policy_refused"
	// KindNumberConflict: the refund number was used with other content.
	KindNumberConflict Kind = "number_conflict"
	// KindKeyConflict: the idempotency key was used with other content, or
	// key and number point to different refunds.
	KindKeyConflict Kind = "key_conflict"
	// KindChargeConflict: the same charge was registered with other content.
	KindChargeConflict Kind = "charge_conflict"
	// KindStateConflict: the refund's state does not allow the call.
	KindStateConflict Kind = "state_conflict"
	// KindBusy: not taken; try again later.
	KindBusy Kind = "busy"
	// KindUnavailable: the database can't be used now, and nothing was accepted.
	KindUnavailable Kind = "unavailable"
	// KindUnknownOutcome: it may or may not have been accepted; query, or
	// repeat the same.
	KindUnknownOutcome Kind = "unknown_outcome"
	// KindTooLarge: the request is larger than its limit.
	KindTooLarge Kind = "too_large"
	// KindMethodNotAllowed: the address is served, by another method.
	KindMethodNotAllowed Kind = "method_not_allowed"
	// KindCorrupt: what was read breaks an invariant; `refundry verify` tells more.
	KindCorrupt Kind = "corrupt"
	// KindInternal: a fault of ours.
	KindInternal Kind = "internal"
)

// Error is what the core and everything around it refuse with.
type Error struct {
	Kind Kind
	// Param is the parameter at fault in the core's own words, "" if none.
	Param string
	// Detail is safe to show to the caller.
	Detail string
	// More says which numbers stand behind the detail: how much is left, which
	// limit, which refund. The native API, the command line and the console add
	// it; the dialects keep to the words of their protocols.
	More string
	// Room and Limit are those numbers for programs; nil where the error is about
	// something else.
	Room  *Room
	Limit *Limit
	// Charge and Refund name what the error is about, where known.
	Charge, Refund string
	// Cause is for the log only.
	Cause error
}

// Errorf makes an error whose detail is safe to show.
func Errorf(kind Kind, param, format string, args ...any) *Error {
	return &Error{Kind: kind, Param: param, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes an internal error around a cause that is for the log only; a cause
// that is ErrUnavailable stays what it is.
func Wrap(cause error, doing string) *Error {
	if errors.Is(cause, ErrUnavailable) {
		return Unavailable(fmt.Errorf("%s: %w", doing, cause))
	}
	return &Error{Kind: KindInternal, Detail: "internal error", Cause: fmt.Errorf("%s: %w", doing, cause)}
}

// Told is the detail with the numbers behind it.
func (e *Error) Told() string {
	if e.More == "" {
		return e.Detail
	}
	return e.Detail + ": " + e.More
}

func (e *Error) Error() string {
	text := string(e.Kind)
	if e.Param != "" {
		text += " (" + e.Param + ")"
	}
	text += ": " + e.Told()
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of err; what is not ours is internal.
func KindOf(err error) Kind {
	if e := As(err); e != nil {
		return e.Kind
	}
	return KindInternal
}

// As finds the Error in err's chain, nil if there is none.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
