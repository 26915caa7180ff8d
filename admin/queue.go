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
	// RefundLook and ChargeLook list, and name those that are damaged.
	RefundLook(ctx context.Context, f refund.Filter) (refund.Look, error)
	ChargeLook(ctx context.Context, f refund.ChargeFilter) (refund.ChargeLook, error)
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
// Delivery is set, none where Unreadable is: the refund or charge At.ID is damaged.
type QueueEntry struct {
	Kind QueueKind
	// At is where it stands in its queue.
	At       refund.Position
	Refund   *refund.Refund
	Coupons  []refund.Coupon // of the refund's charge, where the refund takes of them
	Charge   *refund.Charge
	Delivery *merchant.DeliveryRecord
	// Unreadable says that the row, or what it needs of its charge, can't be read.
	Unreadable bool
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
	look, err := s.RefundLook(ctx, f)
	if err != nil {
		return out, err
	}
	if out.Entries, err = queued(ctx, s, merchantID, QueuedRefund, look); err != nil {
		return out, err
	}
	sortEntries(out.Entries)
	if out.More = look.More; name == refund.QueueFunds {
		out.Shortages, err = s.Shortages(ctx, merchantID)
	}
	return out, err
}

// queued makes entries of refunds.
func queued(ctx context.Context, s Queues, merchantID string, kind QueueKind, look refund.Look) ([]QueueEntry, error) {
	entries := make([]QueueEntry, 0, len(look.Refunds)+len(look.Unreadable))
	for _, one := range look.Unreadable {
		entries = append(entries, QueueEntry{Kind: kind, At: one.At(), Unreadable: true, Since: one.CreatedAt})
	}
	if len(look.Refunds) == 0 {
		return entries, nil
	}
	asked, err := s.LastAsked(ctx, merchantID, look.Refunds)
	if err != nil {
		return nil, err
	}
	for n := range look.Refunds {
		r := &look.Refunds[n]
		e := QueueEntry{Kind: kind, At: refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, Refund: r, Since: since(*r), AskedAt: asked[r.ID], NextAt: r.DueAt}
		if len(r.Parts.Coupons) > 0 {
			c, err := s.Charge(ctx, merchantID, r.ChargeID)
			switch {
			case err == nil:
				e.Coupons = c.Detail.Coupons
			case refund.KindOf(err) == refund.KindCorrupt:
				e.Refund, e.Unreadable = nil, true
			default:
				return nil, err
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// sortEntries puts the newest first.
func sortEntries(entries []QueueEntry) {
	slices.SortFunc(entries, func(a, b QueueEntry) int {
		return cmp.Or(b.At.CreatedAt.Compare(a.At.CreatedAt), cmp.Compare(b.At.ID, a.At.ID))
	})
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
		look, err := s.RefundLook(ctx, one.filter)
		if err != nil {
			return out, err
		}
		entries, err := queued(ctx, s, merchantID, one.kind, look)
		if err != nil {
			return out, err
		}
		out.Entries, out.More = append(out.Entries, entries...), out.More || look.More
	}
	look, err := s.ChargeLook(ctx, refund.ChargeFilter{MerchantID: merchantID, Excess: true, Page: page})
	if err != nil {
		return out, err
	}
	out.More = out.More || look.Next != nil
	for _, one := range look.Unreadable {
		out.Entries = append(out.Entries, QueueEntry{Kind: QueuedExcess, At: one.At(), Unreadable: true, Since: one.CreatedAt})
	}
	for n := range look.Charges {
		c := &look.Charges[n]
		out.Entries = append(out.Entries, QueueEntry{Kind: QueuedExcess, At: refund.Position{CreatedAt: c.CreatedAt, ID: c.ID}, Charge: c, Since: c.UpdatedAt})
	}
	sortEntries(out.Entries)
	if limit := max(page.Limit, 1); len(out.Entries) > limit {
		out.Entries, out.More = out.Entries[:limit], true
	}
	return out, nil
}
