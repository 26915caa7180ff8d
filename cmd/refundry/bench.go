package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/bench"
)

// benchCommand is refundry bench (docs/performance.md). It has no settings in the
// environment: a forgotten variable must not aim it at a database or a service that
// works for someone.
type benchCommand struct {
	Run   benchRun   `cmd:"" default:"withargs" help:"Put a service under load, and check that not one cent is wrong (docs/performance.md)."`
	Table benchTable `cmd:"" help:"Measure services of its own on a throw-away PostgreSQL cluster and on SQLite beside what the databases themselves can do, and print a line for each target (docs/performance.md)."`
}

// benchRun is one load.
type benchRun struct {
	jsonFlag
	Self     bool   `help:"Load a service of its own, in a child process with a fresh database, and verify the database afterwards."`
	Database string `help:"Database of --self; default a fresh SQLite file. It must be empty or the demo's." placeholder:"URL"`
	Postgres bool   `help:"Database of --self on a throw-away PostgreSQL cluster; then PostgreSQL's CPU time is measured too."`
	Profile  string `help:"With --self: write the service's CPU profile of the measured time, for go tool pprof; default none." type:"path" placeholder:"FILE"`

	Target      string     `help:"The running service; default http://127.0.0.1:8080." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Mode        bench.Mode `help:"What is measured: requests (while all that follows runs behind), accept (the merchant's channel accounts are paused meanwhile), life (accepted, refunded by the channel, and a webhook received by this program), retrieve or list (reads); default requests." default:"requests" placeholder:"MODE"`
	Dialect     string     `help:"API to refund through: pingpp, native, wallet, payin or wechatpay; default pingpp." default:"pingpp" placeholder:"NAME"`
	Credentials string     `help:"What a merchant in test mode calls with, as merchant add --json prints it; default the demo merchant's of --self, or its published Ping++, wallet and native keys." type:"path" placeholder:"FILE"`
	Key         string     `help:"API key in that dialect, instead of the credentials'." placeholder:"KEY"`
	NativeKey   string     `help:"Native key of the same merchant, to register charges and count; default the credentials', or the demo merchant's." placeholder:"KEY"`

	Rate        int           `help:"Requests a second, whatever the service does (open loop); 0 keeps all callers busy (closed loop); default 0." default:"0" placeholder:"N"`
	Concurrency int           `help:"Requests under way at once; default 64." default:"64" placeholder:"N"`
	Duration    time.Duration `help:"How long load is measured; default 10s." default:"10s" placeholder:"TIME"`
	WarmUp      time.Duration `help:"Load before it is measured; default 1s." default:"1s" placeholder:"TIME"`
	Charges     int           `help:"Charges that are registered and refunded from; 1 is one hot charge; default 1000." default:"1000" placeholder:"N"`
	Queue       int           `help:"Mode life, closed loop: refunds under way; callers wait while so many webhooks have not come; default 4096." default:"4096" placeholder:"N"`
	Unsigned    bool          `help:"Have Ping++ answers come without a signature meanwhile, which is a setting of the merchant."`
	Repeatable  bool          `help:"Send an Idempotency-Key with each refund (Ping++ and native API; the other dialects' refunds have numbers)." negatable:"" default:"true"`
}

// Validate is called by kong.
func (c *benchRun) Validate() error {
	switch {
	case !c.Self && (c.Database != "" || c.Postgres || c.Profile != ""):
		return usageError{"--database, --postgres and --profile go with --self"}
	case c.Database != "" && c.Postgres:
		return usageError{"--database and --postgres name two databases"}
	case c.Self && c.Credentials != "":
		return usageError{"--credentials goes with --target: --self has the demo merchant"}
	}
	return nil
}

func (c *benchRun) Run(e *environment) error {
	report, err := c.measure(e)
	if err != nil {
		return err
	}
	if c.JSON {
		err = e.printJSON(report)
	} else {
		report.Print(e.out)
	}
	if err == nil && (len(report.Count.Wrong) > 0 || report.Accepted == 0) {
		err = fmt.Errorf("bench: %d of %d requests were accepted, and %d faults were found in the count (hint: refundry verify names the rows)", report.Accepted, report.Requests, len(report.Count.Wrong))
	}
	return err
}

func (c *benchRun) measure(e *environment) (bench.Report, error) {
	opts := bench.Options{
		Target: c.Target, Mode: c.Mode, Dialect: c.Dialect, Key: c.Key, Repeatable: c.Repeatable, Rate: c.Rate, Concurrency: c.Concurrency,
		Duration: c.Duration, WarmUp: c.WarmUp, Charges: c.Charges, Queue: c.Queue, Unsigned: c.Unsigned, Progress: func(text string) { e.say("bench: %s", text) },
	}
	if c.Self {
		own, err := ownService()
		if err != nil {
			return bench.Report{}, err
		}
		own.Database, own.Postgres, own.Profile = c.Database, c.Postgres, c.Profile
		return bench.RunOwn(e, own, opts)
	}
	credentials, err := c.credentials()
	if err != nil {
		return bench.Report{}, err
	}
	opts.Credentials = credentials
	return bench.Run(e, opts)
}

// ownService is this program, to be started again.
func ownService() (bench.OwnOptions, error) {
	program, err := os.Executable()
	if err != nil {
		return bench.OwnOptions{}, fmt.Errorf("find this program: %w", err)
	}
	return bench.OwnOptions{Program: program, Name: filepath.Base(os.Args[0])}, nil
}

// credentials are the file's; without one those of the demo merchant that are the
// same everywhere.
func (c *benchRun) credentials() (out bench.Credentials, err error) {
	if c.Credentials != "" {
		out, err = bench.ReadCredentials(c.Credentials)
	} else {
		out.Native.Key, out.PingPP.Key = "rk_test_demo", demoKey
		out.Wallet.APIKey, out.Wallet.WalletID = demoKey, "wallet_demo"
		out.Payin.MerchantID, out.Payin.ClientKey, out.Payin.Secret = "M948164", "AK000000000000000000000000000001", "payin-test-secret"
	}
	if c.NativeKey != "" {
		out.Native.Key = c.NativeKey
	}
	return out, err
}

// benchTable is make bench.
type benchTable struct {
	jsonFlag
	Rounds   int           `help:"Interleaved runs of each measure, whose median counts; default 3." default:"3" placeholder:"N"`
	Duration time.Duration `help:"How long each load is measured; default 4s." default:"4s" placeholder:"TIME"`
	Life     time.Duration `help:"How long whole lives are sustained, in the first round; further rounds take a quarter; default 60s." default:"60s" placeholder:"TIME"`
	Stored   int           `help:"Stored refunds of the lines about growth: start at half of them, acceptance at all; default 2000000." default:"2000000" placeholder:"N"`
	Only     []string      `help:"Only lines whose names contain this text; repeatable; default all." sep:"none" placeholder:"TEXT"`
}

func (c *benchTable) Run(e *environment) error {
	own, err := ownService()
	if err != nil {
		return err
	}
	table, err := bench.RunTable(e, bench.TableOptions{
		Own: own, Rounds: c.Rounds, Duration: c.Duration, Life: c.Life, Stored: c.Stored, Only: c.Only,
		Progress: func(text string) { e.say("bench: %s", text) },
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(table)
	}
	table.Print(e.out)
	return nil
}
