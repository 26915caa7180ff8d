package main

import (
	"fmt"
	"os"
	"time"

	"github.com/refundry/refundry/bench"
)

// benchCommand puts a running service under load and counts every cent.
type benchCommand struct {
	Target      string        `help:"Address of the service." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Self        bool          `help:"Start a service of its own for the run, on a fresh SQLite file in this process, instead of --target."`
	Dialect     string        `help:"API to refund through: pingpp or native." enum:"pingpp,native" default:"pingpp"`
	Key         string        `help:"API key of the dialect; default the demo merchant's." placeholder:"KEY"`
	NativeKey   string        `help:"Native API key of the same merchant, for registering charges and counting; default the demo merchant's." default:"rk_test_demo" placeholder:"KEY"`
	Rate        int           `help:"Requests a second, whatever the service does (open loop); 0 keeps all callers busy (closed loop)." default:"0"`
	Concurrency int           `help:"Requests under way at once." default:"64"`
	Duration    time.Duration `help:"How long the load is measured." default:"10s"`
	WarmUp      time.Duration `help:"Load before that, which is not measured." default:"1s"`
	Charges     int           `help:"Charges to refund from; 1 is one hot charge." default:"1000"`
	JSON        bool          `name:"json" help:"Print the report as JSON."`
}

// demoKeys are the demo merchant's, by dialect.
var demoKeys = map[string]string{"pingpp": "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC", "native": "rk_test_demo"}

func (c *benchCommand) Run(e *environment) error {
	opts := bench.Options{
		Target: c.Target, Dialect: c.Dialect, Key: c.Key, NativeKey: c.NativeKey, Rate: c.Rate,
		Concurrency: c.Concurrency, Duration: c.Duration, WarmUp: c.WarmUp, Charges: c.Charges,
		Progress: func(text string) { e.say("bench: %s", text) },
	}
	if opts.Key == "" {
		opts.Key = demoKeys[c.Dialect]
	}
	if c.Self {
		dir, err := os.MkdirTemp("", "refundry-bench-")
		if err != nil {
			return fmt.Errorf("make bench folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		house, err := openHouse(e, dir, "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer func() { _ = house.close() }()
		opts.Target = house.url
	}
	report, err := bench.Run(e, opts)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := e.printJSON(report); err != nil {
			return err
		}
	} else {
		report.Print(e.out)
	}
	if len(report.Count.Wrong) > 0 {
		return fmt.Errorf("bench: %d faults were found in the count (hint: refundry verify names the rows)", len(report.Count.Wrong))
	}
	return nil
}
