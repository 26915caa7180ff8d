package bulk

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

// Accept takes one unit to the intake, and returns its refund.
type Accept func(ctx context.Context, unit refund.Unit) (refund.Refund, error)

// RunnerOptions may be zero.
type RunnerOptions struct {
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default slog.Default()
	// Pace is how often Run looks for jobs; default half a second.
	Pace time.Duration
}

// Runner does the steps of jobs. It is not for concurrent use, but for Wake.
type Runner struct {
	store  Store
	accept Accept
	opts   RunnerOptions
	work   map[Key]*batch
	ended  sync.WaitGroup
	wake   chan struct{}
}

const (
	// lease is how long a job belongs to who took it. Handing a batch over takes
	// less than the intake's longest answer; a job that was taken over meanwhile is
	// handed over again under the same numbers, which changes nothing.
	lease = time.Minute
	// maxJobs is how many jobs one process works on at once.
	maxJobs = 8
	// defaultPace is RunnerOptions.Pace.
	defaultPace = 500 * time.Millisecond
)

// NewRunner makes a runner. accept may be nil for one that only checks.
func NewRunner(store Store, accept Accept, opts RunnerOptions) *Runner {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Pace == 0 {
		opts.Pace = defaultPace
	}
	return &Runner{store: store, accept: accept, opts: opts, work: make(map[Key]*batch), wake: make(chan struct{}, 1)}
}

func (r *Runner) now() time.Time { return r.opts.Now().UTC().Truncate(time.Microsecond) }

// Wake has Run look for jobs now.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Busy reports whether lines are on their way to the intake.
func (r *Runner) Busy() bool { return len(r.work) > 0 }

// Run does steps until ctx ends; what was handed over by then is recorded.
func (r *Runner) Run(ctx context.Context) {
	ticker := time.NewTicker(r.opts.Pace)
	defer ticker.Stop()
	for ctx.Err() == nil {
		done, err := r.Step(ctx)
		if err != nil && ctx.Err() == nil {
			r.opts.Log.Warn("bulk jobs were not looked at", "error", err)
		}
		if done > 0 && err == nil {
			continue
		}
		select {
		case <-ticker.C:
		case <-r.wake:
		case <-ctx.Done():
		}
	}
	r.ended.Wait()
	r.collect(context.WithoutCancel(ctx))
}

// Step records what the intake has answered and does one piece of each job that
// is due. It returns how much there was to do, and waits for nobody.
func (r *Runner) Step(ctx context.Context) (int, error) {
	done := r.collect(ctx)
	due, err := r.store.DueBulkJobs(ctx, r.now(), maxJobs)
	if err != nil {
		return done, err
	}
	for _, key := range due {
		if r.work[key] != nil || len(r.work) >= maxJobs {
			continue
		}
		if r.StepJob(ctx, key) {
			done++
		}
	}
	return done, nil
}

// StepJob does one piece of one job; false means that it was not due, or somebody
// else's. What goes wrong is noted on the job, and harms no other.
func (r *Runner) StepJob(ctx context.Context, key Key) bool {
	job, err := r.claim(ctx, key)
	if err != nil {
		if !errors.Is(err, errTaken) && ctx.Err() == nil {
			r.opts.Log.Warn("a bulk job was not claimed", "merchant_id", key.MerchantID, "job", key.ID, "error", err)
		}
		return false
	}
	switch job.State {
	case Uploading:
		err = r.save(ctx, job, func(now Job) (Changed, error) {
			now.State, now.Reason, now.EndedAt, now.DueAt = Stopped, BrokeOff, r.now(), time.Time{}
			return Changed{Job: now}, nil
		})
	case Checking:
		err = r.check(ctx, job)
	case Running:
		err = r.run(ctx, job)
	}
	if err != nil && ctx.Err() == nil {
		r.failed(ctx, job, err)
	}
	return true
}

var errTaken = errors.New("the job is not due, or somebody else's")

// claim takes a job's lease.
func (r *Runner) claim(ctx context.Context, key Key) (Job, error) {
	return r.store.ChangeBulkJob(ctx, key, nil, func(job Job) (Changed, error) {
		now := r.now()
		if !job.State.Works() || job.DueAt.After(now) || job.LeaseUntil.After(now) || job.State == Running && r.accept == nil {
			return Changed{}, errTaken
		}
		job.LeaseEpoch++
		job.LeaseUntil = now.Add(lease)
		return Changed{Job: job}, nil
	})
}

// save writes what a piece made of a job, unless somebody else has it by now, and
// gives the lease back.
func (r *Runner) save(ctx context.Context, claimed Job, change func(now Job) (Changed, error)) error {
	_, err := r.store.ChangeBulkJob(ctx, claimed.Key(), nil, func(job Job) (Changed, error) {
		if job.LeaseEpoch != claimed.LeaseEpoch {
			return Changed{}, ErrUnchanged // whoever has it does the same again
		}
		job.LeaseUntil, job.Problem = time.Time{}, ""
		return change(job)
	})
	return err
}

// failed notes why a piece was not done; it is tried again.
func (r *Runner) failed(ctx context.Context, job Job, problem error) {
	r.opts.Log.Warn("a piece of a bulk job was not done", "merchant_id", job.MerchantID, "job", job.ID, "error", problem)
	err := r.save(ctx, job, func(now Job) (Changed, error) {
		now.Problem = shorten(told(problem))
		if now.State.Works() {
			now.DueAt = r.now().Add(retry)
		}
		return Changed{Job: now}, nil
	})
	if err != nil {
		r.opts.Log.Warn("nor was that noted", "merchant_id", job.MerchantID, "job", job.ID, "error", err)
	}
}

// told is an error as it may be shown.
func told(err error) string {
	if fault := refund.As(err); fault != nil {
		return fault.Told()
	}
	return "internal error"
}

// check gives the next lines their verdicts.
func (r *Runner) check(ctx context.Context, job Job) error {
	lines, err := r.store.BulkLines(ctx, job.Key(), Select{After: job.Cursor, Limit: ChunkLines})
	if err != nil {
		return err
	}
	known, err := r.known(ctx, job, lines)
	if err != nil {
		return err
	}
	checked, verdicts, err := Check(job, lines, known, r.now())
	if err != nil {
		return err
	}
	return r.save(ctx, job, func(now Job) (Changed, error) {
		if now.State != Checking {
			return Changed{Job: now}, nil // it was stopped
		}
		now.Cursor, now.Good, now.Bad, now.Totals, now.DueAt = checked.Cursor, checked.Good, checked.Bad, checked.Totals, r.now()
		if len(lines) < ChunkLines {
			now.State, now.DueAt = Ready, time.Time{}
		}
		return Changed{Job: now, Lines: verdicts}, nil
	})
}

// known reads what lines' verdicts depend on.
func (r *Runner) known(ctx context.Context, job Job, lines []Line) (Known, error) {
	known := Known{Charges: make(map[string]refund.Charge), Missing: make(map[string]error)}
	var ids, numbers []string
	for _, line := range lines {
		if line.State != New {
			continue
		}
		if line.Number != "" {
			numbers = append(numbers, line.Number)
		}
		_, there := known.Charges[line.Charge]
		if there || known.Missing[line.Charge] != nil {
			continue
		}
		charge, err := r.store.ChargeByAny(ctx, job.MerchantID, line.Charge)
		if fault := refund.As(err); err != nil && (fault == nil || passing(fault.Kind)) {
			return Known{}, err
		}
		if err != nil {
			known.Missing[line.Charge] = err
			continue
		}
		known.Charges[line.Charge] = charge
		ids = append(ids, charge.ID)
	}
	var err error
	if known.Rules, err = r.store.RuleBook(job.MerchantID); err != nil {
		return Known{}, err
	}
	if known.Earlier, err = r.store.BulkEarlier(ctx, job.Key(), job.Cursor, ids); err != nil {
		return Known{}, err
	}
	known.Taken, known.Before, err = r.store.BulkNumbers(ctx, job.Key(), job.Cursor, numbers)
	return known, err
}

// run decides how a running job goes on, and hands lines over.
func (r *Runner) run(ctx context.Context, job Job) error {
	recent, err := r.store.BulkRecent(ctx, job.Key(), job.Cursor, job.recent())
	if err != nil {
		return err
	}
	left, err := r.store.BulkGoodAfter(ctx, job.Key(), job.Cursor, BatchLines)
	if err != nil {
		return err
	}
	next := Decide(job, recent, left, r.now())
	if next.Lines > 0 {
		lines, err := r.store.BulkLines(ctx, job.Key(), Select{After: job.Cursor, States: []LineState{Good}, Limit: int(next.Lines)})
		if err != nil {
			return err
		}
		r.begin(ctx, job, lines)
		return nil
	}
	return r.save(ctx, job, func(now Job) (Changed, error) {
		if now.State != Running {
			return Changed{Job: now}, nil // somebody paused or stopped it meanwhile
		}
		d := next.Job
		now.State, now.ChangedBy, now.Reason, now.DueAt, now.EndedAt = d.State, d.ChangedBy, d.Reason, d.DueAt, d.EndedAt
		now.CanaryAt, now.CanaryPassedAt = d.CanaryAt, d.CanaryPassedAt
		return Changed{Job: now, Alert: next.Alert}, nil
	})
}
