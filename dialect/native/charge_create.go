package native

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// createCharge registers one paid charge: POST /charges, 201, or 200 when it
// is registered already.
//
// A charge is itself what makes a repeat harmless: the same channel account
// and transaction id are the same charge, and other content is refused with
// 409. See transactionID for what Idempotency-Key does besides.
func (d *Dialect) createCharge(c *call) error {
	key, fault := dialect.IdempotencyKey(c.r)
	if fault != nil {
		return fault
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	in, err := decodeCharge(d.s.Dialects, body)
	if err != nil {
		return err
	}
	r, err := d.registration(c)
	if err != nil {
		return err
	}
	charge, err := r.charge(in, key)
	if err != nil {
		return err
	}
	results, err := d.s.Registrar.RegisterCharges(c.ctx, []refund.Charge{charge}, c.keyed)
	if err != nil {
		return err
	}
	result := results[0]
	if result.Err != nil {
		return result.Err
	}
	answer := registeredAnswer{answerCharge(d.s.Dialects, result.Charge), warnings(result)}
	if result.Again {
		return c.json(http.StatusOK, answer)
	}
	c.w.Header().Set("Location", version+"/charges/"+result.Charge.ID)
	return c.json(http.StatusCreated, answer)
}

// registration is what registering charges needs to know of a merchant.
type registration struct {
	dialects   merchant.Dialects
	merchant   merchant.Merchant
	identities []merchant.Identity
	accounts   []merchant.ChannelAccount
	now        time.Time
}

func (d *Dialect) registration(c *call) (registration, error) {
	identities, err := d.s.Directory.Identities(c.ctx, c.merchantID())
	if err != nil {
		return registration{}, err
	}
	accounts, err := d.s.Directory.ChannelAccounts(c.ctx, c.merchantID())
	if err != nil {
		return registration{}, err
	}
	return registration{dialects: d.s.Dialects, merchant: c.caller.Merchant, identities: identities, accounts: accounts, now: d.now()}, nil
}

// maxPaidAhead is how far a payment may lie ahead of our clock: clocks of
// channels and shops differ by minutes. Anything more is a mistake, and would
// leave refunds open for as much longer.
const maxPaidAhead = 10 * time.Minute

// charge makes the charge of a request: whose it is, where it was paid, and
// what each dialect calls it.
func (r registration) charge(in chargeRequest, key string) (refund.Charge, error) {
	c := in.charge
	c.MerchantID, c.ID = r.merchant.ID, "ch_"+refund.NewID(r.now)
	c.CreatedAt, c.UpdatedAt = r.now, r.now
	c, err := r.route(c)
	if err != nil {
		return refund.Charge{}, err
	}
	if r.merchant.Mode == merchant.Live {
		switch {
		case c.TransactionID == "":
			return refund.Charge{}, refuse(refund.KindInvalid, "transaction_id", "is required in live mode")
		case c.PaidAt.IsZero():
			return refund.Charge{}, refuse(refund.KindInvalid, "paid_at", "is required in live mode")
		}
	}
	switch {
	case c.PaidAt.IsZero():
		c.PaidAt = r.now
	case c.PaidAt.After(r.now.Add(maxPaidAhead)):
		return refund.Charge{}, refuse(refund.KindInvalid, "paid_at", "must not lie in the future")
	}
	if c, err = r.names(c, in.aliases); err != nil {
		return refund.Charge{}, err
	}
	if c.TransactionID == "" && !named(c) {
		c.TransactionID = transactionID(r.merchant.ID, c.OrderNo, key)
	}
	return c, nil
}

// route gives c the account that moves its money back: the one that the request
// names, else the one that takes its channel, else none yet.
func (r registration) route(c refund.Charge) (refund.Charge, error) {
	if c.ChannelAccount != "" {
		for _, account := range r.accounts {
			switch {
			case account.ID != c.ChannelAccount:
			case account.State == merchant.AccountClosed:
				return refund.Charge{}, refuse(refund.KindNoAccount, "channel_account", "is closed: it takes no charge")
			default:
				return c, nil
			}
		}
		return refund.Charge{}, refuse(refund.KindForbidden, "channel_account", "is none of the merchant's channel accounts")
	}
	account, result := merchant.Route(r.accounts, r.merchant.Mode, c.Channel)
	if result == merchant.Ambiguous {
		return refund.Charge{}, refuse(refund.KindInvalid, "channel_account", "is required: several of the merchant's channel accounts take %s, and no one of them is the default", c.Channel)
	}
	c.ChannelAccount, c.Routed = account.ID, true
	return c, nil
}

// warnings are what whoever registered a charge should know.
func warnings(r refund.Registered) []string {
	var all []string
	if r.Charge.ID != "" && r.Charge.ChannelAccount == "" {
		all = append(all, "no channel account takes "+r.Charge.Channel+": refunds of this charge are refused until one does (hint: refundry account add)")
	}
	if r.SameOrder != "" {
		all = append(all, "order number "+r.Charge.OrderNo+" is also that of charge "+r.SameOrder+": is it the same payment, under another transaction_id?")
	}
	return all
}

// names gives c the aliases that the request names, and one in each other
// dialect in which the merchant has an identity.
func (r registration) names(c refund.Charge, asked []refund.Alias) (refund.Charge, error) {
	var fill []merchant.Identity
	wanted := make(map[string]bool) // dialects whose identity the request chose
	subs := make(map[string]string) // by dialects where they are the charge's alone
	for _, a := range asked {
		known, _ := r.dialects.Find(a.Dialect)
		identity, fault := claimed(a, known.Charges, r.identities)
		if fault != nil {
			return refund.Charge{}, fault
		}
		a.Identity = identity.Name
		if known.Charges.SubOfIdentity {
			if a.Sub != "" && c.Detail.SubMerchant != "" && a.Sub != c.Detail.SubMerchant {
				return refund.Charge{}, refuse(refund.KindInvalid, "sub_merchant", "is another than identities.%s.%s", a.Dialect, known.Charges.Sub)
			}
			c.Detail.SubMerchant = cmp.Or(c.Detail.SubMerchant, a.Sub)
			identity.Sub = cmp.Or(a.Sub, identity.Sub)
			a.Sub = identity.Sub
		} else {
			subs[a.Dialect] = a.Sub
		}
		wanted[a.Dialect] = true
		fill = append(fill, identity)
		if a.Name != "" {
			c.Aliases = append(c.Aliases, a)
		}
	}
	for _, identity := range r.identities {
		if !wanted[identity.Dialect] {
			fill = append(fill, identity)
		}
	}
	c = dialect.FillAliases(r.dialects, c, fill)
	for n, a := range c.Aliases {
		if sub, ok := subs[a.Dialect]; ok {
			c.Aliases[n].Sub = sub
		}
	}
	return c, nil
}

// named reports whether the request itself named the charge in some dialect.
func named(c refund.Charge) bool {
	for _, a := range c.Aliases {
		if !a.MadeUp {
			return true
		}
	}
	return false
}

// transactionID is the channel's number of a payment in test mode when the
// request gives none and names the charge in no dialect. It is made of the
// Idempotency-Key, else the order number, so that the same request again is
// the same charge: 28 digits, as the sandbox's and WeChat's. (With a name, the
// store finds a repeat by that.)
func transactionID(merchantID, orderNo, key string) string {
	seed := "order\x00" + orderNo
	if key != "" {
		seed = "key\x00" + key
	}
	sum := sha256.Sum256([]byte(merchantID + "\x00" + seed))
	// Twelve digits of each half: 80 bits of the sum in all.
	const half = 1_000_000_000_000
	return fmt.Sprintf("4200%012d%012d", binary.BigEndian.Uint64(sum[:8])%half, binary.BigEndian.Uint64(sum[8:16])%half)
}
