package pingpp

import (
	"context"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// recentMonths is what a list without a created filter looks back (P3.2-10).
const recentMonths = 1

// listCharges is GET /v1/charges: app[id] is required; without a created
// filter only the last month is listed.
func (d *Dialect) listCharges(c *call) (any, error) {
	filter, none, err := d.chargeFilter(c)
	if err != nil {
		return nil, err
	}
	list := wire.List[wire.Charge]{URL: wire.ChargesPath()}
	if none {
		return list, nil
	}
	charges, more, err := d.Reader.ChargeList(c.r.Context(), filter)
	if err != nil {
		return nil, err
	}
	list.HasMore = more
	expand := expandsApp(c.params)
	for _, charge := range charges {
		object, err := d.chargeObject(c.r.Context(), c, charge, expand)
		if err != nil {
			return nil, err
		}
		list.Data = append(list.Data, object)
	}
	return list, nil
}

// chargeFilter reads the query. none says that no charge can match: here all
// are paid.
func (d *Dialect) chargeFilter(c *call) (f refund.ChargeFilter, none bool, err error) {
	app, err := ownApp(c)
	if err != nil {
		return f, false, err
	}
	f = refund.ChargeFilter{MerchantID: c.caller.Merchant.ID, Dialect: merchant.PingPP, Identity: app}
	channel, err := optionalText(c.params, "channel", "channel")
	if err != nil {
		return f, false, err
	}
	if channel != "" {
		f.Channels = channelNames(channel)
		none = len(f.Channels) == 0
	}
	for _, name := range []string{"paid", "refunded", "reversed"} {
		value, ok := given(c.params, name)
		if !ok {
			continue
		}
		wanted, ok := boolean(value)
		if !ok {
			return f, false, invalid(name, wantBoolean)
		}
		switch name {
		case "refunded":
			f.Refunded = &wanted
		case "paid":
			none = none || !wanted
		case "reversed":
			f.Reversed = &wanted
		}
	}
	times, filtered, err := created(c.params)
	if err != nil {
		return f, false, err
	}
	if !filtered {
		times.from = d.now().AddDate(0, -recentMonths, 0)
	}
	f.CreatedFrom, f.CreatedTo = times.from, times.to
	f.Page, err = page(c.r.Context(), c.params, maxPage, func(ctx context.Context, id string) (refund.Position, bool, error) {
		charge, err := d.Reader.ChargeByAlias(ctx, f.MerchantID, merchant.PingPP, id)
		if refund.KindOf(err) == refund.KindChargeNotFound && err != nil {
			return refund.Position{}, false, nil
		}
		at, err := dialect.Place(refund.Position{CreatedAt: charge.CreatedAt, ID: charge.ID}, err)
		return at, err == nil, err
	})
	return f, none || times.empty(), err
}

// channelNames are those that charges may be stored with which show a channel's
// name here; none for a name of another dialect.
func channelNames(name string) []string {
	if channelName(name) != name {
		return nil
	}
	return dialect.ChannelNames(name)
}
