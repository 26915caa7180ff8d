package refund

import (
	"time"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// Dispute takes what a channel says of a dispute of the charge, which has happened
// whatever we think of it. known is the dispute as it was recorded, its zero value
// for one that is new, which gets the id; open are the charge's refunds that may be
// withdrawn, oldest first. A dispute that holds more than is left cancels these,
// newest first; what still does not fit is excess. What is said again, or is older
// than what is known, changes nothing: then the change has no Dispute.
func (c Charge) Dispute(known Dispute, open []Refund, told Dispute, id string, now time.Time) (Change, *Error) {
	out := Change{Charge: c}
	if err := told.check(); err != nil {
		return Change{}, err
	}
	if err := c.Check(); err != nil {
		return Change{}, As(err)
	}
	next, news := known.follow(told)
	if known.ID != "" && known.contradicted(told) {
		out.disputeAlert("the channel says that a dispute was won and that it was lost, and not which came later: the first counts until it says so")
	}
	if !news {
		return out, nil
	}
	if known.ID == "" {
		next.MerchantID, next.ID, next.ChargeID, next.ChannelAccount, next.CreatedAt = c.MerchantID, id, c.ID, c.ChannelAccount, now
	}
	next.UpdatedAt, next.Held = now, c.disputed(next)
	switch {
	case !next.State.Closed():
		next.ClosedAt = time.Time{}
	case !known.State.Closed():
		next.ClosedAt = now
	}
	if !c.counts(next.Held) {
		return Change{}, Errorf(KindInvalid, "amount", "the charge would hold more than can be counted")
	}
	out.hold(known, next, open, now)
	if known.State.Closed() && known.State != next.State {
		out.disputeAlert("a dispute that was " + string(known.State) + " is " + string(next.State) + " by a later word of the channel's")
	}
	out.Dispute = &next
	out.DisputeEvents = []DisputeEvent{{Type: next.event(known), At: now, Dispute: next, Charge: snapshot(Refund{}, out.Charge)}}
	return out, nil
}

// check: what the channel says can be recorded at all.
func (d Dispute) check() *Error {
	switch {
	case d.ChannelDisputeID == "":
		return Errorf(KindInvalid, "dispute", "a dispute without the channel's id of it")
	case !d.State.Valid():
		return Errorf(KindInvalid, "dispute", "a dispute in no state that is known")
	case d.Amount.Minor <= 0 || !d.Amount.Currency.Valid():
		return Errorf(KindInvalid, "dispute", "a dispute without an amount above 0 in a currency that is known")
	}
	return nil
}

// place decides about a notice of a dispute: charge is the charge that it names.
func (d Dispute) place(charge Charge) (where Placement, note string) {
	if err := d.check(); err != nil {
		return PlaceAside, err.Detail
	}
	if charge.ID == "" {
		return PlaceWait, "a dispute of no charge of ours"
	}
	return PlaceAdopt, ""
}

// follow is the dispute after what the channel says, and reports whether that is any
// news. By the channel's times, where it says them, the later word counts; a dispute
// that is not closed never goes back a state, because the later of two notices may be
// about less than the earlier.
func (d Dispute) follow(told Dispute) (next Dispute, news bool) {
	if d.ID == "" {
		return told, true
	}
	rank, before := disputeRank[told.State], disputeRank[d.State]
	timed := !told.ChannelAt.IsZero() && !d.ChannelAt.IsZero()
	newer := timed && told.ChannelAt.After(d.ChannelAt)
	switch {
	case timed && told.ChannelAt.Before(d.ChannelAt):
		return d, false
	case d.State.Closed() && told.State != d.State && (!newer || !told.State.Holds() && !told.State.Closed()):
		return d, false
	case !d.State.Closed() && rank < before:
		told.State = d.State
		if told.Amount == d.Amount || !newer {
			return d, false
		}
	}
	next = d
	next.State, next.Amount = told.State, told.Amount
	if told.Reason != "" {
		next.Reason = told.Reason
	}
	next.ChannelAt = later(d.ChannelAt, told.ChannelAt)
	return next, next.State != d.State || next.Amount != d.Amount || next.Reason != d.Reason
}

// contradicted: the channel says of a closed dispute that it ended otherwise, and not
// that this is the later word.
func (d Dispute) contradicted(told Dispute) bool {
	timed := !told.ChannelAt.IsZero() && !d.ChannelAt.IsZero()
	return d.State.Closed() && told.State.Closed() && told.State != d.State && (!timed || told.ChannelAt.Equal(d.ChannelAt))
}

// disputed is what a dispute holds of the charge. One in another currency than the
// charge's holds all that was paid: a part of it can't be told.
func (c Charge) disputed(d Dispute) money.Minor {
	switch {
	case !d.State.Holds():
		return 0
	case d.Amount.Currency != c.Currency:
		return c.Amount
	}
	return d.Amount.Minor
}

// hold moves what the dispute holds, after refunds that no longer fit were canceled.
func (c *Change) hold(known, next Dispute, open []Refund, now time.Time) {
	if more := next.Held - known.Held; more > 0 {
		c.makeRoom(open, more, Cause{}, now)
		if next.Amount.Currency != c.Charge.Currency {
			c.disputeAlert("a dispute is in " + string(next.Amount.Currency) + ", and its charge is not: all that was paid is held")
		}
	}
	legs := ledger.Disputing(known.State.account(), known.Held, next.State.account(), next.Held, c.Charge.Currency)
	if len(legs) == 0 {
		return
	}
	c.Charge.Blocked += next.Held - known.Held
	c.Charge.UpdatedAt = now
	if over := c.Charge.overflow(); over != c.Charge.Excess {
		if over > c.Charge.Excess {
			c.disputeAlert("a dispute holds more than is left of what was paid: recorded as excess")
		}
		c.Charge.Excess = over
	}
	for _, leg := range legs {
		c.Transfers = append(c.Transfers, Transfer{RefundID: next.ID, ChargeID: c.Charge.ID, Transfer: leg})
	}
}

// account is where the money that a dispute holds is.
func (s DisputeState) account() ledger.Account {
	switch {
	case s == DisputeLost:
		return ledger.Chargeback
	case s.Holds():
		return ledger.Disputed
	}
	return ledger.Available
}

// event is the type of what is told of a dispute that was known before.
func (d Dispute) event(known Dispute) string {
	switch {
	case d.State.Closed() && d.State != known.State:
		return DisputeClosed
	case known.ID == "":
		return DisputeOpened
	}
	return DisputeUpdated
}

func (c *Change) disputeAlert(text string) {
	c.Alerts = append(c.Alerts, Alert{Text: "charge " + c.Charge.ID + ": " + text})
}
