package wechatpay

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// milliFen is how fees are counted in bills: thousandths of a fen.
const milliFen = 1000

// writeTrade writes a trade bill of a type and says how many rows it has.
func writeTrade(w io.Writer, of day, kind string, account *account) (int, error) {
	var rows []timed[wire.TradeRow]
	if kind != wire.BillRefund {
		for _, charge := range of.charges {
			rows = append(rows, timed[wire.TradeRow]{charge.PaidAt, charge.TransactionID, paymentRow(charge, account)})
		}
	}
	if kind != wire.BillSuccess {
		for _, r := range of.refunds {
			rows = append(rows, timed[wire.TradeRow]{r.CreatedAt, r.ID, refundRow(r, of, account)})
		}
	}
	bill := wire.NewTradeBill(w, kind)
	inOrder(rows, bill.Add)
	return len(rows), bill.Close()
}

// orderRow is what payments and refunds of an order have in common.
func orderRow(charge refund.Charge, account *account) wire.TradeRow {
	row := wire.TradeRow{
		AppID: account.identity.Public[settingAppID], MchID: account.mchID(), TransactionID: charge.TransactionID,
		OutTradeNo: aliasOf(charge, account.identity).Name, TradeType: tradeTypes[charge.Channel], BankType: "OTHERS",
		Currency: wire.Currency, GoodsName: charge.Detail.Subject, Rate: rate(charge),
	}
	if account.partner() {
		row.SubMchID = subOf(charge, account.identity)
	}
	if payer := payer(charge, account); payer != nil {
		row.OpenID = cmp.Or(payer.OpenID, payer.SpOpenID)
	}
	return row
}

// feeMilliFen is a fee in thousandths of a fen. One of an earlier version's charge
// above refund.MaxAmount is cut to what fits.
func feeMilliFen(fee money.Minor) int64 {
	return int64(min(fee, math.MaxInt64/milliFen)) * milliFen
}

func paymentRow(charge refund.Charge, account *account) wire.TradeRow {
	row := orderRow(charge, account)
	row.At, row.TradeState = charge.PaidAt, wire.BillStatePaid
	row.Order, row.Settlement = int64(charge.Amount), int64(settled(charge))
	for _, coupon := range charge.Detail.Coupons {
		row.Coupon += int64(coupon.Amount)
	}
	if charge.Fee != nil {
		row.FeeMilliFen = feeMilliFen(*charge.Fee)
	}
	return row
}

// refundRow tells of a refund on the day of its acceptance, as it stood when
// the bill was made.
func refundRow(r refund.Refund, of day, account *account) wire.TradeRow {
	charge := of.of[r.ChargeID]
	row := orderRow(charge, account)
	row.At, row.RefundAppliedAt, row.TradeState = r.CreatedAt, r.CreatedAt, wire.BillStateRefund
	if r.By.Call == refund.ByReverse {
		row.TradeState = wire.BillStateReversed
	}
	row.RefundID, row.OutRefundNo = refundID(r), outRefundNo(r)
	row.SettlementRefund, row.RequestedRefund = int64(r.Parts.Settlement(charge.Detail.Coupons)), int64(r.Amount)
	row.CouponRefund = int64(r.Parts.Legs(charge.Detail.Coupons).CouponCash)
	row.RefundType = wayBack(r.Landed)
	row.RefundState = wire.BillRefundState(statusAt(r, of.cut()))
	if row.RefundState == wire.BillRefundSuccess {
		row.RefundSucceededAt = r.SucceededAt
	}
	if r.Parts.Fee != nil {
		row.FeeMilliFen = -feeMilliFen(*r.Parts.Fee)
	}
	return row
}

// statusAt is a refund's status at a moment; a change that came later is as if
// it were still processing.
func statusAt(r refund.Refund, at time.Time) string {
	changed := r.UpdatedAt
	if r.State == refund.Succeeded {
		changed = r.SucceededAt
	}
	if !changed.Before(at) {
		return wire.StatusProcessing
	}
	return statuses[r.State]
}

// settled is what the order brings the merchant, before the fee.
func settled(charge refund.Charge) money.Minor {
	out := charge.Amount
	for _, coupon := range charge.Detail.Coupons {
		if coupon.Type == refund.TypeUnfunded {
			out -= coupon.Amount
		}
	}
	return out
}

// rate is the fee as a share of the order, "0.60%"; "" when it is not known.
func rate(charge refund.Charge) string {
	if charge.Fee == nil {
		return ""
	}
	const whole = 10_000 // hundredths of a percent
	points := int64(money.HalfUp(*charge.Fee, whole, charge.Amount))
	return fmt.Sprintf("%d.%02d%%", points/100, points%100)
}

// flowRows are the movements of a day: payments and their fees, refunds with
// the fee that comes back, and refunds that were closed.
func flowRows(of day, account *account) []timed[wire.FlowRow] {
	var rows []timed[wire.FlowRow]
	add := func(at time.Time, business, number, direction string, amount money.Minor, note, voucher string) {
		if amount == 0 {
			return
		}
		key := number + business
		rows = append(rows, timed[wire.FlowRow]{at, key, wire.FlowRow{
			At: at, BusinessNumber: number, FlowNumber: wire.MakeRefundID(key, at.UnixMilli()), Business: business, Kind: business,
			Direction: direction, Amount: int64(amount), Note: note, Voucher: voucher,
		}})
	}
	for _, charge := range of.charges {
		voucher := aliasOf(charge, account.identity).Name
		add(charge.PaidAt, wire.FlowTrade, charge.TransactionID, wire.FlowIn, settled(charge), charge.Detail.Subject, voucher)
		if charge.Fee != nil {
			add(charge.PaidAt, wire.FlowFee, charge.TransactionID, wire.FlowOut, *charge.Fee, charge.Detail.Subject, voucher)
		}
	}
	for _, r := range of.refunds {
		parts := r.Parts.Legs(of.of[r.ChargeID].Detail.Coupons)
		add(r.CreatedAt, wire.FlowRefund, refundID(r), wire.FlowOut, parts.Payer+parts.CouponCash, r.Reason, outRefundNo(r))
		add(r.CreatedAt, wire.FlowFeeReturn, refundID(r), wire.FlowIn, parts.Fee, r.Reason, outRefundNo(r))
	}
	for _, r := range of.closed {
		parts := r.Parts.Legs(of.of[r.ChargeID].Detail.Coupons)
		add(r.UpdatedAt, wire.FlowRefundClosed, refundID(r), wire.FlowIn, parts.Payer+parts.CouponCash, r.Reason, outRefundNo(r))
		add(r.UpdatedAt, wire.FlowFee, refundID(r), wire.FlowOut, parts.Fee, r.Reason, outRefundNo(r))
	}
	return rows
}
