// Package chinaums refunds through ChinaUMS (net-pay), by the open platform or by
// the older messages that are signed in themselves. A refund of an order and that
// of a bill go different ways. Answers carry no signature that is documented: they
// count because of TLS, and one that is signed nevertheless must verify.
package chinaums

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// Name is the driver's name in channel accounts.
const Name = wire.Channel

// Options of a driver.
type Options struct {
	// EgressAllow are the private networks that a base_url may lead to, and the only
	// ones that are called by plain http; default none.
	EgressAllow []netip.Prefix
	Now         func() time.Time // default time.Now
	Random      io.Reader        // where nonces come from; default crypto/rand.Reader
}

// Driver is the channel's driver.
type Driver struct {
	now    func() time.Time
	random io.Reader
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
	if opts.Random == nil {
		opts.Random = rand.Reader
	}
	return &Driver{
		now: opts.Now, random: opts.Random,
		calls: egress.Client(opts.EgressAllow, channel.CallTimeout), plainCalls: egress.PlainClient(opts.EgressAllow, channel.CallTimeout),
	}
}

// Rules implements channel.Driver. One refund is at most a million yuan. How long
// after the payment it may come depends on the wallet and the contract.
func (*Driver) Rules(string) refund.Rules { return refund.Rules{MostAmount: wire.MaxRefund} }

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

// The back-off is that of the protocol's page: a question five seconds after an
// unclear answer, later one each half hour.
const (
	firstLook = 5 * time.Second
	maxLook   = 30 * time.Minute
	// settlingTime is how long after a submit "no such order" proves nothing.
	settlingTime = 10 * time.Minute
	// escalateAfter is when an unclear refund needs a person: it is asked about on.
	escalateAfter = 7 * 24 * time.Hour
)

// Pace implements channel.Connector. The same order and refund numbers stand for
// the same refund for ever.
func (*connector) Pace() refund.Pace {
	return refund.Pace{SettlingTime: settlingTime, First: firstLook, Longest: maxLook, EscalateAfter: escalateAfter}
}

// Capabilities implements channel.Connector. The form of the daily bill is not
// documented, and nothing lists the refunds of an order.
func (*connector) Capabilities() channel.Capabilities { return channel.Capabilities{Charges: true} }

const (
	digits = "0123456789"
	// randomDigits make 27 characters with the source's number and the time: the
	// documents want less than 28.
	randomDigits = 9
)

// Number implements channel.Connector: the source's number, the refund's time in
// Beijing and nine digits. The time is that of the refund's id, so that the number
// is the same each time.
func (c *connector) Number(refundID string, try int) string {
	at, ok := refund.IDTime(strings.TrimPrefix(refundID, "re_"))
	if !ok {
		at = time.UnixMilli(0)
	}
	return c.msgSrcID + wire.Stamp(at) + channel.DerivedNumber(digits, randomDigits, refundID, try)
}
