package wechatpay

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/refundry/refundry/dayfile"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// milliFen is how fees are counted in bills: thousandths of a fen.
const milliFen = 1000

// writeTrade writes a trade bill of a type.
func writeTrade(w io.Writer, rows *dayfile.Rows[wire.TradeRow], kind string) error {
	short := wire.NewShortWriter(w)
	bill := wire.NewTradeBill(short, kind)
	err := rows.Each(func(row wire.TradeRow) error {
		bill.Add(row)
		return short.Err()
	})
	return errors.Join(err, bill.Close(), short.Close())
}

// writeFunds writes a fund-flow bill.
func writeFunds(w io.Writer, rows *dayfile.Rows[wire.FlowRow]) error {
	short := wire.NewShortWriter(w)
	bill := wire.NewFlowBill(short)
	// Where the bill's sums fit, as Close says, so does what is between them.
	var balance int64
	err := rows.Each(func(row wire.FlowRow) error {
		if row.Direction == wire.FlowIn {
			balance += row.Amount
		} else {
			balance -= row.Amount
		}
		row.Balance = balance
		bill.Add(row)
		return short.Err()
	})
	return errors.Join(err, bill.Close(), short.Close())
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
func refundRow(r refund.Refund, charge refund.Charge, of day, account *account) wire.TradeRow {
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

// flows adds movements to a fund-flow bill.
type flows struct {
	rows *dayfile.Rows[wire.FlowRow]
	err  error // the first
}

func (f *flows) add(at time.Time, business, number, direction string, amount money.Minor, note, voucher string) {
	if amount == 0 || f.err != nil {
		return
	}
	key := number + business
	f.err = f.rows.Add(at, key, wire.FlowRow{
		At: at, BusinessNumber: number, FlowNumber: wire.MakeRefundID(key, at.UnixMilli()), Business: business, Kind: business,
		Direction: direction, Amount: int64(amount), Note: note, Voucher: voucher,
	})
}

// addPayment adds a payment and its fee.
func addPayment(rows *dayfile.Rows[wire.FlowRow], charge refund.Charge, account *account) error {
	f := flows{rows: rows}
	voucher := aliasOf(charge, account.identity).Name
	f.add(charge.PaidAt, wire.FlowTrade, charge.TransactionID, wire.FlowIn, settled(charge), charge.Detail.Subject, voucher)
	if charge.Fee != nil {
		f.add(charge.PaidAt, wire.FlowFee, charge.TransactionID, wire.FlowOut, *charge.Fee, charge.Detail.Subject, voucher)
	}
	return f.err
}

// addRefund adds a refund and the fee that comes back.
func addRefund(rows *dayfile.Rows[wire.FlowRow], r refund.Refund, charge refund.Charge) error {
	f := flows{rows: rows}
	parts := r.Parts.Legs(charge.Detail.Coupons)
	f.add(r.CreatedAt, wire.FlowRefund, refundID(r), wire.FlowOut, parts.Payer+parts.CouponCash, r.Reason, outRefundNo(r))
	f.add(r.CreatedAt, wire.FlowFeeReturn, refundID(r), wire.FlowIn, parts.Fee, r.Reason, outRefundNo(r))
	return f.err
}

// addClosed adds what a refund that was closed gives back.
func addClosed(rows *dayfile.Rows[wire.FlowRow], r refund.Refund, charge refund.Charge) error {
	f := flows{rows: rows}
	parts := r.Parts.Legs(charge.Detail.Coupons)
	f.add(r.UpdatedAt, wire.FlowRefundClosed, refundID(r), wire.FlowIn, parts.Payer+parts.CouponCash, r.Reason, outRefundNo(r))
	f.add(r.UpdatedAt, wire.FlowFee, refundID(r), wire.FlowOut, parts.Fee, r.Reason, outRefundNo(r))
	return f.err
}
