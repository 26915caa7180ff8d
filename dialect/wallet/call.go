package wallet

import (
	"net/http"
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/wallet"
)

// call is one request on its way through the dialect.
type call struct {
	x         *dialect.Exchange
	w         http.ResponseWriter
	r         *http.Request
	requestID string
	caller    merchant.Caller
	identity  merchant.Identity // the wallet that the key belongs to
	// keys seal the answer; nil where the request was plain.
	keys *wire.Keys
	body exactjson.Value
	// bodyFault is why the body can't be used. It is told after what comes
	// before it in the order of checks (L2.6-4 to L2.6-10).
	bodyFault error
}

func open(x *dialect.Exchange) *call {
	c := &call{x: x, w: x.W, r: x.R, requestID: x.RequestID}
	c.headers()
	return c
}

// The checks come in this order (L2.6-1 to L2.6-10): key and envelope, wallet,
// body; what follows is each call's own.

func (d *Dialect) before(c *call) error {
	if err := d.authenticate(c); err != nil {
		return err
	}
	if lacksWallet(c.r) {
		return &wire.ParamError{Code: wire.CodeWalletIDNull, Text: wire.CodeWalletIDNull.Name()}
	}
	return nil
}

func (d *Dialect) admit(c *call, found route) error {
	if strings.HasPrefix(found.Path, walletRoot) {
		if err := d.checkWallet(c, c.r.PathValue("wallet")); err != nil {
			return err
		}
	}
	if err := c.mayUse(found); err != nil {
		return err
	}
	if found.Method == http.MethodPost && c.bodyFault != nil {
		return c.bodyFault
	}
	return nil
}

func (d *Dialect) handle(c *call, found route) error {
	object, err := found.handle(d, c)
	if err != nil {
		return err
	}
	return d.answer(c, object)
}

// checkWallet: the wallet of the path must be the key's.
func (d *Dialect) checkWallet(c *call, name string) error {
	if name == c.identity.Name {
		return nil
	}
	unknown := &wire.ParamError{Code: wire.CodeWalletNotExist, Text: wire.CodeWalletNotExist.Name()}
	if !isPossibleID(name) {
		return unknown
	}
	_, _, err := d.Directory.Identity(c.r.Context(), merchant.Wallet, name)
	switch {
	case err == nil:
		return &wire.ParamError{Code: wire.CodeKeyWalletMismatch, Text: wire.CodeKeyWalletMismatch.Name()}
	case refund.KindOf(err) == refund.KindUnauthenticated:
		return unknown
	}
	return err
}

// mayUse: the key has the scope, and a wallet that is locked or not approved
// takes no writes. It may still be read, to see that it is locked.
func (c *call) mayUse(found route) error {
	if !c.caller.Key.May(found.scope) {
		return refund.Errorf(refund.KindForbidden, "", "the key lacks the scope %s", found.scope)
	}
	if found.Method == http.MethodPost && (c.is(wire.SettingBlock, wire.SettingOn) || c.is(wire.SettingReviewed, wire.SettingOff)) {
		return refund.Errorf(refund.KindForbidden, "", "the wallet is locked or not approved")
	}
	return nil
}

// is reports whether a setting of the wallet has a value.
func (c *call) is(name, value string) bool { return c.identity.Public[name] == value }

// chargeNamed finds a charge by its name in the key's wallet. One that has its
// name in another wallet of the merchant is not found.
func (d *Dialect) chargeNamed(c *call, name string) (refund.Charge, error) {
	missing := refund.Errorf(refund.KindChargeNotFound, "charges_id", "there is no such charge")
	if !isPossibleID(name) {
		return refund.Charge{}, missing
	}
	charge, err := d.Reader.ChargeByAlias(c.r.Context(), c.caller.Merchant.ID, merchant.Wallet, name)
	if err != nil {
		return refund.Charge{}, err
	}
	if _, ok := aliasIn(charge, c.identity.Name); !ok {
		return refund.Charge{}, missing
	}
	return charge, nil
}

// refundNamed finds a refund of a charge of the key's wallet, with the charge.
func (d *Dialect) refundNamed(c *call, name string) (refund.Refund, refund.Charge, error) {
	missing := refund.Errorf(refund.KindRefundNotFound, "id", "there is no such refund")
	id, ok := wire.CoreRefundID(name, wire.RefundIDPrefix(c.identity.Public))
	if !ok || !isPossibleID(id) {
		return refund.Refund{}, refund.Charge{}, missing
	}
	r, err := d.Reader.Refund(c.r.Context(), c.caller.Merchant.ID, id)
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	charge, err := d.Reader.Charge(c.r.Context(), c.caller.Merchant.ID, r.ChargeID)
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	if _, ok := aliasIn(charge, c.identity.Name); !ok {
		return refund.Refund{}, refund.Charge{}, missing
	}
	return r, charge, nil
}

// idempotencyKey is the header's, as an error that is nil when there is none.
func (c *call) idempotencyKey() (string, error) {
	key, err := dialect.IdempotencyKey(c.r)
	if err != nil {
		return "", err
	}
	return key, nil
}
