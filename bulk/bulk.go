// Package bulk makes many refunds of one file: what a job and its lines are,
// what may become of them, and the steps by which a job is checked and run. It
// decides nothing about money: each line is a request to the core like any
// other, and what the core answers is the line's verdict.
package bulk

import (
	"errors"
	"strconv"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// State is where a job stands.
type State string

// The states of a job. Uploading, Checking and Running jobs have work to do.
const (
	// Uploading: its lines are being written.
	Uploading State = "uploading"
	// Checking: the dry run goes through its lines. Nothing moves.
	Checking State = "checking"
	// Ready: the dry run has ended, and a second person may start it.
	Ready State = "ready"
	// Running: its lines go to the intake, the canary's first.
	Running State = "running"
	// Paused: a person paused it, or it stopped itself; see Job.ChangedBy.
	Paused State = "paused"
	// Stopped: it ends here for good. What was not handed over stays undone.
	Stopped State = "stopped"
	// Finished: every line has the core's answer. The refunds go on as usual.
	Finished State = "finished"
)

// States lists them all in the order of a job's life.
func States() []State {
	return []State{Uploading, Checking, Ready, Running, Paused, Stopped, Finished}
}

// Works reports whether a job in s has a next step.
func (s State) Works() bool { return s == Uploading || s == Checking || s == Running }

// Ended reports whether nothing more becomes of a job in s.
func (s State) Ended() bool { return s == Stopped || s == Finished }

// Limits say when a job stops itself. Whoever uploads sets them, and whoever
// starts the job sees them.
type Limits struct {
	// CanaryLines go first; the others wait until these have ended. From 1 to
	// 1,000, default 10.
	CanaryLines int64
	// CanaryWait is how long they are waited for at most, from 1 minute to a day;
	// default 5 minutes. Then what is known of them counts.
	CanaryWait time.Duration
	// StopPercent of the last StopWindow lines with an outcome may fail, from 1 to
	// 100; default 20. With one more the job stops itself.
	StopPercent int64
	// StopWindow is from 10 to 1,000 lines; default 50.
	StopWindow int64
}

// DefaultLimits are those of a job whose uploader set none.
func DefaultLimits() Limits {
	return Limits{CanaryLines: 10, CanaryWait: 5 * time.Minute, StopPercent: 20, StopWindow: 50}
}

// Check refuses limits that are out of their ranges, KindInvalid.
func (l Limits) Check() error {
	for _, one := range []struct {
		name         string
		value        int64
		lowest, most int64
	}{
		{"canary_lines", l.CanaryLines, 1, 1000},
		{"canary_minutes", int64(l.CanaryWait / time.Minute), 1, 24 * 60},
		{"stop_percent", l.StopPercent, 1, 100},
		{"stop_window", l.StopWindow, 10, 1000},
	} {
		if one.value < one.lowest || one.value > one.most {
			return refund.Errorf(refund.KindInvalid, one.name, "%s must be a whole number from %d to %d", one.name, one.lowest, one.most)
		}
	}
	return nil
}

// Key names a job.
type Key struct{ MerchantID, ID string }

// Job is one file of refunds.
type Job struct {
	MerchantID string
	// ID is "bulk_" and 24 letters or digits.
	ID string
	// Name is the file's name, and Digest the SHA-256 of its bytes in hex: the same
	// file again is the same job.
	Name, Digest string
	Bytes        int64
	State        State
	Limits       Limits

	// Unreadable says, in lists, that the job's row breaks an invariant or can't be read.
	Unreadable bool

	// UploadedBy may not be who starts it: StartedBy, or ResumedBy.
	UploadedBy, StartedBy, ResumedBy audit.Actor
	// UploadedBehind are who may have acted as UploadedBy, and so on.
	UploadedBehind, StartedBehind, ResumedBehind audit.Behind
	// ChangedBy is who paused or stopped it, and Reason why; nobody where it stopped
	// itself.
	ChangedBy audit.Actor
	Reason    string

	CreatedAt, UpdatedAt time.Time
	StartedAt, EndedAt   time.Time // zero: not yet

	// Lines are all of the file's. Good may be refunded and Bad may not, by the dry
	// run; Accepted and Refused are what the core answered to those that were handed
	// over.
	Lines, Good, Bad, Accepted, Refused int64
	// Cursor is the last line that was checked, then the last that was handed over.
	Cursor int64
	// JudgeFrom is the line behind which failures count: a job that was resumed is
	// not stopped again for what was known then.
	JudgeFrom int64
	// CanaryAt is when the canary's lines had all been handed over, CanaryPassedAt
	// when they were found to be fine; zero before.
	CanaryAt, CanaryPassedAt time.Time
	// Totals are the sums of good lines by currency, in the order of the file.
	Totals []Total

	// DueAt is when the next step is due; zero where there is none.
	DueAt      time.Time
	LeaseUntil time.Time
	LeaseEpoch int64
	// Problem is why the last step failed, "" where it did not. It is tried again.
	Problem string
}

// Total is a sum of a job's lines in one currency.
type Total struct {
	Currency money.Currency `json:"currency"`
	Lines    int64          `json:"lines"`
	Amount   money.Minor    `json:"amount"`
}

// Key is the job's.
func (j Job) Key() Key { return Key{j.MerchantID, j.ID} }

// Handed is how many lines the core has answered.
func (j Job) Handed() int64 { return j.Accepted + j.Refused }

// Canary is the phase of a running job whose first lines have not been judged.
const Canary = "canary"

// Phase is the state, or Canary.
func (j Job) Phase() string {
	if j.State == Running && j.CanaryPassedAt.IsZero() {
		return Canary
	}
	return string(j.State)
}

// LineState is where a line stands.
type LineState string

// The states of a line.
const (
	New      LineState = "new"      // not checked yet
	Bad      LineState = "bad"      // can't be read, or the dry run says no
	Good     LineState = "good"     // may be refunded
	Accepted LineState = "accepted" // became a refund
	Refused  LineState = "refused"  // the core refused it when it was handed over
)

// LineStates lists them all.
func LineStates() []LineState { return []LineState{New, Bad, Good, Accepted, Refused} }

// ParseLineState reads the name of a line's state.
func ParseLineState(text string) (LineState, error) {
	for _, state := range LineStates() {
		if string(state) == text {
			return state, nil
		}
	}
	return "", errors.New("must be one of new, bad, good, accepted and refused")
}

// Line is one line of a file.
type Line struct {
	// At is its number in the file, from 1.
	At    int64
	State LineState
	// What the line says. Amount is a whole number of minor units, "full", or with
	// Decimal an amount in major units.
	Charge, Amount               string
	Decimal                      bool
	SaysCurrency                 money.Currency
	Reason, ReasonCode, Customer string
	// Number is the merchant's own refund number, "" for the job's.
	Number string
	// Kind and Problem are why it is bad or refused.
	Kind    refund.Kind
	Problem string
	// ChargeID, Minor and Currency are what the dry run found.
	ChargeID string
	Minor    money.Minor
	Currency money.Currency
	// RefundID is the refund that it became.
	RefundID string
	// Refund is that refund now, as far as a list reads it.
	Refund Outcome
}

// Outcome is what became of a line's refund.
type Outcome struct {
	State                       refund.State
	FailureCode, FailureMessage string
	UpdatedAt                   time.Time
}

// Waits reports whether an approval, a start time or funds are waited for.
func (o Outcome) Waits() bool { return o.State == refund.Held }

// RefundNumber is the number under which a line's refund is accepted: its own, or
// one made of the job and the line, so that a line that is handed over again is
// the same refund.
func (l Line) RefundNumber(jobID string) string {
	if l.Number != "" {
		return l.Number
	}
	return jobID + "-" + strconv.FormatInt(l.At, 10)
}

// Failed reports whether the line counts as a failure: the core refused it, or its
// refund did not reach the payer. One that a person withdrew or did not approve
// is none.
func (l Line) Failed() bool {
	return l.State == Refused || l.State == Accepted && (l.Refund.State == refund.Failed || l.Refund.State == refund.Abnormal)
}

// Over reports whether the line has an outcome.
func (l Line) Over() bool {
	return l.Failed() || l.State == Accepted && l.Refund.State.Final()
}
