package refund

import (
	"time"

	"github.com/refundry/refundry/money"
)

// Source says how an outcome came to us.
type Source string

// The sources. Submit, Query and Reroute are calls made under a lease.
const (
	Submit   Source = "submit"
	Query    Source = "query"
	Reroute  Source = "reroute"
	Notice   Source = "notice"
	Operator Source = "operator"
)

// Call reports whether the source is a call of ours, made under a lease.
func (s Source) Call() bool { return s == Submit || s == Query || s == Reroute }

// OutcomeKind is a channel's word in our terms.
type OutcomeKind string

// The kinds of outcomes.
const (
	// OutcomeAccepted: the channel has it and works on it.
	OutcomeAccepted OutcomeKind = "accepted"
	// OutcomeDone: the payer has the money.
	OutcomeDone OutcomeKind = "done"
	// OutcomeRefused: this call was refused for good and created nothing.
	OutcomeRefused OutcomeKind = "refused"
	// OutcomeFailed: the channel's own word that the refund failed, was closed,
	// or was sent back by a bank.
	OutcomeFailed OutcomeKind = "failed"
	// OutcomeTryLater: throttled or not available; nothing was created.
	OutcomeTryLater OutcomeKind = "try_later"
	// OutcomeShortOfFunds: the merchant's funds do not suffice; nothing was created.
	OutcomeShortOfFunds OutcomeKind = "short_of_funds"
	// OutcomeAbnormal: the channel tried, the payer's account can't take it.
	OutcomeAbnormal OutcomeKind = "abnormal"
	// OutcomeUnknown: no answer, or none that can be understood.
	OutcomeUnknown OutcomeKind = "unknown"
	// OutcomeNotFound: a query's answer that the channel knows no such refund.
	OutcomeNotFound OutcomeKind = "not_found"
	// OutcomeInconclusive: a query's answer that shows no refund and proves
	// nothing. The same number may be submitted again; it ends no refund.
	OutcomeInconclusive OutcomeKind = "inconclusive"
)

// Listing says what the channel's list of a payment's refunds has shown, after a
// query that found nothing.
type Listing string

// The listings. "" is none: the account has no list, or none was needed.
const (
	// ListedAbsent: the list is complete, and the refund is not on it.
	ListedAbsent Listing = "absent"
	// ListingFailed: the list could not be read now, or proves nothing.
	ListingFailed Listing = "failed"
)

// MaxExchange bounds what is kept of a request, and of an answer, in bytes: a refund's
// own members, without its coupons and goods, take some hundred.
const MaxExchange = 1536

// Sent is what one call sent to the channel. It has no secret and no card number.
type Sent struct {
	// Request and Answer are what people may read of the call: of the members the
	// names, and the values of those that say which refund it is and how it stands.
	// "" where the channel's driver keeps none; that of a reroute never is.
	Request string `json:"request,omitempty"`
	Answer  string `json:"answer,omitempty"`
	// Digest is the SHA-256 of the request in hex, "" where nothing was sent.
	Digest string `json:"digest,omitempty"`
	// AccountVersion is the version of the channel account that was used.
	AccountVersion int64 `json:"-"`
	// UpstreamRequestID is the channel's own name for the call.
	UpstreamRequestID string `json:"upstream_request_id,omitempty"`
	// Shown are members of the request that dialects show to merchants, by the
	// names that they have in the channel's protocol, or of its answer where that
	// asks for something to be done.
	Shown map[string]string `json:"shown,omitempty"`
}

// Outcome is what a call, a notice or an operator with proof says of a refund.
type Outcome struct {
	Kind   OutcomeKind
	Source Source
	// Epoch is the lease under which the call was made; 0 for notices.
	Epoch int64
	// SentAt is when the call left; zero for notices.
	SentAt time.Time
	// ChannelRefundID is the channel's own id, "" if it gave none.
	ChannelRefundID string
	// Amount is what the channel says it refunds; nil if it does not say.
	Amount *money.Minor
	// SucceededAt is the channel's time of success; zero means our now.
	SucceededAt time.Time
	Code        string
	Message     string
	// Alert is what an operator has to put right at the account, "" for nothing: it
	// is the account that the channel refuses, and not the refund. It is an alert
	// once, however often the call is repeated.
	Alert string
	// RetryAfter is how long the channel asked us to wait; 0 if it did not.
	RetryAfter time.Duration
	// Throttled says that the channel refused the call because it is called too often:
	// its account is called less often for a while. It says nothing of the refund.
	Throttled bool
	// Settled is what the payer got in another currency; zero when the same.
	Settled money.Amount
	// Twins are the channel's own ids of further refunds under the refund's number
	// that have not failed: it was made more than once. They are no refunds of ours,
	// and are adopted where the channel's list is compared.
	Twins []string
	// Landed is where the money goes; empty members are the way it came.
	Landed Landed
	// Sent is what the call sent; zero for notices.
	Sent Sent
	// Listing is what the engine found in the channel's list.
	Listing Listing
	// IDTaken says that another refund of the account has the ChannelRefundID.
	// Only the store can know; it sets this.
	IDTaken bool
	// Confirmed is the second person behind an operator's word against a final state;
	// zero otherwise.
	Confirmed Confirmation
	// Cause is who brought it about, where that was somebody: an operator who
	// says how the refund ended, or who had it rerouted.
	Cause Cause
}

// Report is what a call, a notice or an operator says of one refund. A notice
// knows the refund only by its channel account and number there.
type Report struct {
	Key
	ChargeID string // "" for notices: the store finds it
	// Mark is the engine's own: the report's place among those it records.
	Mark    int
	Outcome Outcome
}

// Pace is what Apply needs of a connector's nature.
type Pace struct {
	// SettlingTime is how long after a submit "not found" proves nothing.
	SettlingTime time.Duration
	// Backoff gives the wait before try n, n from 1 on; see Backoff.
	First, Longest time.Duration
	// FirstQuery is the least time from a submit whose outcome is unknown to the
	// question about it; 0 is a second.
	FirstQuery time.Duration
	// RepeatAfter is how many questions in a row, answered with OutcomeInconclusive,
	// lead to a submit of the same number although the channel had accepted the
	// refund; 0 is never. It is for channels whose acceptance is no promise.
	RepeatAfter int64
	// ResubmitWithin is how long after the first submit the channel takes the same
	// number for the same refund; 0 is for ever. Later, a query that finds nothing
	// is no reason to submit again: only the channel's complete list is.
	ResubmitWithin time.Duration
	// EscalateAfter is how long after its first submit a refund whose outcome is
	// still unknown is shown to a person; 0 is DefaultEscalateAfter. It decides
	// nothing.
	EscalateAfter time.Duration
	// Watch are the times after its success at which a refund is asked about again,
	// shortest first and zero after the last: banks send money back weeks later. None
	// is never.
	Watch [MaxWatches]time.Duration
	// GivesIDs says that each refund has an id of the channel's own, so that a
	// success without one is an alert for an operator.
	GivesIDs bool
}

// Backoff is the wait before the next look after tries looks without
// progress: First, doubled each time, at most Longest. It is a pure function;
// who wants jitter adds it outside.
func (p Pace) Backoff(tries int64) time.Duration {
	wait := p.First
	for i := int64(1); i < tries; i++ {
		wait *= 2
		if wait >= p.Longest || wait <= 0 {
			return p.Longest
		}
	}
	return min(wait, p.Longest)
}

// Step is what the engine does next for a refund that is due.
type Step string

// The steps.
const (
	StepSubmit Step = "submit"
	StepQuery  Step = "query"
	// StepReroute is taken on request alone; NextStep never returns it.
	StepReroute Step = "reroute"
)

// NextStep decides whether to tell the channel or to ask it. Whatever may
// already be at the channel is asked for first.
func NextStep(r Refund) Step {
	switch {
	case r.Unknown, r.Refused, r.Contradicted:
		return StepQuery
	case r.HeldReason == HeldForCancel:
		return StepQuery
	case r.State == Created, r.State == Held:
		return StepSubmit
	case r.State == Pending && r.SubmittedAt.IsZero():
		// A query found nothing after an unknown call: the same number again.
		return StepSubmit
	default:
		return StepQuery
	}
}
