package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// byHand says that an operator settled refund r: with a proof of what the
	// channel does not know, which the sandbox's books can't have.
	byHand = `(CASE WHEN EXISTS (SELECT 1 FROM attempts o WHERE o.merchant_id = r.merchant_id AND o.refund_id = r.id
		AND o.source = '` + string(refund.Operator) + `') THEN 1 ELSE 0 END)`
	// oddEntries finds refunds in the sandbox's own books of which we know
	// nothing, or something else.
	oddEntries = `SELECT COALESCE(a.merchant_id, ''), s.number, s.channel_id, s.state, s.amount, s.currency, s.transaction_id, s.moves,
			COALESCE(r.id, ''), COALESCE(r.state, ''), COALESCE(r.amount, 0), COALESCE(r.currency, ''), COALESCE(r.channel_refund_id, ''),
			COALESCE(c.transaction_id, ''), COALESCE(r.doubt, 0), ` + byHand + `
		FROM sandbox_refunds s LEFT JOIN channel_accounts a ON a.id = s.account
		LEFT JOIN refunds r ON r.merchant_id = a.merchant_id AND r.channel_account = s.account AND r.channel_number = s.number
		LEFT JOIN charges c ON c.merchant_id = r.merchant_id AND c.id = r.charge_id
		WHERE r.id IS NULL OR c.id IS NULL OR r.amount <> s.amount OR r.currency <> s.currency OR c.transaction_id <> s.transaction_id
		OR r.channel_refund_id <> '' AND r.channel_refund_id <> s.channel_id
		OR s.moves <> (CASE WHEN s.state IN ('succeeded', 'returned') THEN 1 ELSE 0 END) OR (s.moves = 0) <> (s.succeeded_at = 0)
		OR r.state = 'succeeded' AND s.state NOT IN ('succeeded', 'returned')
		OR r.state IN ('failed', 'canceled') AND s.state = 'succeeded'`
	// withoutEntry finds refunds that succeeded at the sandbox without it.
	withoutEntry = `SELECT r.merchant_id, r.id, ` + byHand + ` FROM channel_accounts a
		JOIN refunds r ON r.merchant_id = a.merchant_id AND r.channel_account = a.id
		LEFT JOIN sandbox_refunds s ON s.account = r.channel_account AND s.number = r.channel_number
		WHERE a.connector = '` + merchant.ChannelSandbox + `' AND r.state = 'succeeded' AND s.number IS NULL`
)

// sandbox compares our books with those of the one channel that we can read:
// what it moved we know of, and what we say was moved, it moved, once.
func (v *verifier) sandbox(ctx context.Context) error {
	err := v.q.Query(ctx, oddEntries, nil, func(scan func(...any) error) error {
		var e, ours sandboxSide
		var merchantID, number, id string
		var moves, doubt, settled int64
		err := scan(&merchantID, &number, &e.channelID, &e.state, &e.amount, &e.currency, &e.payment, &moves,
			&id, &ours.state, &ours.amount, &ours.currency, &ours.channelID, &ours.payment, &doubt, &settled)
		if err != nil {
			return err
		}
		v.movedOnce(merchantID, number, e, moves)
		if id == "" {
			v.found(VerifySandbox, merchantID, "sandbox refund "+number, "we know nothing of it")
		} else {
			v.compareSandbox(merchantID, id, e, ours)
			v.compareEnds(merchantID, id, e, ours, doubt&doubtContradicted != 0, settled != 0)
		}
		return v.enough(nil)
	})
	if err != nil {
		return err
	}
	return v.q.Query(ctx, withoutEntry, nil, func(scan func(...any) error) error {
		var merchantID, id string
		var settled int64
		err := scan(&merchantID, &id, &settled)
		v.sandboxEnd(merchantID, id, settled != 0, "it succeeded, and the sandbox knows nothing of it")
		return v.enough(err)
	})
}

// sandboxSide is a refund as the sandbox has it, or we.
type sandboxSide struct {
	state, currency, payment, channelID string
	amount                              int64
}

func (v *verifier) movedOnce(merchantID, number string, e sandboxSide, moves int64) {
	state := sandbox.State(e.state)
	if moved := state == sandbox.Succeeded || state == sandbox.Returned; moves != int64(b2i(moved)) {
		v.found(VerifySandbox, merchantID, "sandbox refund "+number, "it is %s and its money moved %d times", state, moves)
	}
}

func (v *verifier) compareSandbox(merchantID, id string, e, ours sandboxSide) {
	found := func(format string, args ...any) {
		v.found(VerifySandbox, merchantID, "refund "+id, format, args...)
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
// about a contradiction, settled that an operator's word is among its attempts.
func (v *verifier) compareEnds(merchantID, id string, e, ours sandboxSide, asked, settled bool) {
	state, there := refund.State(ours.state), sandbox.State(e.state)
	switch {
	case state == refund.Succeeded && there != sandbox.Succeeded && there != sandbox.Returned:
		v.sandboxEnd(merchantID, id, settled, "it succeeded, in the sandbox it is %s", there)
	case (state == refund.Failed || state == refund.Canceled) && there == sandbox.Succeeded && !asked:
		v.sandboxEnd(merchantID, id, settled, "it is %s, and the sandbox moved the money", state)
	}
}

// sandboxEnd finds an end that the sandbox does not know: a note where an
// operator vouched for it.
func (v *verifier) sandboxEnd(merchantID, id string, settled bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if settled {
		text += "; an operator settled it by hand, with a proof"
	}
	v.add(Finding{Invariant: VerifySandbox, MerchantID: merchantID, Row: "refund " + id, Text: text, Note: settled})
}
