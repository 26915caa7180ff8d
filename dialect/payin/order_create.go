package payin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

const (
	// sandboxMethod is how the sandbox pays an order: the page's own example.
	sandboxMethod = wire.MethodMastercard
	// maxNameTries is how often an order's name is made anew when it is taken:
	// its last five digits are all that keeps orders of one millisecond apart.
	maxNameTries = 5
)

// createOrder is POST /merchants/{id}/orders (Y3-2). A service that refunds
// makes no payments: only a merchant in test mode may ask, and the sandbox pays
// at once, of which the merchant is told.
func (d *Dialect) createOrder(c *call, w *refund.Write) (any, error) {
	if c.id != c.identity.Name {
		return nil, noSuchMerchant()
	}
	if c.caller.Merchant.Mode != merchant.Test {
		return nil, refund.Errorf(refund.KindForbidden, "", "orders are created in test mode; live ones are registered after payment")
	}
	in, err := c.orderRequest(d.now())
	if err != nil {
		return nil, err
	}
	charge, err := d.newCharge(c, in)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		named := c.named(charge, d.now())
		identities, err := d.Directory.Identities(c.r.Context(), charge.MerchantID)
		if err != nil {
			return nil, err
		}
		named = dialect.FillAliases(d.Dialects, named, identities)
		stored, again, err := d.Orders.RegisterPaid(c.r.Context(), named, wire.EventPaymentSucceeded, w)
		if e := refund.As(err); e != nil && e.Kind == refund.KindChargeConflict && e.Param == "identities" && try < maxNameTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !again {
			d.Wake()
		}
		o, _ := orderOf(stored, c.identity.Name)
		return c.orderObject(o), nil
	}
}

// orderRequest reads and checks the body.
func (c *call) orderRequest(now time.Time) (wire.OrderRequest, error) {
	if _, fault := dialect.IdempotencyKey(c.r); fault != nil {
		return wire.OrderRequest{}, fault
	}
	body, err := c.object()
	if err != nil {
		return wire.OrderRequest{}, err
	}
	in, err := wire.DecodeOrderRequest(body, c.options())
	if err != nil {
		return wire.OrderRequest{}, invalid(err, "")
	}
	if !in.ExpiredAt.IsZero() && !in.ExpiredAt.After(now) {
		return wire.OrderRequest{}, refund.Errorf(refund.KindInvalid, "expiredAt", "must be in the future")
	}
	return in, nil
}

// newCharge makes the paid charge of an order, without names.
func (d *Dialect) newCharge(c *call, in wire.OrderRequest) (refund.Charge, error) {
	amount, err := wire.ParseAmount(in.Amount, in.Currency, c.on(wire.SwitchThreeDecimals))
	if err != nil {
		return refund.Charge{}, invalid(err, "amount")
	}
	if err := wire.CheckPayment(amount, in.Currency); err != nil {
		return refund.Charge{}, invalid(err, "amount")
	}
	accounts, err := d.Directory.ChannelAccounts(c.r.Context(), c.caller.Merchant.ID)
	if err != nil {
		return refund.Charge{}, err
	}
	account, ok := dialect.SandboxAccount(accounts)
	if !ok {
		return refund.Charge{}, refund.Errorf(refund.KindForbidden, "", "the merchant has no sandbox account")
	}
	extra, err := wire.Marshal(keptExtra{Payin: &extraDetail{
		ClientID: c.caller.Key.Public[merchant.ClientID],
		Customer: in.Customer, Products: in.Products, Beneficiary: in.Beneficiary, ReferenceURL: in.ReferenceURL,
	}})
	if err != nil {
		return refund.Charge{}, refund.Wrap(err, "keep an order's details")
	}
	detail := refund.Detail{NotifyURL: in.NotificationURL, ClientIP: in.ClientIP, Subject: in.Name, Extra: extra}
	if !in.ExpiredAt.IsZero() {
		detail.TimeExpire = in.ExpiredAt.Unix()
	}
	return refund.Charge{
		MerchantID: c.caller.Merchant.ID, OrderNo: in.MerchantOrderID, Channel: sandboxMethod, ChannelAccount: account.ID,
		TransactionID: transactionID(c.identity.Name, in.MerchantOrderID), Currency: in.Currency, Amount: amount, Detail: detail,
	}, nil
}

// named gives the charge its ids and its name here. The name counts as made
// up: when the order is there already it keeps its first one.
func (c *call) named(charge refund.Charge, now time.Time) refund.Charge {
	charge.ID = "ch_" + refund.NewID(now)
	charge.PaidAt, charge.CreatedAt, charge.UpdatedAt = now, now, now
	charge.Aliases = []refund.Alias{{
		Dialect: merchant.Payin, Identity: c.identity.Name, Name: wire.OrderID(c.identity.Name, now, random5()), MadeUp: true,
	}}
	return charge
}

// transactionID is the sandbox's number of an order's payment: 28 digits made
// of merchant and merchantOrderId, so that one merchantOrderId can't be paid
// twice, whichever replica is asked (Y3.4-2 to Y3.4-4).
func transactionID(merchantID, merchantOrderID string) string {
	const prefix = "4200"
	sum := sha256.Sum256([]byte(merchantID + "\x00" + merchantOrderID))
	digits := new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), new(big.Int).Exp(big.NewInt(10), big.NewInt(24), nil))
	text := digits.String()
	for len(text) < 24 {
		text = "0" + text
	}
	return prefix + text
}

func random5() uint32 {
	var bytes [8]byte
	_, _ = rand.Read(bytes[:]) // documented never to fail
	return uint32(binary.BigEndian.Uint64(bytes[:]) % 100_000)
}

// keptExtra is what an order keeps in the charge's extra besides its numbers.
// Its presence says that the charge was made here.
type keptExtra struct {
	Payin *extraDetail `json:"payin,omitempty"`
}

type extraDetail struct {
	// ClientID is the client that made the order, "" for one without an id.
	ClientID     string          `json:"clientId,omitempty"`
	Customer     json.RawMessage `json:"customer,omitempty"`
	Products     json.RawMessage `json:"products,omitempty"`
	Beneficiary  json.RawMessage `json:"beneficiary,omitempty"`
	ReferenceURL string          `json:"referenceURL,omitempty"`
}

// extraOf reads it back; ok is false for a charge that came another way.
func extraOf(charge refund.Charge) (detail extraDetail, ok bool) {
	var kept keptExtra
	if json.Unmarshal(charge.Detail.Extra, &kept) != nil || kept.Payin == nil {
		return extraDetail{}, false
	}
	return *kept.Payin, true
}

// madeHere reports whether this API made the charge.
func madeHere(charge refund.Charge) bool {
	_, ok := extraOf(charge)
	return ok
}
