package native

import (
	"cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// askRefund asks the channel about a refund at once, and answers with the refund as
// it is then: POST /refunds/{id}/ask.
func (d *Dialect) askRefund(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	r, err := d.s.Admin.AskRefund(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

// rerouteRefund sends an abnormal refund elsewhere: POST /refunds/{id}/reroute. The
// card is passed to the channel, and nothing of it is kept, not in the record of an
// Idempotency-Key either.
func (d *Dialect) rerouteRefund(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var to channel.Destination
	var kind string
	err = body.read(
		required("to", oneOf(body, &kind, reroutedToCard, reroutedToMerchant)),
		optional("bank_type", body.name(&to.Bank, maxCardText)),
		optional("bank_account", body.name(&to.BankAccount, maxCardText)),
		optional("real_name", body.text(&to.RealName, maxCardText)),
	)
	if err != nil {
		return err
	}
	if to.Kind = channel.ToMerchant; kind == reroutedToCard {
		to.Kind = channel.ToPayerCard
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	r, err := d.s.Admin.RerouteRefund(c.ctx, c.by(), c.merchantID(), id, to)
	if err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

// Where a refund is rerouted to.
const (
	reroutedToCard     = "card"
	reroutedToMerchant = "merchant"
	// maxCardText bounds what is said of a card: the longest is its holder's name.
	maxCardText = 128
)

// withoutCard is a body as the content of a repeat: a hash of a card's number can be
// tried out, so that only where the money goes is content.
func withoutCard(_ *call, body exactjson.Value) exactjson.Value {
	out := exactjson.Value{Kind: cmp.Or(body.Kind, exactjson.Object)}
	for _, m := range body.Members {
		if m.Name == "to" {
			out.Members = append(out.Members, m)
		}
	}
	return out
}
