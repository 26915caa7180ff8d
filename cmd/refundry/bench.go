package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/bench"
	"github.com/refundry/refundry/merchant"
)

// benchCommand puts a service under load and counts every cent afterwards. It
// has no settings in the environment: a forgotten variable must not aim it at
// a database or a service that works for someone.
type benchCommand struct {
	jsonFlag
	Self     bool   `help:"Load a service of this process's own, on a fresh database, and verify it afterwards."`
	Database string `help:"Database of --self; default a fresh SQLite file. It must be empty or the demo's." placeholder:"URL"`

	Target    string `help:"The running service." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Dialect   string `help:"API to refund through: pingpp or native." enum:"pingpp,native" default:"pingpp"`
	Key       string `help:"API key in that dialect, of a merchant in test mode; default the demo merchant's." placeholder:"KEY"`
	NativeKey string `help:"Native key of the same merchant, to register charges and count; default the demo merchant's." default:"rk_test_demo" placeholder:"KEY"`

	Rate        int           `help:"Requests a second, whatever the service does (open loop); 0 keeps all callers busy (closed loop)." default:"0" placeholder:"N"`
	Concurrency int           `help:"Requests under way at once." default:"64" placeholder:"N"`
	Duration    time.Duration `help:"How long load is measured." default:"10s" placeholder:"TIME"`
	WarmUp      time.Duration `help:"Load before it is measured." default:"1s" placeholder:"TIME"`
	Charges     int           `help:"Charges that are registered and refunded from; 1 is one hot charge." default:"1000" placeholder:"N"`
}

func (c *benchCommand) Run(e *environment) (err error) {
	target := c.Target
	var own *house
	if c.Self {
		dir, err := os.MkdirTemp("", "refundry-bench-")
		if err != nil {
			return fmt.Errorf("make bench folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		database := c.Database
		if database == "" {
			database = "sqlite:" + filepath.Join(dir, "bench.db")
		}
		if own, err = openHouse(e, dir, database, "127.0.0.1:0", false); err != nil {
			return err
		}
		defer func() {
			if closing := own.close(); err == nil {
				err = closing
			}
		}()
		target = own.url
	}
	report, err := bench.Run(e, c.options(e, target))
	if err != nil {
		return err
	}
	if c.JSON {
		err = e.printJSON(report)
	} else {
		report.Print(e.out)
	}
	if err != nil {
		return err
	}
	if own != nil {
		if err := own.verified(e); err != nil {
			return err
		}
	}
	if len(report.Count.Wrong) > 0 || report.Accepted == 0 {
		return fmt.Errorf("bench: %d of %d requests were accepted, and %d faults were found in the count (hint: refundry verify names the rows)", report.Accepted, report.Requests, len(report.Count.Wrong))
	}
	return nil
}

func (c *benchCommand) options(e *environment, target string) bench.Options {
	key := c.Key
	if key == "" {
		key = map[string]string{merchant.PingPP: demoKey, merchant.Native: c.NativeKey}[c.Dialect]
	}
	return bench.Options{
		Target: target, Dialect: c.Dialect, Key: key, NativeKey: c.NativeKey, Rate: c.Rate, Concurrency: c.Concurrency,
		Duration: c.Duration, WarmUp: c.WarmUp, Charges: c.Charges, Progress: func(text string) { e.say("bench: %s", text) },
	}
}
