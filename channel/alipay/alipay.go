// Package alipay refunds through the Alipay open platform's gateway, in key mode or in
// certificate mode. An answer counts only once its signature is verified over its
// bytes as received; a notice is only a hint to ask.
package alipay

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/alipay"
)

// Name is the driver's name in channel accounts.
const Name = "alipay"

// billTimeout bounds the download of a bill, of which a large merchant's has some
// hundred megabytes.
const billTimeout = 30 * time.Minute

// Options of a driver.
type Options struct {
	// EgressAllow are the private networks that a gateway may lead to, and the only
	// ones that are called by plain http; default none.
	EgressAllow []netip.Prefix
	Now         func() time.Time // default time.Now
}

// Driver is the channel's driver.
type Driver struct {
	now func() time.Time
	// calls are for https and plainCalls for http; bills are the same with more time.
	calls, plainCalls, bills, plainBills *http.Client
}

var _ interface {
	channel.Driver
	channel.Receiver
} = (*Driver)(nil)

// New makes the driver. It calls nobody.
func New(opts Options) *Driver {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Driver{
		now:   opts.Now,
		calls: egress.Client(opts.EgressAllow, channel.CallTimeout), plainCalls: egress.PlainClient(opts.EgressAllow, channel.CallTimeout),
		bills: egress.Client(opts.EgressAllow, billTimeout), plainBills: egress.PlainClient(opts.EgressAllow, billTimeout),
	}
}

// Rules implements channel.Driver: the platform's own, whatever the charge's channel is
// called. Its refund has no member for a rate of exchange, which two cross-border
// channels of Ping++ may name.
func (*Driver) Rules(string) refund.Rules {
	return refund.Rules{WindowMonths: wire.RefundMonths, SubmitSpacing: wire.RefundSpacing, Currency: wire.Currency, NoExchange: true}
}

// Open implements channel.Driver.
func (d *Driver) Open(a channel.Account) (channel.Connector, error) {
	own, err := readCredentials(a.Settings, a.Secrets)
	if err != nil {
		return nil, err
	}
	address := gateway(a.Settings)
	switch {
	case a.Mode == merchant.Test && below(address, liveHosts):
		return nil, invalid(settingGateway, "must be another for a test merchant, such as %s: this one's refunds are real", wire.SandboxGateway)
	case a.Mode == merchant.Live && below(address, testHosts):
		return nil, invalid(settingGateway, "is Alipay's sandbox, which refunds nothing, and the merchant is live")
	}
	c := &connector{Driver: d, credentials: own, gateway: address, asksDepositBack: a.Settings[settingDepositBack] == yes}
	if len(a.NotifyURL) <= maxNotifyURL {
		c.notifyURL = a.NotifyURL
	}
	c.keys.known = accountKeys(a, own.platform)
	return c, nil
}

// maxNotifyURL is as long as the platform takes an address.
const maxNotifyURL = 256

// connector is one account.
type connector struct {
	*Driver
	channel.Basic
	credentials
	gateway   string
	keys      keyring
	notifyURL string // "" where there is none
	// asksDepositBack has refunds ask for the bank's word about cards.
	asksDepositBack bool
}

// maxLook is the longest time between two questions about a refund.
const maxLook = 30 * time.Minute

// escalateAfter is how long a refund is asked about before a person is told.
const escalateAfter = 3 * 24 * time.Hour

// repeatAfter is after how many questions that show nothing an accepted refund is
// submitted again. The platform takes the same number for the same refund for ever.
const repeatAfter = 3

// Pace implements channel.Connector: the platform wants ten seconds before the first
// question. A refund has no number of the platform's own.
func (*connector) Pace() refund.Pace {
	return refund.Pace{
		SettlingTime: wire.QueryAfter, First: wire.QueryAfter, Longest: maxLook, FirstQuery: wire.QueryAfter,
		RepeatAfter: repeatAfter, EscalateAfter: escalateAfter,
	}
}

// Limits implements channel.Connector. The platform publishes no rates: it answers
// that there were too many calls, and each refund then backs off by itself.
func (*connector) Limits() channel.Limits { return channel.Limits{} }

// Capabilities implements channel.Connector.
func (*connector) Capabilities() channel.Capabilities {
	return channel.Capabilities{Charges: true, Bills: true, BillZone: wire.Beijing}
}
