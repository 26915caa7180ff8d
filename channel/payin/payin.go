// Package payin refunds orders that were paid at Payin (SGate, formerly GCCPay)
// through Payin, so that a shop can move over before its old orders have aged out.
// Requests are signed with the client's secret; answers are not signed, and count
// because they came over TLS. Each refund carries its number as merchantRefundId.
package payin

import (
	"net/netip"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// Name is the driver's name in channel accounts. An order's names in Payin's own
// API, whoever serves it, go by the same.
const Name = "payin"

// billTimeout bounds the download of a bill, which is read while it comes.
const billTimeout = 30 * time.Minute

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
	// bills are the same clients as calls, with more time.
	calls, bills egress.Pair
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
	return &Driver{now: opts.Now, calls: egress.NewPair(opts.EgressAllow, channel.CallTimeout), bills: egress.NewPair(opts.EgressAllow, billTimeout)}
}

// Rules implements channel.Driver: the documents have none for refunds.
func (*Driver) Rules(string) refund.Rules { return refund.Rules{} }

// Open implements channel.Driver.
func (d *Driver) Open(a channel.Account) (channel.Connector, error) {
	own, err := readCredentials(a)
	if err != nil {
		return nil, err
	}
	return &connector{Driver: d, credentials: own}, nil
}

// connector is one account.
type connector struct {
	*Driver
	channel.Basic
	credentials
}

const (
	// firstLook and maxLook are the back-off. The documents promise a notification of
	// successes alone, so that failures are found by asking.
	firstLook = 5 * time.Second
	maxLook   = 30 * time.Minute
	// settlingTime is how long after a submit that was not answered an order may not
	// show the refund yet. The documents do not say.
	settlingTime = 5 * time.Minute
	// resubmitWithin is as good as never: the documents do not say that a
	// merchantRefundId makes a repeat harmless, so that only the order's complete
	// refunds lead to another submit.
	resubmitWithin = time.Nanosecond
)

// Pace implements channel.Connector.
func (*connector) Pace() refund.Pace {
	return refund.Pace{SettlingTime: settlingTime, First: firstLook, Longest: maxLook, ResubmitWithin: resubmitWithin, GivesIDs: true}
}

// Capabilities implements channel.Connector.
func (c *connector) Capabilities() channel.Capabilities {
	return channel.Capabilities{Charges: true, List: true, Bills: c.statementURL != "", BillZone: wire.Riyadh}
}
