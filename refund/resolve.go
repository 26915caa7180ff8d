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
		return d.o.Cause.Actor.String() + " says that the refund, which was " + string(d.before.State) + ", has " + string(next) + ": corrected by hand"
	case by != (audit.Actor{}):
		return "the channel says that the refund has " + string(next) + ", which " + by.String() + " had resolved as " + string(d.before.State) + ": corrected"
	}
	return text
}
