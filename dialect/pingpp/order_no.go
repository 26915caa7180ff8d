package pingpp

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// An order_no stands for one charge of a merchant and a family of channels
// (P3.2-3 and P3.2-4). Of requests of one instant the database lets one
// through: a charge is unique by its transaction number, and that of a charge
// which is created here is made of what must not come twice.

const (
	// transactionPrefix begins the sandbox's transaction numbers.
	transactionPrefix = "4200"
	// transactionTail is what follows: 28 digits in all. Two order numbers meet
	// there with a chance of 1 in 10^24.
	transactionTail = 24
)

// claimOrderNo is the transaction number of the one charge that may have the
// order number: of the channel's family, and of the day in Beijing where the
// channel lets a number come again on another.
func claimOrderNo(channel wire.Channel, orderNo string, now time.Time) string {
	day := ""
	if channel.OrderNo.UniqueWithinDay {
		day = wire.Day(now)
	}
	// No channel and no day holds a line feed.
	sum := sha256.Sum256([]byte(family(channel.Name) + "\n" + day + "\n" + orderNo))
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(transactionTail), nil)
	return fmt.Sprintf("%s%0*d", transactionPrefix, transactionTail, new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), most))
}

// registerOnce registers a charge that the sandbox has paid, unless its
// order_no was used.
func (d *Dialect) registerOnce(ctx context.Context, charge refund.Charge, w *refund.Write) (refund.Charge, error) {
	used := refund.Errorf(refund.KindChargeConflict, "order_no", "the order_no was used for another charge")
	taken, err := d.orderNoTaken(ctx, charge)
	switch {
	case err != nil:
		return refund.Charge{}, err
	case taken:
		return refund.Charge{}, used
	}
	stored, again, err := d.Registrar.RegisterCharge(ctx, charge, w)
	switch {
	case err != nil && refund.KindOf(err) != refund.KindChargeConflict:
		return refund.Charge{}, err
	case err != nil, again: // someone else was quicker
		return refund.Charge{}, used
	}
	return stored, nil
}

// orderNoTaken reports whether a charge has the order number already, also one
// that came to us some other way or was created before its number claimed it.
func (d *Dialect) orderNoTaken(ctx context.Context, charge refund.Charge) (bool, error) {
	const enough = 100 // families of channels that shared one number
	filter := refund.ChargeFilter{
		MerchantID: charge.MerchantID, Dialect: merchant.PingPP, OrderNo: charge.OrderNo, Page: refund.Page{Limit: enough},
	}
	if channel, _ := wire.ChannelNamed(charge.Channel); channel.OrderNo.UniqueWithinDay {
		filter.CreatedFrom = wire.DayBegin(charge.CreatedAt)
	}
	users, _, err := d.Reader.ChargeList(ctx, filter)
	return slices.ContainsFunc(users, func(other refund.Charge) bool { return family(channelName(other.Channel)) == family(charge.Channel) }), err
}

// family is the part of a channel's name that says who carries the money:
// wx_pub_qr and wx are one, cb_alipay and alipay are two.
func family(channel string) string {
	if wire.IsUnionPay(channel) {
		return "upacp"
	}
	rest, crossBorder := strings.CutPrefix(channel, "cb_")
	name, _, _ := strings.Cut(rest, "_")
	if crossBorder {
		return "cb_" + name
	}
	return name
}
