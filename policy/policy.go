// Package policy compiles and evaluates merchants' policies: CEL expressions over a
// refund that is about to be accepted, such as
//
//	refund.amount > 100000 || customer.refunds_24h > 3
//
// It does no I/O and reads no clock: what an expression may see is passed in. The
// cost of each is bounded when it is compiled and again while it runs.
package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"

	"github.com/refundry/refundry/merchant"
)

const (
	// MaxExpression bounds an expression, in characters: a policy is read by people.
	MaxExpression = 2000
	// maxCost bounds what one evaluation may cost, in CEL's units, of which some hundred
	// comparisons are 1,000. It keeps all the policies that a merchant may have to a few
	// milliseconds for a refund.
	maxCost = 1_000
	// MaxTotalCost bounds what all enabled policies of a merchant may cost together: each
	// of its refunds may have to be judged by all of them. It is a third of a
	// millisecond, less than a second for the largest batch.
	MaxTotalCost = 3_000
	// costly is what a batch of several merchants bears, and perPolicy what each policy
	// costs besides its expression: a few microseconds.
	costly, perPolicy = 300, 25
	// maxDepth bounds how deep an expression may be nested.
	maxDepth = 50
	// maxText is as long as any text of a request may be, in characters.
	maxText = 1024
)

// SyntaxError says where an expression is wrong, in CEL's own words. Line counts from
// 1, Column from 0 as CEL's does; both are 0 where the whole is meant.
type SyntaxError struct {
	Line, Column int
	Text         string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column+1, e.Text)
}

// Program is a compiled expression.
type Program struct {
	program cel.Program
	// cost is the most that an evaluation may cost, as estimated.
	cost int64
	// uses are the names that it reads.
	uses map[string]bool
}

// newEnv declares what an expression may see.
func newEnv() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ParserExpressionSizeLimit(4 * MaxExpression), cel.ParserRecursionLimit(maxDepth), cel.EagerlyValidateDeclarations(true),
	}
	for _, f := range fields {
		options = append(options, cel.Variable(f.name, f.kind))
	}
	return cel.NewEnv(options...)
}

var env, errEnv = newEnv()

// Compile compiles an expression. Its error is a *SyntaxError: it is empty or too
// long, does not parse, names what is not there, is not true or false, or may cost too
// much.
func Compile(expression string) (*Program, error) {
	compiled.Lock()
	p, known := compiled.programs[expression]
	compiled.Unlock()
	if known {
		return p, nil
	}
	p, err := compile(expression)
	if err != nil {
		return nil, err
	}
	compiled.Lock()
	defer compiled.Unlock()
	if compiled.programs == nil || len(compiled.programs) >= maxCompiled {
		compiled.programs = make(map[string]*Program)
	}
	compiled.programs[expression] = p
	return p, nil
}

// maxCompiled bounds the memory of compiled expressions: merchants' policies are read
// again every few seconds, and hardly ever change.
const maxCompiled = 1024

var compiled struct {
	sync.Mutex
	programs map[string]*Program
}

func compile(expression string) (*Program, error) {
	if errEnv != nil {
		return nil, fmt.Errorf("declare what policies see: %w", errEnv)
	}
	switch {
	case strings.TrimSpace(expression) == "":
		return nil, &SyntaxError{Text: "the expression is empty"}
	case len([]rune(expression)) > MaxExpression:
		return nil, &SyntaxError{Text: fmt.Sprintf("the expression has more than %d characters", MaxExpression)}
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, firstIssue(expression, issues)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, &SyntaxError{Line: 1, Text: fmt.Sprintf("the expression is of type %s, and a policy is true or false", ast.OutputType())}
	}
	cost, err := env.EstimateCost(ast, sizes{})
	switch {
	case err != nil:
		return nil, &SyntaxError{Text: "its cost can't be estimated: " + err.Error()}
	case cost.Max > maxCost:
		return nil, &SyntaxError{Text: fmt.Sprintf("the expression may cost %d, and the limit is %d: make it simpler", cost.Max, maxCost)}
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &SyntaxError{Text: err.Error()}
	}
	p := &Program{program: program, cost: int64(cost.Max), uses: make(map[string]bool)}
	for _, reference := range ast.NativeRep().ReferenceMap() {
		p.uses[reference.Name] = true
	}
	return p, nil
}

// TotalCost is what the enabled ones of policies may cost together, in CEL's units. One
// that does not compile is not evaluated, and costs nothing.
func TotalCost(policies []merchant.Policy) (total int64) {
	for _, p := range policies {
		if !p.Enabled {
			continue
		}
		if program, err := Compile(p.Expression); err == nil {
			total += program.cost
		}
	}
	return total
}

func firstIssue(expression string, issues *cel.Issues) error {
	all := issues.Errors()
	if len(all) == 0 {
		return &SyntaxError{Text: issues.Err().Error()}
	}
	first := all[0]
	wrong := &SyntaxError{Line: max(0, first.Location.Line()), Column: max(0, first.Location.Column()), Text: first.Message}
	if strings.HasPrefix(first.Message, "undeclared reference") {
		if name := nameAt(expression, wrong.Line, wrong.Column); name != "" {
			wrong.Text = "there is no " + name + "; there are " + strings.Join(namesLike(name), ", ")
		}
	}
	return wrong
}

// nameAt is the dotted name at a place of an expression, "" for none. CEL says of a
// misspelt refund.amuont that there is no refund.
func nameAt(expression string, line, column int) string {
	lines := strings.Split(expression, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	text := []rune(lines[line-1])
	if column >= len(text) {
		return ""
	}
	part := func(r rune) bool {
		return r == '.' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	end := column
	for end < len(text) && part(text[end]) {
		end++
	}
	return string(text[column:end])
}

// namesLike are the names that begin like one, or else all.
func namesLike(name string) (names []string) {
	first, _, _ := strings.Cut(name, ".")
	for _, f := range fields {
		if strings.HasPrefix(f.name, first+".") {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 {
		for _, f := range fields {
			names = append(names, f.name)
		}
	}
	return names
}

// sizes bounds the texts that expressions see.
type sizes struct{}

func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if len(node.Path()) == 0 {
		return nil
	}
	return &checker.SizeEstimate{Min: 0, Max: maxText}
}

func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// Eval reports whether the expression is true of the facts. An error says that it
// could not be evaluated: a number overflowed, a text was no number, or it cost too
// much.
func (p *Program) Eval(facts Facts) (is bool, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			is, err = false, fmt.Errorf("the evaluation broke off: %v", problem)
		}
	}()
	value, _, err := p.program.Eval(&seen{facts: facts})
	if err != nil {
		return false, err
	}
	is, ok := value.Value().(bool)
	if !ok {
		return false, errors.New("it is neither true nor false")
	}
	return is, nil
}
