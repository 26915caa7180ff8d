package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Meter is what a run cost, for each refund that was accepted, or whose whole life
// ended where that is measured. With load from the same machine it says more than
// the throughput: other work changes how fast the service gets through, and hardly
// what each refund costs it. What can't be read is zero.
type Meter struct {
	// CPU is the service's time for each. It runs on behind the answers: what is not
	// done at the end of the load is not in it.
	CPU Micros `json:"cpu_us_per_refund"`
	// Postgres is the time of all processes of a PostgreSQL cluster of our own,
	// Load the load generator's, with its receiver of webhooks.
	Postgres Micros `json:"postgres_cpu_us_per_refund"`
	Load     Micros `json:"load_cpu_us_per_refund"`
	// WAL is what was written to PostgreSQL's log, in bytes.
	WAL int64 `json:"wal_bytes_per_refund"`
	// Batch is how many units shared a commit of the intake, on average.
	Batch float64 `json:"units_per_commit"`
	// Memory is the process's resident memory at the end, in bytes, and Peak the
	// most that it has had since its start, where it is a child of ours.
	Memory int64 `json:"resident_bytes"`
	Peak   int64 `json:"peak_bytes"`
}

// The metrics that a Meter is made of.
const (
	metricCPU     = "process_cpu_seconds_total"
	metricMemory  = "process_resident_memory_bytes"
	metricUnits   = "refundry_intake_batch_units_sum"
	metricCommits = "refundry_intake_batch_units_count"
)

// gauge is one look at everything that is metered.
type gauge struct {
	at              time.Time
	service         map[string]float64
	postgres, load  time.Duration
	wal             int64
	peak            int64
	queue, received int
}

// gauge looks. The service's metrics and /proc may be missing, the database may
// not: its URL was given.
func (r *run) gauge(ctx context.Context) (g gauge, err error) {
	g.service = r.metrics(ctx)
	if r.opts.Process > 0 {
		g.peak, _ = peakMemory(r.opts.Process)
	}
	if r.opts.Cluster > 0 {
		g.postgres, _ = treeTime(r.opts.Cluster)
	}
	if r.opts.Database != "" {
		if g.wal, err = walPosition(ctx, r.opts.Database); err != nil {
			return g, fmt.Errorf("read the position of PostgreSQL's log: %w", err)
		}
	}
	if r.sink != nil {
		g.received, g.queue = int(r.sink.received.Load()), int(r.queue())
	}
	g.load, g.at = ownTime(), time.Now()
	return g, nil
}

func isPostgres(address string) bool { return strings.HasPrefix(address, "postgres") }

func walPosition(ctx context.Context, address string) (position int64, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = conn.QueryRow(ctx, "SELECT (pg_current_wal_lsn() - '0/0')::BIGINT").Scan(&position)
	return position, err
}

// metrics reads the service's; nothing of one that does not show them.
func (r *run) metrics(ctx context.Context) map[string]float64 {
	values := make(map[string]float64)
	status, text, err := r.fetch(ctx, http.MethodGet, r.opts.Target+"/metrics", "")
	if err != nil || status != http.StatusOK {
		return values
	}
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case metricCPU, metricMemory, metricUnits, metricCommits:
			if number, err := strconv.ParseFloat(value, 64); err == nil {
				values[name] = number
			}
		}
	}
	return values
}

// metered compares the looks before and after a load.
func metered(before, after gauge, done int) Meter {
	rise := func(name string) float64 { return after.service[name] - before.service[name] }
	m := Meter{Memory: int64(after.service[metricMemory]), Peak: after.peak}
	if rise(metricCommits) > 0 {
		m.Batch = rise(metricUnits) / rise(metricCommits)
	}
	if done == 0 {
		return m
	}
	each := func(spent time.Duration) Micros { return Micros((spent / time.Duration(done)).Microseconds()) }
	m.CPU = each(time.Duration(rise(metricCPU) * float64(time.Second)))
	m.Postgres, m.Load = each(after.postgres-before.postgres), each(after.load-before.load)
	m.WAL = (after.wal - before.wal) / int64(done)
	return m
}
