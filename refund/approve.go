package refund

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/audit"
)

// MaxNote bounds what somebody says who approves or refuses, in characters.
const MaxNote = 256

// Decision is a second person's word about an approval.
type Decision struct {
	Cause
	// Behind are who may act as whoever decides, and Asked is the requester with who
	// may act as them, both as they are now.
	Behind audit.Behind
	Asked  audit.Person
	// Digest is that of what the person saw, "" where they did not say.
	Digest string
	// Note is what they say. Who refuses has to say something.
	Note string
}

// conflict is the error of an approval that can't be decided any more.
func (a Approval) conflict(r Refund) *Error {
	text := "the refund waits for no approval"
	if a.ID != "" && a.State != ApprovalWaiting {
		text = "the approval is decided already: " + string(a.State)
		if by := a.DecidedBy.String(); by != "" {
			text += " by " + by
		}
	}
	e := Errorf(KindStateConflict, "refund", "%s", text)
	e.Refund = r.ID
	return e
}

// asker is who asked, with all who may have acted as them then, or may now.
func (a Approval) asker(d Decision) audit.Person {
	return audit.Person{Actor: a.Requester, Behind: a.RequesterBehind.With(d.Asked.Behind.People())}
}

// MayApprove refuses whoever may not approve, or can't any more, as Approve does.
func (a Approval) MayApprove(by Decision, now time.Time) *Error {
	return a.mayApprove(Refund{ID: a.RefundID}, by, now)
}

// mayApprove refuses whoever may not approve, or can't any more. The database
// refuses the requester too, and who is behind them.
func (a Approval) mayApprove(r Refund, d Decision, now time.Time) *Error {
	var e *Error
	onePerson := OnePerson("asked for it", "approve it", a.asker(d), audit.Person{Actor: d.Actor, Behind: d.Behind})
	switch {
	case d.Actor.Check() != nil:
		return Wrap(d.Actor.Check(), "approve")
	case a.State != ApprovalWaiting:
		return a.conflict(r)
	case d.Actor == a.Requester:
		e = Errorf(KindForbidden, "", "who asked for it may not approve it: that takes another person or key")
	case a.Requester.Check() == nil && a.Requester != d.Asked.Actor:
		e = Errorf(KindStateConflict, "refund", "something else is asked for now, by %s: look at it again", a.Requester)
	case a.Requester.Check() != nil:
		e = Errorf(KindForbidden, "", "it is not known who asked for it, so that nobody can be known to be another")
	case onePerson != "":
		e = Errorf(KindForbidden, "", "%s", onePerson)
	case !now.Before(a.ExpiresAt):
		e = Errorf(KindStateConflict, "refund", "the time to approve it was over at %s", a.ExpiresAt.UTC().Format(time.RFC3339))
	case utf8.RuneCountInString(d.Note) > MaxNote:
		return Errorf(KindInvalid, "note", "note must have at most %d characters", MaxNote)
	default:
		return nil
	}
	e.Refund = r.ID
	return e
}

// Approve lets a refund go that waits for an approval, to be sent exactly as it was
// asked for. Where what would be sent has changed since, the change renews the
// approval under newID, and is to be written with the error. Errors:
// KindForbidden for who asked; KindStateConflict for one that is decided, whose time
// is over, or of which the person saw something else; KindInvalid.
func Approve(c Charge, r Refund, a Approval, by Decision, newID string, now time.Time) (Change, *Error) {
	if err := a.mayApprove(r, by, now); err != nil {
		return Change{}, err
	}
	if r.HeldReason != HeldForApproval || !r.LeaseUntil.IsZero() || a.Kind != ToSend {
		return Change{}, Approval{}.conflict(r)
	}
	switch sends := SendDigest(c, r); {
	case a.Digest != sends:
		e := Errorf(KindStateConflict, "digest", "what would be sent has changed since approval was asked for: look at it again, and approve that")
		e.Refund = r.ID
		return a.renew(c, r, newID, now), e
	case by.Digest != "" && by.Digest != sends:
		e := Errorf(KindStateConflict, "digest", "this is not what would be sent: look at it again")
		e.Refund = r.ID
		return Change{}, e
	}
	end := ApprovalEnd{
		RefundID: r.ID, ID: a.ID, State: ApprovalApproved, By: by.Actor, At: now, Note: by.Note,
		Behind: by.Behind.People(), RequesterBehind: a.asker(by).Behind,
	}
	change := Change{Charge: c, Ended: []ApprovalEnd{end}}
	r.HeldReason, r.HoldUntil, r.DueAt, r.UpdatedAt, r.Approved = "", time.Time{}, now, now, a.Digest
	if a.StartAt.After(now) {
		r.HeldReason, r.HoldUntil, r.DueAt = HeldForStart, a.StartAt, a.StartAt
	} else {
		r.State = Created
		change.Events = []Event{event(Held, r, c, now, by.Cause)}
	}
	change.Refunds = []Refund{r}
	return change, nil
}

// renew replaces an approval by one for what would be sent now.
func (a Approval) renew(c Charge, r Refund, newID string, now time.Time) Change {
	end := ApprovalEnd{RefundID: r.ID, ID: a.ID, State: ApprovalOvertaken, At: now, Note: "what would be sent has changed"}
	a.ID, a.Digest, a.Why = newID, SendDigest(c, r), strings.TrimSpace(a.Why+"; what would be sent has changed since it was asked for")
	return Change{Charge: c, Refunds: []Refund{r}, Ended: []ApprovalEnd{end}, Approvals: []Approval{a}}
}

// Refuse ends an approval with a reason. A refund that waits for it is canceled with
// that reason; one whose correction was asked for stays as it is. Who asked may
// refuse too. Errors: KindStateConflict for one that is decided; KindInvalid.
func Refuse(c Charge, r Refund, a Approval, by Decision, now time.Time) (Change, *Error) {
	switch {
	case by.Actor.Check() != nil:
		return Change{}, Wrap(by.Actor.Check(), "refuse")
	case a.State != ApprovalWaiting:
		return Change{}, a.conflict(r)
	case strings.TrimSpace(by.Note) == "":
		return Change{}, Errorf(KindInvalid, "reason", "reason must not be empty: whoever asked is shown it")
	case utf8.RuneCountInString(by.Note) > MaxNote:
		return Change{}, Errorf(KindInvalid, "reason", "reason must have at most %d characters", MaxNote)
	}
	end := ApprovalEnd{RefundID: r.ID, ID: a.ID, State: ApprovalRefused, By: by.Actor, At: now, Note: by.Note}
	if a.Kind == ToCorrect {
		return Change{Charge: c, Ended: []ApprovalEnd{end}}, nil
	}
	if r.HeldReason != HeldForApproval || !r.LeaseUntil.IsZero() {
		return Change{}, Approval{}.conflict(r)
	}
	return unapproved(c, r, end, codeRefused, by.Cause, now), nil
}

// correctionTime is how long a correction waits for its second person.
const correctionTime = 7 * 24 * time.Hour

// AskCorrection asks a second person to give a refund in a final state another one:
// a has what it says, its id, and who may act as the requester. KindStateConflict for a refund that is not final,
// or is what a says; KindInvalid.
func AskCorrection(r Refund, a Approval, by Cause, now time.Time) (Approval, *Error) {
	fail := func(text string) (Approval, *Error) {
		e := Errorf(KindStateConflict, "refund", "%s", text)
		e.Refund = r.ID
		return Approval{}, e
	}
	switch {
	case by.Actor.Check() != nil:
		return Approval{}, Wrap(by.Actor.Check(), "ask for a correction")
	case a.To != Succeeded && a.To != Failed:
		return Approval{}, Errorf(KindInvalid, "state", "state must be one of succeeded, failed")
	case !r.State.Final():
		return fail("the refund is not at its end, it is " + string(r.State) + ": say how it ended by resolving it")
	case (r.State == Succeeded) == (a.To == Succeeded):
		return fail("the refund is " + string(r.State) + " already")
	}
	a.MerchantID, a.RefundID, a.Kind, a.State = r.MerchantID, r.ID, ToCorrect, ApprovalWaiting
	a.Requester, a.CreatedAt, a.ExpiresAt = by.Actor, now, now.Add(correctionTime)
	a.Why = "to be corrected from " + string(r.State) + " to " + string(a.To)
	a.Digest = CorrectionDigest(r, a)
	return a, nil
}

// Confirm says whether a correction may be applied now, and returns the operator's
// word that Apply takes: who asked says it, and who confirms stands by it.
func Confirm(r Refund, a Approval, by Decision, now time.Time) (Outcome, *Error) {
	if err := a.mayApprove(r, by, now); err != nil {
		return Outcome{}, err
	}
	if seen := CorrectionDigest(r, a); a.Kind != ToCorrect || a.Digest != seen || by.Digest != "" && by.Digest != seen {
		e := Errorf(KindStateConflict, "digest", "the refund has changed since the correction was asked for: it is %s", r.State)
		e.Refund = r.ID
		return Outcome{}, e
	}
	o := Outcome{
		Kind: OutcomeDone, Source: Operator, Code: CodeByHand, Message: a.Proof, SucceededAt: a.SucceededAt,
		Cause: Cause{Actor: a.Requester, RequestID: by.RequestID}, Confirmed: Confirmation{
			ApprovalID: a.ID, By: by.Actor, Note: by.Note, Behind: by.Behind.People(), RequesterBehind: a.asker(by).Behind,
		},
	}
	if a.To == Failed {
		o.Kind = OutcomeFailed
	}
	return o, nil
}
