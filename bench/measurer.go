package bench

import (
	"context"
	_ "embed" // sql/
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/refundry/refundry/internal/pgcluster"
)

const (
	// tableCharges are what refunds are spread over, as in the reference.
	tableCharges = 100_000
	// tableWarmUp comes before each load.
	tableWarmUp = time.Second
	// fewStored is what growth is compared with.
	fewStored = 100_000
	// unfinished refunds are there when a service starts.
	unfinished = 10_000
)

//go:embed sql/fill.sql
var fillText string

func cores() int { return runtime.GOMAXPROCS(0) }

// measurer makes the runs that lines need, each on a fresh copy of a prepared
// database.
type measurer struct {
	opts    TableOptions
	needed  map[string]bool // series
	dir     string
	cluster *pgcluster.Cluster
	refs    *referencePostgres
	charges []charge
	// template is the PostgreSQL database, and file the SQLite one, with the charges.
	template, file string
	fileCharges    []charge

	series map[string][]figure
	failed map[string]error
}

// newMeasurer prepares what all runs need. Where that fails nothing of it is left.
func newMeasurer(ctx context.Context, opts TableOptions, lines []spec) (_ *measurer, err error) {
	m := &measurer{opts: opts, needed: make(map[string]bool), series: make(map[string][]figure), failed: make(map[string]error)}
	for _, line := range lines {
		m.needed[line.ours], m.needed[line.reference] = true, true
	}
	if m.dir, err = os.MkdirTemp("", "refundry-bench-"); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	// User postgres walks through it to nothing; the services' folders are ours.
	opts.Progress("starting a PostgreSQL cluster")
	if m.cluster, err = pgcluster.New(pgcluster.Options{}); err != nil {
		return nil, err
	}
	if m.refs, err = openReferencePostgres(ctx, m.cluster, m.dir); err != nil {
		return nil, err
	}
	opts.Progress(fmt.Sprintf("registering %d charges in PostgreSQL and SQLite", tableCharges))
	if m.template, err = m.cluster.Create(""); err != nil {
		return nil, err
	}
	if m.charges, err = m.prepare(ctx, "postgres", m.cluster.SocketURL(m.template)); err != nil {
		return nil, err
	}
	if m.needed["sqlite accept"] || m.needed["sqlite life"] {
		m.file = filepath.Join(m.dir, "prepared.db")
		if m.fileCharges, err = m.prepare(ctx, "sqlite", "sqlite:"+m.file); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *measurer) close() error {
	var err error
	if m.cluster != nil {
		err = m.cluster.Close()
	}
	return errors.Join(err, os.RemoveAll(m.dir))
}

// start starts a service; folder has its master key, which belongs to the database.
func (m *measurer) start(ctx context.Context, folder, database string) (*Child, error) {
	dir := filepath.Join(m.dir, folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return StartChild(ctx, ChildOptions{Program: m.opts.Own.Program, Name: m.opts.Own.Name, Database: database, Dir: dir})
}

// prepare registers the charges in a database that others are copied from.
func (m *measurer) prepare(ctx context.Context, folder, database string) (_ []charge, err error) {
	child, err := m.start(ctx, folder, database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, child.Stop()) }()
	credentials, err := child.Credentials()
	if err != nil {
		return nil, err
	}
	opts, err := Options{Target: child.URL, Credentials: credentials, Charges: tableCharges}.withDefaults()
	if err != nil {
		return nil, err
	}
	r, err := newRun(opts)
	if err != nil {
		return nil, err
	}
	defer r.close()
	_, err = r.prepare(ctx)
	return r.charges, err
}

// step is one measured run of a round.
type step struct {
	series string
	run    func(ctx context.Context) (figure, error)
}

// round makes one run of everything, ours between the references.
func (m *measurer) round(ctx context.Context, round int) error {
	for _, one := range m.steps(round) {
		if !m.needs(one.series) || m.failed[one.series] != nil {
			continue
		}
		m.opts.Progress(fmt.Sprintf("round %d of %d: %s", round+1, m.opts.Rounds, one.series))
		f, err := one.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.opts.Progress(fmt.Sprintf("%s: %v", one.series, err))
			text, _, _ := strings.Cut(err.Error(), "\n")
			m.failed[one.series] = errors.New(text)
			continue
		}
		m.series[one.series] = append(m.series[one.series], f)
		if f.memory > 0 {
			m.series["memory"] = most(m.series["memory"], f)
		}
	}
	return nil
}

// needs reports whether a step is wanted by any line. Whole lives leave what is
// verified.
func (m *measurer) needs(series string) bool {
	return m.needed[series] || series == "life 64" && m.needed["verify"]
}

// most keeps the figure with the most memory.
func most(of []figure, f figure) []figure {
	if len(of) > 0 && of[0].memory >= f.memory {
		return of
	}
	return []figure{{memory: f.memory}}
}

func (m *measurer) steps(round int) []step {
	accept := func(callers int) func(context.Context) (figure, error) {
		return m.postgres(Options{Mode: ModeAccept, Concurrency: callers, Unsigned: true})
	}
	life := m.opts.Life
	if round > 0 {
		life = max(life/4, time.Second)
	}
	steps := []step{
		{"b1-u 1", m.pgbench(referenceUniform, 1)},
		{"accept 1", accept(1)},
		{"b1-u 8", m.pgbench(referenceUniform, 8)},
		{"accept 8", accept(8)},
		{"b1-u 32", m.pgbench(referenceUniform, 32)},
		{"accept 32", accept(32)},
		{"accept 64", accept(64)},
		{"b1-u 64", m.pgbench(referenceUniform, 64)},
		{"accept 256", accept(256)},
		{"hot 64", m.postgres(Options{Mode: ModeAccept, Concurrency: 64, Unsigned: true, charges: m.charges[:1]})},
		{"b1-h 32", m.pgbench(referenceHot, 32)},
		{"life 64", m.postgres(Options{Mode: ModeLife, Dialect: dialectNative, Concurrency: 64, Duration: life})},
		{"retrieve", m.postgres(Options{Mode: ModeRetrieve, Unsigned: true, Concurrency: 64})},
		{"list", m.postgres(Options{Mode: ModeList, Unsigned: true, Concurrency: 64})},
		{"sqlite 64 a commit", func(ctx context.Context) (figure, error) { return referenceSQLite(ctx, m.dir, m.opts.Duration) }},
		{"sqlite accept", m.sqlite(Options{Mode: ModeAccept, Concurrency: 64, Unsigned: true})},
		{"sqlite life", m.sqlite(Options{Mode: ModeLife, Dialect: dialectNative, Concurrency: 64})},
		{"rsa sign", m.rsa(false)},
		{"rsa sign+verify", m.rsa(true)},
		{"wechatpay", m.postgres(Options{Mode: ModeAccept, Dialect: dialectWeChat, Concurrency: 64})},
		{"pingpp signed", m.postgres(Options{Mode: ModeAccept, Concurrency: 64})},
	}
	if round == 0 {
		steps = append(steps, m.growth()...)
	}
	return steps
}

func (m *measurer) pgbench(script string, clients int) func(context.Context) (figure, error) {
	return func(ctx context.Context) (figure, error) { return m.refs.run(ctx, script, clients, m.opts.Duration) }
}

func (m *measurer) rsa(both bool) func(context.Context) (figure, error) {
	return func(ctx context.Context) (figure, error) {
		sign, two, err := referenceRSA(ctx, time.Second)
		if both {
			return two, err
		}
		return sign, err
	}
}

// postgres runs a load on a copy of the prepared database.
func (m *measurer) postgres(load Options) func(context.Context) (figure, error) {
	return func(ctx context.Context) (f figure, err error) {
		name, err := m.cluster.Create(m.template)
		if err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, m.cluster.Drop(name)) }()
		address := m.cluster.SocketURL(name)
		f, err = m.load(ctx, "postgres", address, m.charges, load)
		if err == nil && load.Mode == ModeLife {
			err = m.verified(ctx, address)
		}
		return f, err
	}
}

// sqlite does the same on a copy of the file.
func (m *measurer) sqlite(load Options) func(context.Context) (figure, error) {
	return func(ctx context.Context) (f figure, err error) {
		name := filepath.Join(m.dir, "copy.db")
		defer func() {
			for _, tail := range []string{"", "-wal", "-shm", ".lock"} {
				_ = os.Remove(name + tail) // not all are there
			}
		}()
		if err := copyFile(m.file, name); err != nil {
			return f, err
		}
		return m.load(ctx, "sqlite", "sqlite:"+name, m.fileCharges, load)
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

// load runs one load on a service of its own.
func (m *measurer) load(ctx context.Context, folder, database string, charges []charge, load Options) (f figure, err error) {
	if isPostgres(database) {
		if err := execute(ctx, database, "VACUUM ANALYZE", "CHECKPOINT"); err != nil {
			return f, err
		}
		load.Database, load.Cluster = database, m.cluster.PID()
	}
	child, err := m.start(ctx, folder, database)
	if err != nil {
		return f, err
	}
	defer child.Kill() // its database is thrown away
	if load.Credentials, err = child.Credentials(); err != nil {
		return f, err
	}
	if load.charges == nil {
		load.charges = charges
	}
	setDefault(&load.Duration, m.opts.Duration)
	load.Target, load.Process, load.WarmUp, load.Repeatable, load.SkipCount = child.URL, child.PID(), tableWarmUp, true, true
	report, err := Run(ctx, load)
	if err != nil {
		return f, err
	}
	if report.Accepted == 0 || len(report.Errors) > 0 {
		return f, fmt.Errorf("%d of %d requests were answered well; errors: %v", report.Accepted, report.Requests, report.Errors)
	}
	return report.figure(), nil
}

func (r Report) figure() figure {
	f := figure{
		rate: r.Throughput, p99: r.P99, service: r.Meter.CPU, postgres: r.Meter.Postgres, load: r.Meter.Load,
		wal: r.Meter.WAL, memory: r.Meter.Peak,
	}
	if r.Life != nil {
		f.rate, f.grows = r.Life.Throughput, r.Life.Grows
	}
	return f
}
