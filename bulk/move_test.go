package bulk

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

var (
	uploader = audit.ByUser("a@example.com")
	second   = audit.ByUser("b@example.com")
	now      = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
)

// handed are the last lines of a job, newest first, one for each letter: s and f
// are refunds that succeeded and failed, a abnormal, c not told to the channel, p
// pending, h held, x canceled, r refused by the core.
func handed(letters string) []Line {
	states := map[rune]refund.State{
		's': refund.Succeeded, 'f': refund.Failed, 'a': refund.Abnormal, 'c': refund.Created, 'p': refund.Pending, 'h': refund.Held, 'x': refund.Canceled,
	}
	lines := make([]Line, 0, len(letters))
	for n, letter := range letters {
		line := Line{At: int64(len(letters) - n), State: Accepted, Refund: Outcome{State: states[letter]}}
		if letter == 'r' {
			line = Line{At: line.At, State: Refused}
		}
		lines = append(lines, line)
	}
	return lines
}

func running(handedOver int64) Job {
	return Job{ID: "bulk_1", Name: "a.csv", State: Running, Limits: DefaultLimits(), UploadedBy: uploader, StartedBy: second, Good: 1000, Accepted: handedOver}
}

func TestTheCanaryGoesFirst(t *testing.T) {
	for _, c := range []struct {
		name   string
		recent string
		since  time.Duration // that the canary was handed over
		state  State
		lines  int64
		passed bool
	}{
		{"nothing is handed over yet", "", 0, Running, 10, false},
		{"a batch was cut short", "ss", 0, Running, 8, false},
		{"some have not ended", "ssssssssps", time.Minute, Running, 0, false},
		{"one waits for an approval", "sssssssssh", time.Minute, Running, 0, false},
		{"all are well", "ssssssssss", time.Second, Running, 0, true},
		{"two of ten failed, which is 20 %", "ssssfssrss", time.Second, Running, 0, true},
		{"three of ten failed", "sasfssrsss", time.Second, Paused, 0, false},
		{"withdrawn ones are no failures", "xxxxxsssss", time.Second, Running, 0, true},
		{"time is over, and what is known is well", "pppppppppp", 5 * time.Minute, Running, 0, true},
		{"time is over, and three failed", "pppppppfff", 5 * time.Minute, Paused, 0, false},
	} {
		job := running(int64(len(c.recent)))
		if c.since > 0 {
			job.CanaryAt = now.Add(-c.since)
		}
		next := Decide(job, handed(c.recent), 50, now)
		if next.Job.State != c.state || next.Lines != c.lines || next.Job.CanaryPassedAt.IsZero() == c.passed {
			t.Errorf("%s: %s, %d lines, passed at %v", c.name, next.Job.State, next.Lines, next.Job.CanaryPassedAt)
		}
		if (next.Alert != "") != (c.state == Paused) {
			t.Errorf("%s: alert %q", c.name, next.Alert)
		}
	}
}

func TestAJobStopsItselfWhenManyFail(t *testing.T) {
	many := func(letter string, n int) (out string) {
		for range n {
			out += letter
		}
		return out
	}
	for _, c := range []struct {
		name      string
		recent    string
		judgeFrom int64
		left      int64
		state     State
		lines     int64
	}{
		{"ten of the last fifty failed", many("f", 10) + many("s", 40), 0, 50, Running, 50},
		{"eleven of the last fifty failed", many("f", 11) + many("s", 39), 0, 50, Paused, 0},
		{"eleven failed among many that are pending", many("pf", 11) + many("s", 39), 0, 50, Paused, 0},
		{"eleven failed, but not among the last fifty", many("s", 49) + many("f", 11), 0, 50, Running, 50},
		{"they failed before the job was resumed", many("s", 9) + many("f", 51), 51, 50, Running, 50},
		{"three of nine say nothing yet", many("f", 3) + many("s", 6) + many("p", 91), 0, 50, Running, 50},
		{"too many are not told to their channel", many("c", 100) + many("s", 50), 0, 50, Running, 0},
		{"held ones keep nobody waiting", many("h", 150), 0, 7, Running, 7},
		{"nothing is left", many("s", 50), 0, 0, Finished, 0},
		{"nothing is left, and many failed", many("f", 50), 0, 0, Finished, 0},
	} {
		job := running(int64(len(c.recent)))
		job.CanaryPassedAt, job.JudgeFrom = now.Add(-time.Hour), c.judgeFrom
		next := Decide(job, handed(c.recent), c.left, now)
		if next.Job.State != c.state || next.Lines != c.lines {
			t.Errorf("%s: %s, %d lines", c.name, next.Job.State, next.Lines)
		}
	}
}

func person(a audit.Actor, behind ...audit.Behind) audit.Person {
	p := audit.Person{Actor: a}
	for _, b := range behind {
		p.Behind = p.Behind.With(b)
	}
	return p
}

// A key that the uploader has made is the uploader, and so is a user whose password
// they have set: at the upload, or since.
func TestWhoUploadsAFileDoesNotStartItAsSomebodyElse(t *testing.T) {
	ready := Job{State: Ready, UploadedBy: uploader, UploadedBehind: "user c@example.com"}
	for name, refused := range map[string]*refund.Error{
		"a key of theirs":           ready.SelfStart(ready.Uploader(""), person(audit.ByKey("key_1"), audit.Behind(uploader.String())), 1),
		"who was behind them":       ready.SelfStart(ready.Uploader(""), person(audit.ByUser("c@example.com")), 1),
		"who is behind them by now": ready.SelfStart(ready.Uploader("key key_2"), person(audit.ByKey("key_2")), 1),
	} {
		if refused == nil || refused.Kind != refund.KindForbidden || !strings.Contains(refused.Detail, "uploaded it") || !strings.Contains(refused.Detail, "count as one person") {
			t.Errorf("%s: %v", name, refused)
		}
	}
	if refused := ready.SelfStart(ready.Uploader("key key_2"), person(second, "user d@example.com"), 0); refused != nil {
		t.Errorf("somebody else: %v", refused)
	}
	for _, j := range []Job{
		{UploadedBy: uploader, StartedBy: second, StartedBehind: audit.Behind(uploader.String())},
		{UploadedBy: uploader, StartedBy: second, ResumedBy: audit.ByKey("key_1"), UploadedBehind: "key key_1"},
	} {
		if !j.OnePerson() {
			t.Errorf("%+v has two people", j)
		}
	}
	if (Job{UploadedBy: uploader, StartedBy: second, StartedBehind: "user d@example.com"}).OnePerson() {
		t.Error("two people are one")
	}
}

func TestWhoMayDoWhatToAJob(t *testing.T) {
	ready := Job{State: Ready, UploadedBy: uploader, Lines: 3, Good: 2, Bad: 1, Limits: DefaultLimits()}
	for others, alone := range []bool{true, false} {
		if err := ready.SelfStart(person(uploader), person(uploader), others); err == nil || err.Kind != refund.KindForbidden || strings.Contains(err.Detail, "nobody else with that right") != alone {
			t.Errorf("its uploader may start it beside %d others: %v", others, err)
		}
	}
	if err := ready.SelfStart(person(uploader), person(second), 0); err != nil {
		t.Errorf("somebody else may not: %v", err)
	}
	if _, err := ready.Start(second, false, now); err == nil || err.Param != "skip_bad" {
		t.Errorf("bad lines are skipped unsaid: %v", err)
	}
	started, err := ready.Start(second, true, now)
	if err != nil || started.State != Running || started.StartedBy != second || started.DueAt.IsZero() {
		t.Errorf("started: %+v, %v", started, err)
	}
	if _, err := started.Start(audit.ByUser("c@example.com"), true, now); err == nil || err.Kind != refund.KindStateConflict {
		t.Errorf("it is started twice: %v", err)
	}
	if _, err := (Job{State: Ready, Lines: 1, Bad: 1}).Start(second, true, now); err == nil {
		t.Error("a job without a good line is started")
	}
	paused, err := started.Pause(second, "lunch")
	if err != nil || paused.State != Paused || !paused.DueAt.IsZero() || paused.Reason != "lunch" {
		t.Errorf("paused: %+v, %v", paused, err)
	}
	paused.Cursor = 40
	resumed, err := paused.Resume(second, now)
	if err != nil || resumed.State != Running || resumed.JudgeFrom != 40 || resumed.Reason != "" || !resumed.CanaryPassedAt.IsZero() {
		t.Errorf("resumed: %+v, %v", resumed, err)
	}
	// All of its first lines are handed over: whoever resumes has seen them.
	paused.Accepted = 2
	if resumed, err = paused.Resume(second, now); err != nil || !resumed.CanaryPassedAt.Equal(now) {
		t.Errorf("resumed behind its canary: %+v, %v", resumed, err)
	}
	for _, state := range []State{Uploading, Stopped, Finished} {
		if _, err := (Job{State: state}).Stop(second, "", now); err == nil {
			t.Errorf("a job that is %s is stopped", state)
		}
	}
}
