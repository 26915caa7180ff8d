package refund

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/money"
)

// ApprovalKind is what a second person is asked for.
type ApprovalKind string

// The kinds of approvals.
const (
	// ToSend: a refund that a policy holds is sent once it is approved.
	ToSend ApprovalKind = "send"
	// ToCorrect: a refund in a final state gets another one once it is confirmed.
	ToCorrect ApprovalKind = "correct"
)

// ApprovalState is where an approval stands. All but ApprovalWaiting are final.
type ApprovalState string

// The states of approvals.
const (
	ApprovalWaiting  ApprovalState = "waiting"
	ApprovalApproved ApprovalState = "approved"
	// ApprovalRefused: somebody said no; a refund that waited for it is canceled.
	ApprovalRefused ApprovalState = "refused"
	// ApprovalExpired: its time was over; a refund that waited for it is canceled.
	ApprovalExpired ApprovalState = "expired"
	// ApprovalWithdrawn: the refund was canceled while it waited.
	ApprovalWithdrawn ApprovalState = "withdrawn"
	// ApprovalOvertaken: the refund changed otherwise while it waited: the channel
	// or an operator said what became of it, or what would be sent has changed.
	ApprovalOvertaken ApprovalState = "overtaken"
)

// ApprovalStates lists them all.
func ApprovalStates() []ApprovalState {
	return []ApprovalState{ApprovalWaiting, ApprovalApproved, ApprovalRefused, ApprovalExpired, ApprovalWithdrawn, ApprovalOvertaken}
}

const (
	// codeRefused and codeExpired are the failure codes of refunds that were canceled
	// because nobody approved them.
	codeRefused = "APPROVAL_REFUSED"
	codeExpired = "APPROVAL_EXPIRED"
	// renewedTime is how long a refund waits for its new approval after what would be
	// sent has changed.
	renewedTime = 72 * time.Hour
)

// PolicyRef names the policy that held or refused a refund, as it was then.
type PolicyRef struct {
	ID, Name string
	Version  int64
}

// Approval is a question to a second person about one refund.
type Approval struct {
	MerchantID string
	// ID is "apr_" and 24 letters or digits, time-ordered.
	ID       string
	RefundID string
	Kind     ApprovalKind
	State    ApprovalState
	// Digest is over exactly what is asked for; see SendDigest and CorrectionDigest.
	Digest string
	// Requester is who asked: for the refund, or for the correction. They may not
	// approve. DecidedBy is who did, or refused or canceled it; nobody while it waits,
	// and where time or the channel ended it.
	Requester, DecidedBy audit.Actor
	// RequesterBehind are who may have acted as the requester, when they asked or when
	// it was decided, and DecidedBehind who may have acted as whoever decided.
	RequesterBehind, DecidedBehind audit.Behind
	// Note is what whoever decided said, "" for nothing.
	Note string
	// Policy is the one that held the refund; zero for corrections. Why says it for
	// people.
	Policy PolicyRef
	Why    string
	// StartAt is when the refund may be sent at the earliest, once it is approved;
	// zero for at once.
	StartAt time.Time
	// To, Proof and SucceededAt are what a correction says.
	To          State
	Proof       string
	SucceededAt time.Time

	CreatedAt, ExpiresAt, DecidedAt time.Time
}

// ApprovalEnd ends the approval that waits for a refund.
type ApprovalEnd struct {
	RefundID string
	// ID is that of the approval, "" for whichever waits for the refund.
	ID    string
	State ApprovalState
	By    audit.Actor
	At    time.Time
	Note  string
	// Behind and RequesterBehind are the approval's DecidedBehind and RequesterBehind;
	// "" leaves those.
	Behind, RequesterBehind audit.Behind
}

// Confirmation is the second person behind a correction, and the approval that they
// decided by it.
type Confirmation struct {
	ApprovalID string
	By         audit.Actor
	Note       string
	// Behind and RequesterBehind are as in ApprovalEnd.
	Behind, RequesterBehind audit.Behind
}

// At is the approval as it stands at a time: nobody writes down that the time of a
// correction is over.
func (a Approval) At(now time.Time) Approval {
	if a.State == ApprovalWaiting && a.Kind == ToCorrect && !now.Before(a.ExpiresAt) {
		a.State = ApprovalExpired
	}
	return a
}

// Expiry is where in the order of their ends an approval to send stands: when its time
// is over, and its refund.
type Expiry struct {
	At time.Time
	Key
}

// ApprovalFilter selects approvals; zero members select all.
type ApprovalFilter struct {
	MerchantID string
	RefundID   string
	Kind       ApprovalKind
	State      ApprovalState
	Page       Page
}

// SendDigest is over exactly what would be sent for a refund: the merchant, the
// charge and the payment behind it, the amount, the account and number, and where
// the money is taken from and goes, as 64 hex digits. What only describes the
// refund, such as its reason, is no part of it.
func SendDigest(c Charge, r Refund) string {
	way, _ := json.Marshal(struct { // of texts and numbers alone: there is no error
		Funds    Funds
		From     []FundsFrom
		Goods    []RefundedGoods
		Options  ChannelOptions
		Password bool
		Parts    Parts
	}{r.Detail.PaidFrom, r.Detail.From, r.Detail.Goods, r.Detail.Options, r.Detail.Password, r.Parts})
	return digest(
		"refundry send 1", r.MerchantID, r.ID, r.ChargeID, c.TransactionID, c.Detail.SubMerchant, minorText(r.Amount), string(r.Currency),
		r.Channel, r.ChannelAccount, r.ChannelNumber, string(way),
	)
}

// CorrectionDigest is over exactly what a correction would change.
func CorrectionDigest(r Refund, a Approval) string {
	return digest(
		"refundry correction 1", r.MerchantID, r.ID, minorText(r.Amount), string(r.Currency), string(r.State), string(a.To), a.Proof,
		strconv.FormatInt(a.SucceededAt.UnixMicro(), 10),
	)
}

func minorText(m money.Minor) string { return strconv.FormatInt(int64(m), 10) }

// digest is over each text with its length, so that no two lists are written alike.
func digest(texts ...string) string {
	var all strings.Builder
	for _, text := range texts {
		all.WriteString(strconv.Itoa(len(text)))
		all.WriteByte(':')
		all.WriteString(text)
	}
	sum := sha256.Sum256([]byte(all.String()))
	return hex.EncodeToString(sum[:])
}

// approvalID is the id of the approval that a refund is accepted with.
func approvalID(refundID string) string { return "apr_" + strings.TrimPrefix(refundID, "re_") }

// Sendable reports whether a due refund may be claimed for a call: it waits for no
// approval, and where it had one, that is for what would be sent. What may not be
// claimed goes through Wait.
func Sendable(c Charge, r Refund) bool {
	return r.HeldReason != HeldForApproval && (r.Approved == "" || r.Attempts > 0 || NextStep(r) != StepSubmit || r.Approved == SendDigest(c, r))
}

// holdForApproval holds a refund that is being accepted, as a verdict has it, until
// somebody approves it. No passing of time sends it.
func (r *Refund) holdForApproval(c Charge, v Verdict, start, now time.Time) Approval {
	r.State, r.HeldReason, r.HoldUntil, r.DueAt = Held, HeldForApproval, v.Until, v.Until
	return Approval{
		MerchantID: r.MerchantID, ID: approvalID(r.ID), RefundID: r.ID, Kind: ToSend, State: ApprovalWaiting, Digest: SendDigest(c, *r),
		Requester: r.By.Actor(), RequesterBehind: r.By.Behind, Policy: v.Policy, Why: v.Why, StartAt: start, CreatedAt: now, ExpiresAt: v.Until,
	}
}

// Wait is what becomes of a due refund that is not Sendable: its time is over and it
// is canceled, it waits on, or what would be sent is not what was approved and it
// waits for a new approval, whose id is newID. ok is false for any other refund.
func Wait(c Charge, r Refund, newID string, now time.Time) (change Change, ok bool) {
	switch {
	case Sendable(c, r), r.State.Final(), !r.LeaseUntil.IsZero():
		return Change{Charge: c}, false
	case r.HeldReason != HeldForApproval:
		return renewed(c, r, newID, now), true
	case now.Before(r.HoldUntil):
		r.DueAt = r.HoldUntil
		return Change{Charge: c, Refunds: []Refund{r}}, true
	}
	return unapproved(c, r, ApprovalEnd{State: ApprovalExpired, Note: "nobody approved it in time"}, codeExpired, Cause{}, now), true
}

// renewed holds a refund again that is about to be sent otherwise than it was
// approved.
func renewed(c Charge, r Refund, newID string, now time.Time) Change {
	before := r.State
	r.UpdatedAt, r.Approved = now, ""
	a := r.holdForApproval(c, Verdict{Until: now.Add(renewedTime), Why: "what would be sent has changed since it was approved"}, time.Time{}, now)
	a.ID = newID
	change := Change{
		Charge: c, Refunds: []Refund{r}, Approvals: []Approval{a},
		Alerts: []Alert{{RefundID: r.ID, Text: "what would be sent is not what was approved: the refund waits for a new approval"}},
	}
	if before != Held {
		change.Events = []Event{event(before, r, c, now, Cause{})}
	}
	return change
}

// unapproved cancels a refund that nobody approved.
func unapproved(c Charge, r Refund, end ApprovalEnd, code string, cause Cause, now time.Time) Change {
	d := decision{charge: c, before: r, r: r, now: now, ending: &end}
	d.r.UpdatedAt, d.r.FailureCode, d.r.FailureMessage = now, code, end.Note
	d.end(Canceled)
	return Change{
		Charge: d.charge, Refunds: []Refund{d.r}, Transfers: transfers(d.r, d.legs),
		Events: []Event{event(d.before.State, d.r, d.charge, now, cause)}, Ended: d.ended,
	}
}

// overtake ends the approval that a refund waits for, where the refund goes on
// otherwise.
func (d *decision) overtake() {
	end := ApprovalEnd{State: ApprovalOvertaken, By: d.o.Cause.Actor}
	if d.ending != nil {
		end = *d.ending
	}
	end.RefundID, end.At = d.r.ID, d.now
	d.ended = append(d.ended, end)
}

// Check re-checks on read what the rules and the database hold: who asked did not
// approve, nor did anybody who may be the same person.
func (a Approval) Check() error {
	_, same := audit.Person{Actor: a.Requester, Behind: a.RequesterBehind}.Same(audit.Person{Actor: a.DecidedBy, Behind: a.DecidedBehind})
	if a.State == ApprovalApproved && (same || a.DecidedBy == (audit.Actor{}) || a.Requester == (audit.Actor{})) {
		return Errorf(KindCorrupt, "approval", "approval %s was given by who asked for it, or by nobody", a.ID)
	}
	return nil
}
