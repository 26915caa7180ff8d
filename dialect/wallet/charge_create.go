package wallet

import (
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/chinaums"
	wire "github.com/refundry/refundry/wire/wallet"
)

// channelUnifiedOrder is a message type of ChinaUMS and, in a later sample of
// the page, a channel.
const channelUnifiedOrder = "wx.unifiedOrder"

// createCharge is POST /wallet/{wallet_id}/charges (L3-5). A service that
// refunds makes no payments: only a merchant in test mode may ask, and the
// sandbox pays at once.
func (d *Dialect) createCharge(c *call, w *refund.Write) (any, error) {
	if c.caller.Merchant.Mode != merchant.Test {
		return nil, refund.Errorf(refund.KindForbidden, "", "charges are created in test mode; live ones are registered after payment")
	}
	request, err := wire.DecodeChargeRequest(c.body)
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	accounts, err := d.Directory.ChannelAccounts(ctx, c.caller.Merchant.ID)
	if err != nil {
		return nil, err
	}
	account, ok := dialect.SandboxAccount(accounts)
	if !ok {
		return nil, refund.Errorf(refund.KindForbidden, "", "the merchant has no sandbox account")
	}
	charge := c.newCharge(request, account.ID, d.now())
	identities, err := d.Directory.Identities(ctx, charge.MerchantID)
	if err != nil {
		return nil, err
	}
	stored, err := d.registerOnce(c, dialect.FillAliases(d.Dialects, charge, identities), w)
	if err != nil {
		return nil, err
	}
	// A repeat may find refunds there.
	return d.wholeCharge(c, stored)
}

// newCharge is the charge as the sandbox paid it.
func (c *call) newCharge(request wire.ChargeRequest, account string, now time.Time) refund.Charge {
	id := "ch_" + refund.NewID(now)
	charge := refund.Charge{
		MerchantID: c.caller.Merchant.ID, ID: id, OrderNo: request.OrderNo, Channel: request.Channel, ChannelAccount: account,
		TransactionID: claimOrderNo(c.identity.Name, request.OrderNo), Currency: request.Currency, Amount: money.Minor(request.Amount),
		PaidAt: now, CreatedAt: now, UpdatedAt: now,
		Detail: refund.Detail{
			ClientIP: request.ClientIP, Subject: request.Subject, Body: request.Body, Description: request.Description, Extra: request.Extra,
		},
		Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: c.identity.Name, Name: id}},
	}
	if request.TimeExpire > 0 {
		charge.Detail.TimeExpire = now.Add(request.TimeExpire).Unix()
	}
	// The page's own channels went through ChinaUMS: its sample shows it.
	if request.Channel == wire.ChannelWeChatQRCode || request.Channel == channelUnifiedOrder {
		charge.Detail.Route = chinaums.Channel
	}
	return charge
}
