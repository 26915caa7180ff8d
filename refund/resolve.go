package refund

import "github.com/refundry/refundry/audit"

// resolved notes who said how the refund ended, if that was an operator.
func (d *decision) resolved() {
	d.r.ResolvedBy = audit.Actor{}
	if d.o.Source == Operator {
		d.r.ResolvedBy = d.o.Cause.Actor
	}
}

// contradicted says that the channel contradicts a final state.
func (d *decision) contradicted() string {
	if by := d.before.ResolvedBy; by != (audit.Actor{}) {
		return "the channel contradicts what " + by.String() + " resolved by hand; a query of its own decides"
	}
	return "the channel contradicts a final state; a query of its own decides"
}

// turned says that a final state was turned round: in the text given, unless a
// person said how the refund had ended, or says so now. What a person said is
// never told as the word of a bank or channel.
func (d *decision) turned(text string) string {
	next := Succeeded
	if d.o.Kind == OutcomeFailed {
		next = Failed
	}
	switch by := d.before.ResolvedBy; {
	case d.o.Source == Operator:
		return "the refund, which was " + string(d.before.State) + ", has " + string(next) + ": " + d.twoPeople()
	case by != (audit.Actor{}):
		return "the channel says that the refund has " + string(next) + ", which " + by.String() + " had resolved as " + string(d.before.State) + ": corrected"
	}
	return text
}

// CodeByHand marks the attempt, and the failure, that an operator's word made.
const CodeByHand = "BY_HAND"

// confirmed reports whether two people stand by an operator's word.
func (o Outcome) confirmed() bool {
	_, same := audit.Person{Actor: o.Cause.Actor, Behind: o.Confirmed.RequesterBehind}.Same(audit.Person{Actor: o.Confirmed.By, Behind: o.Confirmed.Behind})
	return o.Source == Operator && o.Confirmed.By.Check() == nil && !same
}

// twoPeople says who changed a final state by hand.
func (d *decision) twoPeople() string {
	return "corrected by " + d.o.Cause.Actor.String() + ", confirmed by " + d.o.Confirmed.By.String()
}

// confirm notes the two people, and ends the approval that the correction waited for.
func (d *decision) confirm() {
	if !d.o.confirmed() {
		return
	}
	d.note(d.twoPeople())
	d.ended = append(d.ended, ApprovalEnd{
		RefundID: d.r.ID, ID: d.o.Confirmed.ApprovalID, State: ApprovalApproved, By: d.o.Confirmed.By, At: d.now, Note: d.o.Confirmed.Note,
		Behind: d.o.Confirmed.Behind, RequesterBehind: d.o.Confirmed.RequesterBehind,
	})
}
