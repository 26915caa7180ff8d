// Command refundry is the whole program: the service, a demonstration of it,
// and the tools that an operator needs. There is one file per subcommand;
// docs/operations tells how to run it.
//
// Exit status: 0 fine, 1 failed, 2 wrong usage. What a person reads goes to
// stderr, data to stdout.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/telemetry"
)

// The exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// program is what the command line may say.
type program struct {
	Config    string `help:"Read settings from this TOML file; flags and environment variables go before it." placeholder:"FILE" type:"path" env:"REFUNDRY_CONFIG"`
	LogLevel  string `help:"Least level that is logged: debug, info, warn, error; default info for serve and warn for the others." enum:",debug,info,warn,error" default:"" placeholder:"LEVEL" env:"REFUNDRY_LOG_LEVEL"`
	Color     string `help:"Colours on stderr: auto (where it is a terminal and NO_COLOR is not set), always or never." enum:"auto,always,never" default:"auto" placeholder:"WHEN" env:"REFUNDRY_COLOR"`
	LogFormat string `help:"Form of the log: text or json." enum:"text,json" default:"text" placeholder:"FORM" env:"REFUNDRY_LOG_FORMAT"`

	Serve     serveCommand       `cmd:"" help:"Run the service."`
	Demo      demoCommand        `cmd:"" help:"Show one refund from end to end on a fresh database, then exit."`
	Migrate   migrateCommand     `cmd:"" help:"Bring a database to the current schema."`
	Backup    backupCommand      `cmd:"" help:"Copy a SQLite database, next to a running serve."`
	Restore   restoreCommand     `cmd:"" help:"Put a backup in the place of a SQLite database; sending starts paused."`
	Merchant  merchantCommand    `cmd:"" help:"Add, change, list and disable merchants."`
	Account   accountCommand     `cmd:"" help:"Add, change and check accounts at channels."`
	Pause     pauseCommand       `cmd:"" help:"Stop sending for a merchant, a kind of channel or the whole installation; refunds are accepted and wait."`
	Resume    resumeCommand      `cmd:"" help:"End such a pause: what waited is sent."`
	Identity  identityCommand    `cmd:"" help:"Add, change and list what merchants are known as in the dialects."`
	Charge    chargeCommand      `cmd:"" help:"Import, list and show charges."`
	Dispute   disputeCommand     `cmd:"" help:"List and show what channels said of payers' claims against charges."`
	Refund    refundCommand      `cmd:"" help:"List and show refunds, ask for them, and decide about them."`
	Bulk      bulkCommand        `cmd:"" help:"Make many refunds from a file: check it, start it as a second person, watch it."`
	Customer  customerCommand    `cmd:"" help:"Mask what is said of a customer."`
	Event     eventCommand       `cmd:"" help:"List events."`
	Endpoint  endpointCommand    `cmd:"" help:"Add, list and stop addresses that are notified of events."`
	Listen    listenCommand      `cmd:"" help:"Pass events on to a developer's machine as they come."`
	Delivery  deliveryCommand    `cmd:"" help:"List what endpoints were notified of, and send it again."`
	Notice    noticeCommand      `cmd:"" help:"List what channels sent that named no refund of ours, and try it again."`
	Balance   balanceCommand     `cmd:"" help:"Show what the named accounts of the books hold."`
	Overview  overviewCommand    `cmd:"" help:"Show how a merchant's refunds are: sums, success, times, what waits, and its channel accounts."`
	Queue     queueCommand       `cmd:"" help:"List what waits for a person, and count it."`
	Reconcile reconcileCommand   `cmd:"" help:"Compare a channel's bill of a day with the books, adopt what the channel did by itself, and list what differs; exits 1 if something does."`
	Approval  approvalCommand    `cmd:"" help:"List what waits for a second person."`
	Policy    policyCommand      `cmd:"" help:"Rules that hold refunds for approval, or refuse them: make, try out, enable."`
	Alert     alertCommand       `cmd:"" help:"List what somebody should look at, and say that you have."`
	Key       keyCommand         `cmd:"" help:"Add and list API keys, and replace the service's own."`
	User      userCommand        `cmd:"" help:"Add, change, list and remove the users of the console."`
	Audit     auditCommand       `cmd:"" help:"List who did what."`
	Verify    verifyCommand      `cmd:"" help:"Re-derive every invariant from the database; exits 1 and names the rows if one is broken."`
	Sample    sampleCommand      `cmd:"" help:"Fill a test database with a realistic month as a merchant of its own."`
	Sim       simCommand         `cmd:"" help:"Play a whole service with crashes and faults from one seed; exits 1 when an invariant breaks."`
	Bench     benchCommand       `cmd:"" help:"Measure the service under load, and check that not one cent is wrong."`
	Channel   channelSimCommand  `cmd:"" name:"channel-sim" help:"Play the other side of the channels, with books and faults, for tests."`
	Doctor    doctorCommand      `cmd:"" help:"Check configuration, database, keys and clocks, and say what to do."`
	Health    healthcheckCommand `cmd:"" name:"healthcheck" help:"Ask the serve of this machine whether it is well; exits 1 if not."`
	Version   versionCommand     `cmd:"" help:"Show the program's version."`

	Completion completionCommand `cmd:"" help:"Print what a shell needs to complete the command line."`
	Man        manCommand        `cmd:"" help:"Print the manual page."`
}

// environment is what a command runs in.
type environment struct {
	context.Context
	in       io.Reader
	out, err io.Writer
	log      *slog.Logger
	json     bool   // the log is JSON, so nothing else may stand on stderr
	config   string // the file of settings
	color    string // when stderr is coloured
}

// say writes a line for people.
func (e *environment) say(format string, args ...any) {
	_, _ = fmt.Fprintf(e.err, format+"\n", args...)
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the program with its streams; it gives the exit status.
func run(args []string, in io.Reader, out, problems io.Writer) int {
	// The database and the keys are for this user alone, whoever makes them.
	ownFilesAlone()
	if slices.Equal(args, []string{"--version"}) {
		args = []string{"version"} // as people ask most programs
	}
	var p program
	command, status := parse(&p, args, out, problems)
	if status != 0 {
		return status
	}
	for _, name := range unknownVariables(os.Environ()) {
		_, _ = fmt.Fprintf(problems, "refundry: warning: there is no setting %s (see refundry serve --help)\n", name)
	}
	// The first signal stops gracefully, the second at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ended := make(chan struct{})
	defer close(ended)
	context.AfterFunc(ctx, func() {
		stop()
		if !stopsItself(command.Command()) {
			cutOff(ended, problems)
		}
	})
	e := &environment{Context: ctx, in: in, out: out, err: problems, log: p.logger(command.Command(), problems), json: p.LogFormat == "json", config: p.Config, color: p.Color}
	err := command.Run(e)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errTold) {
		_, _ = fmt.Fprintf(problems, "%s %s\n", paint(p.Color, problems, red, "refundry:"), told(err))
	}
	if wrong := (usageError{}); errors.As(err, &wrong) {
		return exitUsage
	}
	return exitFailed
}

// signalGrace is how long a command may go on after a signal: it finishes a commit
// and says what was done. One that reads a pipe would otherwise wait for its
// writer for ever.
const signalGrace = 5 * time.Second

// stopsItself reports whether a command waits for what is under way, for a bounded
// time of its own.
func stopsItself(command string) bool {
	name, _, _ := strings.Cut(command, " ")
	return name == "serve" || name == "demo" || name == "bench" || name == "channel-sim"
}

// cutOff ends the program when a command does not end after a signal. Nothing that
// was committed is lost.
func cutOff(ended <-chan struct{}, problems io.Writer) {
	select {
	case <-ended:
	case <-time.After(signalGrace):
		_, _ = fmt.Fprintln(problems, "refundry: ended by a signal while it waited for its input or the database (hint: run it again)")
		os.Exit(exitFailed)
	}
}

// errTold says that a command failed and has already said how.
var errTold = errors.New("failed")

// usageError is wrong usage that only the command itself can see.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// parse reads the command line, then once more with the file that it names.
func parse(p *program, args []string, out, problems io.Writer) (*kong.Context, int) {
	dropEmpty()
	if err := checkVariables(); err != nil {
		return nil, wrongUsage(err, nil, problems)
	}
	parser, err := newParser(p, out, problems)
	if err != nil {
		_, _ = fmt.Fprintf(problems, "refundry: %v\n", err)
		return nil, exitFailed
	}
	command, err := parser.Parse(args)
	if err == nil {
		if err := checkGiven(args, command.Flags()); err != nil {
			return nil, wrongUsage(err, command, problems)
		}
	}
	if wrong := (&kong.ParseError{}); errors.As(err, &wrong) {
		return nil, wrongUsage(err, wrong.Context, problems)
	}
	if err != nil {
		return nil, wrongUsage(err, nil, problems)
	}
	if p.Config == "" {
		return command, 0
	}
	file, err := readFile(p.Config)
	if err == nil {
		*p = program{}
		if parser, err = newParser(p, out, problems, kong.Resolvers(file)); err == nil {
			command, err = parser.Parse(args)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintf(problems, "refundry: %v\n", err)
		return nil, exitFailed
	}
	return command, 0
}

func newParser(p *program, out, problems io.Writer, more ...kong.Option) (*kong.Kong, error) {
	options := append([]kong.Option{
		kong.Name("refundry"),
		kong.Description("A self-hosted refund service that speaks the APIs your code already calls."),
		kong.Writers(out, problems),
		registered(service.Dialects()),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
	}, more...)
	parser, err := kong.New(p, options...)
	if err != nil {
		return nil, fmt.Errorf("read the command line: %w", err)
	}
	return parser, nil
}

// registered are what help texts and flags say of the dialects in the program.
func registered(all merchant.Dialects) kong.Vars {
	names := func(which func(merchant.Dialect) bool) string {
		var out []string
		for _, d := range all {
			if which(d) {
				out = append(out, d.Name)
			}
		}
		return strings.Join(out, ",")
	}
	return kong.Vars{
		"dialects":          names(func(merchant.Dialect) bool { return true }),
		"identity_dialects": names(func(d merchant.Dialect) bool { return d.Make != nil }),
		"key_dialects":      names(func(d merchant.Dialect) bool { return d.Keys != nil }),
		"platform_kinds":    strings.Join(slices.Sorted(maps.Values(service.PlatformKinds())), ","),
	}
}

func wrongUsage(err error, in *kong.Context, problems io.Writer) int {
	command := "refundry"
	if in != nil && in.Command() != "" {
		command += " " + in.Selected().Path()
	}
	_, _ = fmt.Fprintf(problems, "refundry: %v (see %s --help)\n", err, command)
	return exitUsage
}

// told is an error as a person reads it: what the core refuses, without its
// kind and the way it took.
func told(err error) string {
	if refused := refund.As(err); refused != nil && refused.Cause == nil {
		return reason(refused)
	}
	return oneLine(err)
}

// oneLine is an error without line breaks: drivers' errors have some, and say
// the same for each address that they tried.
func oneLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	var kept []string
	for n, line := range lines {
		line = strings.TrimSpace(line)
		if n+1 < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[n+1]), line) {
			continue
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, " ")
}

// logger makes the log of a command. Only serve has something to tell while
// all is well; what the others do is told by their output.
func (p *program) logger(command string, to io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if command == "serve" {
		level = slog.LevelInfo
	}
	if p.LogLevel != "" {
		_ = level.UnmarshalText([]byte(p.LogLevel)) // kong took only names of levels
	}
	return telemetry.NewLog(to, level, p.LogFormat == "json")
}
