package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/server"
	"github.com/refundry/refundry/sim"
)

// channelSimCommand is refundry channel-sim.
type channelSimCommand struct {
	Serve channelSimServe `cmd:"" default:"withargs" help:"Serve the other side of the channels on one address, with books and faults (docs/channel-sim.md)."`
	Soak  channelSimSoak  `cmd:"" help:"Refund through a simulated channel that fails, on a clock of its own, and compare the books."`
}

// channelSimServe serves the simulator. Like bench it has no settings in the
// environment.
type channelSimServe struct {
	Listen   string  `help:"Address to listen on." default:"127.0.0.1:9090" placeholder:"HOST:PORT"`
	Data     string  `help:"Folder of sim.json, which holds the accounts, and of the channels' keys; made at the first start." default:"./channel-sim" type:"path" placeholder:"DIR"`
	Seed     uint64  `help:"What decides which calls go wrong." default:"1" placeholder:"N"`
	Faults   float64 `help:"Part of the calls that goes wrong, 0 to 1." default:"0" placeholder:"RATE"`
	Scenario string  `help:"JSON list of faults for the first calls: [{\"channel\", \"step\", \"fault\", \"count\"}]." type:"path" placeholder:"FILE"`
}

func (c *channelSimServe) Run(e *environment) error {
	switch {
	case c.Faults < 0 || c.Faults > 1:
		return usageError{"--faults is a part of the calls, 0 to 1 (hint: 0.2 is every fifth)"}
	case !onLoopback(c.Listen):
		return usageError{fmt.Sprintf("--listen %s would let other machines decide refunds: the simulator's own calls need no key (hint: listen on 127.0.0.1)", c.Listen)}
	}
	scenario, err := readScenario(c.Scenario)
	if err != nil {
		return err
	}
	listener, err := server.Listen(c.Listen)
	if err != nil {
		return err
	}
	s, err := channelsim.New(channelsim.Options{
		URL: "http://" + listener.Addr().String(), Data: c.Data, Seed: c.Seed, Faults: c.Faults, Scenario: scenario, Log: e.log,
	}, sim.Sides()...)
	if err != nil {
		_ = listener.Close()
		return err
	}
	ctx, stop := context.WithCancel(e)
	var beside sync.WaitGroup
	beside.Go(func() { s.Run(ctx) })
	err = server.Run(e, s, server.Options{
		Listener: listener, Log: e.log, NewID: newRequestID,
		Ready: func(url string) {
			e.say("channel-sim is ready at %s; its accounts are in %s/%s", url, c.Data, channelsim.AccountFile)
		},
	})
	stop()
	beside.Wait()
	return err
}

// maxScenario bounds a scenario file, in bytes.
const maxScenario = 1 << 20

// readScenario reads the faults of a file; "" is none.
func readScenario(name string) (list []channelsim.Injection, err error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := readAtMost(file, maxScenario)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("read scenario %s: %w (hint: [{\"channel\": \"wechatpay\", \"step\": \"submit\", \"fault\": \"drop_after\", \"count\": 2}])", name, err)
	}
	return list, nil
}

// fromSim are the settings and secrets of the account in a sim.json.
func fromSim(file, channel string) (settings, secrets map[string]string, err error) {
	account, err := channelsim.ReadAccount(file, channel)
	if err != nil {
		return nil, nil, fmt.Errorf("read --from-sim: %w", err)
	}
	return sim.AccountOf(channel, account)
}
