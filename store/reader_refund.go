package store

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Reads of refunds that callers make together, as those of charges.
var (
	ofRefundColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "id TEXT")
	ofChargeColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "charge_id TEXT", "size BIGINT")
	byNumberColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "number TEXT", "size BIGINT")
)

var (
	refundByID = keyed[refund.Refund]{
		scanInto: scanRefundInto, columns: ofRefundColumns,
		alone: `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.id = $2`,
		together: `SELECT ` + refundColumns + `, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = v.merchant_id AND r.id = v.id OFFSET 0) r`,
	}
	// refundsOfOneCharge is the first page of listedRefunds of a charge.
	refundsOfOneCharge = keyed[refund.Refund]{
		scanInto: scanRefundInto, columns: ofChargeColumns,
		alone: `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.charge_id = $2 ORDER BY r.created_at DESC, r.id DESC LIMIT $3`,
		together: `SELECT ` + refundColumns + `, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = v.merchant_id AND r.charge_id = v.charge_id ORDER BY r.created_at DESC, r.id DESC LIMIT v.size) r`,
	}
	// refundsOfOneNumber is that of a number of the merchant's.
	refundsOfOneNumber = keyed[refund.Refund]{
		scanInto: scanRefundInto, columns: byNumberColumns,
		alone: `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.number <> '' AND r.number = $2 ORDER BY r.created_at DESC, r.id DESC LIMIT $3`,
		together: `SELECT ` + refundColumns + `, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = v.merchant_id AND r.number <> '' AND r.number = v.number
			ORDER BY r.created_at DESC, r.id DESC LIMIT v.size) r`,
	}
	attemptsOfRefund = keyed[attemptSeen]{
		scan: scanAttempt, columns: ofRefundColumns,
		alone: `SELECT ` + shownAttempt + `, '' FROM attempts a WHERE a.merchant_id = $1 AND a.refund_id = $2
			UNION ALL SELECT ` + noAttempt + `, r.streak FROM refunds r WHERE r.merchant_id = $1 AND r.id = $2`,
		together: `SELECT ` + shownAttempt + `, a.streak, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + shownAttempt + `, '' AS streak FROM attempts a WHERE a.merchant_id = v.merchant_id AND a.refund_id = v.id
			UNION ALL SELECT ` + noAttempt + `, r.streak FROM refunds r WHERE r.merchant_id = v.merchant_id AND r.id = v.id OFFSET 0) a`,
	}
	transfersOfRefund = keyed[refund.StoredTransfer]{
		scan: scanTransfer, columns: ofRefundColumns,
		alone: `SELECT ` + transferColumns + ` FROM transfers t WHERE t.merchant_id = $1 AND t.refund_id = $2`,
		together: `SELECT ` + transferColumns + `, v.n FROM v CROSS JOIN LATERAL (
			SELECT ` + transferColumns + ` FROM transfers t WHERE t.merchant_id = v.merchant_id AND t.refund_id = v.id OFFSET 0) t`,
	}
)

// Refund implements dialect.Reader. One that is damaged is KindCorrupt, with what is known
// of it.
func (s *Store) Refund(ctx context.Context, merchantID, id string) (refund.Refund, error) {
	rows, err := s.together.refund.rows(ctx, merchantID, id)
	if err == nil {
		err = firstFault(rows, anyFault)
	}
	switch {
	case isCorrupt(err) && len(rows) == 1:
		return rows[0].row, fmt.Errorf("find refund: %w", err)
	case err != nil:
		return refund.Refund{}, fmt.Errorf("find refund: %w", err)
	case len(rows) == 0:
		return refund.Refund{}, refundNotFound(id)
	}
	return rows[0].row, nil
}

func refundNotFound(id string) *refund.Error {
	e := refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
	e.Refund = id
	return e
}

// RefundList implements dialect.Reader.
func (s *Store) RefundList(ctx context.Context, f refund.Filter) (refunds []refund.Refund, more bool, err error) {
	if pages, key := s.firstPageOf(f); pages != nil {
		rows, more, err := firstPage(ctx, pages, key, f)
		if err == nil {
			err = firstFault(rows, anyFault)
		}
		if err != nil {
			return nil, false, fmt.Errorf("list refunds: %w", err)
		}
		return plain(rows), more, nil
	}
	l, one := listedRefunds(f)
	refunds, more, err = readAll(ctx, s, l, one, scanRefund)
	if err != nil {
		return nil, false, fmt.Errorf("list refunds: %w", err)
	}
	return refunds, more, nil
}

// readAll reads the rows of a page. One of them that is damaged is the error; the row
// too many may be.
func readAll[T any](ctx context.Context, s *Store, l *listing, one sqldb.Statement, scan func(scan func(...any) error) (T, error)) ([]T, bool, error) {
	var rows []seen[T]
	var more bool
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		rows, more, err = seeAll(ctx, q, l, one, scan)
		return err
	})
	if err == nil {
		err = firstFault(rows, anyFault)
	}
	return plain(rows), more, err
}

// firstPageOf returns the shared read of what a filter asks for, and its key: the first
// page of a charge's refunds, or of those with a number. It is nil for any other page.
func (s *Store) firstPageOf(f refund.Filter) (pages *gathered[refund.Refund], key string) {
	only := refund.Filter{MerchantID: f.MerchantID, Page: refund.Page{Limit: f.Page.Limit}}
	switch {
	case f.ChargeID != "":
		pages, key, only.ChargeID = s.together.refundsOfCharge, f.ChargeID, f.ChargeID
	case f.Number != "":
		pages, key, only.Number = s.together.refundsByNumber, f.Number, f.Number
	}
	if f.States != nil || !reflect.DeepEqual(f, only) {
		return nil, ""
	}
	return pages, key
}

// firstPage reads the page that firstPageOf found.
func firstPage(ctx context.Context, pages *gathered[refund.Refund], key string, f refund.Filter) (rows []seen[refund.Refund], more bool, err error) {
	l := newListing("", "r", f.MerchantID, f.Page)
	if rows, err = pages.rows(ctx, f.MerchantID, key, int64(l.page.Limit)+1); err != nil {
		return nil, false, err
	}
	rows, more = cut(l, rows)
	return rows, more, nil
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
// refund are the last of them. One that is damaged says so; answers that are only counted
// are left out where they can't be read, as then the refund is damaged itself.
func (s *Store) Attempts(ctx context.Context, merchantID, refundID string) ([]refund.Attempt, error) {
	found, err := s.together.attempts.rows(ctx, merchantID, refundID)
	if err == nil {
		err = firstFault(found, anyFault)
	}
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	rows := plain(found)
	// Sorted here: asked for an order, SQLite reads all of the merchant's rows in
	// the order of their key, and not the refund's few. So for transfers.
	slices.SortFunc(rows, func(a, b attemptSeen) int {
		return cmp.Or(a.attempt.At.Compare(b.attempt.At), cmp.Compare(a.id, b.id))
	})
	attempts := make([]refund.Attempt, 0, len(rows))
	var streak refund.Streak
	for _, r := range rows {
		if r.id == "" {
			streak = r.streak
			continue
		}
		r.attempt.RefundID = refundID
		attempts = append(attempts, r.attempt)
	}
	if again, some := streak.Attempt(refundID); some {
		attempts = append(attempts, again)
	}
	return attempts, nil
}

// attemptSeen is an attempt with its id, or without one the refund's streak.
type attemptSeen struct {
	id      string
	attempt refund.Attempt
	streak  refund.Streak
}

const (
	shownAttempt = `a.id, a.source, a.epoch, a.outcome, a.code, a.message, a.note, a.created_at, a.account_version, a.sent, a.actor, a.times`
	noAttempt    = `'', '', 0, '', '', '', '', 0, 0, '', '', 0`
)

// scanAttempt reads a row of shownAttempt and a streak.
func scanAttempt(scan func(...any) error) (r attemptSeen, err error) {
	a, at, sent, actor, streak := &r.attempt, int64(0), "", "", ""
	err = scan(&r.id, (*string)(&a.Source), &a.Epoch, (*string)(&a.Outcome), &a.Code, &a.Message, &a.Note, &at, &a.Sent.AccountVersion, &sent, &actor, &a.Times, &streak)
	if fromJSON(sent, &a.Sent) != nil {
		a.Sent, a.Unreadable = refund.Sent{AccountVersion: a.Sent.AccountVersion}, true
	}
	if fromJSON(streak, &r.streak) != nil {
		r.streak = refund.Streak{}
	}
	a.At, a.Actor = sqldb.FromMicros(at), audit.ParseActor(actor)
	if a.Times == 1 {
		a.Times = 0
	}
	return r, err
}

// Transfers implements dialect.Reader, oldest first.
func (s *Store) Transfers(ctx context.Context, merchantID, refundID string) ([]refund.StoredTransfer, error) {
	rows, err := s.together.transfers.rows(ctx, merchantID, refundID)
	if err == nil {
		err = firstFault(rows, anyFault)
	}
	if err != nil {
		return nil, fmt.Errorf("read transfers: %w", err)
	}
	transfers := plain(rows)
	slices.SortFunc(transfers, func(a, b refund.StoredTransfer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	return transfers, nil
}

const transferColumns = `t.id, t.created_at, t.kind, t.from_account, t.to_account, t.amount, t.currency`

func scanTransfer(scan func(...any) error) (t refund.StoredTransfer, err error) {
	var at int64
	err = scan(&t.ID, &at, (*string)(&t.Kind), (*string)(&t.From), (*string)(&t.To),
		(*int64)(&t.Amount.Minor), (*string)(&t.Amount.Currency))
	t.At = sqldb.FromMicros(at)
	return t, err
}
