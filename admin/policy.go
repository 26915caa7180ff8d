package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/policy"
	"github.com/refundry/refundry/refund"
)

// Policies keeps merchants' policies. Absent is KindNotFound.
type Policies interface {
	// Policies lists a merchant's in the order in which they are asked.
	Policies(ctx context.Context, merchantID string) ([]merchant.Policy, error)
	// AddPolicy writes a new one, unless check of those that there are, under lock,
	// returns an error; nil checks nothing. KindStateConflict for a name that is taken.
	AddPolicy(ctx context.Context, p merchant.Policy, check func(there []merchant.Policy) error, record refund.Action) error
	// ChangePolicy lets change alter the policy of an id or name under lock, with all
	// that there are; false leaves it, and leaves no record.
	ChangePolicy(ctx context.Context, merchantID, name string, change func(p *merchant.Policy, there []merchant.Policy) (bool, error), record refund.Action) (merchant.Policy, error)
	RemovePolicy(ctx context.Context, merchantID, name string, record refund.Action) error
	// PolicySample lists refunds that somebody asked for, with their charges, in the
	// order in which they were made, after a place.
	PolicySample(ctx context.Context, merchantID string, after refund.Position, limit int) ([]refund.Claimed, error)
}

const (
	// MaxPolicyName bounds a policy's name, in characters.
	MaxPolicyName = 64
	// maxPolicies bounds a merchant's policies: each refund may be judged by all of them.
	maxPolicies = 50
	// DefaultHoldHours is how long a refund waits for its approval where its policy
	// does not say, MaxHoldHours the longest.
	DefaultHoldHours = 72
	MaxHoldHours     = 30 * 24
	// policyIDLength is how many letters a policy's id has.
	policyIDLength = 24
)

// PolicyChange is what a policy becomes; nil members stay as they are, or at their
// defaults.
type PolicyChange struct {
	Name, Expression *string
	Effect           *merchant.PolicyEffect
	HoldHours        *int64
	Position         *int64
	Enabled          *bool
}

// apply checks and makes the changes; false says that there are none.
func (c PolicyChange) apply(p *merchant.Policy) (bool, error) {
	before := *p
	if c.Name != nil {
		p.Name = strings.TrimSpace(*c.Name)
	}
	if c.Expression != nil {
		p.Expression = *c.Expression
	}
	if c.Effect != nil {
		p.Effect = *c.Effect
	}
	if c.HoldHours != nil {
		p.HoldHours = *c.HoldHours
	}
	if c.Position != nil {
		p.Position = *c.Position
	}
	if c.Enabled != nil {
		p.Enabled = *c.Enabled
	}
	return *p != before, checkPolicy(*p)
}

func checkPolicy(p merchant.Policy) error {
	refuse := func(param, text string, args ...any) error {
		return refund.Errorf(refund.KindInvalid, param, param+" "+text, args...)
	}
	switch {
	case p.Name == "" || utf8.RuneCountInString(p.Name) > MaxPolicyName || strings.ContainsFunc(p.Name, func(r rune) bool { return r < ' ' }):
		return refuse("name", "must have 1 to %d characters on one line", MaxPolicyName)
	case strings.HasPrefix(p.Name, "pol_"):
		return refuse("name", "must not begin like an id: pol_")
	case p.Effect != merchant.PolicyHold && p.Effect != merchant.PolicyRefuse:
		return refuse("effect", "must be one of hold, refuse")
	case p.HoldHours < 1 || p.HoldHours > MaxHoldHours:
		return refuse("hold_hours", "must be 1 to %d", MaxHoldHours)
	case p.Position < 0 || p.Position > 1_000_000:
		return refuse("position", "must be 0 to 1000000")
	}
	return CheckExpression(p.Expression)
}

// CheckExpression says where an expression is wrong, as KindInvalid of the parameter
// expression, in CEL's own words.
func CheckExpression(expression string) error {
	_, err := policy.Compile(expression)
	var wrong *policy.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return refund.Errorf(refund.KindInvalid, "expression", "%s", wrong.Error())
	case err != nil:
		return refund.Wrap(err, "compile policy")
	}
	return nil
}

// fits refuses a new policy where the merchant has too many. Errors: KindStateConflict.
func fits(p merchant.Policy, there []merchant.Policy) error {
	if len(there) >= maxPolicies {
		return refund.Errorf(refund.KindStateConflict, "policy", "a merchant has at most %d policies", maxPolicies)
	}
	return checkCost(p, there)
}

// checkCost refuses an enabled policy that is new, or another than the one of its id,
// where all enabled ones would cost too much together. Errors: KindStateConflict.
func checkCost(p merchant.Policy, there []merchant.Policy) error {
	others := slices.DeleteFunc(slices.Clone(there), func(other merchant.Policy) bool { return other.ID == p.ID })
	total := policy.TotalCost(append(others, p))
	if !p.Enabled || total <= policy.MaxTotalCost || total <= policy.TotalCost(there) {
		return nil
	}
	return refund.Errorf(refund.KindStateConflict, "expression", "it may cost %d, and with it the merchant's enabled policies %d together; the limit is %d: make it simpler, or disable another one",
		policy.TotalCost([]merchant.Policy{p}), total, policy.MaxTotalCost)
}

// AddPolicy makes a policy, a draft unless in says that it is enabled. Errors:
// KindNotFound for the merchant; KindInvalid, for an expression with its place;
// KindStateConflict for a name that the merchant has, and where its enabled policies
// would cost too much together.
func (a *Admin) AddPolicy(ctx context.Context, by By, merchantID string, in PolicyChange) (merchant.Policy, error) {
	now := a.now()
	p := merchant.Policy{
		MerchantID: merchantID, ID: "pol_" + merchant.RandomLetters(policyIDLength), Effect: merchant.PolicyHold, HoldHours: DefaultHoldHours,
		Version: 1, CreatedAt: now, UpdatedAt: now, UpdatedBy: by.Actor,
	}
	record, err := a.record(by, merchantID, "policy.add", p.ID)
	if err != nil {
		return merchant.Policy{}, err
	}
	if _, err := in.apply(&p); err != nil {
		return merchant.Policy{}, err
	}
	record = record.With("name", p.Name).With("expression", p.Expression).With("effect", string(p.Effect)).With("state", stateOf(p))
	record.Write.Makes(p.ID)
	if err := a.s.Store.AddPolicy(ctx, p, func(there []merchant.Policy) error { return fits(p, there) }, record); err != nil {
		return merchant.Policy{}, err
	}
	a.done(merchantID)
	return p, nil
}

func stateOf(p merchant.Policy) string {
	if p.Enabled {
		return "enabled"
	}
	return "draft"
}

// ChangePolicy changes the policy of an id or name. What refunds are held by goes by
// what it said then. Every process heeds it within seconds. Errors: KindNotFound;
// KindInvalid; KindStateConflict for a name that another has, and where the enabled
// policies would cost too much together.
func (a *Admin) ChangePolicy(ctx context.Context, by By, merchantID, name string, in PolicyChange) (merchant.Policy, error) {
	action := "policy.change"
	if in == (PolicyChange{Enabled: in.Enabled}) && in.Enabled != nil {
		if action = "policy.disable"; *in.Enabled {
			action = "policy.enable"
		}
	}
	record, err := a.record(by, merchantID, action, name)
	if err != nil {
		return merchant.Policy{}, err
	}
	p, err := a.s.Store.ChangePolicy(ctx, merchantID, name, func(p *merchant.Policy, there []merchant.Policy) (bool, error) {
		changed, err := in.apply(p)
		if err == nil {
			err = checkCost(*p, there)
		}
		if changed {
			p.Version, p.UpdatedAt, p.UpdatedBy = p.Version+1, a.now(), by.Actor
		}
		record.Write.Makes(p.ID)
		return changed, err
	}, record)
	if err != nil {
		return merchant.Policy{}, err
	}
	a.done(merchantID)
	return p, nil
}

// RemovePolicy removes the policy of an id or name. What it held waits on for its
// approval. Absent is KindNotFound.
func (a *Admin) RemovePolicy(ctx context.Context, by By, merchantID, name string) error {
	record, err := a.record(by, merchantID, "policy.remove", name)
	if err != nil {
		return err
	}
	if err := a.s.Store.RemovePolicy(ctx, merchantID, name, record); err != nil {
		return err
	}
	a.done(merchantID)
	return nil
}

// Policies lists a merchant's policies in the order in which they are asked.
func (a *Admin) Policies(ctx context.Context, merchantID string) ([]merchant.Policy, error) {
	return a.s.Store.Policies(ctx, merchantID)
}

// Policy finds the policy of an id or name. Absent is KindNotFound.
func (a *Admin) Policy(ctx context.Context, merchantID, name string) (merchant.Policy, error) {
	all, err := a.s.Store.Policies(ctx, merchantID)
	if err != nil {
		return merchant.Policy{}, err
	}
	for _, p := range all {
		if p.ID == name || p.Name == name {
			return p, nil
		}
	}
	return merchant.Policy{}, refund.Errorf(refund.KindNotFound, "policy", "there is no such policy")
}
