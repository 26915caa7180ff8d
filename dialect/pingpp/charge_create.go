package pingpp

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// maxChannelName is above every documented channel's name, in characters.
const maxChannelName = 32

// createCharge is POST /v1/charges (P3.2-1). A service that refunds makes no
// payments: only a merchant in test mode may ask, and the sandbox pays at once.
func (d *Dialect) createCharge(c *call) (any, error) {
	if c.live() {
		return nil, refund.Errorf(refund.KindForbidden, "", "charges are created with test keys; live ones are registered after payment")
	}
	charge, err := newCharge(c, d.now())
	if err != nil {
		return nil, err
	}
	write := refund.Write{MerchantID: charge.MerchantID, Call: "pingpp POST /v1/charges", Content: dialect.WriteContent(c.params)}
	var keyErr *refund.Error
	if write.Key, keyErr = unitKey(c); keyErr != nil {
		return nil, keyErr
	}
	var made refund.Charge
	err = dialect.Once(c.r.Context(), d.Writes, &write, func(w *refund.Write) (err error) {
		made, err = d.makeCharge(c.r.Context(), charge, w)
		return err
	}, func(kept refund.Write) (err error) {
		made, err = d.Reader.Charge(c.r.Context(), charge.MerchantID, kept.Made)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d.chargeObject(c.r.Context(), c, made, false)
}

// makeCharge registers a new charge as paid by the sandbox.
func (d *Dialect) makeCharge(ctx context.Context, charge refund.Charge, w *refund.Write) (refund.Charge, error) {
	accounts, err := d.Directory.ChannelAccounts(ctx, charge.MerchantID)
	if err != nil {
		return refund.Charge{}, err
	}
	account, ok := dialect.SandboxAccount(accounts)
	if !ok {
		return refund.Charge{}, refund.Errorf(refund.KindForbidden, "", "the merchant has no sandbox account")
	}
	charge.ChannelAccount = account.ID
	identities, err := d.Directory.Identities(ctx, charge.MerchantID)
	if err != nil {
		return refund.Charge{}, err
	}
	return d.registerOnce(ctx, dialect.FillAliases(d.Dialects, charge, identities), w)
}

// newCharge reads and checks the parameters, in the documentation's order.
func newCharge(c *call, now time.Time) (refund.Charge, error) {
	params := c.params
	orderNo, err := requiredText(params, "order_no", "order_no")
	if err != nil {
		return refund.Charge{}, err
	}
	app, err := ownApp(c)
	if err != nil {
		return refund.Charge{}, err
	}
	channelName, err := channelParam(params)
	if err != nil {
		return refund.Charge{}, err
	}
	channel, _ := wire.ChannelNamed(channelName)
	if !channel.OrderNo.Allows(orderNo) {
		return refund.Charge{}, invalid("order_no", orderNoForm(channel.OrderNo))
	}
	value, ok := given(params, "amount")
	if !ok {
		return refund.Charge{}, missing("amount")
	}
	amount, ok := amountAbove0(value)
	if !ok {
		return refund.Charge{}, invalid("amount", wantAmount)
	}
	code, err := requiredText(params, "currency", "currency")
	if err != nil {
		return refund.Charge{}, err
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return refund.Charge{}, invalid("currency", text{"必须是有效的三位 ISO 货币代码", "it must be an ISO 4217 code in use"})
	}
	detail, err := chargeDetail(params, channel, now)
	if err != nil {
		return refund.Charge{}, err
	}
	id := wire.PrefixCharge + refund.NewID(now)
	return refund.Charge{
		MerchantID: c.caller.Merchant.ID, ID: id, OrderNo: orderNo, Channel: channelName,
		TransactionID: claimOrderNo(channel, orderNo, now), Currency: currency, Amount: money.Minor(amount),
		PaidAt: now, CreatedAt: now, UpdatedAt: now, Detail: detail,
		// Made up: an order_no that was used must not give its charge another name.
		Aliases: []refund.Alias{{Dialect: merchant.PingPP, Identity: app, Name: id, MadeUp: true}},
	}, nil
}

// ownApp reads app[id], which must be the app that the key belongs to.
func ownApp(c *call) (string, error) {
	app, err := object(c.params, "app", "app[id]")
	if err != nil {
		return "", err
	}
	id, err := requiredText(app, "id", "app[id]")
	if err != nil {
		return "", err
	}
	if id != c.caller.Key.Identity {
		return "", invalid("app[id]", text{"该应用不属于当前 API KEY", "the key belongs to another app"})
	}
	return id, nil
}

// channelParam reads the way of paying. Names outside the documents are taken
// (P2.4-2) as long as they look like one.
func channelParam(params exactjson.Value) (string, error) {
	name, err := requiredText(params, "channel", "channel")
	if err != nil {
		return "", err
	}
	if len(name) > maxChannelName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "", invalid("channel", text{"不是有效的渠道名", "it is no channel's name"})
	}
	return name, nil
}

func orderNoForm(rule wire.OrderNoRule) text {
	lengths := strconv.Itoa(rule.Min) + "-" + strconv.Itoa(rule.Max)
	if rule.Alphanumeric {
		return text{"必须是 " + lengths + " 位字母或数字", "it must have " + lengths + " letters and digits"}
	}
	return text{"长度必须是 " + lengths + " 位", "it must have " + lengths + " characters"}
}

// chargeDetail reads what a charge carries besides its numbers.
func chargeDetail(params exactjson.Value, channel wire.Channel, now time.Time) (refund.Detail, error) {
	var detail refund.Detail
	for _, member := range []struct {
		name     string
		into     *string
		limit    wire.TextLimit
		required bool
	}{
		{"client_ip", &detail.ClientIP, wire.TextLimit{Max: 45}, true}, // 45: the longest IPv6 text
		{"subject", &detail.Subject, channel.Subject, true},
		{"body", &detail.Body, channel.Body, true},
		{"description", &detail.Description, wire.TextLimit{Max: 255}, false},
	} {
		read := optionalText
		if member.required {
			read = requiredText
		}
		value, err := read(params, member.name, member.name)
		if err == nil {
			err = limitedText(value, member.name, member.limit)
		}
		if err != nil {
			return refund.Detail{}, err
		}
		*member.into = value
	}
	if _, err := netip.ParseAddr(detail.ClientIP); err != nil {
		return refund.Detail{}, invalid("client_ip", text{"必须是 IP 地址", "it must be an IP address"})
	}
	extra, err := object(params, "extra", "extra")
	if err != nil {
		return refund.Detail{}, err
	}
	detail.Extra = rawObject(extra)
	if detail.Metadata, err = metadata(params); err != nil {
		return refund.Detail{}, err
	}
	detail.TimeExpire, err = timeExpire(params, channel.Name, now)
	return detail, err
}

// Bounds of time_expire from now on (P2.2-9).
const (
	minExpiry      = time.Minute
	maxExpiry      = 15 * 24 * time.Hour
	wechatMost     = 7 * 24 * time.Hour
	unionPayMost   = time.Hour
	expiryInterval = "1 min - "
)

// timeExpire reads until when the charge may be paid, 0 when it does not say.
func timeExpire(params exactjson.Value, channel string, now time.Time) (int64, error) {
	value, ok := given(params, "time_expire")
	if !ok {
		return 0, nil
	}
	most := maxExpiry
	switch {
	case strings.HasPrefix(channel, "wx"), strings.HasPrefix(channel, "cb_wx"):
		most = wechatMost
	case wire.IsUnionPay(channel):
		most = unionPayMost
	}
	at, err := seconds(value, "time_expire")
	if err != nil {
		return 0, err
	}
	if expires := time.Unix(at, 0); at > 0 && (expires.Before(now.Add(minExpiry-time.Second)) || expires.After(now.Add(most))) {
		span := expiryInterval + most.String()
		return 0, invalid("time_expire", text{"超出了渠道允许的范围（" + span + "）", "it must be " + span + " from now"})
	}
	return at, nil
}

// expandsApp reads expand[]=app, expand[0]=app and expand=app (P1.3-19).
func expandsApp(params exactjson.Value) bool {
	value, ok := given(params, "expand")
	if !ok {
		return false
	}
	isApp := func(v exactjson.Value) bool { return v.Kind == exactjson.String && v.Text == wire.ObjectApp }
	return isApp(value) || slices.ContainsFunc(value.Items, isApp)
}
