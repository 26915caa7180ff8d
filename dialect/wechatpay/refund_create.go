package wechatpay

import (
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// createRefund is POST /v3/refund/domestic/refunds (W2.1-1 to W2.1-40). The
// answer is the refund object as soon as it is accepted; a repeat of the same
// number with the same content gets the refund as it is now.
func (d *Dialect) createRefund(c *call) (any, error) { return d.limited(c, d.acceptRefund) }

func (d *Dialect) acceptRefund(c *call) (any, error) {
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	request, err := wire.DecodeRefundRequest(body)
	if err != nil {
		return nil, err
	}
	if err := wire.CheckMode(request.SubMchID, c.account.partner(), wire.LocationBody); err != nil {
		return nil, err
	}
	r, charge, err := d.acceptNamed(c, request)
	if dialect.ReadFirst(err) {
		r, charge, err = d.acceptFound(c, request)
	}
	if err != nil {
		return nil, err
	}
	// From here on the refund is on disk: whatever happens, it is no 4xx.
	return refundObject(r, charge, c.account.identity), nil
}

// acceptNamed accepts a refund of an order that is named by the merchant's number. It
// is looked up where it is locked. Whatever is refused before the core sees it is
// left to acceptFound.
func (d *Dialect) acceptNamed(c *call, request wire.RefundRequest) (r refund.Refund, charge refund.Charge, err error) {
	if request.TransactionID != "" || d.mayNotCall(request) != nil {
		return r, charge, dialect.ErrReadFirst
	}
	r, err = d.acceptOne(c, refund.Unit{
		MerchantID: c.merchantID(), By: c.asker(),
		ByName: &refund.ByName{Dialect: merchant.WeChatPay, Name: request.OutTradeNo, Complete: func(found refund.Charge) (refund.Unit, error) {
			charge = found
			if charge.Currency != onlyCurrency || !fits(c, request, charge) || fitsCharge(request, charge) != nil || d.isCounted(c, charge) {
				return refund.Unit{}, dialect.ErrReadFirst
			}
			return refundUnit(c, request, charge)
		}},
	})
	return r, charge, err
}

// acceptFound is acceptNamed for an order that may be registered or not.
func (d *Dialect) acceptFound(c *call, request wire.RefundRequest) (r refund.Refund, charge refund.Charge, err error) {
	charge, err = d.orderOf(c, request)
	if err == nil {
		err = d.admit(c, request, charge)
	}
	if err != nil {
		return r, charge, d.refusal(c, request, err)
	}
	if err := d.admitOld(c, charge); err != nil {
		return r, charge, err
	}
	unit, err := refundUnit(c, request, charge)
	if err != nil {
		return r, charge, err
	}
	r, err = d.acceptOne(c, unit)
	return r, charge, err
}

func (d *Dialect) acceptOne(c *call, unit refund.Unit) (refund.Refund, error) {
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.account.merchant, merchant.WeChatPay))
	if err != nil {
		return refund.Refund{}, err
	}
	return result.Refunds[0], nil
}

// refusal is what a request is told that is refused before the core sees it.
// Where its number is already that of a refund, that one passed here: whatever
// differs from it now is a conflict, be it the order, the sub-merchant, the
// total or who pays (W3-14 and W3-15).
func (d *Dialect) refusal(c *call, request wire.RefundRequest, refused error) error {
	if status, _ := told(refused); wire.OutcomeUnknown(status) {
		return refused
	}
	_, known, err := d.byNumber(c, request.OutRefundNo)
	switch {
	case err != nil:
		return err
	case known:
		return &wire.Error{Code: wire.CodeInvalidRequest, Message: wire.MessageConflict}
	}
	return refused
}

// orderOf finds the order that a request names: by the platform's number if
// both are given, as v2 decided it (W2.1-8).
func (d *Dialect) orderOf(c *call, request wire.RefundRequest) (refund.Charge, error) {
	charge, err := d.charge(c, request.TransactionID, request.OutTradeNo)
	charge, err = dialect.OrFind(c.r.Context(), d.Payments, charge, err, sought(c, request))
	if err == nil && charge.Currency != onlyCurrency {
		err = noSuchOrder()
	}
	if err != nil {
		return refund.Charge{}, err
	}
	if !fits(c, request, charge) {
		return refund.Charge{}, &wire.Error{Code: wire.CodeNoAuth, Message: "特约商户号与订单不匹配，没有退款权限"}
	}
	return charge, nil
}

// fits reports whether an order is of the sub-merchant that a request names.
func fits(c *call, request wire.RefundRequest, charge refund.Charge) bool {
	return !c.account.partner() || request.SubMchID == subOf(charge, c.account.identity)
}

// sought is the order of a request that is not registered: WeChat Pay itself is asked
// for it, by the number that counts.
func sought(c *call, request wire.RefundRequest) dialect.Sought {
	s := dialect.Sought{
		MerchantID: c.merchantID(), Key: c.serial, RequestID: c.requestID,
		Alias: refund.Alias{Dialect: merchant.WeChatPay, Identity: c.account.mchID(), Sub: request.SubMchID},
		WantedPayment: admin.WantedPayment{
			Channel: merchant.WeChatPay, TransactionID: request.TransactionID, SubMerchant: request.SubMchID, Owner: c.account.mchID(),
		},
	}
	if request.TransactionID == "" {
		s.OrderNo = request.OutTradeNo
	}
	return s
}

func noSuchOrder() *refund.Error {
	return refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
}

// charge finds a charge that shows here: it has a name in this dialect, and a
// currency that the dialect can say.
func (d *Dialect) charge(c *call, transactionID, outTradeNo string) (refund.Charge, error) {
	var charge refund.Charge
	var err error
	if transactionID != "" {
		charge, err = d.Finder.ChargeByTransaction(c.r.Context(), c.merchantID(), merchant.WeChatPay, transactionID)
	} else {
		charge, err = d.Reader.ChargeByAlias(c.r.Context(), c.merchantID(), merchant.WeChatPay, outTradeNo)
	}
	if err == nil && charge.Currency != onlyCurrency {
		err = noSuchOrder()
	}
	return charge, err
}

// admit refuses what the form and the core can't know: a total that is not the
// order's, accounts that can't pay for this order, an address that may not be
// called.
func (d *Dialect) admit(c *call, request wire.RefundRequest, charge refund.Charge) error {
	if err := fitsCharge(request, charge); err != nil {
		return err
	}
	refused := d.mayNotCall(request)
	if refused == nil {
		return nil
	}
	// A repeat is about a refund that is on disk: that its address may not be
	// called any more must not look as if there were none.
	_, known, err := d.byNumber(c, request.OutRefundNo)
	if err != nil || known {
		return err
	}
	return &wire.ParamError{Field: "/notify_url", Value: shown(request.NotifyURL), Issue: refused.Error(), Location: wire.LocationBody}
}

// fitsCharge refuses a total that is not the order's, and accounts that can't pay.
func fitsCharge(request wire.RefundRequest, charge refund.Charge) error {
	if request.Amount.Total != int64(charge.Amount) {
		return &wire.Error{Code: wire.CodeInvalidRequest, Message: "订单总金额与支付时不一致，请核实后再试"}
	}
	if len(request.Amount.From) > 0 && !charge.Detail.Sharing.Open() {
		return &wire.Error{Code: wire.CodeInvalidRequest, Message: "该订单不是待分账或分账中的订单，不支持指定出资账户"}
	}
	return nil
}

// mayNotCall says why the address of a request may not be called; nil if it may, or
// there is none.
func (d *Dialect) mayNotCall(request wire.RefundRequest) error {
	if request.NotifyURL == "" || d.EgressCheck == nil {
		return nil
	}
	return d.EgressCheck(request.NotifyURL)
}

// refundUnit puts a request into the core's words.
func refundUnit(c *call, request wire.RefundRequest, charge refund.Charge) (refund.Unit, error) {
	key, err := dialect.IdempotencyKey(c.r)
	if err != nil {
		return refund.Unit{}, err
	}
	amount := money.Minor(request.Amount.Refund)
	goods := refundedGoods(request.Goods)
	one := refund.Request{
		ChargeID: charge.ID, Amount: &amount, Number: request.OutRefundNo, Reason: request.Reason, Goods: goods,
		Detail: refund.RefundDetail{NotifyURL: request.NotifyURL, PaidFrom: fundsOf(request.FundsAccount), Goods: goods, From: fundsFrom(request.Amount.From)},
	}
	return refund.Unit{
		MerchantID: c.merchantID(), Key: key, Requests: []refund.Request{one}, By: c.asker(),
		Members: []refund.Content{{
			refund.ContentCharge: charge.ID, refund.ContentAmount: dialect.AmountContent(&amount),
			refund.ContentTotal: strconv.FormatInt(request.Amount.Total, 10),
			refund.ContentFrom:  fromContent(request.Amount.From), refund.ContentGoods: dialect.GoodsContent(goods),
		}},
	}, nil
}

func refundedGoods(goods []wire.Goods) []refund.RefundedGoods {
	var out []refund.RefundedGoods
	for _, g := range goods {
		out = append(out, refund.RefundedGoods{
			MerchantGoodsID: g.MerchantGoodsID, ChannelGoodsID: g.WechatpayGoodsID, Name: g.GoodsName,
			UnitPrice: money.Minor(g.UnitPrice), Amount: money.Minor(g.RefundAmount), Quantity: g.RefundQuantity,
		})
	}
	return out
}

func fundsFrom(from []wire.From) []refund.FundsFrom {
	var out []refund.FundsFrom
	for _, f := range from {
		out = append(out, refund.FundsFrom{Account: fundsOf(f.Account), Amount: money.Minor(f.Amount)})
	}
	return out
}

// fromContent is who pays as the content of a repeat, whatever order it came
// in.
func fromContent(from []wire.From) string {
	lines := make([]string, len(from))
	for n, f := range from {
		lines[n] = f.Account + "=" + strconv.FormatInt(f.Amount, 10)
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}
