package dialect

import (
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// riyadh is Payin's time zone, GMT+3 the whole year.
var riyadh = time.FixedZone("GMT+3", 3*60*60)

// FillAliases gives c a name in each dialect in which the merchant has an
// identity and c has none yet, in that dialect's own shape: one payment is
// known to all of them. The names are made of c.ID (24 digits and letters
// behind "ch_"), so that the same charge gets the same ones.
func FillAliases(c refund.Charge, identities []merchant.Identity) refund.Charge {
	// Copied: the caller's charge must not grow through a shared slice.
	c.Aliases = append([]refund.Alias(nil), c.Aliases...)
	for _, identity := range identities {
		if _, has := c.Alias(identity.Dialect); has {
			continue
		}
		name := aliasName(c, identity)
		if name == "" {
			continue
		}
		c.Aliases = append(c.Aliases, refund.Alias{Dialect: identity.Dialect, Identity: identity.Name, Sub: identity.Sub, Name: name})
	}
	return c
}

func aliasName(c refund.Charge, identity merchant.Identity) string {
	tail := strings.TrimPrefix(c.ID, "ch_")
	switch identity.Dialect {
	case merchant.PingPP:
		return "ch_" + tail
	case merchant.Wallet:
		return "ch_" + tail
	case merchant.WeChatPay:
		// The merchant's own number where it has WeChat's form, 6 to 32
		// characters; else ours.
		if len(c.OrderNo) >= 6 && len(c.OrderNo) <= 32 && wechatOrderNo(c.OrderNo) {
			return c.OrderNo
		}
		return tail
	case merchant.Payin:
		return identity.Name + "T" + c.PaidAt.In(riyadh).Format("20060102150405") + digits(tail, 8)
	}
	return ""
}

// wechatOrderNo: letters, digits, and _ - * | @ (wechatpay-v3.md 2.1).
func wechatOrderNo(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return r > 'z' || !strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-*|@", r)
	}) < 0
}

// digits makes a decimal number of n digits of a text, evenly enough for
// names that are unique by their time as well.
func digits(text string, n int) string {
	var sum uint64
	for i := range len(text) {
		sum = sum*131 + uint64(text[i])
	}
	number := strconv.FormatUint(sum, 10)
	for len(number) < n {
		number = "0" + number
	}
	return number[len(number)-n:]
}

// Says reports whether a dialect can say a currency: WeChat knows only CNY.
func Says(name string, currency money.Currency) bool {
	return name != merchant.WeChatPay || currency == "CNY"
}
