package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// askMargin is asked about before the time that was given: the channel's clock is
	// another than ours.
	askMargin = 24 * time.Hour
	// maxAsked bounds the charges that are read at once, and maxListed the refunds of
	// one payment or page of a bill that are compared at once.
	maxAsked  = 200
	maxListed = 1000
	// maxTwins bounds the waiting refunds of one charge that are looked through.
	maxTwins = 200
)

// AskAccount asks an account's channel what it has done since a time, which after a
// restore is the time of the backup, and adopts what is not ours: refunds that this
// database has lost. Those of charges that were lost as well go to the inbox. Where the account has to be asked since an earlier time, that
// one counts; a zero time means it. It may be called again without harm. When
// everything was taken, the account may be resumed. progress, if not nil, is called
// with what was found so far. Errors: KindNotFound; KindInvalid for a time in the
// future, or for none; KindStateConflict where the channel can't list all refunds or
// has some that have not ended.
func (a *Admin) AskAccount(ctx context.Context, by By, merchantID, id string, since time.Time, progress func(channel.Comparison)) (channel.Comparison, error) {
	record, err := a.record(by, merchantID, "account.check", id)
	if err != nil {
		return channel.Comparison{}, err
	}
	account, err := a.Account(ctx, merchantID, id)
	if err != nil {
		return channel.Comparison{}, err
	}
	if since, err = a.askedSince(account, since); err != nil {
		return channel.Comparison{}, err
	}
	connector, err := a.s.Channels.TryOpen(account)
	if err != nil {
		return channel.Comparison{}, err
	}
	q := &question{Admin: a, account: account, connector: connector, since: since.Add(-askMargin), cause: refund.Cause{Actor: by.Actor, RequestID: by.RequestID}, progress: progress}
	can := connector.Capabilities()
	if !can.List && !can.Bills {
		return channel.Comparison{}, refund.Errorf(refund.KindStateConflict, "channel_account",
			"channel %s can't list refunds: compare by hand what was refunded since %s (hint: then resume with --unchecked)", account.Channel, since.Format(time.RFC3339))
	}
	// What it adopts is committed before its own record, and has a name by then.
	begin := record.With("since", since.Format(time.RFC3339))
	begin.Action, begin.Write = begin.Action+".begin", nil
	if err := a.s.Store.AddRecord(ctx, begin); err != nil {
		return channel.Comparison{}, err
	}
	err = q.all(ctx, can)
	if found := len(q.found.Open); err == nil && found > 0 {
		err = refund.Errorf(refund.KindStateConflict, "channel_account",
			"%d refunds that are not ours have not ended at the channel, such as %s: ask again when they have", found, q.found.Open[0])
	}
	record = record.With("since", since.Format(time.RFC3339)).With("adopted", strconv.Itoa(len(q.found.Adopted))).With("recorded", strconv.Itoa(q.found.Recorded)).
		With("kept", strconv.Itoa(q.found.Kept)).With("asked", strconv.Itoa(q.found.Asked)).With("complete", strconv.FormatBool(err == nil))
	return q.found, a.asked(ctx, record, account, err)
}

// asked ends a question, which returned problem: an account of which everything
// was taken need not be asked any more.
func (a *Admin) asked(ctx context.Context, record refund.Action, account merchant.ChannelAccount, problem error) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if problem != nil || account.AskSince.IsZero() {
		err = a.s.Store.AddRecord(ctx, record)
	} else {
		_, err = a.s.Store.ChangeAccount(ctx, account.MerchantID, account.ID, record, a.now(), func(now *merchant.ChannelAccount) error {
			if now.AskSince.Equal(account.AskSince) { // no later restore
				now.AskSince = time.Time{}
			}
			return nil
		})
	}
	a.done(account.MerchantID)
	return errors.Join(problem, err)
}

func (a *Admin) askedSince(account merchant.ChannelAccount, since time.Time) (time.Time, error) {
	must := account.AskSince
	switch {
	case since.IsZero() && must.IsZero():
		return since, refund.Errorf(refund.KindInvalid, "since", "since must be a time: nothing says from when on the channel has to be asked")
	case since.After(a.now()):
		return since, refund.Errorf(refund.KindInvalid, "since", "since must not be in the future")
	case since.IsZero() || !must.IsZero() && must.Before(since):
		return must, nil
	}
	return since, nil
}

// question is one account's channel being asked.
type question struct {
	*Admin
	account   merchant.ChannelAccount
	connector channel.Connector
	since     time.Time
	cause     refund.Cause
	again     bool // what is listed was in a bill as well, mostly
	progress  func(channel.Comparison)
	found     channel.Comparison
}

// all reads the bills, which show refunds of charges that this database has lost,
// too, and asks about each payment that it has: a bill may leave something out.
func (q *question) all(ctx context.Context, can channel.Capabilities) error {
	if can.Bills {
		if err := q.bills(ctx, can); err != nil {
			return err
		}
		q.again = true
	}
	if can.List {
		if err := q.payments(ctx); err != nil {
			return err
		}
	}
	if !can.Bills {
		return refund.Errorf(refund.KindStateConflict, "channel_account",
			"channel %s lists refunds of payments that are known here alone, and charges may have been lost, too (hint: register them again and check again, then resume with --unchecked)", q.account.Channel)
	}
	return nil
}

// payments asks about every payment that the account took, one after the other, at
// the rate of its queries.
func (q *question) payments(ctx context.Context) error {
	pause := time.Duration(0)
	if rate := q.connector.Limits().Query.PerSecond; rate > 0 {
		pause = time.Second / time.Duration(rate)
	}
	for after := ""; ; {
		charges, err := q.s.Store.ChargesOfAccount(ctx, q.account.MerchantID, q.account.ID, after, maxAsked)
		if err != nil {
			return err
		}
		for _, c := range charges {
			after = c.TransactionID
			if err := q.payment(ctx, c); err != nil {
				return fmt.Errorf("ask about charge %s: %w", c.ID, err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
		if len(charges) < maxAsked {
			return nil
		}
	}
}

func (q *question) payment(ctx context.Context, c refund.Charge) error {
	call, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	listed, err := safely(func() ([]channel.Listed, error) {
		return q.connector.List(call, channel.PaymentRef{TransactionID: c.TransactionID, OrderNo: c.OrderNo, Charge: c})
	})
	if errors.Is(err, channel.ErrNotFound) {
		listed, err = nil, nil
	}
	if err != nil {
		return err
	}
	for n := range listed {
		if listed[n].TransactionID == "" {
			listed[n].TransactionID = c.TransactionID
		}
	}
	return q.take(ctx, listed)
}

// bills reads the bill of each day. Of days on which the account has sent nothing,
// because it was paused before they began, it takes what is there: the bill of the
// day itself is never ready.
func (q *question) bills(ctx context.Context, can channel.Capabilities) error {
	for day := can.BillDay(q.since); !day.Day.After(q.now()); day = day.Next() {
		err := q.bill(ctx, day)
		if errors.Is(err, channel.ErrBillNotReady) && q.pausedBefore(day.Day) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the bill of %s: %w", day, err)
		}
	}
	return nil
}

// pausedBefore reports whether the account has been as it is, paused, since before a
// day. The channel's clock may differ from ours.
func (q *question) pausedBefore(day time.Time) bool {
	return q.account.State == merchant.AccountPaused && q.account.UpdatedAt.Add(askMargin).Before(day)
}

func (q *question) bill(ctx context.Context, day channel.BillDay) error {
	bill, err := safely(func() (channel.Bill, error) { return q.connector.Bill(ctx, day) })
	if err != nil {
		return err
	}
	defer func() { _ = bill.Close() }()
	return channel.ReadBill(ctx, bill, maxListed, func(rows []channel.Listed) error { return q.take(ctx, rows) })
}

// take compares what was listed, and looks for refunds of ours that may be the
// same as what was adopted, asked for again.
func (q *question) take(ctx context.Context, listed []channel.Listed) error {
	found, err := q.s.Engine.Compare(ctx, q.account.ID, listed, q.since, q.cause)
	found.Asked = 1
	for _, adopted := range found.Adopted {
		refunds, _, listErr := q.s.Store.RefundList(ctx, refund.Filter{
			MerchantID: adopted.MerchantID, ChargeID: adopted.ChargeID, Page: refund.Page{Limit: maxTwins},
		})
		err = errors.Join(err, listErr)
		for _, r := range refunds {
			waits := (r.State == refund.Created || r.State == refund.Held) && r.Attempts == 0
			if waits && r.Amount == adopted.Amount && !slices.Contains(found.Alike, r.ID) {
				found.Alike = append(found.Alike, r.ID)
			}
		}
	}
	if q.again {
		found.Known = 0
		found.Open = slices.DeleteFunc(found.Open, func(name string) bool { return slices.Contains(q.found.Open, name) })
	}
	q.found.Add(found)
	if q.progress != nil {
		q.progress(q.found)
	}
	return err
}

// safely calls a connector, which may break off. What with may hold a secret.
func safely[T any](call func() (T, error)) (result T, err error) {
	defer func() {
		if recover() != nil {
			err = errBrokeOff
		}
	}()
	return call()
}
