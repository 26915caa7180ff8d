package main

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/refundry/refundry/sim"
)

// simCommand plays a whole service from one seed. It has no settings in the
// environment: it makes a database of its own.
type simCommand struct {
	jsonFlag
	Seed  uint64 `help:"What everything that happens is made of: the same seed is the same play." default:"1" placeholder:"N"`
	Steps int    `help:"How many things happen before the faults end." default:"1000" placeholder:"N"`
}

// Validate implements kong's check of a command.
func (c *simCommand) Validate() error {
	if c.Steps < 1 {
		return fmt.Errorf("--steps must be at least 1")
	}
	return nil
}

// progressEvery is how many steps are between two lines on stderr.
const progressEvery = 500

func (c *simCommand) Run(e *environment) error {
	dir, err := os.MkdirTemp("", "refundry-sim-")
	if err != nil {
		return fmt.Errorf("make simulation folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	report, err := sim.Play(e, sim.Options{Seed: c.Seed, Steps: c.Steps, Folder: dir, Progress: func(step int) {
		if step%progressEvery == 0 {
			e.say("sim: %d of %d steps", step, c.Steps)
		}
	}})
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	if c.JSON {
		err = e.printJSON(report)
	} else {
		err = c.print(e, report)
	}
	if err != nil {
		return err
	}
	if len(report.Broken) > 0 {
		return fmt.Errorf("sim: %d invariants are broken (hint: refundry sim --seed %d --steps %d plays the same again)", len(report.Broken), c.Seed, c.Steps)
	}
	e.say("every invariant holds")
	return nil
}

func (c *simCommand) print(e *environment, r sim.Report) error {
	lines := []string{
		fmt.Sprintf("seed %d, %d steps, %d simulated seconds", r.Seed, r.Steps, r.SimulatedSeconds),
		fmt.Sprintf("requests %d: accepted %d, refused %d, without a clear answer at first %d", r.Requests, r.Accepted, r.Refused, r.Unclear),
		fmt.Sprintf("process killed %d times, database faults %d, webhooks %d", r.Crashes, r.DatabaseFaults, r.Webhooks),
	}
	for _, state := range slices.Sorted(maps.Keys(r.Ended)) {
		lines = append(lines, fmt.Sprintf("ended as %s: %d", state, r.Ended[state]))
	}
	for _, line := range r.Last {
		lines = append(lines, "before: "+line)
	}
	for _, line := range r.Broken {
		lines = append(lines, "broken: "+line)
	}
	for _, line := range append(lines, "digest "+r.Digest) {
		if _, err := fmt.Fprintln(e.out, harmless(line)); err != nil {
			return err
		}
	}
	return nil
}
