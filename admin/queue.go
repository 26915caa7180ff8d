package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Queues reads what waits for a person.
type Queues interface {
	// QueueCounts are how many wait in each queue, at most refund.MaxQueueCount.
	QueueCounts(ctx context.Context, merchantID string) (refund.QueueCounts, error)
	// Shortages are what each channel account lacks, by account and currency.
	Shortages(ctx context.Context, merchantID string) ([]refund.Shortage, error)
	// LastAsked is when the channel was asked last about each of the refunds, by
	// id; those that it was never asked about are absent.
	LastAsked(ctx context.Context, merchantID string, refunds []refund.Refund) (map[string]time.Time, error)
	Charge(ctx context.Context, merchantID, id string) (refund.Charge, error)
	RefundList(ctx context.Context, f refund.Filter) (refunds []refund.Refund, more bool, err error)
	ChargeList(ctx context.Context, f refund.ChargeFilter) (charges []refund.Charge, more bool, err error)
	DeliveryList(ctx context.Context, f merchant.DeliveryFilter, page refund.Page) (records []merchant.DeliveryRecord, more bool, err error)
}

// QueueKind says what an entry of a queue is.
type QueueKind string

// The kinds.
const (
	// QueuedRefund waits for a person, or for funds.
	QueuedRefund QueueKind = "refund"
	// QueuedDelivery was given up.
	QueuedDelivery QueueKind = "delivery"
	// QueuedAdopted is a refund that the channel made without us, QueuedTwice one
	// that failed because its payment is registered twice, and QueuedExcess a charge
	// of which more went back than was paid.
	QueuedAdopted QueueKind = "adopted"
	QueuedTwice   QueueKind = "registered_twice"
	QueuedExcess  QueueKind = "excess"
)

// QueueEntry is one thing that waits for a person. One of Refund, Charge and
// Delivery is set.
type QueueEntry struct {
	Kind QueueKind
	// At is where it stands in its queue.
	At       refund.Position
	Refund   *refund.Refund
	Coupons  []refund.Coupon // of the refund's charge, where the refund takes of them
	Charge   *refund.Charge
	Delivery *merchant.DeliveryRecord
	// Since is when it began to wait, AskedAt when the channel was asked last about
	// the refund, and NextAt when it is looked at, or sent, next; zero for never.
	Since, AskedAt, NextAt time.Time
}

// QueuePage is a page of a queue, newest first.
type QueuePage struct {
	Entries []QueueEntry
	More    bool
	// Shortages are those of the whole queue of refunds that wait for funds.
	Shortages []refund.Shortage
}

// ReadQueue reads a page of a queue. KindInvalid for a queue that there is not.
func ReadQueue(ctx context.Context, s Queues, merchantID string, name refund.Queue, page refund.Page) (QueuePage, error) {
	f := refund.Filter{MerchantID: merchantID, Page: page}
	switch name {
	case refund.QueueAbnormal:
		f.States = []refund.State{refund.Abnormal}
	case refund.QueueFunds:
		f.ShortOfFunds = true
	case refund.QueueUnknown:
		f.NeedsPerson = true
	case refund.QueueDeliveries:
		return deadDeliveries(ctx, s, merchantID, page)
	case refund.QueueForeign:
		return foreign(ctx, s, merchantID, page)
	default:
		return QueuePage{}, refund.Errorf(refund.KindInvalid, "queue", "queue must be one of abnormal, funds, unknown, deliveries, foreign")
	}
	var out QueuePage
	refunds, more, err := s.RefundList(ctx, f)
	if err != nil {
		return out, err
	}
	if out.Entries, err = queued(ctx, s, merchantID, QueuedRefund, refunds); err != nil {
		return out, err
	}
	if out.More = more; name == refund.QueueFunds {
		out.Shortages, err = s.Shortages(ctx, merchantID)
	}
	return out, err
}

// queued makes entries of refunds.
func queued(ctx context.Context, s Queues, merchantID string, kind QueueKind, refunds []refund.Refund) ([]QueueEntry, error) {
	if len(refunds) == 0 {
		return nil, nil
	}
	asked, err := s.LastAsked(ctx, merchantID, refunds)
	entries := make([]QueueEntry, len(refunds))
	for n := range refunds {
		r := &refunds[n]
		entries[n] = QueueEntry{
			Kind: kind, At: refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, Refund: r, Since: since(*r), AskedAt: asked[r.ID], NextAt: r.DueAt,
		}
		if len(r.Parts.Coupons) > 0 && err == nil {
			var c refund.Charge
			c, err = s.Charge(ctx, merchantID, r.ChargeID)
			entries[n].Coupons = c.Detail.Coupons
		}
	}
	return entries, err
}

// since is when a refund began to wait: what nobody knows the end of, from the call
// on that may have moved the money.
func since(r refund.Refund) time.Time {
	if r.NeedsPerson && !r.FirstSubmittedAt.IsZero() {
		return r.FirstSubmittedAt
	}
	return r.CreatedAt
}

func deadDeliveries(ctx context.Context, s Queues, merchantID string, page refund.Page) (QueuePage, error) {
	records, more, err := s.DeliveryList(ctx, merchant.DeliveryFilter{MerchantID: merchantID, Waiting: true}, page)
	out := QueuePage{More: more, Entries: make([]QueueEntry, len(records))}
	for n := range records {
		d := &records[n]
		out.Entries[n] = QueueEntry{
			Kind: QueuedDelivery, At: refund.Position{CreatedAt: d.Delivery.CreatedAt, ID: d.Delivery.ID}, Delivery: d, Since: d.EndedAt,
		}
	}
	return out, err
}

// foreign puts together what channels did without us, newest first: each of three
// lists is read for a whole page, since all of it may be one list's.
func foreign(ctx context.Context, s Queues, merchantID string, page refund.Page) (QueuePage, error) {
	var out QueuePage
	for _, one := range []struct {
		kind   QueueKind
		filter refund.Filter
	}{
		{QueuedAdopted, refund.Filter{Adopted: true}},
		{QueuedTwice, refund.Filter{FailureCode: refund.CodeTwice}},
	} {
		one.filter.MerchantID, one.filter.Page = merchantID, page
		refunds, more, err := s.RefundList(ctx, one.filter)
		if err != nil {
			return out, err
		}
		entries, err := queued(ctx, s, merchantID, one.kind, refunds)
		if err != nil {
			return out, err
		}
		out.Entries, out.More = append(out.Entries, entries...), out.More || more
	}
	charges, more, err := s.ChargeList(ctx, refund.ChargeFilter{MerchantID: merchantID, Excess: true, Page: page})
	if err != nil {
		return out, err
	}
	out.More = out.More || more
	for n := range charges {
		c := &charges[n]
		out.Entries = append(out.Entries, QueueEntry{Kind: QueuedExcess, At: refund.Position{CreatedAt: c.CreatedAt, ID: c.ID}, Charge: c, Since: c.UpdatedAt})
	}
	slices.SortFunc(out.Entries, func(a, b QueueEntry) int {
		return cmp.Or(b.At.CreatedAt.Compare(a.At.CreatedAt), cmp.Compare(b.At.ID, a.At.ID))
	})
	if limit := max(page.Limit, 1); len(out.Entries) > limit {
		out.Entries, out.More = out.Entries[:limit], true
	}
	return out, nil
}
