package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// refundColumns is what scanRefund reads, of a table named r: "FROM refunds r".
const refundColumns = `r.merchant_id, r.id, r.charge_id, r.unit_id, r.number, r.sequence, r.amount, r.currency, r.state, r.reason, r.parts,
	r.channel, r.channel_account, r.channel_number, r.channel_refund_id, r.created_at, r.updated_at, r.succeeded_at,
	r.due_at, r.lease_epoch, r.lease_until, r.held_reason, r.hold_until, r.attempts, r.tries, r.doubt, r.submitted_at,
	r.failure_code, r.failure_message, r.settled_amount, r.settled_currency, r.landed, r.asked_by, r.detail,
	r.first_submitted_at, r.shown, r.resolved_by, r.submit_spacing, r.customer, r.reason_code, r.masked_at, r.streak, r.watch_at, r.approved`

// insertRefunds takes what refundValues gives.
const insertRefunds = `INSERT INTO refunds (merchant_id, id, charge_id, unit_id, number, sequence, amount, currency, state, reason, parts,
	channel, channel_account, channel_number, channel_refund_id, created_at, updated_at, succeeded_at,
	due_at, lease_epoch, lease_until, held_reason, hold_until, attempts, tries, doubt, submitted_at,
	failure_code, failure_message, settled_amount, settled_currency, landed, asked_by, detail,
	first_submitted_at, shown, resolved_by, submit_spacing, customer, reason_code, masked_at, streak, watch_at, approved) VALUES`

// refundWidth is how many columns insertRefunds and refundColumns have.
const refundWidth = 44

func refundValues(r refund.Refund) ([]any, error) {
	parts, err := jsonText(r.Parts)
	if err != nil {
		return nil, fmt.Errorf("encode refund %s: %w", r.ID, err)
	}
	by, err := jsonText(r.By)
	if err != nil {
		return nil, fmt.Errorf("encode refund %s: %w", r.ID, err)
	}
	landed, err := landedText(r)
	if err != nil {
		return nil, err
	}
	detail, err := jsonText(r.Detail)
	if err != nil {
		return nil, fmt.Errorf("encode refund %s: %w", r.ID, err)
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
		r.MerchantID, r.ID, r.ChargeID, r.UnitID, r.Number, r.Sequence, int64(r.Amount), string(r.Currency), string(r.State), r.Reason, parts,
		r.Channel, r.ChannelAccount, r.ChannelNumber, r.ChannelRefundID, sqldb.Micros(r.CreatedAt), sqldb.Micros(r.UpdatedAt), sqldb.Micros(r.SucceededAt),
		dueColumn(r), r.LeaseEpoch, sqldb.Micros(r.LeaseUntil), r.HeldReason, sqldb.Micros(r.HoldUntil), r.Attempts, r.Tries, doubtOf(r), sqldb.Micros(r.SubmittedAt),
		r.FailureCode, r.FailureMessage, int64(r.Settled.Minor), string(r.Settled.Currency), landed, by, detail,
		sqldb.Micros(r.FirstSubmittedAt), shown, r.ResolvedBy.String(), r.SubmitSpacing.Microseconds(), r.Customer, r.ReasonCode, sqldb.Micros(r.MaskedAt), streak,
		sqldb.Micros(r.WatchAt), r.Approved,
	}, nil
}

// refundRow is what scanRefund reads beside the refund itself. It is kept for the next
// row: each place would be memory of its own.
type refundRow struct {
	createdAt, updatedAt, succeededAt, dueAt, leaseUntil, holdUntil, submittedAt, firstSubmittedAt, submitSpacing, maskedAt, doubt, watchAt int64

	parts, landed, by, detail, shown, resolvedBy, streak string

	places [refundWidth + 8]any // with room for columns behind
}

var refundRows = sync.Pool{New: func() any { return new(refundRow) }}

// scanRefund reads a row of refundColumns. One that breaks an invariant, or whose
// texts can't be read, is KindCorrupt. The refund has its key also then.
func scanRefund(scan func(...any) error) (refund.Refund, error) {
	var r refund.Refund
	err := scanRefundInto(&r, scan)
	return r, err
}

// scanRefundInto is scanRefund into a refund that is zero.
func scanRefundInto(r *refund.Refund, scan func(...any) error) error {
	t := refundRows.Get().(*refundRow)
	err := scan(append(t.places[:0], &r.MerchantID, &r.ID, &r.ChargeID, &r.UnitID, &r.Number, &r.Sequence, (*int64)(&r.Amount), (*string)(&r.Currency), (*string)(&r.State), &r.Reason, &t.parts,
		&r.Channel, &r.ChannelAccount, &r.ChannelNumber, &r.ChannelRefundID, &t.createdAt, &t.updatedAt, &t.succeededAt,
		&t.dueAt, &r.LeaseEpoch, &t.leaseUntil, &r.HeldReason, &t.holdUntil, &r.Attempts, &r.Tries, &t.doubt, &t.submittedAt,
		&r.FailureCode, &r.FailureMessage, (*int64)(&r.Settled.Minor), (*string)(&r.Settled.Currency), &t.landed, &t.by, &t.detail,
		&t.firstSubmittedAt, &t.shown, &t.resolvedBy, &t.submitSpacing, &r.Customer, &r.ReasonCode, &t.maskedAt, &t.streak, &t.watchAt, &r.Approved)...)
	if err == nil {
		err = t.fill(r)
	} else {
		err = fmt.Errorf("read refund: %w", err)
	}
	*t = refundRow{}
	refundRows.Put(t)
	return err
}

// fill gives a refund what was read beside it.
func (t *refundRow) fill(r *refund.Refund) (err error) {
	r.CreatedAt, r.UpdatedAt, r.SucceededAt = sqldb.FromMicros(t.createdAt), sqldb.FromMicros(t.updatedAt), sqldb.FromMicros(t.succeededAt)
	r.HoldUntil, r.SubmittedAt, r.LeaseUntil = sqldb.FromMicros(t.holdUntil), sqldb.FromMicros(t.submittedAt), sqldb.FromMicros(t.leaseUntil)
	takeDue(r, t.dueAt)
	r.FirstSubmittedAt, r.SubmitSpacing = sqldb.FromMicros(t.firstSubmittedAt), time.Duration(t.submitSpacing)*time.Microsecond
	r.ResolvedBy, r.MaskedAt, r.WatchAt = audit.ParseActor(t.resolvedBy), sqldb.FromMicros(t.maskedAt), sqldb.FromMicros(t.watchAt)
	takeDoubt(r, t.doubt)
	if r.Parts, err = partsOf(t.parts); err == nil {
		r.By, err = askerOf(t.by)
	}
	for _, text := range [...]struct {
		column string
		into   any
	}{{t.landed, &r.Landed}, {t.detail, &r.Detail}, {t.shown, &r.Shown}, {t.streak, &r.Streak}} {
		if err == nil {
			err = fromJSON(text.column, text.into)
		}
	}
	if err != nil {
		return ofRefund(unreadable("refund", r.ID, err), *r)
	}
	return ofRefund(r.Check(), *r)
}

// landedText is the column's JSON; it is empty for money that went back the
// way it came.
func landedText(r refund.Refund) (string, error) {
	if r.Landed == (refund.Landed{}) {
		return "", nil
	}
	text, err := jsonText(r.Landed)
	if err != nil {
		return "", fmt.Errorf("encode refund %s: %w", r.ID, err)
	}
	return text, nil
}

// shownText is the column's JSON; it is empty where nothing is shown.
func shownText(r refund.Refund) (string, error) {
	if len(r.Shown) == 0 {
		return "", nil
	}
	text, err := jsonText(r.Shown)
	if err != nil {
		return "", fmt.Errorf("encode refund %s: %w", r.ID, err)
	}
	return text, nil
}

// streakText is the column's JSON; it is empty where there is none.
func streakText(r refund.Refund) (string, error) {
	if r.Streak.Source == "" {
		return "", nil
	}
	text, err := jsonText(r.Streak)
	if err != nil {
		return "", fmt.Errorf("encode refund %s: %w", r.ID, err)
	}
	return text, nil
}

// sentText is an attempt's column of the same kind.
func sentText(a refund.Attempt) (string, error) {
	if a.Sent.Digest == "" && a.Sent.UpstreamRequestID == "" && a.Sent.Request == "" && a.Sent.Answer == "" && len(a.Sent.Shown) == 0 {
		return "", nil
	}
	text, err := jsonText(a.Sent)
	if err != nil {
		return "", fmt.Errorf("encode attempt of refund %s: %w", a.RefundID, err)
	}
	return text, nil
}

func doubtOf(r refund.Refund) (doubt int64) {
	for _, flag := range [...]struct {
		set bool
		bit int64
	}{
		{r.Unknown, refund.DoubtUnknown},
		{r.Refused, refund.DoubtRefused},
		{r.Contradicted, refund.DoubtContradicted},
		{r.Unproven, refund.DoubtUnproven},
		{r.NeedsPerson, refund.DoubtNeedsPerson},
		{r.Hinted, refund.DoubtHinted},
	} {
		if flag.set {
			doubt |= flag.bit
		}
	}
	return doubt
}

func takeDoubt(r *refund.Refund, doubt int64) {
	r.Unknown, r.Refused, r.Contradicted = doubt&refund.DoubtUnknown != 0, doubt&refund.DoubtRefused != 0, doubt&refund.DoubtContradicted != 0
	r.Unproven, r.NeedsPerson = doubt&refund.DoubtUnproven != 0, doubt&refund.DoubtNeedsPerson != 0
	r.Hinted = doubt&refund.DoubtHinted != 0
}

const refundsByKey = `SELECT ` + refundColumns + ` FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id ORDER BY v.n`

// refunds reads refunds by their keys, under lock if asked for; those that do
// not exist are absent.
func (s *Store) refunds(ctx context.Context, q sqldb.Querier, keys []refund.Key, lock bool) (map[refund.Key]refund.Refund, error) {
	text := refundsByKey
	if lock {
		text += q.Lock("OF r")
	}
	return readRefunds(ctx, q, keys, text)
}

// freeRefunds locks and reads those refunds that no other transaction holds, and
// returns which are held. It never waits.
func (s *Store) freeRefunds(ctx context.Context, q sqldb.Querier, keys []refund.Key) (free map[refund.Key]refund.Refund, held map[refund.Key]bool, err error) {
	if free, err = readRefunds(ctx, q, keys, refundsByKey+q.Lock("OF r SKIP LOCKED")); err != nil {
		return nil, nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(keys), func(key refund.Key) bool {
		_, is := free[key]
		return is
	})
	held = make(map[refund.Key]bool)
	const there = `SELECT r.merchant_id, r.id FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id`
	err = sqldb.QueryValues(ctx, q, keyColumns, refundKeyRows(missing), there, func(scan func(...any) error) error {
		var key refund.Key
		err := scan(&key.MerchantID, &key.ID)
		held[key] = true
		return err
	})
	return free, held, err
}

func readRefunds(ctx context.Context, q sqldb.Querier, keys []refund.Key, text string) (map[refund.Key]refund.Refund, error) {
	found := make(map[refund.Key]refund.Refund, len(keys))
	err := sqldb.QueryValues(ctx, q, keyColumns, refundKeyRows(keys), text, func(scan func(...any) error) error {
		r, err := scanRefund(scan)
		found[refund.Key{MerchantID: r.MerchantID, ID: r.ID}] = r
		return err
	})
	return found, err
}

// soundRefunds reads refunds without lock, without those that are corrupt.
func soundRefunds(ctx context.Context, q sqldb.Querier, keys []refund.Key) (map[refund.Key]refund.Refund, error) {
	found := make(map[refund.Key]refund.Refund, len(keys))
	err := sqldb.QueryValues(ctx, q, keyColumns, refundKeyRows(keys), refundsByKey, func(scan func(...any) error) error {
		r, err := scanRefund(scan)
		switch {
		case err == nil:
			found[refund.Key{MerchantID: r.MerchantID, ID: r.ID}] = r
		case refund.KindOf(err) != refund.KindCorrupt:
			return err
		}
		return nil
	})
	return found, err
}

func refundKeyRows(keys []refund.Key) [][]any {
	rows := make([]rowKey, len(keys))
	for n, key := range keys {
		rows[n] = rowKey{key.MerchantID, key.ID}
	}
	return keyRows(rows)
}
