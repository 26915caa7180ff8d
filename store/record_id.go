package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

var reportIDColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "id TEXT", "channel_refund_id TEXT")

// withoutSharedIDs marks the reports whose channel refund id another refund of
// the account has, or that follow another report with the same one, and reports
// whether there are any that were not marked before.
func (s *Store) withoutSharedIDs(ctx context.Context, reports []refund.Report) (marked []refund.Report, found bool, err error) {
	const text = `SELECT v.n, r.channel_account, COALESCE(o.id, '') FROM v
		JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id
		LEFT JOIN refunds o ON o.merchant_id = r.merchant_id AND o.channel_account = r.channel_account
			AND o.channel_refund_id = v.channel_refund_id AND o.channel_refund_id <> '' AND o.id <> r.id
		ORDER BY v.n`
	marked = slices.Clone(reports)
	var rows [][]any
	for n, report := range marked {
		if report.Outcome.ChannelRefundID != "" && !report.Outcome.IDTaken {
			rows = append(rows, []any{int64(n), report.MerchantID, report.ID, report.Outcome.ChannelRefundID})
		}
	}
	type given struct{ merchantID, account, id string }
	first := make(map[given]string) // the refund that a report names first
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return sqldb.QueryValues(ctx, q, reportIDColumns, rows, text, func(scan func(...any) error) error {
			var n int64
			var account, other string
			if err := scan(&n, &account, &other); err != nil {
				return err
			}
			report := &marked[n]
			key := given{report.MerchantID, account, report.Outcome.ChannelRefundID}
			owner, named := first[key]
			if !named {
				first[key] = report.ID
			}
			if other != "" || named && owner != report.ID {
				report.Outcome.IDTaken, found = true, true
			}
			return nil
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("look for shared channel refund ids: %w", err)
	}
	return marked, found, nil
}
