package refund

import (
	"strings"
	"time"
)

// manyTries is after how many looks at a list that can't be read an operator is
// told: with a back-off that doubles from a second, some minutes.
const manyTries = 8

// firstSubmitted notes when a submit left that may have reached the channel.
func (r *Refund) firstSubmitted(at time.Time) {
	if r.FirstSubmittedAt.IsZero() {
		r.FirstSubmittedAt = at
	}
}

// LongestCall bounds how long after it left a submit may come to the channel.
const LongestCall = 30 * time.Second

// MayResubmit reports whether the channel would take a submit that leaves at the
// given time for the refund that earlier ones may have brought to it.
func MayResubmit(r Refund, pace Pace, at time.Time) bool {
	return pace.ResubmitWithin == 0 || r.FirstSubmittedAt.IsZero() || at.Before(r.FirstSubmittedAt.Add(pace.ResubmitWithin-LongestCall))
}

// NeedsListing reports whether a query that finds nothing is to be followed by a
// look at the channel's list: nothing else can lead to a submit any more.
func NeedsListing(r Refund, pace Pace, at time.Time) bool {
	return r.waitsForSubmit() && !MayResubmit(r, pace, at)
}

// moveSpread is how long after a change of an account's settings, by another
// process's clock, a call may still leave under the ones before.
const moveSpread = 5 * time.Minute

// AskedElsewhere reports whether a query's "not found" may come from another account
// at the channel than the one that a submit went to: the account's settings say so
// until movedAt, zero for never. It ends no refund then. A refund that the channel
// has accepted waits for no such end.
func (r Refund) AskedElsewhere(movedAt time.Time) bool {
	inDoubt := r.Unknown || r.Refused || r.Contradicted || r.HeldReason == HeldForCancel || r.waitsForSubmit()
	return inDoubt && !movedAt.IsZero() && !r.FirstSubmittedAt.IsZero() && !r.FirstSubmittedAt.After(movedAt.Add(moveSpread))
}

// waitsForSubmit reports whether the refund may have to be submitted again.
func (r Refund) waitsForSubmit() bool {
	return r.State != Abnormal && !r.State.Final() && (r.Unknown || r.State == Pending && r.SubmittedAt.IsZero())
}

// absent takes a query's answer that shows no refund, after the settling time.
// The next step is a submit with the same number; at once the first time, and
// then with the back-off: a channel that loses every call is not to be flooded.
func (d *decision) absent() {
	if d.o.Listing != ListedAbsent && !MayResubmit(d.r, d.pace, d.now) {
		d.unlisted()
		return
	}
	d.known()
	d.r.Unproven = d.o.Kind == OutcomeInconclusive && d.o.Listing != ListedAbsent
	if d.o.Listing == ListedAbsent {
		d.r.FirstSubmittedAt = time.Time{}
	}
	d.r.SubmittedAt = time.Time{}
	d.mayHaveIt()
	if d.r.Tries > 1 {
		d.r.DueAt = d.now.Add(d.pace.Backoff(d.r.Tries - 1))
		return
	}
	d.r.DueAt = d.now
}

// unlisted: the channel would no longer know that a submit is a repeat, and no
// list says that there is nothing to repeat. Nothing is sent; the channel is
// asked on.
func (d *decision) unlisted() {
	d.r.Unknown = true
	d.mayHaveIt()
	d.backOff()
	if d.o.Listing == ListingFailed {
		d.note("the channel's list could not be read")
		if d.r.Tries >= manyTries {
			d.person("the channel does not know a refund that was submitted long ago, and its list can't be read; nothing is sent again")
		}
		return
	}
	d.r.DueAt = d.now.Add(d.pace.Longest)
	d.person("the channel does not know a refund that was submitted too long ago to be repeated; nothing is sent again: it needs a person (hint: look it up at the channel, then refundry refund resolve)")
}

// DefaultEscalateAfter is two days: what no channel has told by then, it tells to
// nobody but a person.
const DefaultEscalateAfter = 48 * time.Hour

// escalate shows a refund to a person whose outcome is unknown for too long: the
// channel may have had it for that long, and its last answer did not say what
// became of it. The channel is asked on, and nothing is decided.
func (d *decision) escalate() {
	if d.r.State.Final() || d.r.FirstSubmittedAt.IsZero() || d.r.NeedsPerson {
		return
	}
	switch d.o.Kind {
	case OutcomeUnknown, OutcomeTryLater, OutcomeShortOfFunds, OutcomeNotFound, OutcomeInconclusive, OutcomeRefused:
	default:
		return // the channel has spoken about it
	}
	after := d.pace.EscalateAfter
	if after == 0 {
		after = DefaultEscalateAfter
	}
	switch {
	case d.now.Sub(d.r.FirstSubmittedAt) < after:
	case d.before.NeedsPerson:
		d.r.NeedsPerson = true // told before
	default:
		d.person("the outcome of a refund has been unknown for too long: it needs a person (hint: look it up at the channel, then refundry refund resolve)")
	}
}

// person tells an operator, once, that only a person can find out more.
func (d *decision) person(text string) {
	if !d.r.NeedsPerson {
		d.alert(text)
	}
	d.r.NeedsPerson = true
}

// twice tells an operator of a refund that the channel made more than once.
func (d *decision) twice() {
	if len(d.o.Twins) == 0 {
		return
	}
	others := strings.Join(d.o.Twins, ", ")
	d.note("made more than once: also as " + others)
	d.alert("the channel made a refund more than once: also as " + others + " (hint: refundry account check --since adopts what was made twice)")
}

// takeID keeps the channel's own id of the refund. One that another refund has,
// or that is not the one which it had, is told and left out.
func (d *decision) takeID() {
	given := d.o.ChannelRefundID
	switch {
	case given == "" || given == d.r.ChannelRefundID:
	case d.o.IDTaken:
		d.note("the channel refund id " + given + " is another refund's: not kept")
		d.alert("the channel gave a refund an id that another refund has (" + given + ")")
	case d.r.ChannelRefundID != "":
		d.note("the channel refund id has changed to " + given + ": not kept")
		d.alert("the channel gave a refund another id than before (" + given + ")")
	default:
		d.r.ChannelRefundID = given
	}
}

// missID tells of a success without an id, where the channel has one for each.
func (d *decision) missID() {
	if d.pace.GivesIDs && d.r.ChannelRefundID == "" && d.o.ChannelRefundID == "" && d.o.Source != Operator {
		d.note("no channel refund id")
		d.alert("the channel gave no id to a refund that succeeded")
	}
}
