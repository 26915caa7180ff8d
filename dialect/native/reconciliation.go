package native

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/dayfile"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/payin"
)

// pageRows is how many rows are read at once.
const pageRows = 500

// reconciliation returns a day's file of a Payin merchant (docs/rules/payin.md,
// Y6-1 to Y6-13): GET /payin/reconciliation/{merchant_id}/{date}.csv. The day
// is GMT+3's; of a day that is not over it has what has ended so far. A payment
// is listed on the day it was paid, a refund on the day it ended, and once more
// as failed if a bank sent it back later.
func (d *Dialect) reconciliation(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	merchantID := c.r.PathValue("merchant_id")
	date, isCSV := strings.CutSuffix(c.r.PathValue("file"), ".csv")
	from, to, ok := payin.ReconciliationDay(date)
	if !isCSV || !ok {
		return refund.Errorf(refund.KindNotFound, "date", "the address ends in yyyy-MM-dd.csv")
	}
	identities, err := d.s.Directory.Identities(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(identities, func(i merchant.Identity) bool { return i.Dialect == merchant.Payin && i.Name == merchantID }) {
		return refuse(refund.KindNotFound, "merchant_id", "is none of the merchant's identities in Payin")
	}
	end, ok := d.files.Begin(c.merchantID())
	if !ok {
		return refund.Errorf(refund.KindBusy, "date", "other files of the merchant are being sent; try again when they have come")
	}
	defer end()
	f := file{call: c, merchantID: merchantID, from: from, to: to}
	defer func() { _ = f.rows.Close() }() // it is a temporary file
	if err := f.payments(); err != nil {
		return err
	}
	if err := f.refunds(); err != nil {
		return err
	}
	name := path.Base(payin.ReconciliationPath(merchantID, date, payin.DefaultSession))
	c.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	return c.stream("text/csv; charset=utf-8", func(w io.Writer) error { return payin.WriteReconciliation(w, f.rows.Each) })
}

// file is a reconciliation file being made.
type file struct {
	call       *call
	merchantID string
	from, to   time.Time
	rows       dayfile.Rows[payin.ReconciliationRow]
}

func (f *file) add(row payin.ReconciliationRow) error {
	row.MerchantID = f.merchantID
	err := f.rows.Add(row.CompletedAt, row.OrderID, row)
	if errors.Is(err, dayfile.ErrTooLarge) {
		return refund.Errorf(refund.KindTooLarge, "date", "the day has more transactions than a file may have: %d are too many", f.rows.Len())
	}
	return err
}

// order is the name of a charge for this Payin merchant.
func (f *file) order(c refund.Charge) (string, bool) {
	for _, a := range c.Aliases {
		if a.Dialect == merchant.Payin && a.Identity == f.merchantID {
			return a.Name, true
		}
	}
	return "", false
}

// payments lists the charges that were paid on the day.
func (f *file) payments() error {
	page := refund.Page{Limit: pageRows}
	for {
		charges, more, err := f.call.d.s.Reader.ChargeList(f.call.ctx, refund.ChargeFilter{
			MerchantID: f.call.merchantID(), Dialect: merchant.Payin, Identity: f.merchantID,
			PaidFrom: f.from, PaidTo: f.to, Page: page,
		})
		if err != nil {
			return err
		}
		for _, c := range charges {
			order, has := f.order(c)
			if !has {
				continue
			}
			created := c.CreatedAt
			if c.PaidAt.Before(created) {
				created = c.PaidAt // registered after it was paid elsewhere
			}
			err := f.add(payin.ReconciliationRow{
				OrderID: order, MerchantOrderID: c.OrderNo, CreatedAt: created, CompletedAt: c.PaidAt,
				Amount: money.Amount{Minor: c.Amount, Currency: c.Currency}, TransType: payin.TransTypePayment, Status: payin.OrderStatusSuccess,
			})
			if err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		last := charges[len(charges)-1]
		page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// refunds lists the refunds that ended on the day, by their events: those say
// how a refund stood right then, whatever came later.
func (f *file) refunds() error {
	page := refund.Page{Limit: pageRows}
	for {
		events, more, err := f.call.d.s.Reader.EventList(f.call.ctx, refund.EventFilter{
			MerchantID: f.call.merchantID(), Types: []string{"refund.succeeded", "refund.failed", "refund.canceled"},
			CreatedFrom: f.from, CreatedTo: f.to, Page: page,
		})
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := f.refund(e); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		last := events[len(events)-1]
		page.After = &refund.Position{CreatedAt: last.At, ID: last.ID}
	}
}

func (f *file) refund(e refund.StoredEvent) error {
	order, has := f.order(e.Charge)
	if !has {
		return nil
	}
	row := payin.ReconciliationRow{
		OrderID: payin.RefundID(order, e.Refund.Sequence), MerchantOrderID: e.Refund.Number,
		CreatedAt: e.Refund.CreatedAt, CompletedAt: e.At,
		Amount:    money.Amount{Minor: e.Refund.Amount, Currency: e.Refund.Currency},
		TransType: payin.TransTypeRefund, Status: payin.OrderStatusFailed,
		OriginalOrderID: order, OriginalAmount: money.Amount{Minor: e.Charge.Amount, Currency: e.Charge.Currency},
	}
	if e.Refund.State == refund.Succeeded {
		row.Status, row.CompletedAt = payin.OrderStatusSuccess, e.Refund.SucceededAt
	}
	return f.add(row)
}
