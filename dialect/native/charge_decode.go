package native

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Limits on a charge's lists and texts. WeChat allows 100 lines of goods and
// a few dozen coupons; Alipay 10 shares.
const (
	maxGoods     = 100
	maxCoupons   = 50
	maxSplits    = 50
	maxOrderNo   = 64
	maxChannel   = 32
	maxLabel     = 64  // accounts, ids of goods and coupons
	maxText      = 256 // names of goods, subjects, descriptions
	maxURL       = 255 // what WeChat and Ping++ allow for notify_url
	maxPieces    = 1_000_000_000
	maxBody      = 4096
	maxAccountID = 64
)

// chargeRequest is a charge to be registered, as it was asked for.
type chargeRequest struct {
	charge refund.Charge
	// aliases are the names that the request gives or asks for.
	aliases []refund.Alias
}

// decodeCharge reads the body of a registration.
func decodeCharge(dialects merchant.Dialects, d *decoder) (chargeRequest, error) {
	var in chargeRequest
	c := &in.charge
	err := d.read(
		required("order_no", d.filledName(&c.OrderNo, maxOrderNo)), // what merchants look charges up by
		required("amount", d.minor(&c.Amount)),
		required("currency", d.currency(&c.Currency)),
		required("channel", d.channel(&c.Channel)),
		optional("customer", d.text(&c.Customer, refund.MaxCustomer)),
		optional("channel_account", d.filledName(&c.ChannelAccount, maxAccountID)),
		optional("paid_at", d.moment(&c.PaidAt)),
		optional("transaction_id", d.name(&c.TransactionID, maxName)),
		optional("fee", d.maybeMinor(&c.Fee)),
		optional("already_refunded", d.minor(&c.AlreadyRefunded)),
		optional("received_account", d.text(&c.Detail.ReceivedAccount, maxLabel)),
		optional("funds_account", d.name((*string)(&c.Detail.FundsAccount), maxLabel)),
		optional("sub_merchant", d.name(&c.Detail.SubMerchant, maxLabel)),
		optional("profit_sharing", oneOf(d, &c.Detail.Sharing, refund.SharingNone, refund.SharingWaiting, refund.SharingUnder, refund.SharingDone)),
		optional("notify_url", d.httpURL(&c.Detail.NotifyURL)),
		optional("client_ip", d.address(&c.Detail.ClientIP)),
		optional("subject", d.text(&c.Detail.Subject, maxText)),
		optional("body", d.text(&c.Detail.Body, maxBody)),
		optional("description", d.text(&c.Detail.Description, maxText)),
		optional("coupons", d.list(maxCoupons, d.coupon(&c.Detail.Coupons))),
		optional("goods", d.list(maxGoods, d.goods(&c.Detail.Goods))),
		optional("splits", d.list(maxSplits, d.split(&c.Detail.Splits))),
		optional("identities", d.identities(dialects, &in.aliases)),
	)
	if err == nil {
		err = in.exactNumbers(dialects)
	}
	if fault := refund.CheckCustomer(c.Customer); err == nil && fault != nil {
		err = fault
	}
	return in, err
}

// exactNumbers refuses numbers that a spreadsheet has rounded on their way.
func (in chargeRequest) exactNumbers(dialects merchant.Dialects) error {
	refuseRounded := func(path, text string) error {
		return refuse(refund.KindInvalid, path, "is a number that a spreadsheet or a program has rounded: %s (hint: have the column exported as text, or write it in quotes)", shown(text))
	}
	switch c := in.charge; {
	case chargefile.Rounded(c.OrderNo):
		return refuseRounded("order_no", c.OrderNo)
	case chargefile.Rounded(c.Customer):
		return refuseRounded("customer", c.Customer)
	case chargefile.Rounded(c.Detail.SubMerchant):
		return refuseRounded("sub_merchant", c.Detail.SubMerchant)
	case chargefile.RoundedTransaction(c.TransactionID, c.Channel):
		return refuseRounded("transaction_id", c.TransactionID)
	}
	for _, a := range in.aliases {
		known, _ := dialects.Find(a.Dialect)
		form := known.Charges
		for _, word := range [][2]string{{form.Identity, a.Identity}, {form.Charge, a.Name}, {form.Sub, a.Sub}} {
			if chargefile.Rounded(word[1]) {
				return refuseRounded("identities."+a.Dialect+"."+word[0], word[1])
			}
		}
	}
	return nil
}

// channel is a way of paying: letters, digits and underscores.
func (d *decoder) channel(to *string) func(exactjson.Value, string) {
	read := d.filled(to, maxChannel)
	return func(v exactjson.Value, path string) {
		if v.Kind == exactjson.String && strings.IndexFunc(v.Text, notWord) >= 0 {
			d.refuse(path, "must be letters, digits and underscores, such as wx")
		}
		read(v, path)
	}
}

func notWord(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
}

// httpURL reads an address of a web server, or "".
func (d *decoder) httpURL(to *string) func(exactjson.Value, string) {
	read := d.name(to, maxURL)
	return func(v exactjson.Value, path string) {
		if v.Kind == exactjson.String && v.Text != "" && !webAddress(v.Text) {
			d.refuse(path, "must be an http or https address")
		}
		read(v, path)
	}
}

// address reads an IP address, or "".
func (d *decoder) address(to *string) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.String) || v.Text == "" {
			return
		}
		ip, err := netip.ParseAddr(v.Text)
		if err != nil || ip.Zone() != "" {
			d.refuse(path, "must be an IP address")
			return
		}
		*to = ip.String()
	}
}

func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

func (d *decoder) coupon(to *[]refund.Coupon) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		var coupon refund.Coupon
		d.object(v, path, []member{
			required("id", d.filled(&coupon.ID, maxLabel)),
			required("scope", oneOf(d, &coupon.Scope, refund.ScopeOrder, refund.ScopeGoods)),
			required("type", oneOf(d, &coupon.Type, refund.TypeFunded, refund.TypeUnfunded)),
			required("amount", d.minor(&coupon.Amount)),
			optional("goods", d.list(maxGoods, func(v exactjson.Value, path string) {
				var line refund.CouponGoods
				d.object(v, path, []member{
					required("merchant_goods_id", d.filled(&line.MerchantGoodsID, maxLabel)),
					required("quantity", d.count(&line.Quantity, 1, maxPieces)),
					required("discount", d.minor(&line.Discount)),
				})
				coupon.Goods = append(coupon.Goods, line)
			})),
		})
		*to = append(*to, coupon)
	}
}

func (d *decoder) goods(to *[]refund.Goods) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		var line refund.Goods
		d.object(v, path, []member{
			required("merchant_goods_id", d.filled(&line.MerchantGoodsID, maxLabel)),
			optional("wechatpay_goods_id", d.text(&line.ChannelGoodsID, maxLabel)),
			optional("goods_name", d.text(&line.Name, maxText)),
			required("unit_price", d.minor(&line.UnitPrice)),
			required("quantity", d.count(&line.Quantity, 1, maxPieces)),
		})
		*to = append(*to, line)
	}
}

func (d *decoder) split(to *[]refund.Split) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		var share refund.Split
		d.object(v, path, []member{
			required("account", d.filled(&share.Account, maxLabel)),
			required("amount", d.minor(&share.Amount)),
			optional("desc", d.text(&share.Description, maxText)),
		})
		*to = append(*to, share)
	}
}
