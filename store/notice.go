package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	noticeColumns = `n.merchant_id, n.created_at, n.id, n.account, n.channel, n.digest, n.times, n.text, n.state, n.note,
	n.number, n.transaction_id, n.order_no, n.content, n.tries, n.due_at, n.charge_known, n.refund_id`
	insertNotice = `INSERT INTO channel_notices (merchant_id, created_at, id, account, channel, digest, times, text, state, note,
	number, transaction_id, order_no, content, tries, due_at, charge_known, refund_id, other_transaction_id)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
	ON CONFLICT (merchant_id, account, digest) DO UPDATE SET times = channel_notices.times + excluded.times`
	// itsCharges are the charges of a kept notice's account. chargeCame is true where
	// one of them is what NoticeMatch finds for it: by either number of the payment,
	// and for a dispute by an order's number that one payment has. A quote within a
	// text of the content is escaped.
	itsCharges = ` FROM charges c WHERE c.merchant_id = n.merchant_id AND c.channel_account = n.account AND `
	chargeCame = `n.transaction_id <> '' AND EXISTS (SELECT 1` + itsCharges + `c.transaction_id = n.transaction_id)
			OR n.other_transaction_id <> '' AND EXISTS (SELECT 1` + itsCharges + `c.transaction_id = n.other_transaction_id)
			OR n.order_no <> '' AND n.content LIKE '%"dispute":{%' AND (SELECT COUNT(*)` + itsCharges + `c.order_no = n.order_no) = 1`
	noticePrefix = "notice_"

	// maxRefused bounds the rows of refused requests of one account, and of all
	// that came for no account of ours: what comes beyond is counted.
	maxRefused = 100
	// noticeLife is how long the inbox keeps what nobody waits for any more.
	noticeLife = 90 * 24 * time.Hour
	// maxForgotten bounds the rows that are dropped at once.
	maxForgotten = 500
)

// noticeContent is a notice as the column's JSON.
type noticeContent struct {
	Kind            refund.OutcomeKind `json:"kind,omitempty"`
	ChannelRefundID string             `json:"channel_refund_id,omitempty"`
	Amount          *money.Minor       `json:"amount,omitempty"`
	Currency        money.Currency     `json:"currency,omitempty"`
	SucceededAt     time.Time          `json:"succeeded_at,omitzero"`
	Code            string             `json:"code,omitempty"`
	Message         string             `json:"message,omitempty"`
	Settled         money.Amount       `json:"settled,omitzero"`
	Landed          refund.Landed      `json:"landed,omitzero"`
	Hint            bool               `json:"hint,omitempty"`
	Dispute         *refund.Dispute    `json:"dispute,omitempty"`
	Other           string             `json:"other_transaction_id,omitempty"`
	MadeAt          time.Time          `json:"made_at,omitzero"`
}

func noticeText(n refund.KeptNotice) (string, error) {
	o := n.Noticed.Outcome
	return jsonText(noticeContent{
		o.Kind, o.ChannelRefundID, o.Amount, n.Noticed.Currency, o.SucceededAt, o.Code, o.Message, o.Settled, o.Landed, n.Noticed.Hint, n.Noticed.Dispute,
		n.Noticed.OtherTransactionID, n.Noticed.MadeAt,
	})
}

func noticeValues(n refund.KeptNotice) ([]any, error) {
	content, err := noticeText(n)
	if err != nil {
		return nil, fmt.Errorf("encode notice: %w", err)
	}
	return []any{
		n.MerchantID, sqldb.Micros(n.ReceivedAt), n.ID, n.Account, n.Channel, n.Digest, max(1, n.Times), n.Text, string(n.State), n.Note,
		n.Noticed.Number, n.Noticed.TransactionID, n.Noticed.OrderNo, content, n.Tries, sqldb.Micros(n.DueAt), asNumber(n.ChargeKnown), n.RefundID,
		n.Noticed.OtherTransactionID,
	}, nil
}

// scanNotice reads a row of noticeColumns. One whose content can't be read is KindCorrupt,
// and has all else.
func scanNotice(scan func(...any) error) (refund.KeptNotice, error) {
	var n refund.KeptNotice
	var c noticeContent
	var createdAt, dueAt, known int64
	var content string
	err := scan(&n.MerchantID, &createdAt, &n.ID, &n.Account, &n.Channel, &n.Digest, &n.Times, &n.Text, (*string)(&n.State), &n.Note,
		&n.Noticed.Number, &n.Noticed.TransactionID, &n.Noticed.OrderNo, &content, &n.Tries, &dueAt, &known, &n.RefundID)
	if err != nil {
		return n, fmt.Errorf("read notice: %w", err)
	}
	n.ReceivedAt, n.DueAt, n.ChargeKnown = sqldb.FromMicros(createdAt), sqldb.FromMicros(dueAt), known != 0
	if err := fromJSON(content, &c); err != nil {
		return n, unreadable("notice", n.ID, err)
	}
	n.Noticed.Currency, n.Noticed.Hint, n.Noticed.Dispute, n.Noticed.OtherTransactionID = c.Currency, c.Hint, c.Dispute, c.Other
	n.Noticed.MadeAt = c.MadeAt
	n.Noticed.Outcome = refund.Outcome{
		Kind: c.Kind, Source: refund.Notice, ChannelRefundID: c.ChannelRefundID, Amount: c.Amount, SucceededAt: c.SucceededAt,
		Code: c.Code, Message: c.Message, Settled: c.Settled, Landed: c.Landed,
	}
	return n, nil
}

// KeepNotice implements engine.Store.
func (s *Store) KeepNotice(ctx context.Context, n refund.KeptNotice) error {
	err := s.Share(ctx, func(q sqldb.Querier) error {
		err := q.Query(ctx, accountOwner, []any{n.Account}, func(scan func(...any) error) error { return scan(&n.MerchantID) })
		if err != nil {
			return err
		}
		n.ID = noticePrefix + s.newID(n.ReceivedAt)
		values, err := noticeValues(n)
		if err == nil {
			_, err = q.Exec(ctx, insertNotice, values...)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keep notice: %w", err)
	}
	return nil
}

// setNoticesAside sets notices aside that can't be read, as if their charges were
// known, so that no look finds them again.
func (s *Store) setNoticesAside(ctx context.Context, notices []refund.KeptNotice) error {
	const text = `UPDATE channel_notices SET state = $4, note = $5, due_at = 0, charge_known = 1 WHERE merchant_id = $1 AND created_at = $2 AND id = $3`
	return s.Share(ctx, func(q sqldb.Querier) error {
		for _, n := range notices {
			s.log.Error("a notice can't be read and is set aside", "merchant_id", n.MerchantID, "notice_id", n.ID, "account_id", n.Account)
			if _, err := q.Exec(ctx, text, n.MerchantID, sqldb.Micros(n.ReceivedAt), n.ID, string(refund.NoticeSetAside), "can't be read"); err != nil {
				return fmt.Errorf("set notice aside: %w", err)
			}
			one := s.alertStatement(n.MerchantID, refund.Alert{Text: "notice " + n.ID + " of channel account " + n.Account +
				" can't be read and is set aside: its row is damaged (hint: refundry verify; ask the channel about what it was about)"})
			if _, err := q.Exec(ctx, one.SQL, one.Args...); err != nil {
				return fmt.Errorf("leave alert of a notice: %w", err)
			}
		}
		return nil
	})
}

// RefuseNotice keeps a request that was not taken as a notice. Of each account,
// and of what came for none of ours, a bounded number of rows is kept; what comes
// beyond is counted on the last of them.
func (s *Store) RefuseNotice(ctx context.Context, n refund.KeptNotice) error {
	const (
		count = `SELECT COUNT(*) FROM channel_notices n WHERE n.merchant_id = $1 AND n.account = $2 AND n.state = $3`
		last  = `UPDATE channel_notices SET times = times + $4, text = $5, note = $6 WHERE merchant_id = $1 AND account = $2 AND id =
			(SELECT MAX(n.id) FROM channel_notices n WHERE n.merchant_id = $1 AND n.account = $2 AND n.state = $3)`
	)
	n.State = refund.NoticeRefused
	n.Times = max(1, n.Times)
	err := s.Share(ctx, func(q sqldb.Querier) error {
		n.MerchantID = ""
		err := q.Query(ctx, accountOwner, []any{n.Account}, func(scan func(...any) error) error { return scan(&n.MerchantID) })
		if err != nil {
			return err
		}
		if n.MerchantID == "" { // an account that is not there has no rows of its own: anyone can name one
			n.Account = ""
		}
		var rows int64
		err = q.Query(ctx, count, []any{n.MerchantID, n.Account, string(n.State)}, func(scan func(...any) error) error { return scan(&rows) })
		if err != nil {
			return err
		}
		if rows >= maxRefused {
			_, err = q.Exec(ctx, last, n.MerchantID, n.Account, string(n.State), n.Times, n.Text, n.Note)
			return err
		}
		n.ID = noticePrefix + s.newID(n.ReceivedAt)
		n.Digest = n.ID // each is one of its own
		values, err := noticeValues(n)
		if err == nil {
			_, err = q.Exec(ctx, insertNotice, values...)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keep refused notice: %w", err)
	}
	return nil
}

// SaveNotice implements engine.Store.
func (s *Store) SaveNotice(ctx context.Context, n refund.KeptNotice, by *refund.Action) error {
	const text = `UPDATE channel_notices SET state = $4, note = $5, tries = $6, due_at = $7, charge_known = $8, refund_id = $9,
		other_transaction_id = $10
		WHERE merchant_id = $1 AND created_at = $2 AND id = $3 AND state IN ('waiting', 'set_aside')`
	var write *refund.Write
	if by != nil {
		write = by.Write
	}
	err := s.ShareOnce(ctx, write, func(q sqldb.Querier) error {
		// One that another try has placed meanwhile stays as it is.
		_, err := q.Exec(ctx, text, n.MerchantID, sqldb.Micros(n.ReceivedAt), n.ID,
			string(n.State), n.Note, n.Tries, sqldb.Micros(n.DueAt), asNumber(n.ChargeKnown), n.RefundID, n.Noticed.OtherTransactionID)
		if err == nil && by != nil {
			err = s.appendAudit(ctx, q, by.Record)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("save notice: %w", err)
	}
	return nil
}

// NoticeMatch implements engine.Store. A channel account belongs to one merchant,
// so that a notice finds whose refund and charge it speaks of.
func (s *Store) NoticeMatch(ctx context.Context, account string, n refund.Noticed) (refund.NoticeMatch, error) {
	const (
		owner    = `(SELECT a.merchant_id FROM channel_accounts a WHERE a.id = $1)`
		refunds  = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = ` + owner + ` AND r.channel_account = $1`
		charges  = `SELECT ` + chargeColumns + ` FROM charges c WHERE c.merchant_id = ` + owner
		byNumber = refunds + ` AND r.channel_number = $2`
		byID     = refunds + ` AND r.channel_refund_id = $2 AND r.channel_refund_id <> ''`
		byPay    = charges + ` AND c.channel_account = $1 AND c.transaction_id = $2`
		byOrder  = charges + ` AND c.order_no = $2 AND c.channel_account = $1 LIMIT 2`
	)
	var found refund.NoticeMatch
	err := s.Read(ctx, func(q sqldb.Querier) error {
		one := func(text, value string) error {
			if value == "" || found.Refund.ID != "" {
				return nil
			}
			return q.Query(ctx, text, []any{account, value}, func(scan func(...any) error) (err error) {
				found.Refund, err = scanRefund(scan)
				return err
			})
		}
		if err := one(byNumber, n.Number); err != nil {
			return err
		}
		if err := one(byID, n.Outcome.ChannelRefundID); err != nil || found.Refund.ID != "" {
			return err
		}
		for _, look := range []struct{ text, value string }{{byPay, n.TransactionID}, {byPay, n.OtherTransactionID}, {byOrder, n.OrderNo}} {
			if look.value == "" || found.Charge.ID != "" {
				continue
			}
			var list []refund.Charge
			err := q.Query(ctx, look.text, []any{account, look.value}, func(scan func(...any) error) error {
				c, err := scanCharge(scan)
				list = append(list, c)
				return err
			})
			if err != nil {
				return err
			}
			if len(list) == 1 { // an order that was paid twice names no payment
				found.Charge = list[0]
			}
		}
		return nil
	})
	if err != nil {
		return refund.NoticeMatch{}, fmt.Errorf("find what a notice is about: %w", err)
	}
	return found, nil
}

var noticeKeyColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "id TEXT")

// ForgetNotices implements engine.Store.
func (s *Store) ForgetNotices(ctx context.Context, now time.Time) (int64, error) {
	const text = `DELETE FROM channel_notices WHERE (merchant_id, created_at, id) IN (SELECT v.merchant_id, v.created_at, v.id FROM v)`
	old, err := s.oldNotices(ctx, now.Add(-noticeLife), maxForgotten)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	var dropped int64
	err = s.write(ctx, func(q sqldb.Querier) (err error) {
		dropped, err = sqldb.Sent(ctx, q, sqldb.WithValues(noticeKeyColumns, old, text))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget notices: %w", err)
	}
	return dropped, nil
}

func asNumber(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
