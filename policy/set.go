package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Set is a merchant's enabled policies, compiled, in their order.
type Set struct {
	rules   []rule
	windows []refund.Window
	cost    int64
}

type rule struct {
	merchant.Policy
	program *Program
	err     error // it does not compile, though it once did
}

var _ refund.Policies = (*Set)(nil)

// NewSet compiles the enabled ones of policies; nil where there are none. One that
// does not compile any more holds every refund.
func NewSet(policies []merchant.Policy) *Set {
	var s Set
	uses := make(map[refund.Window]bool)
	for _, p := range policies {
		if !p.Enabled {
			continue
		}
		r := rule{Policy: p}
		if r.program, r.err = Compile(p.Expression); r.err == nil {
			for name := range r.program.uses {
				if w := fieldByName[name].window; w != nil && !uses[*w] {
					uses[*w] = true
					s.windows = append(s.windows, *w)
				}
			}
		}
		s.rules = append(s.rules, r)
	}
	s.cost = TotalCost(policies) + perPolicy*int64(len(s.rules))
	if len(s.rules) == 0 {
		return nil
	}
	slices.SortStableFunc(s.rules, func(a, b rule) int { return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(s.windows, func(a, b refund.Window) int {
		return cmp.Or(cmp.Compare(a.Span, b.Span), cmp.Compare(fmt.Sprint(a.OfCustomer), fmt.Sprint(b.OfCustomer)))
	})
	return &s
}

// Apart reports whether refunds of the merchant are better judged apart from other
// merchants': they count earlier ones, or cost much.
func (s *Set) Apart() bool { return len(s.windows) > 0 || s.cost > costly }

// Windows implements refund.Policies.
func (s *Set) Windows() []refund.Window { return s.windows }

// Judge implements refund.Policies: the first policy that is true decides. One that
// can't be evaluated holds the refund, and raises an alert.
func (s *Set) Judge(asked refund.Asked, recent func(refund.Window) refund.Recent) refund.Verdict {
	facts := Facts{Asked: asked, Recent: recent}
	for _, r := range s.rules {
		is, err := false, r.err
		if err == nil {
			is, err = r.program.Eval(facts)
		}
		if err == nil && !is {
			continue
		}
		v := refund.Verdict{
			Policy: refund.PolicyRef{ID: r.ID, Name: r.Name, Version: r.Version},
			Why:    fmt.Sprintf("the policy %q: %s", r.Name, r.Expression),
		}
		switch {
		case err != nil:
			v.Why = fmt.Sprintf("the policy %q could not be evaluated: %v", r.Name, err)
			v.Alert = v.Why + " (hint: the refund waits for an approval; mend the policy)"
		case r.Effect == merchant.PolicyRefuse:
			v.Refuse, v.Why = true, fmt.Sprintf("the policy %q", r.Name)
			return v
		}
		v.Until = asked.At.Add(time.Duration(r.HoldHours) * time.Hour)
		return v
	}
	return refund.Verdict{}
}
