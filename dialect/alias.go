package dialect

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
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
	// Whoever is a direct merchant and a service provider was paid as the
	// former, unless the charge says for which sub-merchant it was.
	identities = slices.Clone(identities)
	slices.SortStableFunc(identities, func(a, b merchant.Identity) int {
		return cmp.Compare(min(1, len(a.Sub)), min(1, len(b.Sub)))
	})
	for _, identity := range identities {
		if _, has := c.Alias(identity.Dialect); has {
			continue
		}
		name := aliasName(c, identity)
		if name == "" {
			continue
		}
		c.Aliases = append(c.Aliases, refund.Alias{Dialect: identity.Dialect, Identity: identity.Name, Sub: identity.Sub, Name: name, MadeUp: true})
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
		return tail // as of refund.OwnNames
	case merchant.Payin:
		return identity.Name + "T" + c.PaidAt.In(riyadh).Format("20060102") + payinTail(tail)
	}
	return ""
}

// wechatOrderNo: letters, digits, and _ - * | @ (wechatpay-v3.md 2.1).
func wechatOrderNo(text string) bool {
	const allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-*|@"
	return strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(allowed, r) }) < 0
}

// payinTail makes the 14 digits behind the date in a Payin order's name: a
// time of day with milliseconds and five more (payin.md 3.3). The five alone
// would not keep a bulk import apart, in which thousands of charges were paid
// at the same moment; so the time of day is made of the id as well.
func payinTail(id string) string {
	const day, more = 24 * 60 * 60 * 1000, 100_000
	sum := sha256.Sum256([]byte(id))
	number := binary.BigEndian.Uint64(sum[:8]) % (day * more)
	ms := number / more
	return fmt.Sprintf("%02d%02d%02d%03d%05d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000, number%more)
}

// Says reports whether a dialect can say a currency: WeChat knows only CNY.
func Says(name string, currency money.Currency) bool {
	return name != merchant.WeChatPay || currency == "CNY"
}
