package sandbox

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// byHand joins what says that an operator resolved refund r: with a proof of
	// what the channel does not know, which the sandbox's books can't have.
	byHand = ` LEFT JOIN (SELECT DISTINCT o.merchant_id, o.refund_id FROM attempts o WHERE o.source = '` + string(refund.Operator) + `') o
		ON o.merchant_id = r.merchant_id AND o.refund_id = r.id `
	isByHand = `(CASE WHEN o.refund_id IS NULL THEN 0 ELSE 1 END)`
	// oddEntries finds refunds in the sandbox's own books of which we know
	// nothing, or something else.
	oddEntries = `SELECT COALESCE(a.merchant_id, ''), s.number, s.channel_id, s.state, s.amount, s.currency, s.transaction_id, s.moves,
			COALESCE(r.id, ''), COALESCE(r.state, ''), COALESCE(r.amount, 0), COALESCE(r.currency, ''), COALESCE(r.channel_refund_id, ''),
			COALESCE(c.transaction_id, ''), COALESCE(r.doubt, 0), ` + isByHand + `
		FROM sandbox_refunds s LEFT JOIN channel_accounts a ON a.id = s.account
		LEFT JOIN refunds r ON r.merchant_id = a.merchant_id AND r.channel_account = s.account AND r.channel_number = s.number
		LEFT JOIN charges c ON c.merchant_id = r.merchant_id AND c.id = r.charge_id` + byHand + `
		WHERE r.id IS NULL OR c.id IS NULL OR r.amount <> s.amount OR r.currency <> s.currency OR c.transaction_id <> s.transaction_id
		OR r.channel_refund_id <> '' AND r.channel_refund_id <> s.channel_id
		OR s.moves <> (CASE WHEN s.state IN ('succeeded', 'returned') THEN 1 ELSE 0 END) OR (s.moves = 0) <> (s.succeeded_at = 0)
		OR r.state = 'succeeded' AND s.state NOT IN ('succeeded', 'returned')
		OR r.state IN ('failed', 'canceled') AND s.state = 'succeeded'`
	// withoutEntry finds refunds that succeeded at the sandbox without it.
	withoutEntry = `SELECT r.merchant_id, r.id, ` + isByHand + ` FROM channel_accounts a
		JOIN refunds r ON r.merchant_id = a.merchant_id AND r.channel_account = a.id
		LEFT JOIN sandbox_refunds s ON s.account = r.channel_account AND s.number = r.channel_number` + byHand + `
		WHERE a.connector = '` + merchant.ChannelSandbox + `' AND r.state = 'succeeded' AND s.number IS NULL`
)

// invariant is what a difference between the sandbox's books and ours breaks.
const invariant = "the sandbox's books"

// check compares our books with the sandbox's: what it moved we know of, and
// what we say was moved, it moved, once.
func check(ctx context.Context, q sqldb.Querier, found func(refund.Finding) error) error {
	v := &verifier{found: found}
	err := q.Query(ctx, oddEntries, nil, func(scan func(...any) error) error {
		var e, ours side
		var merchantID, number, id string
		var moves, doubt, resolved int64
		err := scan(&merchantID, &number, &e.channelID, &e.state, &e.amount, &e.currency, &e.payment, &moves,
			&id, &ours.state, &ours.amount, &ours.currency, &ours.channelID, &ours.payment, &doubt, &resolved)
		if err != nil {
			return err
		}
		v.movedOnce(merchantID, number, e, moves)
		if id == "" {
			v.broken(merchantID, "sandbox refund "+number, "we know nothing of it")
		} else {
			v.compare(merchantID, id, e, ours)
			v.compareEnds(merchantID, id, e, ours, doubt&refund.DoubtContradicted != 0, resolved != 0)
		}
		return v.err
	})
	if err != nil {
		return err
	}
	return q.Query(ctx, withoutEntry, nil, func(scan func(...any) error) error {
		var merchantID, id string
		var resolved int64
		if err := scan(&merchantID, &id, &resolved); err != nil {
			return err
		}
		v.end(merchantID, id, resolved != 0, "it succeeded, and the sandbox knows nothing of it")
		return v.err
	})
}

// verifier is check at work. Once found returns an error, nothing is added.
type verifier struct {
	found func(refund.Finding) error
	err   error
}

func (v *verifier) add(f refund.Finding) {
	if v.err == nil {
		v.err = v.found(f)
	}
}

func (v *verifier) broken(merchantID, row, format string, args ...any) {
	v.add(refund.Finding{Invariant: invariant, MerchantID: merchantID, Row: row, Text: fmt.Sprintf(format, args...)})
}

// side is a refund as the sandbox has it, or we.
type side struct {
	state, currency, payment, channelID string
	amount                              int64
}

func (v *verifier) movedOnce(merchantID, number string, e side, moves int64) {
	state, once := State(e.state), int64(0)
	if state == Succeeded || state == Returned {
		once = 1
	}
	if moves != once {
		v.broken(merchantID, "sandbox refund "+number, "it is %s and its money moved %d times", state, moves)
	}
}

func (v *verifier) compare(merchantID, id string, e, ours side) {
	found := func(format string, args ...any) {
		v.broken(merchantID, "refund "+id, format, args...)
	}
	if e.amount != ours.amount || e.currency != ours.currency {
		found("it is of %d %s, in the sandbox of %d %s", ours.amount, ours.currency, e.amount, e.currency)
	}
	if e.payment != ours.payment {
		found("it is of payment %q, in the sandbox of %q", ours.payment, e.payment)
	}
	if ours.channelID != "" && ours.channelID != e.channelID {
		found("the sandbox's id of it is %q, not %q", e.channelID, ours.channelID)
	}
}

// compareEnds compares how it ended. asked says that the channel is being asked
// about a contradiction, resolved that an operator's report is among its attempts.
func (v *verifier) compareEnds(merchantID, id string, e, ours side, asked, resolved bool) {
	state, there := refund.State(ours.state), State(e.state)
	switch {
	case state == refund.Succeeded && there != Succeeded && there != Returned:
		v.end(merchantID, id, resolved, "it succeeded, in the sandbox it is %s", there)
	case (state == refund.Failed || state == refund.Canceled) && there == Succeeded && !asked:
		v.end(merchantID, id, resolved, "it is %s, and the sandbox moved the money", state)
	}
}

// end finds an end that the sandbox does not know: a note where an
// operator vouched for it.
func (v *verifier) end(merchantID, id string, resolved bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if resolved {
		text += "; an operator resolved it by hand, with a proof"
	}
	v.add(refund.Finding{Invariant: invariant, MerchantID: merchantID, Row: "refund " + id, Text: text, Note: resolved})
}
