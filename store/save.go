package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// What may change of a charge and of a refund after they were inserted.
var (
	chargeChanges = sqldb.NewColumns(
		"merchant_id TEXT",
		"id TEXT",
		"reserved BIGINT",
		"refunded BIGINT",
		"blocked BIGINT",
		"excess BIGINT",
		"fee_used BIGINT",
		"used TEXT",
		"refunds BIGINT",
		"last_refund_at BIGINT",
		"not_before BIGINT",
		"updated_at BIGINT",
	)
	refundChanges = sqldb.NewColumns(
		"merchant_id TEXT",
		"id TEXT",
		"state TEXT",
		"channel_refund_id TEXT",
		"updated_at BIGINT",
		"succeeded_at BIGINT",
		"due_at BIGINT",
		"lease_epoch BIGINT",
		"lease_until BIGINT",
		"held_reason TEXT",
		"hold_until BIGINT",
		"attempts BIGINT",
		"tries BIGINT",
		"doubt BIGINT",
		"submitted_at BIGINT",
		"failure_code TEXT",
		"failure_message TEXT",
		"settled_amount BIGINT",
		"settled_currency TEXT",
		"landed TEXT",
		"first_submitted_at BIGINT",
		"shown TEXT",
		"resolved_by TEXT",
		"streak TEXT",
		"watch_at BIGINT",
		"approved TEXT",
	)
)

const (
	updateCharges = `UPDATE charges SET reserved = v.reserved, refunded = v.refunded, blocked = v.blocked, excess = v.excess,
		fee_used = v.fee_used, used = v.used, refunds = v.refunds, last_refund_at = v.last_refund_at, not_before = v.not_before, updated_at = v.updated_at
		FROM v WHERE charges.merchant_id = v.merchant_id AND charges.id = v.id`
	updateRefunds = `UPDATE refunds SET state = v.state, channel_refund_id = v.channel_refund_id, updated_at = v.updated_at,
		succeeded_at = v.succeeded_at, due_at = v.due_at, lease_epoch = v.lease_epoch, lease_until = v.lease_until,
		held_reason = v.held_reason, hold_until = v.hold_until, attempts = v.attempts, tries = v.tries, doubt = v.doubt,
		submitted_at = v.submitted_at, failure_code = v.failure_code, failure_message = v.failure_message,
		settled_amount = v.settled_amount, settled_currency = v.settled_currency, landed = v.landed,
		first_submitted_at = v.first_submitted_at, shown = v.shown, resolved_by = v.resolved_by, streak = v.streak, watch_at = v.watch_at, approved = v.approved
		FROM v WHERE refunds.merchant_id = v.merchant_id AND refunds.id = v.id`
	insertTransfers = `INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency) VALUES`
	insertEvents    = `INSERT INTO events (merchant_id, created_at, id, type, refund_id, charge_id, request_id, actor, snapshot, was) VALUES`
	insertAttempts  = `INSERT INTO attempts (merchant_id, created_at, id, refund_id, source, epoch, outcome, code, message, note, account_version, sent, actor, times) VALUES`

	transferWidth = 10
	eventWidth    = 10
	attemptWidth  = 14
)

// saveChanges writes decisions: charges and refunds as they are afterwards,
// and the transfers, events and attempts that hang on them. Their rows are
// locked by the caller. With newRefunds the refunds are inserted. Where a
// charge or refund is in several changes, the last one holds what all did.
func (s *Store) saveChanges(ctx context.Context, q sqldb.Querier, changes []refund.Change, newRefunds bool) error {
	w := writing{store: s, charges: make(map[rowKey]int), refunds: make(map[rowKey]int)}
	for _, change := range changes {
		if err := w.add(change, newRefunds); err != nil {
			return err
		}
	}
	if err := s.uncarry(ctx, q, changes); err != nil {
		return err
	}
	var statements []sqldb.Statement
	statements = append(statements, sqldb.WithValues(chargeChanges, w.chargeRows, updateCharges)...)
	touched := len(w.chargeRows)
	if newRefunds {
		statements = append(statements, sqldb.InsertRows(insertRefunds, refundWidth, w.refundRows, "")...)
	} else {
		statements = append(statements, sqldb.WithValues(refundChanges, w.refundRows, updateRefunds)...)
	}
	touched += len(w.refundRows)
	switch all, err := routed(ctx, q, w.routedRows); {
	case err != nil:
		return err
	case !all: // their rows are locked, so that nobody else can have routed them
		return refund.Errorf(refund.KindChargeConflict, "channel_account", "the charge's transaction id is already that of another charge of its channel account")
	}
	checked := len(statements)
	statements = append(statements, sqldb.InsertRows(insertTransfers, transferWidth, w.transferRows, "")...)
	statements = append(statements, sqldb.InsertRows(insertEvents, eventWidth, w.eventRows, "")...)
	statements = append(statements, sqldb.InsertRows(insertAttempts, attemptWidth, w.attemptRows, "")...)
	for _, change := range changes {
		for _, alert := range change.Alerts {
			statements = append(statements, s.alertStatement(change.Charge.MerchantID, alert))
		}
	}
	counts, err := q.Send(ctx, statements)
	if err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	if err := saveApprovals(ctx, q, changes); err != nil {
		return err
	}
	for _, change := range changes {
		for _, action := range change.Actions {
			if err := s.appendAudit(ctx, q, action.Record); err != nil {
				return err
			}
		}
	}
	for _, count := range counts[:min(checked, len(counts))] {
		touched -= int(count)
	}
	if touched != 0 {
		return refund.Errorf(refund.KindCorrupt, "", "%d rows of charges or refunds to be changed are not there", touched)
	}
	return nil
}

// writing gathers rows; charges and refunds once each, as they are in the end.
type writing struct {
	store                                *Store
	charges, refunds                     map[rowKey]int // place in the rows
	chargeRows, refundRows, routedRows   [][]any
	transferRows, eventRows, attemptRows [][]any
}

func (w *writing) add(change refund.Change, newRefunds bool) error {
	// Every movement of money is a transfer: without one the charge is as it was.
	if len(change.Transfers) > 0 {
		if err := w.addCharge(change.Charge); err != nil {
			return err
		}
	}
	for _, r := range change.Refunds {
		if err := w.addRefund(r, newRefunds); err != nil {
			return err
		}
	}
	if change.Routed {
		w.routedRows = append(w.routedRows, []any{change.Charge.MerchantID, change.Charge.ID, change.Charge.ChannelAccount})
	}
	merchantID, at := change.Charge.MerchantID, change.Charge.UpdatedAt
	for _, t := range change.Transfers {
		w.transferRows = append(w.transferRows, []any{
			merchantID, sqldb.Micros(at), w.store.newID(at), t.RefundID, t.ChargeID,
			string(t.Kind), string(t.From), string(t.To), int64(t.Amount.Minor), string(t.Amount.Currency),
		})
	}
	for _, e := range change.Events {
		snapshot, err := jsonText(e.Snapshot)
		if err != nil {
			return fmt.Errorf("encode event of refund %s: %w", e.RefundID, err)
		}
		id := eventPrefix + w.store.newID(e.At)
		w.eventRows = append(w.eventRows, []any{merchantID, sqldb.Micros(e.At), id, e.Type, e.RefundID, e.ChargeID, e.RequestID, e.Actor.String(), snapshot, wasText(e.Was)})
		w.store.recent.remember(id, e, change)
	}
	for _, a := range change.Attempts {
		sent, err := sentText(a)
		if err != nil {
			return err
		}
		w.attemptRows = append(w.attemptRows, []any{
			merchantID, sqldb.Micros(a.At), w.store.newID(a.At), a.RefundID, string(a.Source), a.Epoch, string(a.Outcome), a.Code, a.Message, a.Note,
			a.Sent.AccountVersion, sent, a.Actor.String(), max(1, a.Times),
		})
	}
	return nil
}

func (w *writing) addCharge(c refund.Charge) error {
	text, err := usedText(c)
	if err != nil {
		return err
	}
	put(w.charges, &w.chargeRows, rowKey{c.MerchantID, c.ID}, []any{
		c.MerchantID, c.ID, int64(c.Reserved), int64(c.Refunded), int64(c.Blocked), int64(c.Excess), int64(c.FeeUsed),
		text, c.Refunds, sqldb.Micros(c.LastRefundAt), sqldb.Micros(c.NotBefore), sqldb.Micros(c.UpdatedAt),
	})
	return nil
}

func (w *writing) addRefund(r refund.Refund, isNew bool) error {
	values := changedValues
	if isNew {
		values = refundValues
	}
	row, err := values(r)
	if err == nil {
		put(w.refunds, &w.refundRows, rowKey{r.MerchantID, r.ID}, row)
	}
	return err
}

// changedValues are a row of refundChanges.
func changedValues(r refund.Refund) ([]any, error) {
	landed, err := landedText(r)
	if err != nil {
		return nil, err
	}
	shown, err := shownText(r)
	if err != nil {
		return nil, err
	}
	streak, err := streakText(r)
	if err != nil {
		return nil, err
	}
	return []any{
		r.MerchantID, r.ID, string(r.State), r.ChannelRefundID, sqldb.Micros(r.UpdatedAt), sqldb.Micros(r.SucceededAt),
		dueColumn(r), r.LeaseEpoch, sqldb.Micros(r.LeaseUntil), r.HeldReason, sqldb.Micros(r.HoldUntil),
		r.Attempts, r.Tries, doubtOf(r), sqldb.Micros(r.SubmittedAt),
		r.FailureCode, r.FailureMessage, int64(r.Settled.Minor), string(r.Settled.Currency), landed,
		sqldb.Micros(r.FirstSubmittedAt), shown, r.ResolvedBy.String(), streak, sqldb.Micros(r.WatchAt), r.Approved,
	}, nil
}

func put(places map[rowKey]int, rows *[][]any, key rowKey, row []any) {
	if at, ok := places[key]; ok {
		(*rows)[at] = row
		return
	}
	places[key] = len(*rows)
	*rows = append(*rows, row)
}
