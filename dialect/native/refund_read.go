package native

import (
	"net/http"

	"github.com/refundry/refundry/refund"
)

// listRefunds returns the merchant's refunds, newest first: GET /refunds.
func (d *Dialect) listRefunds(c *call) error {
	look, err := d.selectRefunds(c)
	if err != nil {
		return err
	}
	out := list[refundAnswer]{Data: []refundAnswer{}, Unreadable: unreadableIDs(look.Unreadable)}
	coupons := c.couponsOnce()
	for _, r := range look.Refunds {
		of, err := coupons(r)
		switch {
		case err == nil:
			out.Data = append(out.Data, answerRefund(r, of))
		case refund.KindOf(err) == refund.KindCorrupt: // what its coupons are can't be said
			out.Unreadable = append(out.Unreadable, r.ID)
		default:
			return err
		}
	}
	if out.HasMore = look.More; look.Next != nil {
		out.Next = writeCursor(look.Next.CreatedAt, look.Next.ID)
	}
	return c.json(http.StatusOK, out)
}

// couponsOnce returns the coupons of refunds' charges, reading each charge once, and
// none where a refund takes of none: only parts with coupons need the charge's words.
func (c *call) couponsOnce() func(refund.Refund) ([]refund.Coupon, error) {
	charges := make(map[string][]refund.Coupon)
	return func(r refund.Refund) ([]refund.Coupon, error) {
		if len(r.Parts.Coupons) == 0 {
			return nil, nil
		}
		if coupons, seen := charges[r.ChargeID]; seen {
			return coupons, nil
		}
		charge, err := c.d.s.Reader.Charge(c.ctx, c.merchantID(), r.ChargeID)
		if err == nil {
			charges[r.ChargeID] = charge.Detail.Coupons
		}
		return charge.Detail.Coupons, err
	}
}

// selectRefunds finds the refunds that the parameters ask for: by the number q,
// or by a filter.
func (d *Dialect) selectRefunds(c *call) (refund.Look, error) {
	if c.r.URL.Query().Has("q") {
		q, err := c.query("q", "limit", "cursor")
		if err != nil {
			return refund.Look{}, err
		}
		number, err := q.text("q")
		if err != nil {
			return refund.Look{}, err
		}
		if number == "" {
			return refund.Look{}, refuse(refund.KindInvalid, "q", "must not be empty")
		}
		page, err := q.page()
		if err != nil {
			return refund.Look{}, err
		}
		return d.s.Searcher.SearchRefunds(c.ctx, c.merchantID(), number, page)
	}
	filter, none, err := d.refundFilter(c)
	if err != nil || none {
		return refund.Look{}, err
	}
	return d.s.Searcher.RefundLook(c.ctx, filter)
}

// refundFilter reads the parameters of a page; none says that the charge they
// name is not there, so that the list is empty.
func (d *Dialect) refundFilter(c *call) (f refund.Filter, none bool, err error) {
	values, page, err := c.pageQuery(refundParams, "state")
	if err != nil {
		return f, false, err
	}
	f, err = ReadRefundFilter(c.ctx, d.s.Reader, c.merchantID(), values)
	f.Page = page
	if e := refund.As(err); e != nil && e.Kind == refund.KindChargeNotFound {
		return f, true, nil
	}
	return f, false, err
}

// getRefund shows a refund with its attempts and transfers: GET /refunds/{id}.
func (d *Dialect) getRefund(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	r, err := c.refund()
	if err != nil {
		return err
	}
	coupons, err := c.couponsOnce()(r)
	if err != nil {
		return err
	}
	attempts, err := d.s.Reader.Attempts(c.ctx, c.merchantID(), r.ID)
	if err != nil {
		return err
	}
	transfers, err := d.s.Reader.Transfers(c.ctx, c.merchantID(), r.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, wholeRefund{
		refundAnswer: answerRefund(r, coupons),
		Attempts:     answerAttempts(r, attempts), Transfers: answerTransfers(transfers),
	})
}

// refund is the one that the address names, by any of its numbers.
func (c *call) refund() (refund.Refund, error) {
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return refund.Refund{}, err
	}
	return c.d.s.Searcher.RefundByAny(c.ctx, c.merchantID(), id)
}

// cancelRefund withdraws a refund that the channel has not been told of:
// POST /refunds/{id}/cancel, 200. One that is held after an attempt is
// withdrawn once the channel, asked, does not know it: 202. Again, it answers
// the same.
func (d *Dialect) cancelRefund(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	r, charge, err := d.s.Admin.CancelRefund(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if r.State != refund.Canceled {
		status = http.StatusAccepted
	}
	return c.json(status, answerRefund(r, charge.Detail.Coupons))
}
