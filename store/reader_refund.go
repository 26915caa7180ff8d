package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Refund implements dialect.Reader.
func (s *Store) Refund(ctx context.Context, merchantID, id string) (refund.Refund, error) {
	const text = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.id = $2`
	var found refund.Refund
	var there bool
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID, id}, func(scan func(...any) error) (err error) {
			found, err = scanRefund(scan)
			there = true
			return err
		})
	})
	switch {
	case err != nil:
		return refund.Refund{}, fmt.Errorf("find refund: %w", err)
	case !there:
		return refund.Refund{}, refundNotFound(id)
	}
	return found, nil
}

func refundNotFound(id string) *refund.Error {
	e := refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
	e.Refund = id
	return e
}

// RefundList implements dialect.Reader.
func (s *Store) RefundList(ctx context.Context, f refund.Filter) (refunds []refund.Refund, more bool, err error) {
	l, one := listedRefunds(f)
	err = s.Read(ctx, func(q sqldb.Querier) error {
		refunds = nil
		return q.Query(ctx, one.SQL, one.Args, func(scan func(...any) error) error {
			r, err := scanRefund(scan)
			refunds = append(refunds, r)
			return err
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("list refunds: %w", err)
	}
	refunds, more = cut(l, refunds)
	return refunds, more, nil
}

// listedRefunds is the statement of a page. Of several states of which none is
// succeeded, each has a page of its own, and the page is made of those: in the
// index by states their rows are not in the order of a page, and for that order
// an engine would read all of a merchant's refunds.
func listedRefunds(f refund.Filter) (*listing, sqldb.Statement) {
	const from = ` FROM refunds r WHERE r.merchant_id = $1`
	if len(f.States) < 2 || slices.Contains(f.States, refund.Succeeded) {
		l := newListing(`SELECT `+refundColumns+from, "r", f.MerchantID, f.Page)
		filterRefunds(l, f)
		return l, l.end()
	}
	args := []any{f.MerchantID}
	pages := make([]string, len(f.States))
	for n, state := range f.States {
		of := f
		of.States = []refund.State{state}
		part := newListing(`SELECT r.id`+from, "r", f.MerchantID, f.Page)
		part.args = args // the numbers of its arguments go on
		filterRefunds(part, of)
		one := part.end()
		args, pages[n] = one.Args, `SELECT p.id FROM (`+one.SQL+`) p`
	}
	l := newListing(`SELECT `+refundColumns+` FROM (`+strings.Join(pages, ` UNION ALL `)+`) m CROSS JOIN refunds r
		WHERE r.merchant_id = $1 AND r.id = m.id`, "r", f.MerchantID, f.Page)
	l.args = args
	return l, l.end()
}

// filterRefunds adds what a filter selects by.
func filterRefunds(l *listing, f refund.Filter) {
	l.equal("charge_id", f.ChargeID)
	l.equal("channel", f.Channel)
	l.equal("channel_account", f.ChannelAccount)
	if f.Sub != "" {
		l.where(`r.charge_id IN (`+chargesBySub+`)`, f.Dialect, f.Sub)
	}
	l.equal("state", string(f.State))
	if f.NeedsPerson {
		l.where(needsPerson)
	}
	if f.ShortOfFunds {
		l.where(shortOfFunds)
	}
	if f.Adopted {
		l.where(adopted)
	}
	l.states(f.States)
	if f.Sequence != 0 {
		l.where("r.sequence = ?", f.Sequence) // few rows of one charge are looked through
	}
	l.indexed("number", f.Number)
	l.indexed("customer", f.Customer)
	l.indexed("reason_code", f.ReasonCode)
	l.indexed("failure_code", f.FailureCode)
	if f.Reason != "" {
		// LIKE takes upper for lower case on one engine and not on the other, and
		// the engines' functions that look for a text have different names. No
		// index helps: what the other conditions leave is read.
		l.where("replace(r.reason, ?, '') <> r.reason", f.Reason)
	}
	l.amounts(f.AmountMin, f.AmountMax)
	l.between("created_at", f.CreatedFrom, f.CreatedTo)
}

// states adds a condition on any of some states. Where none of them is
// succeeded, it says so as the index does.
func (l *listing) states(states []refund.State) {
	if len(states) == 0 {
		return
	}
	args := make([]any, len(states))
	for n, state := range states {
		args[n] = string(state)
	}
	condition := l.alias + ".state = ?"
	if len(args) > 1 {
		condition = l.alias + ".state IN (?" + strings.Repeat(", ?", len(args)-1) + ")"
	}
	l.where(condition, args...)
	if !slices.Contains(states, refund.Succeeded) {
		l.where(l.alias + ".state <> 'succeeded'")
	}
}

// Attempts implements dialect.Reader, oldest first. Answers that are counted on the
// refund are the last of them.
func (s *Store) Attempts(ctx context.Context, merchantID, refundID string) ([]refund.Attempt, error) {
	const text = `SELECT id, source, epoch, outcome, code, message, note, created_at, account_version, sent, actor, times FROM attempts
		WHERE merchant_id = $1 AND refund_id = $2`
	type row struct {
		id      string
		attempt refund.Attempt
	}
	const counted = `SELECT r.streak FROM refunds r WHERE r.merchant_id = $1 AND r.id = $2`
	var rows []row
	var streak refund.Streak
	err := s.Read(ctx, func(q sqldb.Querier) error {
		err := q.Query(ctx, counted, []any{merchantID, refundID}, func(scan func(...any) error) error {
			var text string
			if err := scan(&text); err != nil {
				return err
			}
			return fromJSON(text, &streak)
		})
		if err != nil {
			return err
		}
		return q.Query(ctx, text, []any{merchantID, refundID}, func(scan func(...any) error) error {
			r := row{attempt: refund.Attempt{RefundID: refundID}}
			a, at, sent, actor := &r.attempt, int64(0), "", ""
			err := scan(&r.id, (*string)(&a.Source), &a.Epoch, (*string)(&a.Outcome), &a.Code, &a.Message, &a.Note, &at, &a.Sent.AccountVersion, &sent, &actor, &a.Times)
			if err == nil {
				err = fromJSON(sent, &a.Sent)
			}
			a.At, a.Actor = sqldb.FromMicros(at), audit.ParseActor(actor)
			if a.Times == 1 {
				a.Times = 0
			}
			rows = append(rows, r)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	// Sorted here: asked for an order, SQLite reads all of the merchant's rows in
	// the order of their key, and not the refund's few. So for transfers.
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(a.attempt.At.Compare(b.attempt.At), cmp.Compare(a.id, b.id))
	})
	attempts := make([]refund.Attempt, len(rows))
	for n, r := range rows {
		attempts[n] = r.attempt
	}
	if again, some := streak.Attempt(refundID); some {
		attempts = append(attempts, again)
	}
	return attempts, nil
}

// Transfers implements dialect.Reader, oldest first.
func (s *Store) Transfers(ctx context.Context, merchantID, refundID string) ([]refund.StoredTransfer, error) {
	const text = `SELECT id, created_at, kind, from_account, to_account, amount, currency FROM transfers
		WHERE merchant_id = $1 AND refund_id = $2`
	var transfers []refund.StoredTransfer
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID, refundID}, func(scan func(...any) error) error {
			var t refund.StoredTransfer
			var at int64
			err := scan(&t.ID, &at, (*string)(&t.Kind), (*string)(&t.From), (*string)(&t.To),
				(*int64)(&t.Amount.Minor), (*string)(&t.Amount.Currency))
			t.At = sqldb.FromMicros(at)
			transfers = append(transfers, t)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read transfers: %w", err)
	}
	slices.SortFunc(transfers, func(a, b refund.StoredTransfer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	return transfers, nil
}
