// Package stripe refunds through Stripe, by Stripe's own Go client. A submit
// carries an idempotency key and names the refund in its metadata: the key makes a
// repeat harmless for a day, and the metadata finds the refund for ever.
package stripe

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Name is the driver's name in channel accounts.
const Name = "stripe"

// Options of a driver.
type Options struct {
	// EgressAllow are the private networks that a base_url may lead to, and the only
	// ones that are called by plain http; default none.
	EgressAllow []netip.Prefix
	Now         func() time.Time // default time.Now
}

// Driver is the channel's driver.
type Driver struct {
	now func() time.Time
	// calls are for https and plainCalls for http.
	calls, plainCalls *http.Client
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
	}
}

// Rules implements channel.Driver. Stripe documents no window and no count that
// holds for every payment method.
func (*Driver) Rules(string) refund.Rules { return refund.Rules{} }

// Open implements channel.Driver.
func (d *Driver) Open(a channel.Account) (channel.Connector, error) {
	key := a.Secrets[secretKey]
	if err := isKey(key); err != nil {
		return nil, invalid(secretKey, "%v", err)
	}
	if live := isLiveKey(key); live != (a.Mode != merchant.Test) {
		return nil, invalid(secretKey, "%s", otherMode(live))
	}
	address := base(a.Settings)
	if err := isBaseURL(address); err != nil {
		return nil, invalid(settingBaseURL, "%v", err)
	}
	client := d.calls
	if strings.HasPrefix(strings.ToLower(address), "http:") {
		client = d.plainCalls
	}
	return &connector{Driver: d, client: newClient(key, address, client), key: key, live: isLiveKey(key), webhooks: a.Secrets[secretWebhook] != ""}, nil
}

// connector is one account.
type connector struct {
	*Driver
	channel.Basic
	client *stripe.Client
	key    string // to keep it out of what is shown
	live   bool
	// webhooks says that notices of the account can be verified.
	webhooks bool
}

const (
	// firstLook and maxLook are the back-off: a card refund succeeds at once, and one
	// that waits for funds or for a bank takes days.
	firstLook = time.Minute
	maxLook   = time.Hour
	// settlingTime is how long after a submit Stripe's list may lack the refund: a
	// request that timed out may still be under way.
	settlingTime = time.Minute
	// resubmitWithin is the day for which Stripe keeps an idempotency key at least,
	// less an hour: what the clocks differ by, and the way of the first submit.
	resubmitWithin = 24*time.Hour - time.Hour
	// callsPerSecond is Stripe's limit for each endpoint where no other is agreed. The
	// limit of an account, 100 in live mode, is above all of them.
	callsPerSecond = 25
)

// watch is when a success is asked about again: Stripe says that a bank may send the
// money back within thirty days.
var watch = [refund.MaxWatches]time.Duration{24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour}

// Pace implements channel.Connector. An idempotency key proves nothing once it may
// have been dropped.
func (*connector) Pace() refund.Pace {
	return refund.Pace{SettlingTime: settlingTime, First: firstLook, Longest: maxLook, ResubmitWithin: resubmitWithin, Watch: watch, GivesIDs: true}
}

// Limits implements channel.Connector.
func (*connector) Limits() channel.Limits {
	each := channel.Calls{PerSecond: callsPerSecond}
	return channel.Limits{Submit: each, Query: each}
}

// Capabilities implements channel.Connector.
func (*connector) Capabilities() channel.Capabilities {
	return channel.Capabilities{Charges: true, List: true, Bills: true, BilledWhenAccepted: true}
}
