// Package refund is the core: what a charge and a refund are, and the pure
// functions that decide about them. Accept takes a unit of requests, Apply
// takes a channel's word, Quote says what a refund would give back. None does
// I/O, reads a clock or uses randomness: state and time come in as arguments,
// decisions go out as values, and whoever calls makes them durable.
package refund

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/refundry/refundry/money"
)

// Charge is a payment that was made at a channel. It is unique per (merchant,
// channel account, transaction id); each dialect's name for it is an Alias.
type Charge struct {
	MerchantID string
	// ID is ours: "ch_" and 24 letters or digits, time-ordered.
	ID      string
	OrderNo string
	// Customer is whose the charge is in the merchant's own system, "" if it did
	// not say.
	Customer string
	// MaskedAt is when what it says of a person was masked; zero if it was not.
	MaskedAt time.Time
	// Channel is the way of paying as the merchant knows it: wx, alipay,
	// mastercard. Which connector moves the money back is a matter of
	// ChannelAccount.
	Channel string
	// ChannelAccount is "" while no account of the merchant takes the charge; its
	// first refund finds one then.
	ChannelAccount string
	TransactionID  string
	// Routed says that nobody named the channel account of a charge that is being
	// registered: it was found by the channel's name, or none was. The payment may
	// be registered already under another account. Not stored.
	Routed bool

	Currency money.Currency
	Amount   money.Minor
	// Fee is what the channel charged for the payment; nil is unknown.
	Fee *money.Minor
	// AlreadyRefunded was given back before the charge came to us; it is part
	// of Refunded.
	AlreadyRefunded money.Minor

	// Invariant 1 of docs/money.md: Reserved + Refunded + Blocked <= Amount + Excess.
	Reserved, Refunded, Blocked, Excess money.Minor
	// FeeUsed and CouponUsed are what refunds hold or gave back of the fee and
	// of each coupon, in the order of Detail.Coupons. What they hold of the
	// payer's cash follows: Reserved + Refunded less the coupons.
	FeeUsed    money.Minor
	CouponUsed []money.Minor
	// SplitUsed is what refunds hold or gave back of Detail.Splits.
	SplitUsed []money.Minor
	// GoodsUsed is the same for the lines that coupons of goods hang on; the keys
	// are those of Parts.Goods.
	GoodsUsed map[string]GoodsUsed

	// Refunds counts every refund ever accepted, failed ones too.
	Refunds      int64
	LastRefundAt time.Time
	// NotBefore is when the next submit for the charge may be sent; zero is now.
	NotBefore time.Time
	// VerifiedAt is when the charge was compared with what its channel knows of the
	// payment; zero where it was not, or the channel can't be asked. Counted is the
	// part of Refunded that the channel had refunded by then and no list showed.
	VerifiedAt time.Time
	Counted    money.Minor

	PaidAt, CreatedAt, UpdatedAt time.Time
	Detail                       Detail
	Aliases                      []Alias
}

// Detail is what a charge carries besides its numbers. It never changes after
// registration, but by masking, and is stored as one JSON text.
type Detail struct {
	Coupons []Coupon `json:"coupons,omitempty"`
	Goods   []Goods  `json:"goods,omitempty"`
	Splits  []Split  `json:"splits,omitempty"`
	// ReceivedAccount names for people what the payer paid from, and where a refund
	// lands, in the channel's language.
	ReceivedAccount string `json:"received_account,omitempty"`
	// FundsAccount is where the payment's money is.
	FundsAccount Funds `json:"funds_account,omitempty"`
	// SubMerchant is the merchant for whom the payment was made, by the channel's
	// number, where the channel account is a service provider's; "" leaves it to the
	// account. Charges of earlier versions have it in a name alone (Alias.Sub).
	SubMerchant string `json:"sub_merchant,omitempty"`
	// LookedUp says that the charge was registered with what its channel says of the
	// payment, which is less than its merchant knows.
	LookedUp    bool            `json:"looked_up,omitempty"`
	Sharing     Sharing         `json:"profit_sharing,omitempty"`
	NotifyURL   string          `json:"notify_url,omitempty"`
	ClientIP    string          `json:"client_ip,omitempty"`
	Subject     string          `json:"subject,omitempty"`
	Body        string          `json:"body,omitempty"`
	Description string          `json:"description,omitempty"`
	TimeExpire  int64           `json:"time_expire,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	// Extra is the dialect's own that made the charge; connectors don't read it.
	Extra json.RawMessage `json:"extra,omitempty"`
	// Route names the connector family that a sandbox charge plays, such as
	// "chinaums"; dialects show extra members for some.
	Route string `json:"route,omitempty"`
	// Key is the idempotency key of the request that made the charge in test
	// mode, "" for charges that were registered. No dialect shows it.
	Key string `json:"key,omitempty"`
}

// Coupon is a discount that was part of the payment.
type Coupon struct {
	ID     string      `json:"id"`
	Scope  CouponScope `json:"scope"`
	Type   CouponType  `json:"type"`
	Amount money.Minor `json:"amount"`
	// Goods says what a coupon of ScopeGoods hangs on.
	Goods []CouponGoods `json:"goods,omitempty"`
}

// CouponGoods is the part of a coupon of ScopeGoods that hangs on one line of
// goods: Discount for Quantity pieces.
type CouponGoods struct {
	MerchantGoodsID string      `json:"merchant_goods_id"`
	Quantity        int64       `json:"quantity"`
	Discount        money.Minor `json:"discount"`
}

// Goods is one line of the order.
type Goods struct {
	MerchantGoodsID string      `json:"merchant_goods_id"`
	ChannelGoodsID  string      `json:"wechatpay_goods_id,omitempty"`
	Name            string      `json:"goods_name,omitempty"`
	UnitPrice       money.Minor `json:"unit_price"`
	Quantity        int64       `json:"quantity"`
}

// RefundedGoods is one line of goods that a refund names.
type RefundedGoods struct {
	MerchantGoodsID string      `json:"merchant_goods_id"`
	ChannelGoodsID  string      `json:"wechatpay_goods_id,omitempty"`
	Name            string      `json:"goods_name,omitempty"`
	UnitPrice       money.Minor `json:"unit_price"`
	Amount          money.Minor `json:"refund_amount"`
	Quantity        int64       `json:"refund_quantity"`
}

// Split is a share of the payment that went to another account.
type Split struct {
	Account     string      `json:"account"`
	Amount      money.Minor `json:"amount"`
	Description string      `json:"desc,omitempty"`
}

// Alias is a dialect's name for a charge, unique per (merchant, dialect, name).
type Alias struct {
	Dialect string `json:"dialect"`
	// Identity is the app, wallet, mchid or Payin merchant that knows the charge.
	Identity string `json:"identity"`
	// Sub is WeChat's sub_mchid in partner mode, and Ping++'s order.
	Sub  string `json:"sub,omitempty"`
	Name string `json:"name"`
	// MadeUp says that nobody gave the name: it was made for a charge that is
	// new to us. When the charge turns out to be registered already, it is not
	// added where the dialect has a name for it. Not stored.
	MadeUp bool `json:"-"`
}

// Refundable is what may still be refunded, never below 0:
// amount - reserved - refunded - blocked. Excess is no room: nothing that we
// instruct may use it.
func (c Charge) Refundable() money.Minor {
	return max(0, c.Amount-c.Reserved-c.Refunded-c.Blocked)
}

// Alias returns the charge's name in a dialect.
func (c Charge) Alias(dialect string) (Alias, bool) { return aliasIn(c.Aliases, dialect) }

func aliasIn(aliases []Alias, dialect string) (Alias, bool) {
	for _, a := range aliases {
		if a.Dialect == dialect {
			return a, true
		}
	}
	return Alias{}, false
}

// NamedCharge is what a charge is called: all that a refund shows of it.
type NamedCharge struct {
	MerchantID, ID, OrderNo, TransactionID string
	Aliases                                []Alias
}

// Named returns what the charge is called.
func (c Charge) Named() NamedCharge {
	return NamedCharge{c.MerchantID, c.ID, c.OrderNo, c.TransactionID, c.Aliases}
}

// Alias returns the charge's name in a dialect.
func (c NamedCharge) Alias(dialect string) (Alias, bool) { return aliasIn(c.Aliases, dialect) }

// Check re-checks on read what the rules and the database hold: the cap of
// invariant 1, that no number is negative, and that the coupons are within
// what was paid.
func (c Charge) Check() error {
	held, ok := money.Add(c.Reserved, c.Refunded)
	if ok {
		held, ok = money.Add(held, c.Blocked)
	}
	limit, ok2 := money.Add(c.Amount, c.Excess)
	var coupons money.Minor
	sound := true
	for _, coupon := range c.Detail.Coupons {
		var fits bool
		coupons, fits = money.Add(coupons, coupon.Amount)
		sound = sound && fits && coupon.Amount > 0 && coupons <= c.Amount
	}
	switch {
	case c.Amount <= 0, c.Reserved < 0, c.Refunded < 0, c.Blocked < 0, c.Excess < 0, c.FeeUsed < 0, c.Fee != nil && *c.Fee < 0, !ok2:
		return Errorf(KindCorrupt, "charge", "charge %s has an amount out of range", c.ID)
	case !sound, len(c.CouponUsed) > len(c.Detail.Coupons), slices.ContainsFunc(c.CouponUsed, negative):
		return Errorf(KindCorrupt, "charge", "the coupons of charge %s do not fit it", c.ID)
	case !ok, held > limit:
		return Errorf(KindCorrupt, "charge", "charge %s holds more than was paid", c.ID)
	}
	return nil
}

func negative(m money.Minor) bool { return m < 0 }
