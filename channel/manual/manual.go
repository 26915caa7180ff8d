// Package manual is the channel without a machine behind it: an operator moves
// the money, in the bank's own pages or over the counter, and resolves the
// refund with a proof. It calls nobody.
package manual

import (
	"context"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// The back-off is that of a person: each look only leaves an attempt that says
// what is known anyway. An operator's word ends the refund at once.
const (
	firstLook = 24 * time.Hour
	maxLook   = 7 * 24 * time.Hour
)

// Driver is the channel's driver. The zero Driver is ready.
type Driver struct{}

var _ channel.Driver = Driver{}

// Open implements channel.Driver.
func (Driver) Open(channel.Account) (channel.Connector, error) { return connector{}, nil }

// Settings implements channel.Driver: a manual account has none.
func (Driver) Settings() []merchant.Setting { return nil }

// Rules implements channel.Driver: an operator decides what can be done.
func (Driver) Rules(string) refund.Rules { return refund.Rules{} }

// connector is the same for all accounts.
type connector struct{ channel.Basic }

// waiting is what is known of a refund until an operator resolves it.
func waiting() refund.Outcome {
	return refund.Outcome{Kind: refund.OutcomeAccepted, Code: "MANUAL", Message: "waits for an operator, who makes the refund and resolves it with a proof"}
}

// Submit implements channel.Connector: the refund waits for an operator.
func (connector) Submit(context.Context, channel.Instruction) refund.Outcome { return waiting() }

// Query implements channel.Connector: it still does.
func (connector) Query(context.Context, channel.Instruction) refund.Outcome { return waiting() }

// Check implements channel.Connector: there is nothing that could be wrong.
func (connector) Check(context.Context) []channel.Check {
	return []channel.Check{{Name: "operator"}}
}

// Pace implements channel.Connector.
func (connector) Pace() refund.Pace { return refund.Pace{First: firstLook, Longest: maxLook} }

// Capabilities implements channel.Connector.
func (connector) Capabilities() channel.Capabilities { return channel.Capabilities{ByHand: true} }
