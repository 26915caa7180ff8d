package pingpp

import (
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// createRefund is POST /v1/charges/{ch}/refunds (P3.3-1 and P3.3-25). The
// answer is the refund with 200 as soon as it is accepted, also when the
// channel has refused it by then.
func (d *Dialect) createRefund(c *call) (any, error) {
	r, err := d.refundNamed(c)
	if dialect.ReadFirst(err) {
		r, err = d.refundFound(c)
	}
	if err != nil {
		return nil, err
	}
	// From here on the refund is on disk: whatever happens, it is no error.
	// c.charge has all that a refund shows of it.
	return d.refundShown(c, r, c.charge.Named()), nil
}

// refundNamed accepts a refund of the charge that has the path's name here, which is
// looked up where it is locked.
func (d *Dialect) refundNamed(c *call) (refund.Refund, error) {
	name := c.r.PathValue("ch")
	if !wire.IsPossibleID(name) {
		return refund.Refund{}, dialect.ErrReadFirst
	}
	app := c.caller.Key.Identity
	_, identity, err := d.Directory.Identity(c.r.Context(), merchant.PingPP, app) // from memory
	waits := func(charge refund.Charge) bool {
		alias, _ := charge.Alias(merchant.PingPP)
		return mayNeedPassword(charge) && (err != nil || alias.Identity != app || wire.NeedsPassword(charge.Channel, identity.Public))
	}
	return d.acceptOne(c, refund.Unit{
		MerchantID: c.caller.Merchant.ID, By: dialect.Asker(c.caller, c.r, c.requestID),
		ByName: &refund.ByName{Dialect: merchant.PingPP, Name: name, Complete: func(charge refund.Charge) (refund.Unit, error) {
			c.charge = charge
			if waits(charge) {
				return refund.Unit{}, dialect.ErrReadFirst
			}
			return refundUnit(c, charge)
		}},
	})
}

// refundFound is refundNamed for a charge that may be registered or not, and whose
// refund may wait for a password.
func (d *Dialect) refundFound(c *call) (refund.Refund, error) {
	charge, err := d.chargeOfPath(c)
	charge, err = dialect.OrFind(c.r.Context(), d.Payments, charge, err, sought(c))
	if err != nil {
		return refund.Refund{}, err
	}
	c.charge = charge
	unit, err := refundUnit(c, charge)
	if err != nil {
		return refund.Refund{}, err
	}
	if err := d.awaitPassword(c, &unit, charge); err != nil {
		return refund.Refund{}, err
	}
	return d.acceptOne(c, unit)
}

func (d *Dialect) acceptOne(c *call, unit refund.Unit) (refund.Refund, error) {
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.PingPP))
	if err != nil {
		return refund.Refund{}, err
	}
	return result.Refunds[0], nil
}

// sought is the charge of the path where it is not registered: one that was made at
// Ping++ itself.
func sought(c *call) dialect.Sought {
	id := c.r.PathValue("ch")
	return dialect.Sought{
		MerchantID: c.caller.Merchant.ID, Key: c.caller.Key.ID, RequestID: c.requestID,
		Alias:         refund.Alias{Dialect: merchant.PingPP, Identity: c.caller.Key.Identity, Name: id},
		WantedPayment: admin.WantedPayment{Channel: merchant.PingPP, TransactionID: id, Owner: c.caller.Key.Identity},
	}
}

// refundUnit reads and checks the parameters. id and charge, which an older
// page repeats in the body, and unknown members are ignored.
func refundUnit(c *call, charge refund.Charge) (refund.Unit, error) {
	if alias, _ := charge.Alias(merchant.PingPP); alias.Sub != "" {
		return refund.Unit{}, &flaw{kind: refund.KindInvalid, words: wire.Locale.OrderCharge}
	}
	channel, _ := wire.ChannelNamed(channelName(charge.Channel))
	reason, err := description(c.params, channel.Description)
	if err != nil {
		return refund.Unit{}, err
	}
	request := refund.Request{ChargeID: charge.ID, Reason: reason}
	// Null is given and empty, and never everything that is left.
	if value, ok := c.params.Get("amount"); ok {
		amount, ok := amountAbove0(value)
		if !ok {
			return refund.Unit{}, invalid("amount", wantAmount)
		}
		minor := money.Minor(amount)
		request.Amount = &minor
	}
	if request.Detail.Metadata, err = metadata(c.params); err != nil {
		return refund.Unit{}, err
	}
	if err := fundingSource(&request.Detail, c.params); err != nil {
		return refund.Unit{}, err
	}
	sent := dialect.AmountContent(request.Amount)
	if request.Detail.Options, err = refundExtra(c.params, channel, maxSplit(charge, request.Amount)); err != nil {
		return refund.Unit{}, err
	}
	splits := request.Detail.Options.Splits
	if len(splits) > 0 && request.Amount == nil {
		// The amount must not be below the shares, whatever other refunds take
		// meanwhile; where less than the shares is left, it is refused as too much.
		amount := max(charge.Refundable(), sumOf(splits))
		request.Amount = &amount
	}
	key, keyErr := unitKey(c)
	if keyErr != nil {
		return refund.Unit{}, keyErr
	}
	return refund.Unit{
		MerchantID: c.caller.Merchant.ID, Key: key, Requests: []refund.Request{request},
		By: dialect.Asker(c.caller, c.r, c.requestID), Members: []refund.Content{{
			refund.ContentCharge: charge.ID, refund.ContentAmount: sent, refund.ContentSplits: canonicalSplits(splits),
			refund.ContentCall: callRefund,
		}},
	}, nil
}

// awaitPassword marks the unit's refund if it will wait for the merchant's
// password. Then a second request for it is the first, unless an
// Idempotency-Key says otherwise.
func (d *Dialect) awaitPassword(c *call, unit *refund.Unit, charge refund.Charge) error {
	waits, err := d.needsPassword(c.r.Context(), charge)
	if err != nil || !waits {
		return err
	}
	unit.Requests[0].Detail.Password = true
	if unit.Key == "" || strings.HasPrefix(unit.Key, retryKey) {
		unit.Name, err = d.waitName(c.r.Context(), charge, unit.Members[0][refund.ContentAmount])
	}
	return err
}

// maxSplit is what shares may sum up to: the refund's amount, and what was paid
// when the request leaves the amount out. What is left would not do: a repeat
// finds less than the first request did.
func maxSplit(charge refund.Charge, amount *money.Minor) money.Minor {
	if amount != nil {
		return *amount
	}
	return charge.Amount
}

// sources are the words of funding_source.
var sources = map[string]refund.Funds{wire.FundingUnsettled: refund.FundsUnsettled, wire.FundingRecharge: refund.FundsAvailable}

// fundingSource reads from where a WeChat or QQ refund is paid into detail. It is
// echoed when it was passed and null otherwise; "" is as if it were not.
func fundingSource(detail *refund.RefundDetail, params exactjson.Value) error {
	value, err := optionalText(params, "funding_source", "funding_source")
	if err != nil || value == "" {
		return err
	}
	from, ok := sources[value]
	if !ok {
		return invalid("funding_source", text{
			"必须是 " + wire.FundingUnsettled + " 或 " + wire.FundingRecharge,
			"it must be " + wire.FundingUnsettled + " or " + wire.FundingRecharge,
		})
	}
	detail.FundingSource, detail.PaidFrom = &value, from
	return nil
}
