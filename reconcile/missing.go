package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// since is before everything: a bill is of its day.
var since time.Time

// farFuture is behind every time of success.
var farFuture = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// book keeps which refunds of ours the day's bill ought to have.
func (r *run) book(ctx context.Context) error {
	from, to := r.task.Day.Day, r.task.Day.Next().Day
	last := to.Add(edge)
	if r.can.BilledWhenAccepted {
		last = farFuture // it may have succeeded long after
	}
	var after refund.Booked
	for {
		page, err := r.store.Succeeded(ctx, r.key(), from.Add(-edge), last, after, pageRows)
		if err != nil {
			return err
		}
		for _, b := range page {
			after = b
			near, due := r.due(b, from, to)
			if !due {
				continue
			}
			if err := r.spool.book(b.ID, near); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

// due reports whether a refund that succeeded ought to be in the bill of from <=
// time < to, and in which other it may be instead. What happened after the reading
// began is not expected of a day that is not over. A refund that was under way for
// days is in one bill of them: the last day expects it, those before it nothing.
func (r *run) due(b refund.Booked, from, to time.Time) (near nearness, due bool) {
	first, last := b.SucceededAt, b.SucceededAt
	if r.can.BilledWhenAccepted {
		if b.FirstSubmittedAt.IsZero() {
			return "", false // the channel made it: nobody here knows when it accepted it
		}
		first, last = b.FirstSubmittedAt, b.SubmittedAt
		if last.Before(first) {
			last = first
		}
		last = last.Add(channel.CallTimeout)
	}
	next := r.task.Day.Next().Next().Day // the end of the day after
	if first.Before(from) && !last.Before(to) || !last.Before(next) {
		return "", false
	}
	first, last = first.Add(-edge), last.Add(edge)
	if !first.Before(to) || last.Before(from) || to.After(r.began) && last.After(r.began) {
		return "", false
	}
	switch before, behind := first.Before(from), !last.Before(to); {
	case before && behind:
		return orEither, true
	case before:
		return orBefore, true
	case behind:
		return orAfter, true
	}
	return onlyToday, true
}

// missing lists what the bill has more than once, and what it leaves out.
func (r *run) missing(ctx context.Context) error {
	near := make(map[string]nearness)
	err := r.spool.each(func(id string) error {
		b, err := r.booked(ctx, id)
		if err != nil {
			return err
		}
		return r.differs(ours(channel.DiffersRepeated, b, channel.Listed{}, "the bill has it more than once"))
	}, func(id string, n nearness) error {
		if n != onlyToday && len(near) < maxEdge {
			near[id] = n
			return nil
		}
		return r.absent(ctx, id)
	})
	if err != nil {
		return err
	}
	return r.edges(ctx, near)
}

// absent lists a refund that has succeeded and that the bill does not have.
func (r *run) absent(ctx context.Context, id string) error {
	b, err := r.booked(ctx, id)
	if err != nil {
		return err
	}
	note, err := r.confirm(ctx, b)
	if err != nil {
		return err
	}
	return r.differs(ours(channel.DiffersMissing, b, channel.Listed{}, note))
}

func (r *run) booked(ctx context.Context, id string) (refund.Booked, error) {
	one, err := r.store.Refund(ctx, r.task.Account.MerchantID, id)
	if err != nil {
		return refund.Booked{}, err
	}
	i := channel.InstructionOf(one, refund.Charge{})
	return refund.Booked{ID: id, ChargeID: one.ChargeID, ChannelNumber: i.Number, ChannelRefundID: i.ChannelRefundID, Amount: i.Amount, State: one.State}, nil
}

// edges looks for refunds near midnight in the bills of the days beside.
func (r *run) edges(ctx context.Context, near map[string]nearness) error {
	if len(near) == 0 {
		return nil
	}
	unread := make(map[nearness]bool)
	for _, side := range []struct {
		near nearness
		day  channel.BillDay
	}{{orBefore, r.task.Day.Before()}, {orAfter, r.task.Day.Next()}} {
		wanted := false
		for _, n := range near {
			wanted = wanted || n == side.near || n == orEither
		}
		if !wanted {
			continue
		}
		read, err := r.beside(ctx, side.day, near)
		if err != nil {
			return err
		}
		unread[side.near] = !read
	}
	for _, id := range slices.Sorted(maps.Keys(near)) {
		n := near[id]
		open := unread[n] || n == orEither && (unread[orBefore] || unread[orAfter])
		if !open {
			if err := r.absent(ctx, id); err != nil {
				return err
			}
			continue
		}
		b, err := r.booked(ctx, id)
		if err == nil {
			err = r.differs(ours(channel.DiffersEdge, b, channel.Listed{}, "it may be in the bill of the day before or after, which could not be read"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// beside takes out of near what the bill of another day has. False: that could not
// be read.
func (r *run) beside(ctx context.Context, day channel.BillDay, near map[string]nearness) (read bool, err error) {
	if !r.can.Bills {
		return false, nil
	}
	bill, err := safeBill(ctx, r.task.Connector, day)
	if err != nil {
		return false, ctx.Err()
	}
	defer func() { _ = bill.Close() }()
	found := make(map[string]bool)
	err = channel.ReadBill(ctx, bill, pageRows, func(rows []channel.Listed) error {
		booked, err := r.store.BookedByName(ctx, r.key(), names(rows))
		for n := range booked {
			if id := booked[n].ID; near[id] != "" {
				found[id] = true
			}
		}
		return err
	})
	if err != nil {
		return false, ctx.Err()
	}
	for id := range found {
		delete(near, id)
	}
	return true, nil
}

func safeBill(ctx context.Context, connector channel.Connector, day channel.BillDay) (bill channel.Bill, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the channel's driver failed to open the bill")
		}
	}()
	return connector.Bill(ctx, day)
}
