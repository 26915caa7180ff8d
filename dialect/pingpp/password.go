package pingpp

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// Refunds through Alipay's old gateway move no money until the merchant has
// opened an address and entered its payment password there (P3.3-27). Which
// charges that concerns is a matter of their app's channel settings. The
// address is made anew whenever the refund is shown, and is the same all day.

// mayNeedPassword reports whether some setting of an app has a refund of the charge
// wait for the password.
func mayNeedPassword(charge refund.Charge) bool {
	return wire.NeedsPassword(charge.Channel, map[string]string{wire.SettingAlipayVersion: wire.AlipayVersion1})
}

// needsPassword reports whether a refund of the charge waits for the password.
func (d *Dialect) needsPassword(ctx context.Context, charge refund.Charge) (bool, error) {
	alias, _ := charge.Alias(merchant.PingPP)
	if !mayNeedPassword(charge) {
		return false, nil
	}
	_, identity, err := d.Directory.Identity(ctx, merchant.PingPP, alias.Identity)
	if err != nil {
		return false, refund.Wrap(err, "read the settings of the charge's app")
	}
	return wire.NeedsPassword(charge.Channel, identity.Public), nil
}

// maxWaits is how often a refund of one charge and amount may have waited for
// a password and ended. Each costs a look, and somebody has let each of them fail.
const maxWaits = 100

// waitName is the name of a refund that waits for the password, where the request
// brought none of its own: the same charge and amount once more is the same
// refund with a fresh address, until it has ended. The name is a row, so that of
// many requests at once one makes a refund.
func (d *Dialect) waitName(ctx context.Context, charge refund.Charge, amount string) (string, error) {
	for n := 1; n <= maxWaits; n++ {
		name := passwordKey + charge.ID + " " + amount + " " + strconv.Itoa(n)
		unit, ok, err := d.Units.Unit(ctx, charge.MerchantID, name)
		if err != nil || !ok || !unit.Refunds[0].State.Final() {
			return name, err
		}
	}
	return "", refund.Errorf(refund.KindTooManyRefunds, "", "%d refunds of this amount have waited for a password and ended", maxWaits)
}

// waitsForPassword reports whether that is what a refund waits for now.
func waitsForPassword(r refund.Refund) bool {
	return r.Detail.Password && (r.State == refund.Created || r.State == refund.Pending)
}

// refundShown returns a refund in the dialect's form, as whoever asks may act on
// it: with the address where its password is entered.
func (d *Dialect) refundShown(c *call, r refund.Refund, charge refund.NamedCharge) wire.Refund {
	out := refundObject(r, charge, c.locale)
	if waitsForPassword(r) {
		code, message := wire.CodeRefundWaitOperation, wire.WaitOperation(d.passwordAddress(c, out.OrderNo, "/refunds/"+out.ID, r, charge))
		out.FailureCode, out.FailureMsg = &code, &message
	}
	if code, message := r.Shown["failure_code"], r.Shown["failure_msg"]; code == wire.CodeRefundWaitOperation && out.Status == wire.StatusPending {
		// The charge was made at Ping++ itself, whose address it is.
		out.FailureCode, out.FailureMsg = &code, &message
	}
	return out
}

// batchAddress is where the password is entered for all refunds of a batch
// that wait for it, "" when none does.
func (d *Dialect) batchAddress(c *call, unit Unit) string {
	var waiting []refund.Refund
	for _, r := range unit.Refunds {
		if waitsForPassword(r) {
			waiting = append(waiting, r)
		}
	}
	if len(waiting) == 0 {
		return ""
	}
	return d.address(c, unit.Batch.ID, "/notify/batch_refunds/"+unit.Batch.ID, waiting, func(charge string) string { return unit.Charges[charge].TransactionID })
}

func (d *Dialect) passwordAddress(c *call, number, behind string, r refund.Refund, charge refund.NamedCharge) string {
	path := "/notify/charges/" + url.PathEscape(namedHere(charge)) + behind
	return d.address(c, number, path, []refund.Refund{r}, func(string) string { return charge.TransactionID })
}

// address makes and signs it. One that can't be signed is left out: it could
// not be opened anyway.
func (d *Dialect) address(c *call, number, notifyPath string, refunds []refund.Refund, transactionOf func(chargeID string) string) string {
	made := wire.PasswordAddress{At: d.passwordDay(refunds[0].CreatedAt), Number: number, NotifyURL: baseURL(c) + notifyPath}
	for _, r := range refunds {
		made.Refunds = append(made.Refunds, wire.PasswordRefund{
			TransactionNo: transactionOf(r.ChargeID), Amount: money.Format(r.Amount, r.Currency), Description: r.Reason,
		})
	}
	text, err := d.signAddress(c, made)
	if err != nil {
		d.Log.Error("the address of a password refund could not be signed", "request_id", c.requestID, "refund_id", refunds[0].ID, "error", err)
	}
	return text
}

func (d *Dialect) signAddress(c *call, made wire.PasswordAddress) (string, error) {
	key, err := d.Directory.PlatformKey(c.r.Context(), merchant.PingPP)
	if err != nil {
		return "", err
	}
	private, err := d.privateKey(key)
	if err != nil {
		return "", err
	}
	return made.Sign(private)
}

// passwordDay is the time that today's address carries: that of the refund on
// its first day, and the day's beginning on all later ones.
func (d *Dialect) passwordDay(created time.Time) time.Time {
	if today := wire.DayBegin(d.now()); created.Before(today) {
		return today
	}
	return created
}

// baseURL is how the caller reached us, without a path.
func baseURL(c *call) string {
	scheme := "http://"
	if c.r.TLS != nil {
		scheme = "https://"
	}
	return scheme + strings.ToLower(c.r.Host)
}
