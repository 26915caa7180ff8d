// Package wechatpay refunds through WeChat Pay's API v3, as a direct merchant or
// as a service provider. Requests are signed with the merchant's key; an answer or
// notice counts only once its signature is verified by the platform's
// certificates, its public key, or both while a merchant moves from one to the
// other.
package wechatpay

import (
	"crypto/rand"
	"io"
	"net/netip"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Name is the driver's name in channel accounts. A charge's names in WeChat Pay's
// own API, whoever serves it, go by the same.
const Name = "wechatpay"

// billTimeout bounds the download of a bill, which is read while it comes: a day
// of a large merchant has some hundred megabytes.
const billTimeout = 30 * time.Minute

// Options of a driver.
type Options struct {
	// EgressAllow are the private networks that a base_url may lead to, and the only
	// ones that are called by plain http; default none.
	EgressAllow []netip.Prefix
	Now         func() time.Time // default time.Now
	// Random is where nonces and the padding of encrypted fields come from; default
	// crypto/rand.Reader.
	Random io.Reader
}

// Driver is the channel's driver.
type Driver struct {
	now    func() time.Time
	random io.Reader
	// bills are the same clients as calls, with more time.
	calls, bills egress.Pair
}

var _ interface {
	channel.Driver
	channel.Receiver
	channel.BillReader
} = (*Driver)(nil)

// New makes the driver. It calls nobody.
func New(opts Options) *Driver {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Random == nil {
		opts.Random = rand.Reader
	}
	return &Driver{
		now: opts.Now, random: opts.Random,
		calls: egress.NewPair(opts.EgressAllow, channel.CallTimeout), bills: egress.NewPair(opts.EgressAllow, billTimeout),
	}
}

// Rules implements channel.Driver: the platform's own, whatever the charge's
// channel is called. Two refunds of an order that come within a minute are both
// accepted; the second is sent a minute after the first.
func (*Driver) Rules(string) refund.Rules {
	return refund.Rules{Window: wire.RefundWindow, MostRefunds: wire.MaxRefunds, SubmitSpacing: wire.RefundSpacing}
}

// Open implements channel.Driver.
func (d *Driver) Open(a channel.Account) (channel.Connector, error) {
	own, err := readCredentials(a.Settings, a.Secrets)
	if err != nil {
		return nil, err
	}
	if a.Mode == merchant.Test && isLive(base(a.Settings)) {
		return nil, invalid(settingBaseURL, "must be another for a test merchant: WeChat Pay has no test environment, and its refunds are real")
	}
	if a.Mode == merchant.Test && isLive(backup(a.Settings)) {
		return nil, invalid(settingBackupURL, "must be another for a test merchant: WeChat Pay has no test environment, and its refunds are real")
	}
	c := &connector{Driver: d, credentials: own, base: base(a.Settings), backup: backup(a.Settings), sendsFunds: a.Settings[settingFundsFlow] != newFundsFlow}
	if wire.IsNotifyURL(a.NotifyURL) && len(a.NotifyURL) <= wire.MaxNotifyURL {
		c.notifyURL = a.NotifyURL
	}
	c.keys = platformKeys(a, own.platform)
	return c, nil
}

// connector is one account.
type connector struct {
	*Driver
	channel.Basic
	credentials
	base string // of all addresses, without a slash at its end
	// backup is the base that is called while the first can't be reached, "" for none.
	backup string
	// keys verify answers: those of the credentials and of earlier versions.
	keys wire.PlatformKeys
	// notifyURL is where notices are sent, "" for the address that is set at WeChat
	// Pay.
	notifyURL string
	// sendsFunds says that funds_account is sent where a refund asks for it.
	sendsFunds bool
}

// The back-off is the platform's advice: ask after a minute, and later each half
// hour. Refunds to a balance take minutes, those to cards days.
const (
	firstLook = time.Minute
	maxLook   = 30 * time.Minute
	// settlingTime is how long after a submit the platform may not know it yet. The
	// documents call "no such refund" final at once; a request that timed out may
	// still be on its way.
	settlingTime = time.Minute
	// escalateAfter is when the bill of the day on which a refund was sent is there,
	// at 10:00 of the next (Beijing): a person can look the refund up in it then,
	// and nothing that WeChat Pay says by itself is to be expected any more.
	escalateAfter = 34 * time.Hour
)

// watch is when a success is asked about again: a bank may send the money back, and
// the refund is closed then. WeChat Pay gives no time for it; banks take days.
var watch = [refund.MaxWatches]time.Duration{24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour}

// Pace implements channel.Connector. An out_refund_no stands for the same refund
// for ever.
func (*connector) Pace() refund.Pace {
	return refund.Pace{SettlingTime: settlingTime, First: firstLook, Longest: maxLook, EscalateAfter: escalateAfter, Watch: watch, GivesIDs: true}
}

// Limits implements channel.Connector. The documents count refunds and abnormal
// refunds by merchant number; queries are held to the same.
func (*connector) Limits() channel.Limits {
	return channel.Limits{
		Submit: channel.Calls{PerSecond: wire.RefundsPerSecond}, Query: channel.Calls{PerSecond: wire.RefundsPerSecond},
		Reroute: channel.Calls{PerSecond: wire.AbnormalPerSecond},
	}
}

// Capabilities implements channel.Connector.
func (*connector) Capabilities() channel.Capabilities {
	return channel.Capabilities{Reroute: true, Charges: true, Bills: true, BillZone: wire.Beijing, BilledWhenAccepted: true}
}
