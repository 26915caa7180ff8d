package wallet

import (
	"crypto/sha256"
	"fmt"
	"math/big"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// An order_no stands for one charge of a wallet (L3.1-4 and L3.1-5). Of
// requests of one instant the database lets one through: a charge is unique by
// its transaction number, and the sandbox's for a charge that is created here
// is made of what must not come twice.

const (
	// transactionPrefix begins the sandbox's transaction numbers.
	transactionPrefix = "4200"
	// transactionTail is how many digits follow. Two order numbers meet there
	// with a chance of 1 in 10^24.
	transactionTail = 24
)

// claimOrderNo is the transaction number of the one charge that may have the
// order number in the wallet.
func claimOrderNo(wallet, orderNo string) string {
	sum := sha256.Sum256([]byte("wallet\n" + wallet + "\n" + orderNo)) // no wallet's name holds a line feed
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(transactionTail), nil)
	return fmt.Sprintf("%s%0*d", transactionPrefix, transactionTail, new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), most))
}

// registerOnce registers a charge that the sandbox has paid, unless its
// order_no was used.
func (d *Dialect) registerOnce(c *call, charge refund.Charge, w *refund.Write) (refund.Charge, error) {
	used := refund.Errorf(refund.KindChargeConflict, "order_no", "the order_no was used for another charge")
	taken, err := d.orderNoTaken(c, charge)
	switch {
	case err != nil:
		return refund.Charge{}, err
	case taken:
		return refund.Charge{}, used
	}
	stored, again, err := d.Registrar.RegisterCharge(c.r.Context(), charge, w)
	switch {
	case err != nil && refund.KindOf(err) != refund.KindChargeConflict:
		return refund.Charge{}, err
	case err != nil, again: // someone else was quicker
		return refund.Charge{}, used
	}
	return stored, nil
}

// orderNoTaken reports whether a charge of the wallet has the order number
// already, also one that came to us some other way.
func (d *Dialect) orderNoTaken(c *call, charge refund.Charge) (bool, error) {
	used, _, err := d.Reader.ChargeList(c.r.Context(), refund.ChargeFilter{
		MerchantID: charge.MerchantID, Dialect: merchant.Wallet, Identity: c.identity.Name, OrderNo: charge.OrderNo, Page: refund.Page{Limit: 1},
	})
	return len(used) > 0, err
}
