package refund

import "github.com/refundry/refundry/money"

// The words in which a charge and a refund say what connectors need to know.
// Dialects and connectors translate them into their protocols' own, by tables; the
// native API, whose protocol is ours, shows their texts. Those are what rows hold
// since the first schema and what a previous version reads, so that they stay.

// Funds are one of the merchant's accounts at a channel, which money is in or is
// paid from. Any other text is an account by the channel's own name; "" leaves it
// to the channel.
type Funds string

// The accounts that several protocols know.
const (
	// FundsUnsettled was paid by payers and is not settled yet.
	FundsUnsettled Funds = "UNSETTLED"
	// FundsAvailable is settled, or was added, and free to spend.
	FundsAvailable Funds = "AVAILABLE"
	// FundsUnavailable is set aside, such as for shares that are not paid out yet.
	FundsUnavailable Funds = "UNAVAILABLE"
	// FundsOperation and FundsBasic are a merchant's accounts for expenses and for
	// what it is paid; FundsDigital is that of a central bank's digital currency.
	FundsOperation Funds = "OPERATION"
	FundsBasic     Funds = "BASIC"
	FundsDigital   Funds = "ECNY_BASIC"
)

// FundsFrom is the share of a refund that one of the merchant's accounts pays.
type FundsFrom struct {
	Account Funds       `json:"account"` // FundsAvailable or FundsUnavailable
	Amount  money.Minor `json:"amount"`
}

// Way is how the money takes its way back to the payer; "" is WayOfPayment.
type Way string

// The ways back.
const (
	WayOfPayment    Way = "ORIGINAL"       // the way that it came
	WayBalance      Way = "BALANCE"        // to the payer's balance at the channel
	WayOtherBalance Way = "OTHER_BALANCE"  // to another balance, since the way it came was closed
	WayOtherCard    Way = "OTHER_BANKCARD" // to another bank card
)

// Landed is where a channel says that the money went. Empty members are the way
// it came.
type Landed struct {
	Way Way `json:"channel,omitempty"`
	// Account names the account for people, in the channel's language.
	Account string `json:"account,omitempty"`
}

// Sharing says how far the shares of a payment that others get are paid out.
type Sharing string

// The states of sharing; "" is SharingNone.
const (
	SharingNone    Sharing = "none"
	SharingWaiting Sharing = "waiting" // nothing is paid out yet
	SharingUnder   Sharing = "sharing" // some is
	SharingDone    Sharing = "done"
)

// Open reports whether the merchant's own share is not known yet.
func (s Sharing) Open() bool { return s == SharingWaiting || s == SharingUnder }

// CouponScope is what a coupon hangs on.
type CouponScope string

// The scopes of coupons.
const (
	ScopeOrder CouponScope = "GLOBAL" // the order as a whole
	ScopeGoods CouponScope = "SINGLE" // some of its goods
)

// CouponType says who bears a coupon.
type CouponType string

// The types of coupons.
const (
	TypeFunded   CouponType = "CASH"   // its issuer pays the merchant for it
	TypeUnfunded CouponType = "NOCASH" // the merchant got that much less
)

// ChannelOptions is what a request says that concerns its channel alone. The
// zero value says nothing.
type ChannelOptions struct {
	// Splits are what other accounts give back of the amount.
	Splits []Split `json:"split_fund_info,omitempty"`
	// Rate is the rate of exchange, a decimal literal that keeps its digits, and
	// ExchangedAmount the refund's amount by it; "" and 0 leave them to the channel.
	Rate            string      `json:"rate,omitempty"`
	ExchangedAmount money.Minor `json:"refund_amount,omitempty"`
	// HideReason keeps the reason from the payer.
	HideReason bool `json:"hide_reason,omitempty"`
}
