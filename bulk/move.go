package bulk

import (
	"fmt"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

const (
	// BatchLines is how many lines are handed over at once.
	BatchLines = 50
	// maxUntold is how many refunds may wait for their channel to be told before
	// more lines are handed over: what is accepted can't be stopped any more, so a
	// job runs no further ahead of its failures than this.
	maxUntold = 100
	// pause is how long a step waits for outcomes, and retry after an error.
	pause = time.Second
	retry = 5 * time.Second
	// UploadLife is how long an upload may stand still before it is given up.
	UploadLife = 2 * time.Minute
	// BrokeOff is the reason of a job whose upload did not end.
	BrokeOff = "its upload broke off"
)

// Uploader is who uploaded the job, with all who may have acted as them then, or may
// now.
func (j Job) Uploader(now audit.Behind) audit.Person {
	return audit.Person{Actor: j.UploadedBy, Behind: j.UploadedBehind.With(now.People())}
}

// OnePerson reports whether who uploaded the job may have started or resumed it.
func (j Job) OnePerson() bool {
	_, started := j.Uploader("").Same(audit.Person{Actor: j.StartedBy, Behind: j.StartedBehind})
	_, resumed := j.Uploader("").Same(audit.Person{Actor: j.ResumedBy, Behind: j.ResumedBehind})
	return j.StartedBy != (audit.Actor{}) && started || j.ResumedBy != (audit.Actor{}) && resumed
}

// SelfStart says why somebody may not start or resume a job: whoever uploaded it
// may not, nor may they as somebody else. others is how many people and keys of the
// merchant could.
func (j Job) SelfStart(uploader, by audit.Person, others int) *refund.Error {
	text := refund.OnePerson("uploaded it", "start it", uploader, by)
	if text == "" {
		return nil
	}
	if by.Actor == uploader.Actor {
		text = fmt.Sprintf("%s uploaded it, and somebody else with the right refunds:approve has to start it", j.UploadedBy)
	}
	if others == 0 {
		text += "; this merchant has nobody else with that right (hint: add a user with the role approver, or a key with the scope refunds:approve)"
	}
	return refund.Errorf(refund.KindForbidden, "", "%s", text)
}

func (j Job) conflict(verb string) *refund.Error {
	text := fmt.Sprintf("the job is %s and can't be %s", j.Phase(), verb)
	if j.StartedBy != (audit.Actor{}) && verb == "started" {
		text = fmt.Sprintf("the job was started by %s and is %s", j.StartedBy, j.Phase())
	}
	return refund.Errorf(refund.KindStateConflict, "state", "%s", text)
}

// Start lets a checked job run. Where lines are bad, skipBad must say that the
// others are meant alone. KindStateConflict unless it is Ready with good lines.
func (j Job) Start(by audit.Actor, skipBad bool, now time.Time) (Job, *refund.Error) {
	switch {
	case j.State != Ready:
		return j, j.conflict("started")
	case j.Good == 0:
		return j, refund.Errorf(refund.KindStateConflict, "state", "no line of the job can be refunded")
	case j.Bad > 0 && !skipBad:
		return j, refund.Errorf(refund.KindStateConflict, "skip_bad", "%d of %d lines can't be refunded: start the others alone with skip_bad, or correct the file", j.Bad, j.Lines)
	}
	j.State, j.StartedBy, j.StartedAt, j.DueAt, j.Cursor = Running, by, now, now, 0
	return j, nil
}

// Pause stops handing lines over until the job is resumed.
func (j Job) Pause(by audit.Actor, reason string) (Job, *refund.Error) {
	if j.State != Running {
		return j, j.conflict("paused")
	}
	return j.halt(by, reason), nil
}

func (j Job) halt(by audit.Actor, reason string) Job {
	j.State, j.ChangedBy, j.Reason, j.DueAt = Paused, by, reason, time.Time{}
	return j
}

// Resume lets a paused job go on. What failed until now does not count any more.
func (j Job) Resume(by audit.Actor, now time.Time) (Job, *refund.Error) {
	if j.State != Paused {
		return j, j.conflict("resumed")
	}
	j.State, j.ResumedBy, j.ChangedBy, j.Reason, j.DueAt = Running, by, audit.Actor{}, "", now
	if j.JudgeFrom = j.Cursor; j.CanaryPassedAt.IsZero() && j.Handed() >= min(j.Limits.CanaryLines, j.Good) {
		j.CanaryPassedAt = now // whoever resumes has seen what became of it
	}
	return j, nil
}

// Stop ends a job for good. One that was never started frees its file, which may
// be uploaded again.
func (j Job) Stop(by audit.Actor, reason string, now time.Time) (Job, *refund.Error) {
	if j.State.Ended() || j.State == Uploading {
		return j, j.conflict("stopped")
	}
	j.State, j.ChangedBy, j.Reason, j.EndedAt, j.DueAt = Stopped, by, reason, now, time.Time{}
	return j, nil
}

// Next is what a running job does next.
type Next struct {
	Job Job
	// Lines is how many lines are handed over now.
	Lines int64
	// Alert is what an operator should know, "" for nothing.
	Alert string
}

// Decide says how a running job goes on. recent are the last lines that were
// handed over, newest first; left is how many good lines there are behind them.
func Decide(job Job, recent []Line, left int64, now time.Time) Next {
	if job.CanaryPassedAt.IsZero() {
		if room := job.Limits.CanaryLines - job.Handed(); room > 0 && left > 0 {
			return Next{Job: job, Lines: min(room, left, BatchLines)}
		}
		return canary(job, recent, now)
	}
	failed, counted := job.judge(recent, job.Limits.StopWindow)
	switch {
	case left == 0:
		return job.finish(now)
	case counted >= min(job.Limits.StopWindow, leastJudged) && failed*100 > job.Limits.StopPercent*counted:
		return job.stopsItself(fmt.Sprintf("%d of the last %d lines failed, more than %d %%", failed, counted, job.Limits.StopPercent))
	case untold(recent) >= maxUntold:
		job.DueAt = now.Add(pause)
		return Next{Job: job}
	}
	return Next{Job: job, Lines: min(left, BatchLines)}
}

// recent is how many of the last lines that were handed over a step looks at.
func (j Job) recent() int {
	return int(max(j.Limits.CanaryLines, j.Limits.StopWindow+maxUntold, 2*maxUntold))
}

// leastJudged is how many outcomes say anything about a rate.
const leastJudged = 10

// canary waits for the first lines and judges them.
func canary(job Job, recent []Line, now time.Time) Next {
	if job.CanaryAt.IsZero() {
		job.CanaryAt = now
	}
	open := false
	for _, line := range recent {
		open = open || !line.Over()
	}
	if open && now.Before(job.CanaryAt.Add(job.Limits.CanaryWait)) {
		job.DueAt = now.Add(pause)
		return Next{Job: job}
	}
	count := int64(len(recent))
	if failed, _ := job.judge(recent, count); failed*100 > job.Limits.StopPercent*count {
		return job.stopsItself(fmt.Sprintf("%d of the first %d lines failed, more than %d %%", failed, count, job.Limits.StopPercent))
	}
	job.CanaryPassedAt, job.DueAt = now, now
	return Next{Job: job}
}

// judge counts the last lines that have an outcome, and those that failed.
func (j Job) judge(recent []Line, window int64) (failed, counted int64) {
	for _, line := range recent {
		if counted == window || line.At <= j.JudgeFrom {
			break
		}
		if line.Over() {
			counted++
		}
		if line.Failed() {
			failed++
		}
	}
	return failed, counted
}

// untold counts the refunds of which the channel has not been told. One that is
// held waits for a person, and keeps nobody else waiting.
func untold(recent []Line) (n int64) {
	for _, line := range recent {
		if line.State == Accepted && line.Refund.State == refund.Created {
			n++
		}
	}
	return n
}

func (j Job) stopsItself(why string) Next {
	return Next{Job: j.halt(audit.Actor{}, why), Alert: fmt.Sprintf("bulk job %s (%s) stopped itself: %s", j.ID, j.Name, why)}
}

func (j Job) finish(now time.Time) Next {
	j.State, j.EndedAt, j.DueAt = Finished, now, time.Time{}
	return Next{Job: j}
}

// Asker is who asks for the refunds of a job: whoever uploaded it.
func (j Job) Asker() refund.Asker {
	asker := refund.Asker{Key: j.UploadedBy.Name, RequestID: j.ID}
	switch j.UploadedBy.Kind {
	case audit.Command:
		asker.Dialect = refund.ByCommand
	case audit.User:
		asker.Dialect, asker.Behind = refund.ByConsole, j.UploadedBehind
	default:
		asker.Dialect = "native"
	}
	return asker
}
