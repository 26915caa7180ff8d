package store

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// refundStream puts refunds beside their transfers, events and the number of
// their attempts. The charge's detail is read where coupons have to be told
// apart.
const refundStream = `
	SELECT r.merchant_id, r.id AS refund, 0 AS what, r.created_at AS at, r.id AS id, r.state, r.parts, r.charge_id, r.currency,
		CASE WHEN r.parts LIKE '%"coupons"%' THEN COALESCE((SELECT c.detail FROM charges c
			WHERE c.merchant_id = r.merchant_id AND c.id = r.charge_id), '') ELSE '' END AS t5,
		r.amount, r.due_at, r.doubt, r.succeeded_at, r.attempts,
		CASE WHEN r.asked_by LIKE '%"` + refund.ByChannel + `"%' THEN 1 ELSE 0 END AS n6, r.lease_until, r.hold_until, 0 AS n9 FROM refunds r
	UNION ALL SELECT t.merchant_id, t.refund_id, 1, t.created_at, t.id, t.kind, t.from_account, t.to_account, t.currency, t.charge_id,
		t.amount, 0, 0, 0, 0, 0, 0, 0, 0 FROM transfers t
	UNION ALL SELECT e.merchant_id, e.refund_id, 2, e.created_at, e.id, e.type, e.snapshot, e.charge_id, '', '',
		0, 0, 0, 0, 0, 0, 0, 0, 0 FROM events e
	UNION ALL SELECT a.merchant_id, a.refund_id, 3, 0, '', '', '', '', '', '',
		COUNT(*), 0, 0, 0, 0, 0, 0, 0, 0 FROM attempts a WHERE a.source IN ('submit', 'query', 'reroute') GROUP BY a.merchant_id, a.refund_id
	ORDER BY 1, 2, 3, 4, 5`

const (
	rowRefund = iota
	rowTransfer
	rowEvent
	rowAttempts
)

// refunds holds each refund against its transfers, events and attempts, and
// the books of each merchant against both.
func (v *verifier) refunds(ctx context.Context) error {
	one := &refundHistory{v: v, books: newBooks(v)}
	err := v.stream(ctx, refundStream, func(row *streamRow) error {
		if row.merchant != one.merchant || row.key != one.id {
			one.end()
			one.begin(row.merchant, row.key)
		}
		switch row.what {
		case rowRefund:
			one.refund(row)
		case rowTransfer:
			one.transfer(row)
		case rowEvent:
			one.event(row)
		case rowAttempts:
			one.calls = row.number[0]
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

	transfers []ledger.Transfer
	events    []stateAt
	calls     int64
}

func (h *refundHistory) begin(merchant, id string) {
	*h = refundHistory{v: h.v, books: h.books, merchant: merchant, id: id, transfers: h.transfers[:0], events: h.events[:0]}
	h.books.of(merchant)
}

func (h *refundHistory) found(invariant, format string, args ...any) {
	h.v.found(invariant, h.merchant, "refund "+h.id, format, args...)
}

// refund takes the refund's own row, which comes first.
func (h *refundHistory) refund(row *streamRow) {
	h.there, h.state, h.charge = true, refund.State(row.text[0]), row.text[2]
	h.currency, h.amount, h.attempts, h.adopted = money.Currency(row.text[3]), money.Minor(row.number[0]), row.number[4], row.number[5] == 1
	var parts refund.Parts
	var detail refund.Detail
	if err := json.Unmarshal([]byte(row.text[1]), &parts); err != nil {
		h.found(VerifyParts, "its parts can't be read: %v", err)
	}
	if err := fromJSON(row.text[4], &detail); err != nil {
		h.found(VerifyParts, "its charge's detail can't be read: %v", err)
	}
	h.legs = parts.Legs(detail.Coupons)
	due, contradicted := row.number[1] > 0, row.number[2]&doubtContradicted != 0
	switch {
	case !h.state.Valid():
		h.found(VerifyState, "there is no state %q", h.state)
		return
	case !h.state.Final() && !due:
		h.found(VerifyDue, "it is %s and nobody will look at it again", h.state)
	case h.state.Final() && due != contradicted:
		h.found(VerifyDue, "it is %s, due: %v, contradicted: %v", h.state, due, contradicted)
	case !h.state.Final() && contradicted:
		h.found(VerifyState, "it is %s, which can't be contradicted", h.state)
	}
	if (h.state == refund.Succeeded) != (row.number[3] > 0) {
		h.found(VerifyState, "it is %s, and its time of success says otherwise", h.state)
	}
	h.books.expect(h.state, h.currency, h.amount, h.legs)
}

func (h *refundHistory) transfer(row *streamRow) {
	t := ledger.Transfer{
		Kind: ledger.Kind(row.text[0]), From: ledger.Account(row.text[1]), To: ledger.Account(row.text[2]),
		Amount: money.Amount{Minor: money.Minor(row.number[0]), Currency: money.Currency(row.text[3])},
	}
	h.books.add(t)
	switch {
	case !h.there:
		h.v.found(VerifyTransfers, h.merchant, "transfer "+row.id, "its refund %s is not there", h.id)
	case !t.Valid():
		h.v.found(VerifyTransfers, h.merchant, "transfer "+row.id, "it is no movement")
	case row.text[4] != h.charge:
		h.v.found(VerifyTransfers, h.merchant, "transfer "+row.id, "it is of charge %s, its refund of %s", row.text[4], h.charge)
	}
	h.transfers = append(h.transfers, t)
}

func (h *refundHistory) event(row *streamRow) {
	state, told := strings.CutPrefix(row.text[0], "refund.")
	name := "event " + row.id
	switch {
	case !h.there:
		h.v.found(VerifyEvents, h.merchant, name, "its refund %s is not there", h.id)
		return
	case !told || !refund.State(state).Valid():
		h.v.found(VerifyEvents, h.merchant, name, "its type %q names no state", row.text[0])
	case row.text[2] != h.charge:
		h.v.found(VerifyEvents, h.merchant, name, "it is of charge %s, its refund of %s", row.text[2], h.charge)
	}
	// Snapshots are written with the state in front; any other is read in full.
	if !strings.HasPrefix(row.text[1], `{"state":"`+state+`"`) {
		var snapshot refund.Snapshot
		if err := json.Unmarshal([]byte(row.text[1]), &snapshot); err != nil || string(snapshot.State) != state {
			h.v.found(VerifyEvents, h.merchant, name, "it tells of %s and shows %q", row.text[0], snapshot.State)
		}
	}
	h.events = append(h.events, stateAt{refund.State(state), row.order})
}

// end holds the refund's life together.
func (h *refundHistory) end() {
	switch {
	case !h.there && h.calls > 0:
		h.found(VerifyAttempts, "its attempts are there, and it is not")
		return
	case !h.there || !h.state.Valid():
		return
	}
	moved := h.moved()
	if h.calls != h.attempts {
		h.found(VerifyAttempts, "it counts %d calls, %d are recorded", h.attempts, h.calls)
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
		h.found(VerifyEvents, "it left no event")
	case !h.follows():
		h.found(VerifyEvents, "its events %v are no way to %s", h.events, h.state)
	case succeeded != moved[ledger.Settle]+moved[ledger.Correct] || ended != moved[ledger.Release]+moved[ledger.Return]:
		h.found(VerifyEvents, "its events %v are not the changes that its transfers %v tell of", h.events, moved)
	}
}
