package wallet

import (
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// noClientIP stands for an address that neither refund nor charge has.
const noClientIP = "0.0.0.0"

// voice is how one wallet is notified of things: its settings.
type voice struct {
	wallet   string
	style    wire.CurrencyStyle
	prefix   string
	showSign bool
}

func (c *call) voice() voice { return voiceOf(c.identity) }

func voiceOf(identity merchant.Identity) voice {
	return voice{
		wallet: identity.Name, prefix: wire.RefundIDPrefix(identity.Public),
		style:    wire.CurrencyStyle(identity.Public[wire.SettingCurrencyStyle]),
		showSign: identity.Public[wire.SettingShowSign] == wire.SettingOn,
	}
}

// statuses says what each state of the core looks like (docs/money.md).
var statuses = map[refund.State]string{
	refund.Held:      wire.StatusCreated,
	refund.Created:   wire.StatusCreated,
	refund.Pending:   wire.StatusPending,
	refund.Abnormal:  wire.StatusPending,
	refund.Succeeded: wire.StatusSucceeded,
	refund.Failed:    wire.StatusFailed,
	refund.Canceled:  wire.StatusFailed,
}

// refund returns a refund in the dialect's form.
func (v voice) refund(r refund.Refund, charge refund.Charge) wire.Refund {
	alias, _ := aliasIn(charge, v.wallet)
	return wire.Refund{
		ID: wire.RefundID(r.ID, v.prefix), Created: r.CreatedAt.Unix(), ChargesID: alias.Name,
		Channel: dialect.ChannelName(charge.Channel, merchant.Wallet), ClientIP: clientIP(r.Detail.ClientIP, charge),
		Amount: int64(r.Amount), Extra: v.extra(r, charge), Description: r.Reason,
		Currency: wire.FormatCurrency(r.Currency, v.style), Status: statuses[r.State],
	}
}

// oldRefund is the refund in the form of the older generation.
func (v voice) oldRefund(r refund.Refund, charge refund.Charge) wire.OldRefund {
	endedAt := r.SucceededAt
	if status := statuses[r.State]; status == wire.StatusFailed {
		endedAt = r.UpdatedAt // nothing more happens to one that failed
	}
	var transaction *string
	if r.ChannelRefundID != "" {
		transaction = &r.ChannelRefundID
	}
	return v.refund(r, charge).Old(endedAt, transaction)
}

// charge returns a charge without its refunds. Every charge of the core is paid.
func (v voice) charge(charge refund.Charge) wire.Charge {
	alias, _ := aliasIn(charge, v.wallet)
	detail := charge.Detail
	out := wire.Charge{
		ID: alias.Name, Created: charge.CreatedAt.Unix(), WalletID: v.wallet, Status: wire.StatusSucceeded,
		Channel: dialect.ChannelName(charge.Channel, merchant.Wallet), OrderNo: charge.OrderNo, ClientIP: clientIP("", charge),
		Amount: int64(charge.Amount), Currency: wire.FormatCurrency(charge.Currency, v.style), Subject: detail.Subject, Body: detail.Body,
		TimePaid: unix(charge.PaidAt), AmountRefunded: int64(charge.Refunded), Description: detail.Description, Extra: detail.Extra,
	}
	if charge.Refunded >= charge.Amount {
		out.Status = wire.StatusRefund
	}
	return out
}

// clientIP is the refund's own, else the charge's.
func clientIP(own string, charge refund.Charge) string {
	switch {
	case own != "":
		return own
	case charge.Detail.ClientIP != "":
		return charge.Detail.ClientIP
	}
	return noClientIP
}

// aliasIn is the charge's name in a wallet.
func aliasIn(charge refund.Charge, wallet string) (refund.Alias, bool) {
	for _, alias := range charge.Aliases {
		if alias.Dialect == merchant.Wallet && alias.Identity == wallet {
			return alias, true
		}
	}
	return refund.Alias{}, false
}

func unix(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	seconds := at.Unix()
	return &seconds
}
