package merchant

import (
	"time"

	"github.com/refundry/refundry/audit"
)

// PolicyEffect is what a policy does with a refund that it is true of.
type PolicyEffect string

// The effects.
const (
	// PolicyHold holds the refund until somebody approves it.
	PolicyHold PolicyEffect = "hold"
	// PolicyRefuse turns it away.
	PolicyRefuse PolicyEffect = "refuse"
)

// Policy is a merchant's own rule about refunds, judged before each is accepted.
type Policy struct {
	MerchantID string
	// ID is "pol_" and 24 letters or digits.
	ID string
	// Name is the merchant's, unique, 1 to 64 characters.
	Name string
	// Expression is in CEL and says true or false of a refund; see package policy.
	Expression string
	Effect     PolicyEffect
	// HoldHours is after how many hours a held refund is canceled if nobody approved
	// it.
	HoldHours int64
	// Enabled policies judge; the others are drafts.
	Enabled bool
	// Version counts the changes, from 1.
	Version int64
	// Position is its place in the order in which policies are asked: the first that is
	// true decides.
	Position             int64
	CreatedAt, UpdatedAt time.Time
	UpdatedBy            audit.Actor
}

// Loosened says how a change may let refunds go that an enabled policy held or
// refused: "disabled", or what was changed; "" for no such change.
func (p Policy) Loosened(after Policy) string {
	switch {
	case !p.Enabled:
		return ""
	case !after.Enabled:
		return "disabled"
	case after.Expression != p.Expression:
		return "given another expression"
	case p.Effect == PolicyRefuse && after.Effect != PolicyRefuse:
		return "made to hold what it refused"
	}
	return ""
}
