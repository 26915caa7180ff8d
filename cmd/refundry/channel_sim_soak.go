package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/sim"
)

// channelSimSoak runs a simulator and a service of its own. It touches nothing else.
type channelSimSoak struct {
	Channel string  `help:"Channel to refund through." required:"" placeholder:"CHANNEL"`
	Refunds int     `help:"How many refunds are asked for." default:"1000" placeholder:"N"`
	Faults  float64 `help:"Part of the calls that goes wrong, 0 to 1." default:"0.2" placeholder:"RATE"`
	Seed    uint64  `help:"What decides which calls go wrong." default:"1" placeholder:"N"`
	PerCell int     `help:"Ask for further refunds until each fault struck so often before the money moved, after it, in queries, notices and look-ups." default:"0" placeholder:"N"`
}

// maxSoak bounds what one soak asks for: a day's work.
const maxSoak = 1_000_000

// maxTold is how many differences are told one by one.
const maxTold = 50

func (c *channelSimSoak) Run(e *environment) error {
	switch names := soakedNames(); {
	case !slices.Contains(names, c.Channel):
		return usageError{fmt.Sprintf("--channel %s: channel-sim plays %s", c.Channel, strings.Join(names, ", "))}
	case c.Refunds < 1 || c.Refunds > maxSoak:
		return usageError{fmt.Sprintf("--refunds must be 1 to %d", maxSoak)}
	case c.Faults < 0 || c.Faults >= 1:
		return usageError{"--faults is a part of the calls, less than 1 (hint: 0.2 is every fifth)"}
	case c.PerCell < 0 || c.PerCell > c.Refunds:
		return usageError{"--per-cell must be 0 to the number of refunds"}
	}
	options := sim.SoakOptions{
		Channel: c.Channel, Refunds: c.Refunds, Faults: c.Faults, Seed: c.Seed, PerCell: c.PerCell,
		Progress: func(text string) { e.say("soak: %s", text) },
	}
	// What the service warns of is what the faults cause: it is for who asks for it.
	if e.log.Enabled(e, slog.LevelInfo) {
		options.Log = e.log
	}
	report, err := sim.Soak(e, options)
	if err != nil {
		return fmt.Errorf("soak: %w", err)
	}
	return c.print(e, report)
}

func soakedNames() (names []string) {
	for _, one := range sim.Channels() {
		names = append(names, one.Name)
	}
	return names
}

func (c *channelSimSoak) print(e *environment, report sim.SoakReport) error {
	if err := e.printTable(hitTable(report.Hits)); err != nil {
		return err
	}
	for n, difference := range report.Differences {
		if n == maxTold {
			e.say("soak: and %d more", len(report.Differences)-n)
			break
		}
		e.say("soak: %s", difference)
	}
	word := "equal"
	if len(report.Differences) > 0 {
		word = "differ"
	}
	_, err := fmt.Fprintf(e.out, "%s, seed %d: %d succeeded, %d failed, %d returned, %d adopted, %d moved in minor units, %s of simulated time; books %s\n",
		c.Channel, c.Seed, report.Succeeded, report.Failed, report.Returned, report.Adopted, report.Moved, report.Passed.Round(1e9), word)
	if err == nil && len(report.Differences) > 0 {
		err = errTold
	}
	return err
}

// hitTable shows how often each fault struck in each phase; a dash stands where it
// can't.
func hitTable(hits []channelsim.Hit) (header []string, rows [][]string) {
	header = []string{"FAULT"}
	for _, phase := range channelsim.Phases {
		header = append(header, strings.ToUpper(string(phase)))
	}
	at := make(map[channelsim.Fault]int)
	for _, hit := range hits {
		n, known := at[hit.Fault]
		if !known {
			n = len(rows)
			at[hit.Fault] = n
			rows = append(rows, append([]string{string(hit.Fault)}, slices.Repeat([]string{"-"}, len(channelsim.Phases))...))
		}
		rows[n][1+slices.Index(channelsim.Phases, hit.Phase)] = strconv.Itoa(hit.Hits)
	}
	return header, rows
}
