package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// DisputeList lists a merchant's disputes, newest first. One that is damaged says so.
func (s *Store) DisputeList(ctx context.Context, f refund.DisputeFilter) (found []refund.Dispute, more bool, err error) {
	l := newListing(`SELECT `+disputeColumns+` FROM disputes d WHERE d.merchant_id = $1`, "d", f.MerchantID, f.Page)
	l.equal("charge_id", f.ChargeID)
	l.equal("channel_account", f.ChannelAccount)
	l.equal("state", string(f.State))
	if f.Undecided {
		l.where("d.closed_at = 0")
	}
	one := l.end()
	err = s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = markRows(ctx, q, one.SQL, one.Args, scanDispute, func(d *refund.Dispute) { d.Unreadable = true })
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list disputes: %w", err)
	}
	found, more = cut(l, found)
	return found, more, nil
}

// DisputeByID finds a merchant's dispute by its id, or by the channel's where that names
// one alone. One that is damaged says so. Absent is KindNotFound.
func (s *Store) DisputeByID(ctx context.Context, merchantID, id string) (refund.Dispute, error) {
	const text = `SELECT ` + disputeColumns + ` FROM disputes d WHERE d.merchant_id = $1 AND d.id = $2
		UNION ALL SELECT ` + disputeColumns + ` FROM disputes d WHERE d.merchant_id = $1 AND d.channel_account` + ofMerchantsAccounts + ` AND d.channel_dispute_id = $2`
	var found []refund.Dispute
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = markRows(ctx, q, text, []any{merchantID, id}, scanDispute, func(d *refund.Dispute) { d.Unreadable = true })
		return err
	})
	switch {
	case err != nil:
		return refund.Dispute{}, fmt.Errorf("find dispute: %w", err)
	case len(found) == 0:
		return refund.Dispute{}, refund.Errorf(refund.KindNotFound, "dispute", "there is no such dispute")
	case len(found) > 1:
		return refund.Dispute{}, refund.Errorf(refund.KindInvalid, "dispute", "the id stands for several disputes: %s, %s (hint: use ours)", found[0].ID, found[1].ID)
	}
	return found[0], nil
}
