package verify

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// refundStream puts refunds beside their transfers, events and the number of
// their attempts, and disputes, whose ids are none of theirs, beside their own; of
// all, or of a slice of one merchant's charges (see sliced). The charge's detail is
// read where coupons have to be told apart, and a snapshot where it does not begin
// with its event's state, as all are written.
func refundStream(slice bool) string {
	return `WITH f AS (SELECT CAST($1 AS TEXT) AS e)` + sliceOfRefunds(slice) + `
	SELECT r.merchant_id, r.id, 0, 0, r.amount || f.e || r.due_at || f.e || r.doubt || f.e || r.succeeded_at || f.e || r.attempts || f.e
		|| r.state || f.e || r.charge_id || f.e || r.currency || f.e || r.parts || f.e
		|| CASE WHEN r.asked_by LIKE '%"` + refund.ByChannel + `"%' THEN r.asked_by ELSE '' END || f.e
		|| CASE WHEN r.parts LIKE '%"coupons"%' THEN COALESCE((SELECT c.detail FROM charges c
			WHERE c.merchant_id = r.merchant_id AND c.id = r.charge_id), '') ELSE '' END || f.e || r.streak || f.e || r.watch_at FROM refunds r, f` + sliced(slice, "r", "charge_id") + `
	UNION ALL SELECT t.merchant_id, t.refund_id, 1, 0, t.amount || f.e || t.kind || f.e || t.from_account || f.e || t.to_account || f.e
		|| t.currency || f.e || t.charge_id || f.e || t.id FROM ` + ofSlice(slice, "transfers t", "t", "") + `
	UNION ALL SELECT e.merchant_id, e.refund_id, 2, e.created_at, e.type || f.e || e.charge_id || f.e || e.id || f.e
		|| CASE WHEN e.snapshot LIKE '{"state":"' || SUBSTR(e.type, 8) || '"%' THEN '' ELSE e.snapshot END FROM ` + eventsOfSlice(slice) + `
	UNION ALL SELECT a.merchant_id, a.refund_id, 3, CAST(SUM(a.times) AS BIGINT), '' FROM ` + ofSlice(slice, "attempts a", "a", "a.source IN ('submit', 'query', 'reroute')") + `
		GROUP BY a.merchant_id, a.refund_id
	UNION ALL SELECT d.merchant_id, d.id, -1, 0, d.held || f.e || d.closed_at || f.e || d.charge_id || f.e || d.state || f.e
		|| COALESCE((SELECT c.currency FROM charges c WHERE c.merchant_id = d.merchant_id AND c.id = d.charge_id), '') FROM disputes d, f` + sliced(slice, "d", "charge_id") + `
	UNION ALL SELECT e.merchant_id, e.dispute_id, 4, e.created_at, e.type || f.e || e.id FROM ` + disputeEventsOfSlice(slice) + `
	ORDER BY 1, 2, 3, 4`
}

const (
	rowRefund = iota
	rowTransfer
	rowEvent
	rowAttempts
	rowDisputeEvent

	rowDispute = -1 // before its transfers
)

// refunds holds each refund against its transfers, events and attempts, and
// the books of each merchant against both.
func (v *verifier) refunds(ctx context.Context) error {
	one := &refundHistory{v: v, books: newBooks(v)}
	err := v.stream(ctx, refundStream(v.slice), func(row *streamRow) error {
		if row.merchant != one.merchant || row.key != one.id {
			one.end()
			one.begin(row.merchant, row.key)
		}
		switch row.what {
		case rowDispute:
			one.dispute.row(row)
		case rowDisputeEvent:
			one.dispute.event(row)
		case rowRefund:
			one.refund(row)
		case rowTransfer:
			one.transfer(row)
		case rowEvent:
			one.event(row)
		case rowAttempts:
			one.calls = row.place
		}
		return nil
	})
	if err != nil {
		return err
	}
	one.end()
	one.books.end()
	return nil
}

// refundHistory is one refund with what was left behind of its life.
type refundHistory struct {
	v            *verifier
	books        *books
	merchant, id string

	there    bool
	state    refund.State
	charge   string
	currency money.Currency
	amount   money.Minor
	legs     ledger.Legs
	adopted  bool
	attempts int64
	counted  int64 // equal answers that have no attempt yet

	transfers []ledger.Transfer
	events    []stateAt
	calls     int64

	dispute disputeHistory
}

func (h *refundHistory) begin(merchant, id string) {
	*h = refundHistory{v: h.v, books: h.books, merchant: merchant, id: id, transfers: h.transfers[:0], events: h.events[:0]}
	h.books.of(merchant)
	h.dispute.refundHistory = h
}

func (h *refundHistory) found(invariant, format string, args ...any) {
	h.v.found(invariant, h.merchant, "refund "+h.id, format, args...)
}

// refund takes the refund's own row, which comes first.
func (h *refundHistory) refund(row *streamRow) {
	h.there, h.state, h.charge = true, refund.State(row.field[5]), row.field[6]
	h.amount, h.currency, h.attempts, h.adopted = money.Minor(row.number(0)), money.Currency(row.field[7]), row.number(4), adopted(row.field[9])
	var detail refund.Detail
	parts, err := readParts(row.field[8])
	if err != nil {
		h.found(Parts, "its parts can't be read: %v", err)
	}
	if err := fromJSON(row.field[10], &detail); err != nil {
		h.found(Parts, "its charge's detail can't be read: %v", err)
	}
	var streak refund.Streak
	if err := fromJSON(row.field[11], &streak); err != nil {
		h.found(Attempts, "its last answer can't be read: %v", err)
	}
	h.counted = streak.Times
	h.legs = parts.Legs(detail.Coupons)
	due, contradicted, watched := row.number(1) > 0, row.number(2)&refund.DoubtContradicted != 0, row.number(12) > 0
	switch {
	case !h.state.Valid():
		h.found(State, "there is no state %q", h.state)
		return
	case !h.state.Final() && !due:
		h.found(Due, "it is %s and nobody will look at it again", h.state)
	case h.state.Final() && due != contradicted && (!due || !watched):
		h.found(Due, "it is %s, due: %v, contradicted: %v", h.state, due, contradicted)
	case h.state != refund.Succeeded && watched:
		h.found(State, "it is %s, and would be asked about as if it had succeeded", h.state)
	case !h.state.Final() && contradicted:
		h.found(State, "it is %s, which can't be contradicted", h.state)
	}
	if (h.state == refund.Succeeded) != (row.number(3) > 0) {
		h.found(State, "it is %s, and its time of success says otherwise", h.state)
	}
	h.books.expect(h.state, h.currency, h.amount, h.legs)
}

func (h *refundHistory) transfer(row *streamRow) {
	t := ledger.Transfer{
		Kind: ledger.Kind(row.field[1]), From: ledger.Account(row.field[2]), To: ledger.Account(row.field[3]),
		Amount: money.Amount{Minor: money.Minor(row.number(0)), Currency: money.Currency(row.field[4])},
	}
	name := "transfer " + row.field[6]
	h.books.add(t)
	if h.dispute.there {
		h.dispute.transfer(name, row.field[5], t)
		return
	}
	switch {
	case !h.there:
		h.v.found(Transfers, h.merchant, name, "its refund %s is not there", h.id)
	case !t.Valid():
		h.v.found(Transfers, h.merchant, name, "it is no movement")
	case row.field[5] != h.charge:
		h.v.found(Transfers, h.merchant, name, "it is of charge %s, its refund of %s", row.field[5], h.charge)
	}
	h.transfers = append(h.transfers, t)
}

func (h *refundHistory) event(row *streamRow) {
	kind, charge, name := row.field[0], row.field[1], "event "+row.field[2]
	state, told := strings.CutPrefix(kind, "refund.")
	switch {
	case !h.there:
		h.v.found(Events, h.merchant, name, "its refund %s is not there", h.id)
		return
	case !told || !refund.State(state).Valid():
		h.v.found(Events, h.merchant, name, "its type %q names no state", kind)
	case charge != h.charge:
		h.v.found(Events, h.merchant, name, "it is of charge %s, its refund of %s", charge, h.charge)
	}
	if text := row.field[3]; text != "" {
		var snapshot refund.Snapshot
		if err := json.Unmarshal([]byte(text), &snapshot); err != nil || string(snapshot.State) != state {
			h.v.found(Events, h.merchant, name, "it tells of %s and shows %q", kind, snapshot.State)
		}
	}
	h.events = append(h.events, stateAt{refund.State(state), row.place})
}

// end holds the refund's life together.
func (h *refundHistory) end() {
	if h.dispute.refundHistory != nil && h.dispute.known() {
		h.dispute.end()
		return
	}
	switch {
	case !h.there && h.calls > 0:
		h.found(Attempts, "its attempts are there, and it is not")
		return
	case !h.there || !h.state.Valid():
		return
	}
	moved := h.moved()
	if h.calls+h.counted != h.attempts {
		h.found(Attempts, "it counts %d calls, %d are recorded", h.attempts, h.calls+h.counted)
	}
	var succeeded, ended int
	for _, e := range h.events {
		switch e.state {
		case refund.Succeeded:
			succeeded++
		case refund.Failed, refund.Canceled:
			ended++
		}
	}
	switch {
	case len(h.events) == 0:
		h.found(Events, "it left no event")
	case !h.follows():
		h.found(Events, "its events %v are no way to %s", h.events, h.state)
	case succeeded != moved[ledger.Settle]+moved[ledger.Correct] || ended != moved[ledger.Release]+moved[ledger.Return]:
		h.found(Events, "its events %v are not the changes that its transfers %v tell of", h.events, moved)
	}
}
