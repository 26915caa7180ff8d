package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Notices lists a merchant's inbox, newest first, of one state or of all; with ""
// what came for no account of ours. One that is damaged says so.
func (s *Store) Notices(ctx context.Context, merchantID string, state refund.NoticeState, page refund.Page) (notices []refund.KeptNotice, more bool, err error) {
	l := newListing(`SELECT `+noticeColumns+` FROM channel_notices n WHERE n.merchant_id = $1`, "n", merchantID, page)
	l.equal("state", string(state))
	one := l.end()
	err = s.Read(ctx, func(q sqldb.Querier) error {
		notices, err = markRows(ctx, q, one.SQL, one.Args, scanNotice, func(n *refund.KeptNotice) { n.Unreadable = true })
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list notices: %w", err)
	}
	notices, more = cut(l, notices)
	return notices, more, nil
}

// Notice finds a notice of a merchant's inbox; absent is KindNotFound.
func (s *Store) Notice(ctx context.Context, merchantID, id string) (refund.KeptNotice, error) {
	const byID = `SELECT ` + noticeColumns + ` FROM channel_notices n
		WHERE n.merchant_id = $1 AND n.created_at >= $2 AND n.created_at <= $3 AND n.id = $4`
	var found refund.KeptNotice
	at, ok := refund.IDTime(strings.TrimPrefix(id, noticePrefix))
	if ok && strings.HasPrefix(id, noticePrefix) {
		args := []any{merchantID, sqldb.Micros(at.Add(-eventSlack)), sqldb.Micros(at.Add(eventSlack)), id}
		err := s.Read(ctx, func(q sqldb.Querier) error {
			return q.Query(ctx, byID, args, func(scan func(...any) error) (err error) {
				found, err = scanNotice(scan)
				return err
			})
		})
		if err != nil {
			return refund.KeptNotice{}, fmt.Errorf("find notice: %w", err)
		}
	}
	if found.ID == "" {
		return refund.KeptNotice{}, refund.Errorf(refund.KindNotFound, "notice", "there is no such notice")
	}
	return found, nil
}
