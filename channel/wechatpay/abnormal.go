package wechatpay

import (
	"context"
	"net/http"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Reroute implements channel.Connector. Card number and name are encrypted with the
// platform's key before anything else is made of them, and stand nowhere else.
func (c *connector) Reroute(ctx context.Context, i channel.Instruction, to channel.Destination) refund.Outcome {
	sub, refused := c.sub(i.Charge)
	if refused != nil {
		return *refused
	}
	request := wire.AbnormalRequest{SubMchID: sub, OutRefundNo: i.Number, Type: destinations[to.Kind]}
	switch {
	case i.ChannelRefundID == "":
		return *refuse(codeNoRefundID, "WeChat Pay's own id of the refund is not known")
	case request.Type == "":
		return *refuse(codeNoCard, "WeChat Pay sends a refund to a debit card or to the merchant only")
	case to.Kind == channel.ToPayerCard:
		if refused := c.encrypt(&request, to); refused != nil {
			return *refused
		}
	}
	body, err := wire.Marshal(request)
	if err != nil {
		return *refuse(codeUnwritable, "the request can't be written")
	}
	return c.call(ctx, http.MethodPost, wire.AbnormalTarget(i.ChannelRefundID), body).outcome(refund.Reroute, i)
}

// encrypt fills in a card.
func (c *connector) encrypt(request *wire.AbnormalRequest, to channel.Destination) *refund.Outcome {
	if wire.DebitCardAccount(to.Bank, "") == "" {
		return refuse(codeNoCard, "the bank must be one of the debit cards that WeChat Pay names, such as ICBC_DEBIT")
	}
	if to.BankAccount == "" || to.RealName == "" {
		return refuse(codeNoCard, "the number of the card and its holder's name are required")
	}
	request.BankType = to.Bank
	var err error
	if request.BankAccount, err = wire.Encrypt(c.random, c.platform.encryptionKey(), to.BankAccount); err == nil {
		request.RealName, err = wire.Encrypt(c.random, c.platform.encryptionKey(), to.RealName)
	}
	if err != nil { // it tells nothing, and neither do we
		return refuse(codeNoCard, "the card can't be encrypted")
	}
	return nil
}
