package admin

import (
	"context"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// Approvals keeps the questions to a second person.
type Approvals interface {
	// Approval returns a refund's approval that waits, else the one that was asked for
	// last; zero where there was none.
	Approval(ctx context.Context, merchantID, refundID string) (refund.Approval, error)
	// Approvals lists a merchant's, newest first.
	Approvals(ctx context.Context, f refund.ApprovalFilter) (found []refund.Approval, more bool, err error)
	// CountApprovals counts those that wait, at most refund.MaxQueueCount.
	CountApprovals(ctx context.Context, merchantID string) (int64, error)
	// ApprovalSubjects reads the refunds of approvals with their charges, by refund id.
	// A refund or charge that is damaged is zero.
	ApprovalSubjects(ctx context.Context, merchantID string, refundIDs []string) (map[string]refund.Claimed, error)
	// ApproveRefund lets a refund go that waits for an approval, and RefuseRefund ends
	// an approval of either kind; see refund.Approve and refund.Refuse. Of two decisions
	// at the same moment the second is KindStateConflict.
	ApproveRefund(ctx context.Context, merchantID, refundID string, by refund.Decision, record refund.Action, now time.Time) (refund.Refund, refund.Charge, error)
	RefuseRefund(ctx context.Context, merchantID, refundID string, by refund.Decision, record refund.Action, now time.Time) (refund.Refund, refund.Charge, error)
	// AskCorrection writes the question that ask holds, see refund.AskCorrection; one
	// that waits already is KindStateConflict.
	AskCorrection(ctx context.Context, merchantID, refundID string, ask refund.Approval, record refund.Action, now time.Time) (refund.Approval, error)
}

// Approving is what a second person says.
type Approving struct {
	// Digest is that of the approval which the person saw; "" does not compare.
	Digest string
	// Note is why; whoever refuses has to say it. Up to refund.MaxNote characters.
	Note string
}

func (n Approving) decision(by By) refund.Decision {
	return refund.Decision{Cause: refund.Cause{Actor: by.Actor, RequestID: by.RequestID}, Digest: n.Digest, Note: strings.TrimSpace(n.Note)}
}

// decision is what somebody says about an approval, with who may act as whom.
func (a *Admin) decision(ctx context.Context, by By, asked refund.Approval, says Approving) (refund.Decision, error) {
	d := says.decision(by)
	decides, err := a.person(ctx, by.Actor)
	if err == nil {
		d.Behind = decides.Behind
		d.Asked, err = a.person(ctx, asked.Requester)
	}
	return d, err
}

// MayApprove says of each approval why somebody with the right to approve can't
// approve it, nil where they can: KindForbidden for who is one person with the
// requester, KindStateConflict for one that is over.
func (a *Admin) MayApprove(ctx context.Context, by By, asked []Question) ([]error, error) {
	if by.Actor == (audit.Actor{}) {
		return nil, audit.ErrNoActor
	}
	known := make(map[audit.Actor]audit.Person)
	person := func(actor audit.Actor) (audit.Person, error) {
		found, ok := known[actor]
		if ok {
			return found, nil
		}
		found, err := a.person(ctx, actor)
		known[actor] = found
		return found, err
	}
	decides, err := person(by.Actor)
	if err != nil {
		return nil, err
	}
	out := make([]error, len(asked))
	for n, one := range asked {
		d := Approving{}.decision(by)
		d.Behind = decides.Behind
		if d.Asked, err = person(one.Requester); err != nil {
			return nil, err
		}
		if fault := one.MayApprove(d, a.now()); fault != nil {
			out[n] = fault
		}
	}
	return out, nil
}

// Approve approves what a refund waits for: that it is sent exactly as it was asked
// for, or that its final state is corrected. name is any that Refunds.RefundByAny
// takes. Errors: those of RefundByAny; KindForbidden for who asked, and for whom they
// may act as, see refund.OnePerson; KindStateConflict
// where nothing waits, another decision came first, its time is over, or what would
// be sent is not what the person saw; KindInvalid.
func (a *Admin) Approve(ctx context.Context, by By, merchantID, name string, says Approving) (refund.Refund, error) {
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.approve", name)
	if err != nil {
		return refund.Refund{}, err
	}
	asked, err := a.s.Store.Approval(ctx, merchantID, r.ID)
	if err != nil {
		return refund.Refund{}, err
	}
	decides, err := a.decision(ctx, by, asked, says)
	if err != nil {
		return refund.Refund{}, err
	}
	record = withNote(record, says.Note)
	if asked.Kind == refund.ToCorrect {
		record.Action = "refund.confirm"
		record = record.With("approval", asked.ID).With("digest", asked.Digest).With("state", string(asked.To)).With("proof", asked.Proof).With("requester", asked.Requester.String())
		r, err = a.s.Engine.Correct(ctx, asked, decides, record)
	} else {
		r, _, err = a.s.Store.ApproveRefund(ctx, merchantID, r.ID, decides, record, a.now())
	}
	if err != nil {
		return refund.Refund{}, err
	}
	a.done(merchantID)
	return r, nil
}

func withNote(record refund.Action, note string) refund.Action {
	if note = strings.TrimSpace(note); note != "" {
		record = record.With("note", note)
	}
	return record
}

// Refuse refuses what a refund waits for, with a reason: one that waits to be sent is
// canceled with it, one whose correction was asked for stays as it is. Who asked may
// refuse too. Errors: those of RefundByAny; KindStateConflict where nothing waits, or
// another decision came first; KindInvalid without a reason.
func (a *Admin) Refuse(ctx context.Context, by By, merchantID, name string, says Approving) (refund.Refund, error) {
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.refuse", name)
	if err != nil {
		return refund.Refund{}, err
	}
	r, _, err = a.s.Store.RefuseRefund(ctx, merchantID, r.ID, says.decision(by), withNote(record, says.Note), a.now())
	if err != nil {
		return refund.Refund{}, err
	}
	a.done(merchantID)
	return r, nil
}

// AskCorrection asks a second person to give a refund in a final state another one,
// of which the requester has proof. Nothing changes until another confirms it by
// Approve; after a week nobody can. Errors: those of RefundByAny; KindInvalid;
// KindStateConflict for a refund that has not ended, that is so already, or whose
// correction waits already.
func (a *Admin) AskCorrection(ctx context.Context, by By, merchantID, name string, how Resolution) (Question, error) {
	if err := by.check(); err != nil {
		return Question{}, err
	}
	if err := how.check(a.now()); err != nil {
		return Question{}, err
	}
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.correct", name)
	if err != nil {
		return Question{}, err
	}
	if !how.SucceededAt.IsZero() && how.SucceededAt.Before(r.CreatedAt) {
		return Question{}, refund.Errorf(refund.KindInvalid, "succeeded_at", "succeeded_at is before the refund was created")
	}
	asks, err := a.person(ctx, by.Actor)
	if err != nil {
		return Question{}, err
	}
	record = record.With("state", string(how.State)).With("proof", how.Proof)
	ask := refund.Approval{To: how.State, Proof: how.Proof, SucceededAt: how.SucceededAt, RequesterBehind: asks.Behind}
	asked, err := a.s.Store.AskCorrection(ctx, merchantID, r.ID, ask, record, a.now())
	if err != nil {
		return Question{}, err
	}
	a.done(merchantID)
	all, err := a.questions(ctx, merchantID, asked)
	if err != nil {
		return Question{}, err
	}
	return all[0], nil
}

// Question is an approval with what it is about: the refund, exactly as it would be
// sent or corrected, and its charge.
type Question struct {
	refund.Approval
	Refund refund.Refund
	Charge refund.Charge
	// Unreadable says that one of them is damaged and zero, or that the approval breaks
	// an invariant: nobody can decide then.
	Unreadable bool
}

// Approvals lists the questions to a second person, newest first. A filter's RefundID
// may be any name of a refund that Refunds.RefundByAny takes.
func (a *Admin) Approvals(ctx context.Context, f refund.ApprovalFilter) ([]Question, bool, error) {
	if f.RefundID != "" {
		r, err := a.s.Store.RefundByAny(ctx, f.MerchantID, f.RefundID)
		if err != nil {
			return nil, false, err
		}
		f.RefundID = r.ID
	}
	found, more, err := a.s.Store.Approvals(ctx, f)
	if err != nil {
		return nil, false, err
	}
	out, err := a.questions(ctx, f.MerchantID, found...)
	return out, more, err
}

func (a *Admin) questions(ctx context.Context, merchantID string, found ...refund.Approval) ([]Question, error) {
	ids := make([]string, len(found))
	for n, one := range found {
		ids[n] = one.RefundID
	}
	subjects, err := a.s.Store.ApprovalSubjects(ctx, merchantID, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Question, len(found))
	for n, one := range found {
		about := subjects[one.RefundID]
		out[n] = Question{one, about.Refund, about.Charge, about.Refund.ID == "" || about.Charge.ID == "" || one.Check() != nil}
	}
	return out, nil
}

// Approval is the approval that a refund waits for, else the one that was asked for
// last. KindNotFound where there was none.
func (a *Admin) Approval(ctx context.Context, merchantID, refundID string) (Question, error) {
	found, err := a.s.Store.Approval(ctx, merchantID, refundID)
	if err != nil {
		return Question{}, err
	}
	if found.ID == "" {
		return Question{}, refund.Errorf(refund.KindNotFound, "approval", "the refund waited for no approval")
	}
	all, err := a.questions(ctx, merchantID, found)
	if err != nil {
		return Question{}, err
	}
	return all[0], nil
}

// CountApprovals counts the questions that wait for a second person, at most
// refund.MaxQueueCount.
func (a *Admin) CountApprovals(ctx context.Context, merchantID string) (int64, error) {
	return a.s.Store.CountApprovals(ctx, merchantID)
}
