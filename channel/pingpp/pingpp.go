// Package pingpp refunds charges that were made at Ping++ through Ping++, so that
// a shop can move over before its old charges have aged out. Ping++ has no
// idempotency key: each refund carries our number in its metadata, and the list of
// the charge's refunds, read to its end, says whether it is there.
package pingpp

import (
	"crypto/rsa"
	"net/netip"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/refund"
)

// Name is the driver's name in channel accounts. A charge's names in Ping++'s own
// API, whoever serves it, go by the same.
const Name = "pingpp"

// Options of a driver.
type Options struct {
	// EgressAllow are the private networks that a base_url may lead to, and the only
	// ones that are called by plain http; default none.
	EgressAllow []netip.Prefix
	Now         func() time.Time // default time.Now
}

// Driver is the channel's driver.
type Driver struct {
	now   func() time.Time
	calls egress.Pair
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
	return &Driver{now: opts.Now, calls: egress.NewPair(opts.EgressAllow, channel.CallTimeout)}
}

// Rules implements channel.Driver: what the documents say of the channel that a
// charge was paid through. Refunds that come sooner than their channel allows are
// accepted, and sent later.
func (*Driver) Rules(name string) refund.Rules {
	rules := channel.PublishedRules(name)
	rules.SubmitSpacing, rules.Spacing = rules.Spacing, 0
	return rules
}

// Open implements channel.Driver.
func (d *Driver) Open(a channel.Account) (channel.Connector, error) {
	own, err := readCredentials(a)
	if err != nil {
		return nil, err
	}
	return &connector{Driver: d, credentials: own, base: base(a.Settings), keys: platformKeys(a), turns: newTurns()}, nil
}

// connector is one account.
type connector struct {
	*Driver
	channel.Basic
	credentials
	base string // of all addresses, without a slash at its end
	// keys verify answers: the account's own, and those of earlier versions.
	keys  []*rsa.PublicKey
	turns *turns
}

const (
	// firstLook and maxLook are the back-off. Ping++ sends a webhook when a refund
	// has ended, so that asking is for those that are lost.
	firstLook = 5 * time.Second
	maxLook   = 30 * time.Minute
	// settlingTime is how long after a submit that was not answered the list may not
	// show the refund yet. The documents do not say; Ping++'s own clients wait 80
	// seconds for an answer.
	settlingTime = 5 * time.Minute
	// resubmitWithin is as good as never: nothing makes a repeat harmless, so that
	// only the complete list leads to another submit.
	resubmitWithin = time.Nanosecond
)

// Pace implements channel.Connector.
func (*connector) Pace() refund.Pace {
	return refund.Pace{SettlingTime: settlingTime, First: firstLook, Longest: maxLook, ResubmitWithin: resubmitWithin, GivesIDs: true}
}

// Capabilities implements channel.Connector.
func (*connector) Capabilities() channel.Capabilities {
	return channel.Capabilities{Charges: true, List: true}
}
