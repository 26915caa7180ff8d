package admin

import (
	"context"
	"time"

	"github.com/refundry/refundry/refund"
)

// maskedAtOnce is how many charges, or refunds of other charges, one commit
// masks: no writer waits for it longer than for an import.
const maskedAtOnce = 100

// Masks replaces what rows say of a person.
type Masks interface {
	// ChargeByAny finds a charge as dialect.Reader's does.
	ChargeByAny(ctx context.Context, merchantID, name string) (refund.Charge, error)
	// ChargeLook and RefundLook find what is a customer's.
	ChargeLook(ctx context.Context, f refund.ChargeFilter) (refund.ChargeLook, error)
	RefundLook(ctx context.Context, f refund.Filter) (refund.Look, error)
	// MaskLines masks some lines of bulk files that name a customer and of which
	// nothing is sent any more, with a record, and reports whether there may be more.
	MaskLines(ctx context.Context, merchantID, customer string, record refund.Action, limit int) (masked int64, more bool, err error)
	// OpenLines counts the lines of bulk files that name a customer.
	OpenLines(ctx context.Context, merchantID, customer string) (int64, error)
	// Mask masks charges with their refunds, and refunds by themselves, in one
	// commit with a record for each that it changes. Those that have a refund which
	// has not ended are left as they are, and reported. Again, it masks what came
	// since; absent ids are passed over.
	Mask(ctx context.Context, merchantID string, charges, refunds []string, record refund.Action, now time.Time) (refund.MaskReport, error)
}

// MaskCharge masks what a charge, its refunds and the notifications about them
// say of a person; the books are not touched. name is any of the charge's. Again,
// it masks what came since. Errors: those of ChargeByAny; KindStateConflict,
// which names the refund, while one of the charge's refunds has not ended.
func (a *Admin) MaskCharge(ctx context.Context, by By, merchantID, name string) (refund.MaskReport, error) {
	record, err := a.record(by, merchantID, "charge.mask", name)
	if err != nil {
		return refund.MaskReport{}, err
	}
	charge, err := a.s.Store.ChargeByAny(ctx, merchantID, name)
	if err != nil {
		return refund.MaskReport{}, err
	}
	record.Write.Makes(charge.ID)
	report, err := a.s.Store.Mask(ctx, merchantID, []string{charge.ID}, nil, record, a.now())
	if err != nil {
		return refund.MaskReport{}, err
	}
	a.done(merchantID)
	if len(report.Open) > 0 {
		e := refund.Errorf(refund.KindStateConflict, "charge", "a refund of the charge has not ended; mask the charge when it has")
		e.Charge, e.Refund, e.More = charge.ID, report.Open[0], report.Open[0]
		return refund.MaskReport{}, e
	}
	return report, nil
}

// MaskCustomer masks all charges and refunds of a customer, some in a commit.
// Those with a refund that has not ended are left, and reported. What breaks off
// is gone on with by the same call. Errors: KindInvalid for a customer that can't
// be one.
func (a *Admin) MaskCustomer(ctx context.Context, by By, merchantID, customer string) (refund.MaskReport, error) {
	record, err := a.record(by, merchantID, "customer.mask", "")
	if err != nil {
		return refund.MaskReport{}, err
	}
	if customer == "" {
		return refund.MaskReport{}, refund.Errorf(refund.KindInvalid, "customer", "customer must not be empty")
	}
	if fault := refund.CheckCustomer(customer); fault != nil {
		return refund.MaskReport{}, fault
	}
	report, err := a.maskCharges(ctx, record, merchantID, customer)
	if err == nil {
		var more refund.MaskReport
		more, err = a.maskRefunds(ctx, record, merchantID, customer, report.Open)
		report.Add(more)
	}
	if err == nil {
		err = a.maskLines(ctx, record, merchantID, customer, &report)
	}
	a.done(merchantID)
	return report, err
}

// maskLines masks lines of bulk files that name a customer.
func (a *Admin) maskLines(ctx context.Context, record refund.Action, merchantID, customer string, report *refund.MaskReport) (err error) {
	for more := true; more; {
		var masked int64
		if masked, more, err = a.s.Store.MaskLines(ctx, merchantID, customer, record, maskedAtOnce); err != nil {
			return err
		}
		report.Lines += masked
	}
	report.OpenLines, err = a.s.Store.OpenLines(ctx, merchantID, customer)
	return err
}

// maskCharges masks the charges of a customer. Rows that are masked leave the
// list, and those that are not are passed over by their place in it.
func (a *Admin) maskCharges(ctx context.Context, record refund.Action, merchantID, customer string) (report refund.MaskReport, err error) {
	f := refund.ChargeFilter{MerchantID: merchantID, Customer: customer, Page: refund.Page{Limit: maskedAtOnce}}
	for {
		look, err := a.s.Store.ChargeLook(ctx, f)
		if err != nil {
			return report, err
		}
		var ids []string
		for _, c := range look.Charges {
			ids = append(ids, c.ID)
		}
		for _, one := range look.Unreadable {
			report.Unreadable = append(report.Unreadable, one.ID)
		}
		if len(ids) > 0 {
			masked, err := a.s.Store.Mask(ctx, merchantID, ids, nil, record, a.now())
			if err != nil {
				return report, err
			}
			report.Add(masked)
		}
		if look.Next == nil {
			return report, nil
		}
		f.Page.After = look.Next
	}
}

// maskRefunds masks the refunds of a customer whose charges are another's, or
// nobody's. known are those that were reported open with their charges.
func (a *Admin) maskRefunds(ctx context.Context, record refund.Action, merchantID, customer string, known []string) (report refund.MaskReport, err error) {
	reported := make(map[string]bool, len(known))
	for _, id := range known {
		reported[id] = true
	}
	f := refund.Filter{MerchantID: merchantID, Customer: customer, Page: refund.Page{Limit: maskedAtOnce}}
	for {
		look, err := a.s.Store.RefundLook(ctx, f)
		if err != nil {
			return report, err
		}
		var ids []string
		for _, r := range look.Refunds {
			if !reported[r.ID] {
				ids = append(ids, r.ID)
			}
		}
		for _, one := range look.Unreadable {
			report.Unreadable = append(report.Unreadable, one.ID)
		}
		if len(ids) > 0 {
			masked, err := a.s.Store.Mask(ctx, merchantID, nil, ids, record, a.now())
			if err != nil {
				return report, err
			}
			report.Add(masked)
		}
		if look.Next == nil {
			return report, nil
		}
		f.Page.After = look.Next
	}
}
