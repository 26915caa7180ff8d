package bench

import (
	"bufio"
	"context"
	_ "embed" // sql/
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/internal/pgcluster"
)

// figure is one measured run of ours or of a reference.
type figure struct {
	rate     float64 // a second, or seconds where the row says so
	p99      Micros
	service  Micros // CPU: the service's, or pgbench's
	postgres Micros
	load     Micros
	wal      int64
	memory   int64 // at most, in bytes
	grows    bool
}

var (
	//go:embed sql/schema.sql
	referenceSchema string
	//go:embed sql/uniform.sql
	referenceUniform string
	//go:embed sql/hot.sql
	referenceHot string
)

// referenceBody is a refund as it is stored, of 608 bytes.
var referenceBody = func() string {
	const size = 608
	head, tail := `{"object":"refund","amount":100,"currency":"cny","state":"created","metadata":{"order_no":"`, `"}}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}()

// referencePostgres is the database of pgbench.
type referencePostgres struct {
	cluster *pgcluster.Cluster
	name    string
	dir     string
}

func openReferencePostgres(ctx context.Context, cluster *pgcluster.Cluster, dir string) (*referencePostgres, error) {
	name, err := cluster.Create("")
	if err != nil {
		return nil, err
	}
	r := &referencePostgres{cluster, name, dir}
	if err := execute(ctx, cluster.SocketURL(name), referenceSchema, "VACUUM (FREEZE, ANALYZE) reference_charges"); err != nil {
		return nil, fmt.Errorf("make the reference: %w", err)
	}
	return r, nil
}

// execute runs statements one by one, each of which may hold several.
func execute(ctx context.Context, address string, statements ...string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, statement := range statements {
		if _, err := conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

var ratePrinted = regexp.MustCompile(`tps = ([0-9.]+) `)

// run measures a script of pgbench.
func (r *referencePostgres) run(ctx context.Context, script string, clients int, duration time.Duration) (f figure, err error) {
	address := r.cluster.SocketURL(r.name)
	err = execute(ctx, address, "TRUNCATE reference_refunds, reference_keys, reference_events, reference_jobs", "VACUUM reference_charges", "CHECKPOINT")
	if err != nil {
		return f, fmt.Errorf("empty the reference: %w", err)
	}
	dir, err := os.MkdirTemp(r.dir, "pgbench-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return f, err
	}
	command := exec.CommandContext(ctx, r.cluster.Program("pgbench"), "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(2, clients)),
		"-T", strconv.Itoa(max(1, int(duration.Seconds()))), "-D", "body="+referenceBody, "-l", "--log-prefix", filepath.Join(dir, "log"), "-f", file)
	command.Env = r.cluster.Environment(r.name)
	var printed strings.Builder
	command.Stdout = &printed
	walBefore, err := walPosition(ctx, address)
	if err != nil {
		return f, err
	}
	timeBefore, err := treeTime(r.cluster.PID())
	if err != nil {
		return f, err
	}
	took, err := runProgram(ctx, command)
	if err != nil {
		return f, fmt.Errorf("%w (hint: make setup)", err)
	}
	timeAfter, err := treeTime(r.cluster.PID())
	if err != nil {
		return f, err
	}
	walAfter, err := walPosition(ctx, address)
	if err != nil {
		return f, err
	}
	latencies, err := readLatencies(dir)
	if err != nil {
		return f, err
	}
	match := ratePrinted.FindStringSubmatch(printed.String())
	if match == nil || len(latencies) == 0 {
		return f, fmt.Errorf("pgbench printed no rate: %s", printed.String())
	}
	if f.rate, err = strconv.ParseFloat(match[1], 64); err != nil {
		return f, err
	}
	each := func(d time.Duration) Micros { return Micros((d / time.Duration(len(latencies))).Microseconds()) }
	f.p99, f.load, f.postgres = percentile(latencies, 99), each(took.CPU), each(timeAfter-timeBefore)
	f.wal = (walAfter - walBefore) / int64(len(latencies))
	return f, nil
}

// readLatencies reads pgbench's logs, a line a transaction, whose third word is its
// time in microseconds.
func readLatencies(dir string) (sorted []time.Duration, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if words := strings.Fields(lines.Text()); len(words) > 2 {
				micros, err := strconv.ParseInt(words[2], 10, 64)
				if err != nil {
					continue // a transaction that was skipped
				}
				sorted = append(sorted, time.Duration(micros)*time.Microsecond)
			}
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return nil, err
		}
	}
	slices.Sort(sorted)
	return sorted, nil
}
