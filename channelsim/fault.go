package channelsim

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// Step is a kind of call.
type Step string

// The steps.
const (
	StepSubmit Step = "submit"
	StepQuery  Step = "query"
	StepNotice Step = "notice"
	StepCharge Step = "charge" // a payment is looked up
	StepBill   Step = "bill"
)

// Phase is a step, and for a submit whether the fault is before the money moved or
// after it.
type Phase string

// The phases.
const (
	BeforeMove Phase = "before"
	AfterMove  Phase = "after"
	InQuery    Phase = "query"
	InNotice   Phase = "notice"
	InCharge   Phase = "charge"
	InBill     Phase = "bill"
)

// Phases are all of them, in the order of a refund's life.
var Phases = []Phase{InCharge, BeforeMove, AfterMove, InQuery, InNotice, InBill}

func (s Step) phases() []Phase {
	if s == StepSubmit {
		return []Phase{BeforeMove, AfterMove}
	}
	return []Phase{Phase(s)}
}

// Fault is one way in which a channel misbehaves.
type Fault string

// The faults.
const (
	DropBefore        Fault = "drop_before"        // the connection ends before anything was done
	DropAfter         Fault = "drop_after"         // the connection ends after it was done
	Delay             Fault = "delay"              // a request arrives late, after its caller gave up; an answer or a notice comes late
	Duplicate         Fault = "duplicate"          // the network brings it twice
	Reorder           Fault = "reorder"            // it is overtaken by the next; a query shows an older state
	HalfAnswer        Fault = "half_answer"        // it ends in the middle
	WrongSignature    Fault = "wrong_signature"    // its signature does not hold
	WrongAmount       Fault = "wrong_amount"       // it shows another amount, signed
	Throttle          Fault = "throttle"           // "too often", though the refund may have been made
	ShortOfFunds      Fault = "short_of_funds"     // the merchant's balance is too small
	CertificateSwitch Fault = "certificate_switch" // another key signs from here on
	LateReturn        Fault = "late_return"        // the refund succeeds, and the bank sends it back later
	LyingBill         Fault = "lying_bill"         // the bill leaves a refund out, or has a wrong amount
)

// sensible are the faults that a phase can have.
var sensible = map[Phase][]Fault{
	BeforeMove: {DropBefore, Delay, Reorder, Throttle, ShortOfFunds},
	AfterMove:  {DropAfter, Delay, Duplicate, HalfAnswer, WrongSignature, WrongAmount, Throttle, CertificateSwitch, LateReturn},
	InQuery:    {DropBefore, DropAfter, Delay, Reorder, HalfAnswer, WrongSignature, WrongAmount, Throttle, CertificateSwitch},
	InNotice:   {DropBefore, DropAfter, Delay, Duplicate, Reorder, HalfAnswer, WrongSignature, WrongAmount, CertificateSwitch},
	InCharge:   {DropBefore, DropAfter, Delay, HalfAnswer, WrongSignature, WrongAmount, Throttle, CertificateSwitch},
	InBill:     {DropBefore, DropAfter, Delay, HalfAnswer, Throttle, LyingBill},
}

// Sensible are the faults that a side can have in a phase.
func Sensible(side Side, phase Phase) []Fault {
	return slices.DeleteFunc(slices.Clone(sensible[phase]), func(f Fault) bool { return side.Lacks(phase, f) })
}

// Injection asks for a fault in the next calls of a step. Phase may say for a submit
// where it is meant, before or after the money moved, for faults that can be in both.
type Injection struct {
	Channel string `json:"channel"`
	Step    Step   `json:"step"`
	Fault   Fault  `json:"fault"`
	Phase   Phase  `json:"phase,omitempty"`
	Count   int    `json:"count"` // default 1
}

// maxCount bounds the calls of one injection.
const maxCount = 1_000_000

// check refuses what no call could have, and fills in what was left open.
func (i *Injection) check(sides map[string]Side) error {
	side := sides[i.Channel]
	if side == nil {
		return fmt.Errorf("unknown channel %q", i.Channel)
	}
	phases := i.Step.phases()
	if i.Phase != "" {
		if !slices.Contains(phases, i.Phase) {
			return fmt.Errorf("step %q has no phase %q", i.Step, i.Phase)
		}
		phases = []Phase{i.Phase}
	}
	if sensible[phases[0]] == nil {
		return fmt.Errorf("unknown step %q (hint: submit, query, notice, charge or bill)", i.Step)
	}
	at := slices.IndexFunc(phases, func(p Phase) bool { return slices.Contains(Sensible(side, p), i.Fault) })
	if at < 0 {
		var can []string
		for _, phase := range phases {
			for _, fault := range Sensible(side, phase) {
				can = append(can, string(fault))
			}
		}
		return fmt.Errorf("a %s of %s has no fault %q (hint: it has %s)", i.Step, i.Channel, i.Fault, strings.Join(can, ", "))
	}
	i.Phase = phases[at]
	if i.Count == 0 {
		i.Count = 1
	}
	if i.Count < 0 || i.Count > maxCount {
		return errors.New("count must be 1 to 1000000")
	}
	return nil
}

// Cell is one square of the table of faults.
type Cell struct {
	Channel string
	Phase   Phase
	Fault   Fault
}

// faults decide which calls go wrong.
type faults struct {
	seed    uint64
	rate    float64
	planned []Injection
	hits    map[Cell]int
	drawn   map[Cell]int
	// seen counts the calls of a step about one thing, so that whether a call fails
	// depends on what was asked before about the same thing alone.
	seen map[string]int
}

// draw decides whether a call fails and how. What was asked for comes first; else the
// seed decides, and the fault is one that came up least.
func (f *faults) draw(side Side, step Step, key string) (Phase, Fault) {
	at := slices.IndexFunc(f.planned, func(i Injection) bool { return i.Channel == side.Name() && i.Step == step })
	if at >= 0 {
		planned := f.planned[at]
		if f.planned[at].Count--; f.planned[at].Count == 0 {
			f.planned = slices.Delete(f.planned, at, at+1)
		}
		return planned.Phase, planned.Fault
	}
	if f.rate == 0 {
		return "", ""
	}
	name := side.Name() + "\x00" + string(step) + "\x00" + key
	f.seen[name]++
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	random := rand.New(rand.NewPCG(f.seed, hash.Sum64()+uint64(f.seen[name])))
	if random.Float64() >= f.rate {
		return "", ""
	}
	var cells []Cell
	for _, phase := range step.phases() {
		for _, fault := range Sensible(side, phase) {
			cells = append(cells, Cell{side.Name(), phase, fault})
		}
	}
	if len(cells) == 0 {
		return "", ""
	}
	random.Shuffle(len(cells), func(a, b int) { cells[a], cells[b] = cells[b], cells[a] })
	// A fault that finds nothing to spoil is drawn, and hits nothing.
	used := func(c Cell) int { return 4*f.hits[c] + f.drawn[c] }
	chosen := slices.MinFunc(cells, func(a, b Cell) int { return cmp.Compare(used(a), used(b)) })
	f.drawn[chosen]++
	return chosen.Phase, chosen.Fault
}

func (f *faults) hit(side Side, phase Phase, fault Fault) {
	f.hits[Cell{side.Name(), phase, fault}]++
}
