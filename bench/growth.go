package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// countingTime bounds how long a service counts what was filled in.
const countingTime = 5 * time.Minute

// growth measures what may not become slower as the data grows. The steps build on
// each other: each fills the same database further.
func (m *measurer) growth() []step {
	var name string // of the database
	fill := func(ctx context.Context, from, to int) (string, error) {
		var err error
		if name == "" {
			if name, err = m.cluster.Create(m.template); err != nil {
				return "", err
			}
		}
		address := m.cluster.SocketURL(name)
		m.opts.Progress(fmt.Sprintf("filling the database up to %d refunds", to))
		if err := fillRefunds(ctx, address, from, to); err != nil {
			return "", err
		}
		return address, m.count(ctx, address)
	}
	accept := Options{Mode: ModeAccept, Concurrency: 64, Unsigned: true}
	half := m.opts.Stored / 2
	return []step{
		{"accept few stored", func(ctx context.Context) (figure, error) {
			address, err := fill(ctx, 0, fewStored)
			if err != nil {
				return figure{}, err
			}
			return m.load(ctx, "postgres", address, m.charges, accept)
		}},
		{"start unfinished", func(ctx context.Context) (figure, error) { return m.startUnfinished(ctx) }},
		{"start stored", func(ctx context.Context) (figure, error) {
			address, err := fill(ctx, fewStored*min(1, len(m.series["accept few stored"])), half)
			if err != nil {
				return figure{}, err
			}
			return m.started(ctx, address)
		}},
		{"accept all stored", func(ctx context.Context) (figure, error) {
			address, err := fill(ctx, half, m.opts.Stored)
			if err != nil {
				return figure{}, err
			}
			return m.load(ctx, "postgres", address, m.charges, accept)
		}},
	}
}

// fillRefunds fills a prepared database up to a number of ended refunds.
func fillRefunds(ctx context.Context, address string, from, to int) error {
	replace := strings.NewReplacer("$1", fmt.Sprint(from), "$2", fmt.Sprint(to), "$3", fmt.Sprint(time.Now().UnixMicro())+"::BIGINT")
	for statement := range strings.SplitSeq(fillText, ";\n") {
		if err := execute(ctx, address, replace.Replace(statement)); err != nil {
			return fmt.Errorf("fill the database: %w", err)
		}
	}
	return execute(ctx, address, "VACUUM ANALYZE", "CHECKPOINT")
}

// count has a service count what was filled in for its statistics, as it would have when
// it was made: that is no part of what comes next.
func (m *measurer) count(ctx context.Context, address string) (err error) {
	const left = `SELECT f.last_number - COALESCE((SELECT c.folded FROM stat_cursors c WHERE c.merchant_id = f.merchant_id), 0)
		FROM feed_counters f WHERE f.merchant_id = 'mer_demo'`
	ctx, cancel := context.WithTimeout(ctx, countingTime)
	defer cancel()
	child, err := m.start(ctx, "postgres", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.Stop()) }()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for events := int64(1); events > 0; {
		if err := conn.QueryRow(ctx, left).Scan(&events); err != nil {
			return fmt.Errorf("wait until what is stored is counted: %w", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("what is stored is not counted yet: %w", ctx.Err())
		}
	}
	return nil
}

// started is how long a start takes, in seconds.
func (m *measurer) started(ctx context.Context, address string) (figure, error) {
	child, err := m.start(ctx, "postgres", address)
	if err != nil {
		return figure{}, err
	}
	return figure{rate: child.Took.Seconds()}, child.Stop()
}

// startUnfinished starts a service that finds refunds which another one accepted.
func (m *measurer) startUnfinished(ctx context.Context) (f figure, err error) {
	name, err := m.cluster.Create(m.template)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, m.cluster.Drop(name)) }()
	address := m.cluster.SocketURL(name)
	if err := m.leave(ctx, address); err != nil {
		return f, err
	}
	return m.started(ctx, address)
}

// leave accepts refunds and ends the service.
func (m *measurer) leave(ctx context.Context, address string) (err error) {
	child, err := m.start(ctx, "postgres", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.Stop()) }()
	opts := Options{Target: child.URL, Mode: ModeAccept, charges: m.charges}
	if opts.Credentials, err = child.Credentials(); err != nil {
		return err
	}
	if opts, err = opts.withDefaults(); err != nil {
		return err
	}
	r, err := newRun(opts)
	if err != nil {
		return err
	}
	defer r.close()
	undo, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	if made := r.load(ctx, MaxDuration, unfinished); len(made) < unfinished {
		return fmt.Errorf("%d of %d refunds were made", len(made), unfinished)
	}
	// Resumed, so that the next service goes on with them; this one has no time to.
	return undo[0](ctx)
}

// verified runs refundry verify on the database that whole lives have left, whose rows
// are real. Its time is scaled to a million refunds, its memory is what it took.
func (m *measurer) verified(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var refunds int64
	if err := conn.QueryRow(ctx, "SELECT COUNT(*) FROM refunds WHERE merchant_id = 'mer_demo'").Scan(&refunds); err != nil {
		return err
	}
	const scaled = 1e6
	took, err := m.opts.Own.verify(ctx, address)
	if err == nil && refunds > 0 {
		m.series["verify"] = append(m.series["verify"], figure{rate: took.Took.Seconds() * scaled / float64(refunds), memory: took.Memory})
	}
	return err
}
