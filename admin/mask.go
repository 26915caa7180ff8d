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
	// ChargeList and RefundList find what is a customer's.
	ChargeList(ctx context.Context, f refund.ChargeFilter) (charges []refund.Charge, more bool, err error)
	RefundList(ctx context.Context, f refund.Filter) (refunds []refund.Refund, more bool, err error)
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
	a.done(merchantID)
	return report, err
}

// maskCharges masks the charges of a customer. Rows that are masked leave the
// list, and those that are not are passed over by their place in it.
func (a *Admin) maskCharges(ctx context.Context, record refund.Action, merchantID, customer string) (report refund.MaskReport, err error) {
	f := refund.ChargeFilter{MerchantID: merchantID, Customer: customer, Page: refund.Page{Limit: maskedAtOnce}}
	for {
		charges, more, err := a.s.Store.ChargeList(ctx, f)
		if err != nil || len(charges) == 0 {
			return report, err
		}
		ids := make([]string, len(charges))
		for n, c := range charges {
			ids[n] = c.ID
		}
		masked, err := a.s.Store.Mask(ctx, merchantID, ids, nil, record, a.now())
		if err != nil {
			return report, err
		}
		report.Add(masked)
		if !more {
			return report, nil
		}
		last := charges[len(charges)-1]
		f.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
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
		refunds, more, err := a.s.Store.RefundList(ctx, f)
		if err != nil || len(refunds) == 0 {
			return report, err
		}
		var ids []string
		for _, r := range refunds {
			if !reported[r.ID] {
				ids = append(ids, r.ID)
			}
		}
		masked, err := a.s.Store.Mask(ctx, merchantID, nil, ids, record, a.now())
		if err != nil {
			return report, err
		}
		report.Add(masked)
		if !more {
			return report, nil
		}
		last := refunds[len(refunds)-1]
		f.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}
