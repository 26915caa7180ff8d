package wechatpay

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// getRefund is GET /v3/refund/domestic/refunds/{out_refund_no} (W2.2-1).
func (d *Dialect) getRefund(c *call) (any, error) {
	number, err := wire.PathNumber("out_refund_no", c.r.PathValue("out_refund_no"))
	if err != nil {
		return nil, err
	}
	sub := c.r.URL.Query().Get("sub_mchid")
	if err := wire.CheckMode(sub, c.account.partner(), wire.LocationQuery); err != nil {
		return nil, err
	}
	r, charge, err := d.refund(c, number, sub)
	if err != nil {
		return nil, err
	}
	return refundObject(r, charge, c.account.identity), nil
}

// refund finds a refund by what this dialect shows as its out_refund_no, with
// its charge. One whose charge does not show here, or belongs to another
// sub-merchant than a partner names, is not found.
func (d *Dialect) refund(c *call, number, sub string) (refund.Refund, refund.Charge, error) {
	missing := refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
	r, known, err := d.byNumber(c, number)
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	if !known {
		return refund.Refund{}, refund.Charge{}, missing
	}
	charge, err := d.Reader.Charge(c.r.Context(), c.merchantID(), r.ChargeID)
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	if !shows(charge) || c.account.partner() && sub != subOf(charge, c.account.identity) {
		return refund.Refund{}, refund.Charge{}, missing
	}
	return r, charge, nil
}

// byNumber finds a refund by its out_refund_no: the merchant's own number, or
// ours where the merchant gave none that has this dialect's form.
func (d *Dialect) byNumber(c *call, number string) (r refund.Refund, known bool, err error) {
	found, _, err := d.Reader.RefundList(c.r.Context(), refund.Filter{
		MerchantID: c.merchantID(), Number: number, Page: refund.Page{Limit: 1},
	})
	if err != nil || len(found) > 0 {
		return first(found), len(found) > 0, err
	}
	r, err = d.Finder.RefundByChannelNumber(c.r.Context(), c.merchantID(), number)
	switch {
	case refund.KindOf(err) == refund.KindRefundNotFound && err != nil:
		return refund.Refund{}, false, nil
	case err != nil:
		return refund.Refund{}, false, err
	}
	return r, outRefundNo(r) == number, nil
}

func first(refunds []refund.Refund) refund.Refund {
	if len(refunds) == 0 {
		return refund.Refund{}
	}
	return refunds[0]
}

// shows reports whether a charge shows in this dialect.
func shows(charge refund.Charge) bool {
	_, named := charge.Alias(merchant.WeChatPay)
	return named && charge.Currency == onlyCurrency
}
