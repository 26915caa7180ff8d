package native

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/policy"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

type policyAnswer struct {
	ID         string                `json:"id"`
	Name       string                `json:"name"`
	Expression string                `json:"expression"`
	Effect     merchant.PolicyEffect `json:"effect"`
	HoldHours  int64                 `json:"hold_hours"`
	Enabled    bool                  `json:"enabled"`
	Position   int64                 `json:"position"`
	Version    int64                 `json:"version"`
	CreatedAt  moment                `json:"created_at"`
	UpdatedAt  moment                `json:"updated_at"`
	UpdatedBy  *actorAnswer          `json:"updated_by"`
}

func answerPolicy(p merchant.Policy) policyAnswer {
	return policyAnswer{
		p.ID, p.Name, p.Expression, p.Effect, p.HoldHours, p.Enabled, p.Position, p.Version, moment(p.CreatedAt), moment(p.UpdatedAt), answerActor(p.UpdatedBy),
	}
}

// PolicyJSON is a policy as the API shows it.
func PolicyJSON(p merchant.Policy) any { return answerPolicy(p) }

// dryRunAnswer is what a policy would have done.
type dryRunAnswer struct {
	From      moment         `json:"from"`
	To        moment         `json:"to"`
	Refunds   int64          `json:"refunds"` // that it was asked about
	Matched   []dryRunSum    `json:"matched"`
	Failed    int64          `json:"failed"` // among them: could not be evaluated, and would be held
	Truncated bool           `json:"truncated"`
	Samples   []dryRunSample `json:"samples"`
}

type dryRunSum struct {
	Currency string `json:"currency"`
	Refunds  int64  `json:"refunds"`
	Amount   int64  `json:"amount"`
}

type dryRunSample struct {
	Refund    string  `json:"refund"`
	Charge    string  `json:"charge"`
	Amount    int64   `json:"amount"`
	Currency  string  `json:"currency"`
	Customer  *string `json:"customer"`
	State     string  `json:"state"`
	CreatedAt moment  `json:"created_at"`
	Failure   *string `json:"failure"`
}

// DryRunJSON is a dry run as the API shows it.
func DryRunJSON(run admin.DryRun) any {
	out := dryRunAnswer{
		From: moment(run.From), To: moment(run.To), Refunds: run.Refunds, Failed: run.Failed, Truncated: run.Truncated,
		Matched: []dryRunSum{}, Samples: make([]dryRunSample, len(run.Samples)),
	}
	for _, currency := range slices.Sorted(maps.Keys(run.Matched)) {
		sum := run.Matched[currency]
		out.Matched = append(out.Matched, dryRunSum{string(currency), sum.Count, int64(sum.Sum)})
	}
	for n, s := range run.Samples {
		r := s.Refund
		out.Samples[n] = dryRunSample{r.ID, r.ChargeID, int64(r.Amount), string(r.Currency), orNull(r.Customer), string(r.State), moment(r.CreatedAt), orNull(s.Failure)}
	}
	return out
}

// listPolicies returns the merchant's policies in the order in which they are asked:
// GET /policies. They are few, so there is one page.
func (d *Dialect) listPolicies(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	all, err := d.s.Admin.Policies(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	out := list[policyAnswer]{Data: make([]policyAnswer, len(all))}
	for n, p := range all {
		out.Data[n] = answerPolicy(p)
	}
	return c.json(http.StatusOK, out)
}

// policyMembers are what a policy may be made of or changed to. What is longer than
// it may be is refused by the rules themselves.
func policyMembers(body *decoder, in *admin.PolicyChange, isNew bool) []member {
	const longest = 4 * policy.MaxExpression
	text := func(to **string) func(exactjson.Value, string) {
		var value string
		read := body.filled(&value, longest)
		return func(v exactjson.Value, path string) {
			read(v, path)
			*to = &value
		}
	}
	count := func(to **int64, least, most int64) func(exactjson.Value, string) {
		var value int64
		read := body.count(&value, least, most)
		return func(v exactjson.Value, path string) {
			read(v, path)
			*to = &value
		}
	}
	need := optional
	if isNew {
		need = required
	}
	return []member{
		need("name", text(&in.Name)), need("expression", text(&in.Expression)),
		optional("effect", func(v exactjson.Value, path string) {
			var effect merchant.PolicyEffect
			oneOf(body, &effect, merchant.PolicyHold, merchant.PolicyRefuse)(v, path)
			in.Effect = &effect
		}),
		optional("hold_hours", count(&in.HoldHours, 1, admin.MaxHoldHours)), optional("position", count(&in.Position, 0, 1_000_000)),
		optional("enabled", func(v exactjson.Value, path string) {
			enabled := false
			body.truth(&enabled)(v, path)
			in.Enabled = &enabled
		}),
	}
}

// createPolicy makes a policy, a draft unless it says that it is enabled: POST
// /policies.
func (d *Dialect) createPolicy(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var in admin.PolicyChange
	if err := body.read(policyMembers(body, &in, true)...); err != nil {
		return err
	}
	p, err := d.s.Admin.AddPolicy(c.ctx, c.by(), c.merchantID(), in)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, answerPolicy(p))
}

// changePolicy changes what it names of a policy: PATCH /policies/{id}.
func (d *Dialect) changePolicy(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var in admin.PolicyChange
	if err := body.read(policyMembers(body, &in, false)...); err != nil {
		return err
	}
	if in == (admin.PolicyChange{}) {
		return refuse(refund.KindInvalid, "", "name what is to change")
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	p, err := d.s.Admin.ChangePolicy(c.ctx, c.by(), c.merchantID(), id, in)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerPolicy(p))
}

func (d *Dialect) getPolicy(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	return d.answerPolicyNamed(c, id)
}

func (d *Dialect) answerPolicyNamed(c *call, id string) error {
	p, err := d.s.Admin.Policy(c.ctx, c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerPolicy(p))
}

func (d *Dialect) againPolicy(c *call, w refund.Write) error { return d.answerPolicyNamed(c, w.Made) }

// deletePolicy removes a policy: DELETE /policies/{id}. What it held waits on.
func (d *Dialect) deletePolicy(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	if err := d.s.Admin.RemovePolicy(c.ctx, c.by(), c.merchantID(), id); err != nil {
		return err
	}
	return c.json(http.StatusOK, struct{}{})
}

func (d *Dialect) againDeletedPolicy(c *call, _ refund.Write) error {
	return c.json(http.StatusOK, struct{}{})
}

// dryRunPolicy asks a policy, or another expression in its place, about the refunds of
// the last days, and changes nothing: POST /policies/{id}/dry-run. An expression of
// one's own takes the scope policies:write.
func (d *Dialect) dryRunPolicy(c *call) error {
	days, expression := int64(admin.DefaultDryRunDays), ""
	body, err := c.body()
	if err == nil {
		err = body.read(
			optional("days", body.count(&days, 1, admin.MaxDryRunDays)),
			optional("expression", body.filled(&expression, 4*policy.MaxExpression)),
		)
	}
	if err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	p, err := d.s.Admin.Policy(c.ctx, c.merchantID(), id)
	if err != nil {
		return err
	}
	if expression != "" && expression != p.Expression {
		if !c.caller.Key.May(merchant.ScopePolicy) {
			return refuse(refund.KindForbidden, "expression", "is no stored policy's: the key lacks the scope %s", merchant.ScopePolicy)
		}
		p.Expression = expression
	}
	run, err := d.s.Admin.DryRun(c.ctx, p, int(days))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, DryRunJSON(run))
}

// words are the texts of a closed list.
func words[T ~string](all []T) []string {
	out := make([]string, len(all))
	for n, one := range all {
		out[n] = string(one)
	}
	return out
}

func contains(all []string, text string) bool { return slices.Contains(all, text) }

func joined(all []string) string { return strings.Join(all, ", ") }
