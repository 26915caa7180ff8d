package bulk

import (
	"context"
	"strconv"
	"sync"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// batch is lines on their way to the intake.
type batch struct {
	job     Job
	lines   []Line
	results []result
	done    chan struct{}
}

type result struct {
	refund refund.Refund
	err    error
}

// begin hands lines over, all at once, so that one commit takes them.
func (r *Runner) begin(ctx context.Context, job Job, lines []Line) {
	b := &batch{job: job, lines: lines, results: make([]result, len(lines)), done: make(chan struct{})}
	r.work[job.Key()] = b
	ctx = context.WithoutCancel(ctx) // what was begun is recorded
	var all sync.WaitGroup
	for n, line := range lines {
		all.Go(func() {
			made, err := r.accept(ctx, job.unit(line))
			b.results[n] = result{made, err}
		})
	}
	r.ended.Go(func() {
		all.Wait()
		close(b.done)
		r.Wake()
	})
}

// unit is a line as the intake takes it. The amount is that of the dry run: what
// the second person has seen is what is sent.
func (j Job) unit(l Line) refund.Unit {
	amount := l.Minor
	return refund.Unit{
		MerchantID: j.MerchantID,
		Requests: []refund.Request{{
			ChargeID: l.ChargeID, Amount: &amount, Number: l.RefundNumber(j.ID),
			Reason: l.Reason, ReasonCode: l.ReasonCode, Customer: l.Customer,
		}},
		By:      j.Asker(),
		Members: []refund.Content{{refund.ContentCharge: l.ChargeID, refund.ContentAmount: amountContent(amount), refund.ContentGoods: ""}},
	}
}

// collect records what the intake has answered, and returns how many batches.
func (r *Runner) collect(ctx context.Context) (done int) {
	for key, b := range r.work {
		select {
		case <-b.done:
		default:
			continue
		}
		delete(r.work, key)
		done++
		if err := r.record(ctx, b); err != nil {
			r.opts.Log.Warn("what the intake answered to a bulk job was not recorded; it is handed over again", "merchant_id", key.MerchantID, "job", key.ID, "error", err)
		}
	}
	return done
}

// record writes the intake's answers up to the first line that has none; that one
// and those behind it are handed over again, under the same numbers.
func (r *Runner) record(ctx context.Context, b *batch) error {
	lines, problem := answered(b)
	return r.save(ctx, b.job, func(now Job) (Changed, error) {
		for _, line := range lines {
			now.Cursor = line.At
			if line.State == Accepted {
				now.Accepted++
			} else {
				now.Refused++
			}
		}
		if now.State == Running {
			now.DueAt = r.now()
		}
		if problem != nil {
			now.Problem = shorten(told(problem))
			if now.State == Running {
				now.DueAt = r.now().Add(pause)
			}
		}
		return Changed{Job: now, Lines: lines}, nil
	})
}

// answered are the lines that the core has decided about, up to the first that it
// has not, and why that is.
func answered(b *batch) (lines []Line, problem error) {
	for n, line := range b.lines {
		made, err := b.results[n].refund, b.results[n].err
		fault := refund.As(err)
		switch {
		case err == nil:
			line.State, line.RefundID = Accepted, made.ID
		case fault == nil || passing(fault.Kind):
			return lines, err
		default:
			line.State, line.Kind, line.Problem = Refused, fault.Kind, shorten(fault.Told())
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func amountContent(amount money.Minor) string { return strconv.FormatInt(int64(amount), 10) }
