package refund

import (
	"encoding/json"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// State is where a refund stands. The table of moves is in state.go.
type State string

// The seven states (docs/money.md).
const (
	Held      State = "held"
	Created   State = "created"
	Pending   State = "pending"
	Abnormal  State = "abnormal"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Canceled  State = "canceled"
)

// Refund is one instruction to give back part or all of one charge.
type Refund struct {
	MerchantID string
	// ID is "re_" and 24 letters or digits, time-ordered; Ping++, the wallet
	// and the native API show it as it is.
	ID       string
	ChargeID string
	// UnitID is the id of the unit's first refund: those with the same were
	// accepted together or not at all.
	UnitID string
	// Number is the merchant's own refund number, "" if it gave none.
	Number string
	// Sequence counts the refunds of one charge from 1 in the order of their
	// acceptance; one that fails keeps its place.
	Sequence int64

	Amount   money.Minor
	Currency money.Currency
	State    State
	Reason   string
	// ReasonCode is a short code of the reason, such as requested_by_customer, and
	// Customer whose the refund is in the merchant's own system: the charge's
	// unless the request named another. "" where nobody said.
	ReasonCode string
	Customer   string
	// MaskedAt is when what it says of a person was masked; zero if it was not.
	MaskedAt time.Time
	Parts    Parts

	Channel        string
	ChannelAccount string
	// ChannelNumber is the number the channel sees: ours, made before the
	// accepting commit and the same for every attempt.
	ChannelNumber   string
	ChannelRefundID string

	CreatedAt, UpdatedAt time.Time
	// SucceededAt is zero until the payer has the money.
	SucceededAt time.Time

	// DueAt is when someone looks at it next; zero only in a final state
	// that nobody contradicted.
	DueAt time.Time
	// LeaseEpoch counts the claims. LeaseUntil is zero while nobody holds one.
	LeaseEpoch int64
	LeaseUntil time.Time

	// WatchAt is when the channel is asked again about a refund that succeeded, zero
	// for never. It is due then, as if it were not final.
	WatchAt time.Time

	HeldReason string
	HoldUntil  time.Time
	// Approved is the digest of what somebody approved, see SendDigest; "" where no
	// approval was needed, or none was given yet.
	Approved string

	// SubmitSpacing is the least time between two submits for its charge, as the
	// channel demanded when it was accepted.
	SubmitSpacing time.Duration

	// Attempts counts the calls; Tries those since the last progress, which
	// is what the back-off goes by.
	Attempts, Tries int64
	// Streak is the last answer, while the same comes again and again.
	Streak Streak
	// Unknown says that a call may have moved the money without our knowing.
	Unknown bool
	// Refused says that the channel refused while an earlier call was unknown:
	// a query must confirm before the refund fails.
	Refused bool
	// Contradicted says that a word against a final state waits for a query.
	Contradicted bool
	// Hinted says that no word contradicted it: the query is due to a hint alone.
	Hinted bool
	// Unproven says that an earlier call is still unknown, although the number may
	// be submitted again: a query was inconclusive.
	Unproven bool
	// NeedsPerson says that an operator was told that only a person can tell what
	// became of it. The channel is asked on.
	NeedsPerson bool
	// SubmittedAt is when the last submit was sent: "not found" counts only
	// after the connector's settling time from here.
	SubmittedAt time.Time
	// FirstSubmittedAt is when the first submit was sent of those that may have
	// reached the channel: Pace.ResubmitWithin counts from here.
	FirstSubmittedAt time.Time

	FailureCode    string
	FailureMessage string
	// Settled is what the payer got in another currency; zero when the same.
	Settled money.Amount
	// Landed is where the money went if not back the way it came.
	Landed Landed
	// Shown are members of the last submit that dialects show, as in Sent.
	Shown map[string]string

	// ResolvedBy is who said how it ended, where that was an operator and no
	// channel has spoken since.
	ResolvedBy audit.Actor

	By     Asker
	Detail RefundDetail
}

// Held reasons.
const (
	HeldForFunds = "funds"
	HeldForStart = "start"
	// HeldForApproval: it is sent when somebody approves it, and canceled at HoldUntil
	// if nobody does.
	HeldForApproval = "approval"
	// HeldForCancel: someone asked to withdraw it after an attempt, and the
	// channel is asked whether it knows it.
	HeldForCancel = "cancel"
)

// Asker is who asked for a refund, kept with it.
type Asker struct {
	// Key is the API key's id, or the operating system's user where Dialect is
	// ByCommand, or the console's user where it is ByConsole.
	Key     string `json:"key,omitempty"`
	Dialect string `json:"dialect,omitempty"`
	// Behind are who else may have acted as the console's user, because they had set
	// the password. Who is behind a key stays as it is, and stands with the key.
	Behind    audit.Behind `json:"behind,omitempty"`
	Identity  string       `json:"identity,omitempty"`
	Address   string       `json:"address,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
	// Call is which call of the dialect it was, where refunds of that call are
	// told from others later: ByReverse. Nobody outside chooses it.
	Call string `json:"call,omitempty"`
	// Batch is the key of the unit, where its dialect tells of the unit as one
	// thing: a batch of refunds. "" for all others.
	Batch string `json:"batch,omitempty"`
	// Trace is the span in which it was accepted, as a traceparent, where that is
	// traced: what its channel and its webhooks come to belongs to the same trace.
	Trace string `json:"trace,omitempty"`
	// Bounds are the ceilings of the key, nil for none. They are not kept with the
	// refund, which says by Counted that it is in the total of the key's day.
	Bounds  *Bounds `json:"-"`
	Counted bool    `json:"counted,omitempty"`
}

// kept is the asker as a refund in a currency keeps it.
func (a Asker) kept(c money.Currency) Asker {
	a.Counted, a.Bounds = a.Bounds.PerDay(c) > 0, nil
	return a
}

// ByReverse is the Call of a refund that was made by reversing a charge.
const ByReverse = "reverse"

// ByCommand is the dialect of refunds that the command line asked for.
const ByCommand = "command"

// ByConsole is the dialect of refunds that a user of the console asked for.
const ByConsole = "console"

// Actor is who asked; nobody where that is not known.
func (a Asker) Actor() audit.Actor {
	switch {
	case a.Key == "":
		return audit.Actor{}
	case a.Dialect == ByCommand:
		return audit.ByCommand(a.Key)
	case a.Dialect == ByConsole:
		return audit.ByUser(a.Key)
	}
	return audit.ByKey(a.Key)
}

// cause is the request that asked.
func (a Asker) cause() Cause { return Cause{Actor: a.Actor(), RequestID: a.RequestID} }

// RefundDetail is what a refund carries besides its numbers, as one JSON text.
type RefundDetail struct {
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// FundingSource is the request's own word for PaidFrom in a dialect that echoes
	// it; connectors read PaidFrom.
	FundingSource *string         `json:"funding_source,omitempty"`
	Options       ChannelOptions  `json:"extra,omitzero"`
	ClientIP      string          `json:"client_ip,omitempty"`
	NotifyURL     string          `json:"notify_url,omitempty"`
	Goods         []RefundedGoods `json:"goods,omitempty"`
	// PaidFrom is which of the merchant's accounts pays, and From how several do;
	// empty leaves it to the channel.
	PaidFrom Funds       `json:"funds_account,omitempty"`
	From     []FundsFrom `json:"from,omitempty"`
	// Password says that the channel moves the money only after the merchant has
	// entered its payment password there.
	Password bool `json:"password,omitempty"`
}

// Parts say into what a refund falls: Payer + the coupons = the amount. They
// are stored with it and given back if it fails.
type Parts struct {
	Payer money.Minor `json:"payer"`
	// Coupons is parallel to the charge's Detail.Coupons; nil when it has none.
	Coupons []money.Minor `json:"coupons,omitempty"`
	// Goods is what it takes of the lines that coupons of goods hang on, by
	// coupon index and goods id; nil unless goods were named.
	Goods map[string]GoodsUsed `json:"goods,omitempty"`
	// Fee is nil when the charge's fee is unknown.
	Fee *money.Minor `json:"fee,omitempty"`
	// Splits is what each account of the charge's Detail.Splits gives back of
	// the amount, parallel to them; nil when it has none.
	Splits []money.Minor `json:"splits,omitempty"`
}

// Discount is the sum of the coupons' parts.
func (p Parts) Discount() money.Minor {
	var sum money.Minor
	for _, x := range p.Coupons {
		sum += x
	}
	return sum
}

// sumTo reports whether no part is negative and all together are amount.
func (p Parts) sumTo(amount money.Minor) bool {
	sum, ok := p.Payer, p.Payer >= 0 && (p.Fee == nil || *p.Fee >= 0)
	for _, x := range p.Coupons {
		var fits bool
		sum, fits = money.Add(sum, x)
		ok = ok && fits && x >= 0
	}
	return ok && sum == amount
}

// Settlement is the part that touches the merchant's settlement: the amount
// less what went to unfunded coupons.
func (p Parts) Settlement(coupons []Coupon) money.Minor {
	legs := p.Legs(coupons)
	return legs.Payer + legs.CouponCash
}

// Legs turns the parts into the books' form.
func (p Parts) Legs(coupons []Coupon) ledger.Legs {
	legs := ledger.Legs{Payer: p.Payer}
	for i, x := range p.Coupons {
		if i < len(coupons) && coupons[i].Type == TypeUnfunded {
			legs.CouponNoCash += x
		} else {
			legs.CouponCash += x
		}
	}
	if p.Fee != nil {
		legs.Fee = *p.Fee
	}
	return legs
}

// Check re-checks on read what the rules and the database hold.
func (r Refund) Check() error {
	switch {
	case r.Amount <= 0:
		return Errorf(KindCorrupt, "refund", "refund %s has no positive amount", r.ID)
	case !r.Parts.sumTo(r.Amount):
		return Errorf(KindCorrupt, "refund", "the parts of refund %s do not sum to its amount", r.ID)
	case r.DueAt.IsZero() && !r.State.Final():
		return Errorf(KindCorrupt, "refund", "refund %s is open and due at no time", r.ID)
	}
	return nil
}
