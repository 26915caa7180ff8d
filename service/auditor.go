package service

import (
	"context"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/verify"
)

const (
	// auditSlice is how many charges one step of the live auditor reads.
	auditSlice = 200
	// auditInterval is the least time between two steps, and auditShare bounds what
	// they take: a step is waited for so many times as long as it took. So the auditor
	// has at most a hundredth of one connection and of one core.
	auditInterval = 2 * time.Second
	auditShare    = 100
	// auditPause is the least time from the beginning of one round to that of the next,
	// so that a small database is not read all the time.
	auditPause = time.Minute
	// auditLease is how long one process is the auditor, and auditSave how often it
	// keeps how far it has come and renews the lease.
	auditLease = 2 * time.Minute
	auditSave  = 30 * time.Second
	// auditTimeout bounds a step, maxAuditBackOff the wait after steps that failed.
	auditTimeout    = 30 * time.Second
	maxAuditBackOff = 5 * time.Minute
	// maxAuditAlerts bounds the alerts and log lines of one step: a fault that repeats
	// itself in every row is seen in the first.
	maxAuditAlerts = 20
)

// auditor derives the invariants of one slice of charges after the other again.
// Only one goroutine uses it.
type auditor struct {
	at    store.LiveAudit
	taken bool
	saved time.Time
}

// StepAudit reads the next slice of charges, and returns how many: 0 where another
// process is the auditor, or the next round has not begun yet. What does not hold
// is logged, raises an alert with its merchant and counts in the metrics.
func (s *Service) StepAudit(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	a, now := &s.auditor, s.now()
	if !a.taken {
		at, taken, err := s.Store.TakeLiveAudit(ctx, now, now.Add(auditLease))
		if err != nil || !taken {
			return 0, err
		}
		a.at, a.taken, a.saved = at, true, now
	}
	first := a.at.At == (verify.Position{})
	if first && now.Sub(a.at.Began) < auditPause {
		if now.Sub(a.saved) < auditSave {
			return 0, nil
		}
		return 0, s.saveAudit(ctx, now)
	}
	part, err := verify.Slice(ctx, s.Store.DB(), a.at.At, auditSlice)
	if err != nil {
		return 0, err
	}
	if first {
		a.at.Began, a.at.Found = now, 0
	}
	a.at.At, a.at.Moved = part.Last, now
	a.at.Found += int64(len(part.Findings))
	s.auditCounts.charges.Add(int64(part.Charges))
	s.auditCounts.passed.Add(int64(part.Passed))
	s.tellFindings(ctx, part.Findings)
	ended := part.Last == (verify.Position{})
	if ended {
		a.at.LastFound, a.at.LastTook = a.at.Found, max(now.Sub(a.at.Began), time.Microsecond)
	}
	if ended || first || len(part.Findings) > 0 || now.Sub(a.saved) >= auditSave {
		err = s.saveAudit(ctx, now)
	}
	return part.Charges, err
}

// saveAudit keeps how far the auditor has come. Where another process has become the
// auditor, this one stops being it.
func (s *Service) saveAudit(ctx context.Context, now time.Time) error {
	kept, err := s.Store.SaveLiveAudit(ctx, s.auditor.at, now.Add(auditLease))
	s.auditor.taken = kept
	if kept {
		s.auditor.saved = now
	}
	return err
}

// tellFindings logs what does not hold, and has an operator look at it.
func (s *Service) tellFindings(ctx context.Context, found []refund.Finding) {
	for _, f := range found[:min(len(found), maxAuditAlerts)] {
		s.opts.Log.ErrorContext(ctx, "an invariant does not hold", "invariant", f.Invariant, "merchant_id", f.MerchantID, "row", f.Row, "finding", f.Text)
		s.opts.Metrics.Alert()
		a := refund.Alert{Text: "the live auditor found that an invariant does not hold (" + f.Invariant + "): " + f.Row + ": " + f.Text + " (hint: refundry verify)"}
		a.RefundID, _ = strings.CutPrefix(f.Row, "refund ")
		if a.RefundID == f.Row {
			a.RefundID = ""
		}
		if f.MerchantID == "" {
			continue // the installation's: the log has it
		}
		if err := s.Store.RaiseAlert(ctx, f.MerchantID, a); err != nil {
			s.opts.Log.ErrorContext(ctx, "an alert could not be kept", "error", err)
		}
	}
	if more := len(found) - maxAuditAlerts; more > 0 {
		s.opts.Log.ErrorContext(ctx, "more invariants do not hold (hint: refundry verify)", "findings", more)
	}
}

// audit is the live auditor until ctx ends.
func (s *Service) audit(ctx context.Context) {
	wait := auditInterval
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			s.endAudit(context.WithoutCancel(ctx))
			return
		}
		began := time.Now()
		_, err := s.StepAudit(ctx)
		switch {
		case err == nil:
			wait = max(auditInterval, auditShare*time.Since(began))
		case ctx.Err() == nil:
			wait = min(2*wait, maxAuditBackOff)
			s.opts.Log.WarnContext(ctx, "the live auditor could not read; it is tried again", "error", err)
		}
		timer.Reset(wait)
	}
}

// endAudit lets another process be the auditor at once.
func (s *Service) endAudit(ctx context.Context) {
	if !s.auditor.taken {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if _, err := s.Store.SaveLiveAudit(ctx, s.auditor.at, time.Time{}); err != nil {
		s.opts.Log.DebugContext(ctx, "the live auditor's lease stays until it is over", "error", err)
	}
	s.auditor.taken = false
}
