package store

import (
	"context"

	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// sandboxStream puts the sandbox's own books beside our refunds of its
// accounts, by account and number. The account stands where others have the
// merchant.
const sandboxStream = `
	SELECT s.account, s.number, 0 AS what, s.created_at AS at, s.channel_id AS id, s.state, s.currency, s.transaction_id, '' AS t4,
		COALESCE((SELECT a.merchant_id FROM channel_accounts a WHERE a.id = s.account), '') AS t5,
		s.amount, s.moves, s.succeeded_at, 0 AS n4, 0 AS n5, 0 AS n6, 0 AS n7, 0 AS n8, 0 AS n9 FROM sandbox_refunds s
	UNION ALL SELECT r.channel_account, r.channel_number, 1, r.created_at, r.id, r.state, r.currency,
		COALESCE((SELECT c.transaction_id FROM charges c WHERE c.merchant_id = r.merchant_id AND c.id = r.charge_id), ''),
		r.channel_refund_id, r.merchant_id,
		r.amount, r.doubt, 0, 0, 0, 0, 0, 0, 0
		FROM channel_accounts a JOIN refunds r ON r.merchant_id = a.merchant_id AND r.channel_account = a.id
		WHERE a.connector = '` + merchant.ConnectorSandbox + `'
	ORDER BY 1, 2, 3`

// sandbox compares our books with those of the one channel that we can read:
// what it moved we know of, and what we say was moved, it moved, once.
func (v *verifier) sandbox(ctx context.Context) error {
	var entry, ours streamRow
	known, seen := false, false
	compare := func() {
		switch {
		case known && !seen:
			v.found(VerifySandbox, entry.text[4], "sandbox refund "+entry.key, "we know nothing of it")
		case known:
			v.movedOnce(&entry)
			v.compareSandbox(&entry, &ours)
		case seen && refund.State(ours.text[0]) == refund.Succeeded:
			v.found(VerifySandbox, ours.text[4], "refund "+ours.id, "it succeeded, and the sandbox knows nothing of it")
		}
	}
	var account, number string
	err := v.stream(ctx, sandboxStream, func(row *streamRow) error {
		if row.merchant != account || row.key != number {
			compare()
			account, number, known, seen = row.merchant, row.key, false, false
		}
		if row.what == 0 {
			entry, known = *row, true
		} else {
			ours, seen = *row, true
		}
		return nil
	})
	if err != nil {
		return err
	}
	compare()
	return nil
}

func (v *verifier) movedOnce(entry *streamRow) {
	state, moves := sandbox.State(entry.text[0]), entry.number[1]
	want := int64(b2i(state == sandbox.Succeeded || state == sandbox.Returned))
	if moves != want || (entry.number[2] > 0) != (want == 1) {
		v.found(VerifySandbox, entry.text[4], "sandbox refund "+entry.key, "it is %s and its money moved %d times", state, moves)
	}
}

func (v *verifier) compareSandbox(entry, ours *streamRow) {
	found := func(format string, args ...any) {
		v.found(VerifySandbox, ours.text[4], "refund "+ours.id, format, args...)
	}
	if entry.number[0] != ours.number[0] || entry.text[1] != ours.text[1] {
		found("it is of %d %s, in the sandbox of %d %s", ours.number[0], ours.text[1], entry.number[0], entry.text[1])
	}
	if entry.text[2] != ours.text[2] {
		found("it is of payment %q, in the sandbox of %q", ours.text[2], entry.text[2])
	}
	if ours.text[3] != "" && ours.text[3] != entry.id {
		found("the sandbox's id of it is %q, not %q", entry.id, ours.text[3])
	}
	state, there := refund.State(ours.text[0]), sandbox.State(entry.text[0])
	asked := ours.number[1]&doubtContradicted != 0
	switch {
	case state == refund.Succeeded && there != sandbox.Succeeded && there != sandbox.Returned:
		found("it succeeded, in the sandbox it is %s", there)
	case (state == refund.Failed || state == refund.Canceled) && there == sandbox.Succeeded && !asked:
		found("it is %s, and the sandbox moved the money", state)
	}
}
