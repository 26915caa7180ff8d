package admin

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Reconciler compares channels' bills with our books.
type Reconciler interface {
	// Reconcile compares a bill with what our books have of its day. An error says
	// that the comparison is not complete; it may be run again without harm.
	Reconcile(ctx context.Context, task channel.ReconcileTask) (channel.Reconciliation, error)
}

// BillToReconcile says which bill is compared.
type BillToReconcile struct {
	Account string
	// Date is the bill's day in the channel's time zone: 2026-11-28.
	Date string
	// File is the bill as somebody downloaded it; nil asks the channel.
	File io.Reader
}

// Reconcile compares a day's bill of an account with our books: what the channel did
// without us is adopted, and each is called for whatever differs. Errors: KindNotFound
// for the account; KindInvalid for a date that is none or to come; KindStateConflict
// where the channel has no bill, or not yet, and for a file that can't be read; KindBusy
// while the account is compared already, or two accounts of the merchant are;
// KindTooLarge where the comparison needs more disk than it may have.
func (a *Admin) Reconcile(ctx context.Context, by By, merchantID string, which BillToReconcile, each func(channel.Difference) error) (channel.Reconciliation, error) {
	record, err := a.record(by, merchantID, "account.reconcile", which.Account)
	if err != nil {
		return channel.Reconciliation{}, err
	}
	account, err := a.Account(ctx, merchantID, which.Account)
	if err != nil {
		return channel.Reconciliation{}, err
	}
	connector, err := a.s.Channels.TryOpen(account)
	if err != nil {
		return channel.Reconciliation{}, err
	}
	day, err := a.billDay(connector.Capabilities(), which.Date)
	if err != nil {
		return channel.Reconciliation{}, err
	}
	end, err := a.reconciles.begin(merchantID, account.ID)
	if err != nil {
		return channel.Reconciliation{}, err
	}
	defer end()
	bill, err := a.openBill(ctx, account, connector, day, which.File)
	if err != nil {
		return channel.Reconciliation{}, err
	}
	defer func() { _ = bill.Close() }()
	record = record.With("date", day.String()).With("bill", map[bool]string{true: "channel", false: "file"}[which.File == nil])
	// What it adopts is committed before its own record, and has a name by then.
	begin := record
	begin.Action, begin.Write = begin.Action+".begin", nil
	if err := a.s.Store.AddRecord(ctx, begin); err != nil {
		return channel.Reconciliation{}, err
	}
	found, err := a.s.Reconciler.Reconcile(ctx, channel.ReconcileTask{
		Account: account, Connector: connector, Day: day, Bill: bill,
		Cause: refund.Cause{Actor: by.Actor, RequestID: by.RequestID}, Each: each, Now: a.s.Now,
	})
	if err != nil && which.File != nil && refund.As(err) == nil && ctx.Err() == nil {
		err = unreadableBill(err)
	}
	record = record.With("rows", strconv.FormatInt(found.Rows, 10)).With("agreed", strconv.FormatInt(found.Agreed, 10)).
		With("adopted", strconv.FormatInt(found.Found[channel.DiffersAdopted], 10)).With("differs", strconv.FormatBool(found.Differs())).
		With("complete", strconv.FormatBool(err == nil))
	err = errors.Join(err, a.s.Store.AddRecord(context.WithoutCancel(ctx), record))
	a.done(merchantID)
	return found, err
}

// billDay is the day of a bill.
func (a *Admin) billDay(can channel.Capabilities, date string) (channel.BillDay, error) {
	at, err := time.ParseInLocation(time.DateOnly, date, can.Zone())
	switch {
	case err != nil:
		return channel.BillDay{}, refund.Errorf(refund.KindInvalid, "date", "date must be a day such as 2026-11-28")
	case at.After(a.now()):
		return channel.BillDay{}, refund.Errorf(refund.KindInvalid, "date", "date must not be in the future (the channel's days are those of %s)", can.Zone())
	}
	return channel.BillDay{Day: at}, nil
}

// openBill opens the bill of a day: the channel's, or a file.
func (a *Admin) openBill(ctx context.Context, account merchant.ChannelAccount, connector channel.Connector, day channel.BillDay, file io.Reader) (channel.Bill, error) {
	if file != nil {
		bill, err := safely(func() (channel.Bill, error) { return a.s.Channels.ReadBill(account, day, file) })
		switch {
		case errors.Is(err, channel.ErrUnsupported):
			return nil, refund.Errorf(refund.KindStateConflict, "bill", "bill files of channel %s can't be read", account.Channel)
		case err != nil && refund.As(err) == nil:
			return nil, unreadableBill(err)
		}
		return bill, err
	}
	bill, err := safely(func() (channel.Bill, error) { return connector.Bill(ctx, day) })
	switch {
	case errors.Is(err, channel.ErrUnsupported):
		return nil, refund.Errorf(refund.KindStateConflict, "channel_account", "channel %s has no bills to download (hint: if it has pages where a person can, --bill FILE)", account.Channel)
	case errors.Is(err, channel.ErrBillNotReady):
		return nil, refund.Errorf(refund.KindStateConflict, "date", "the channel has not made the bill of %s yet: try again later (its days are those of %s)", day, day.Day.Location())
	}
	return bill, err
}

// unreadableBill says that a file is not the bill that it should be.
func unreadableBill(err error) error {
	return &refund.Error{
		Kind: refund.KindStateConflict, Param: "bill", Cause: err,
		Detail: "the file can't be taken for the account's bill: " + err.Error() + " (hint: download the day's bill of refunds of this very account, and don't save it with another program)",
	}
}
