package main

import (
	"maps"
	"slices"
	"strconv"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/policy"
)

// policyCommand is refundry policy.
type policyCommand struct {
	Add     policyAdd     `cmd:"" help:"Make a policy: an expression that holds refunds for approval, or refuses them. It is a draft until it is enabled."`
	List    policyList    `cmd:"" help:"List the policies in the order in which they are asked."`
	Set     policySet     `cmd:"" help:"Change a policy."`
	Test    policyTest    `cmd:"" help:"Say what a policy, or an expression, would have done in the last days; nothing changes."`
	Enable  policyEnable  `cmd:"" help:"Have a policy judge refunds from now on."`
	Disable policyDisable `cmd:"" help:"Make a policy a draft again; what it held waits on."`
	Remove  policyRemove  `cmd:"" help:"Remove a policy; what it held waits on."`
	Fields  policyFields  `cmd:"" help:"List what expressions may use."`
}

// policyFlags are those of commands about policies.
type policyFlags struct {
	databaseFlags
	merchantFlags
	jsonFlag
}

// desk opens the database with the merchant's use cases.
func (c *policyFlags) desk(e *environment) (*desk, error) {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return nil, err
	}
	d := &desk{store: s, merchant: m}
	if d.Admin, d.by, err = e.admin(s); err != nil {
		s.Close()
		return nil, err
	}
	return d, nil
}

func (c *policyFlags) print(e *environment, p merchant.Policy) error {
	if c.JSON {
		return e.printJSON(native.PolicyJSON(p))
	}
	state := "a draft"
	if p.Enabled {
		state = "enabled"
	}
	e.say("policy %q is %s (version %d, %s)", p.Name, state, p.Version, p.ID)
	return nil
}

type policyAdd struct {
	policyFlags
	Name       string `arg:"" help:"The policy's name."`
	Expression string `arg:"" help:"The expression, such as 'refund.amount > 100000 || customer.refunds_24h > 3' (amounts in minor units); see policy fields."`
	Effect     string `help:"What it does with a refund that it is true of: hold or refuse." enum:"hold,refuse" default:"hold"`
	HoldHours  int64  `help:"After how many hours a held refund is canceled if nobody approved it; 1 to 720." default:"72"`
	Position   int64  `help:"Its place in the order in which policies are asked: the first that is true decides." default:"0"`
	Enable     bool   `help:"Enable it at once."`
}

func (c *policyAdd) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	effect := merchant.PolicyEffect(c.Effect)
	p, err := d.AddPolicy(e, d.by, d.merchant.ID, admin.PolicyChange{
		Name: &c.Name, Expression: &c.Expression, Effect: &effect, HoldHours: &c.HoldHours, Position: &c.Position, Enabled: &c.Enable,
	})
	if err != nil {
		return asUsage(err)
	}
	return c.print(e, p)
}

type policySet struct {
	policyFlags
	Policy     string  `arg:"" help:"The policy, by its id or name."`
	Name       *string `help:"Its new name." placeholder:"NAME"`
	Expression *string `help:"Its new expression." placeholder:"EXPRESSION"`
	Effect     *string `help:"What it does: hold or refuse." placeholder:"EFFECT"`
	HoldHours  *int64  `help:"After how many hours a held refund is canceled." placeholder:"HOURS"`
	Position   *int64  `help:"Its place in the order." placeholder:"N"`
}

func (c *policySet) Run(e *environment) error {
	in := admin.PolicyChange{Name: c.Name, Expression: c.Expression, HoldHours: c.HoldHours, Position: c.Position}
	if c.Effect != nil {
		effect := merchant.PolicyEffect(*c.Effect)
		in.Effect = &effect
	}
	if in == (admin.PolicyChange{}) {
		return usageError{"say what is to change: --name, --expression, --effect, --hold-hours or --position"}
	}
	return c.change(e, c.Policy, in)
}

// change changes a policy and prints it.
func (c *policyFlags) change(e *environment, name string, in admin.PolicyChange) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	p, err := d.ChangePolicy(e, d.by, d.merchant.ID, name, in)
	if err != nil {
		return asUsage(err)
	}
	return c.print(e, p)
}

type policyEnable struct {
	policyFlags
	Policy string `arg:"" help:"The policy, by its id or name."`
}

func (c *policyEnable) Run(e *environment) error {
	enabled := true
	return c.change(e, c.Policy, admin.PolicyChange{Enabled: &enabled})
}

type policyDisable struct {
	policyFlags
	Policy string `arg:"" help:"The policy, by its id or name."`
}

func (c *policyDisable) Run(e *environment) error {
	enabled := false
	return c.change(e, c.Policy, admin.PolicyChange{Enabled: &enabled})
}

type policyRemove struct {
	policyFlags
	Policy string `arg:"" help:"The policy, by its id or name."`
}

func (c *policyRemove) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	if err := d.RemovePolicy(e, d.by, d.merchant.ID, c.Policy); err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(struct{}{})
	}
	e.say("policy %q is removed; what it held waits on", c.Policy)
	return nil
}

type policyList struct{ policyFlags }

func (c *policyList) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	all, err := d.Policies(e, d.merchant.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		out := make([]any, len(all))
		for n, p := range all {
			out[n] = native.PolicyJSON(p)
		}
		return e.printJSON(out)
	}
	rows := make([][]string, len(all))
	for n, p := range all {
		state := "draft"
		if p.Enabled {
			state = "enabled"
		}
		rows[n] = []string{p.Name, state, string(p.Effect), strconv.FormatInt(p.HoldHours, 10), strconv.FormatInt(p.Position, 10), p.Expression, p.ID}
	}
	return e.printTable([]string{"NAME", "STATE", "EFFECT", "HOURS", "POSITION", "EXPRESSION", "ID"}, rows)
}

type policyTest struct {
	policyFlags
	Policy     string `arg:"" optional:"" help:"The policy, by its id or name; or give --expression."`
	Expression string `help:"Try this expression." placeholder:"EXPRESSION"`
	Days       int    `help:"Of how many days the refunds are judged; 1 to 90." default:"30"`
}

func (c *policyTest) Run(e *environment) error {
	if c.Policy == "" && c.Expression == "" {
		return usageError{"say what is to be tried: a policy's name, or --expression"}
	}
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	p := merchant.Policy{MerchantID: d.merchant.ID, Name: "a test", Effect: merchant.PolicyHold}
	if c.Policy != "" {
		if p, err = d.Policy(e, d.merchant.ID, c.Policy); err != nil {
			return asUsage(err)
		}
	}
	if c.Expression != "" {
		p.Expression = c.Expression
	}
	run, err := d.DryRun(e, p, c.Days)
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(native.DryRunJSON(run))
	}
	verb := map[merchant.PolicyEffect]string{merchant.PolicyHold: "held", merchant.PolicyRefuse: "refused"}[p.Effect]
	e.say("of %d refunds from %s to %s it would have %s:", run.Refunds, when(run.From), when(run.To), verb)
	if len(run.Matched) == 0 {
		e.say("none")
	}
	for _, currency := range slices.Sorted(maps.Keys(run.Matched)) {
		e.say("%d refunds of together %s", run.Matched[currency].Count, amountText(run.Matched[currency].Sum, currency))
	}
	if run.Failed > 0 {
		e.say("%d of them because it could not be evaluated", run.Failed)
	}
	if run.Truncated {
		e.say("there are more refunds than a dry run reads: it stopped at %s", when(run.To))
	}
	rows := make([][]string, len(run.Samples))
	for n, s := range run.Samples {
		rows[n] = []string{s.Refund.ID, when(s.Refund.CreatedAt), amountText(s.Refund.Amount, s.Refund.Currency), s.Refund.ChargeID, s.Refund.Customer, s.Failure}
	}
	return e.printTable([]string{"REFUND", "CREATED", "AMOUNT", "CHARGE", "CUSTOMER", "COULD NOT BE EVALUATED"}, rows)
}

type policyFields struct{ jsonFlag }

func (c *policyFields) Run(e *environment) error {
	fields := policy.Fields()
	if c.JSON {
		out := make([]map[string]string, len(fields))
		for n, f := range fields {
			out[n] = map[string]string{"name": f.Name, "type": f.Type, "meaning": f.Meaning}
		}
		return e.printJSON(out)
	}
	rows := make([][]string, len(fields))
	for n, f := range fields {
		rows[n] = []string{f.Name, f.Type, f.Meaning}
	}
	return e.printTable([]string{"NAME", "TYPE", "MEANING"}, rows)
}
