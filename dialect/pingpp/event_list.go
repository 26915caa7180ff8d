package pingpp

import (
	"cmp"
	"context"
	"slices"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// listEvents is GET /v1/events (P3.4-1), newest first, filtered by type and
// created.
func (d *Dialect) listEvents(c *call) (any, error) {
	list := wire.List[wire.Event]{URL: wire.EventsPath()}
	filter, err := d.eventFilter(c)
	if err != nil {
		return nil, err
	}
	if len(filter.Types) == 0 || (span{filter.CreatedFrom, filter.CreatedTo}).empty() {
		return list, nil
	}
	for range maxUntold {
		events, more, err := d.eventPage(c.r.Context(), filter)
		if err != nil {
			return nil, err
		}
		list.HasMore = more
		for _, e := range events {
			if !tellable(e.Type, e.Charge) {
				continue
			}
			object, err := eventObject(e, c.live(), e.PendingDeliveries, c.locale)
			if err != nil {
				return nil, err
			}
			list.Data = append(list.Data, object)
		}
		if len(list.Data) > 0 || !more {
			break
		}
		filter.Page = beyond(filter.Page, events)
	}
	return list, nil
}

// maxUntold is how many pages of events that have no words here are passed
// over: a client takes an empty page for the last.
const maxUntold = 50

// beyond is the page behind one that held events, in its direction.
func beyond(page refund.Page, events []refund.StoredEvent) refund.Page {
	at := func(e refund.StoredEvent) *refund.Position { return &refund.Position{CreatedAt: e.At, ID: e.ID} }
	if page.Before != nil {
		page.Before = at(events[0])
	} else {
		page.After = at(events[len(events)-1])
	}
	return page
}

// eventPage is a page of the events of refunds and of those of batches, which
// are kept apart.
func (d *Dialect) eventPage(ctx context.Context, filter refund.EventFilter) (events []refund.StoredEvent, more bool, err error) {
	ofRefunds := filter
	ofRefunds.Types = slices.DeleteFunc(slices.Clone(filter.Types), func(name string) bool { return name == BatchSucceeded })
	if len(ofRefunds.Types) > 0 {
		if events, more, err = d.Reader.EventList(ctx, ofRefunds); err != nil {
			return nil, false, err
		}
	}
	if len(ofRefunds.Types) == len(filter.Types) {
		return events, more, nil
	}
	ofBatches, moreBatches, err := d.Units.BatchEventList(ctx, filter)
	if err != nil {
		return nil, false, err
	}
	events = append(events, ofBatches...)
	slices.SortFunc(events, func(a, b refund.StoredEvent) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID))
	})
	more = more || moreBatches || len(events) > filter.Page.Limit
	if over := len(events) - filter.Page.Limit; over > 0 && filter.Page.Before != nil {
		events = events[over:] // those next to the cursor
	}
	return events[:min(len(events), filter.Page.Limit)], more, nil
}

// eventFilter reads the query. No types at all means that nothing matches.
func (d *Dialect) eventFilter(c *call) (refund.EventFilter, error) {
	f := refund.EventFilter{MerchantID: c.caller.Merchant.ID}
	wanted, err := optionalText(c.params, "type", "type")
	if err != nil {
		return f, err
	}
	for core, name := range eventTypes {
		if wanted == "" || wanted == name {
			f.Types = append(f.Types, core)
		}
	}
	slices.Sort(f.Types)
	times, _, err := created(c.params)
	if err != nil {
		return f, err
	}
	f.CreatedFrom, f.CreatedTo = times.from, times.to
	f.Page, err = page(c.r.Context(), c.params, maxPage, func(ctx context.Context, id string) (refund.Position, bool, error) {
		e, ok, err := d.eventNamed(ctx, f.MerchantID, id)
		at, err := dialect.Place(refund.Position{CreatedAt: e.At, ID: e.ID}, err)
		return at, ok || err == nil && e.Unreadable, err
	})
	return f, err
}
