package bulk

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Known is what the dry run knows of a piece of lines besides the core's rules.
type Known struct {
	// Charges are the charges by the names that lines give them, and Missing why a
	// name is of none.
	Charges map[string]refund.Charge
	Missing map[string]error
	// Earlier is what lines before the piece take of a charge, by its id.
	Earlier map[string]Earlier
	// Taken are the refunds for which numbers stand already, by number, and Before
	// the lines before the piece that give a number.
	Taken  map[string]string
	Before map[string]int64
	Rules  refund.RuleBook
}

// Earlier is what lines of the same file take of one charge.
type Earlier struct {
	Lines  int64
	Amount money.Minor
}

// Check gives lines their verdicts, in their order: each is what the core would
// answer if the lines before it had been accepted. Nothing moves. The error says
// that there is no verdict now, and that it should be tried again.
func Check(job Job, lines []Line, known Known, now time.Time) (Job, []Line, error) {
	out := make([]Line, len(lines))
	for n, line := range lines {
		if line.State == New {
			checked, err := known.verdict(line, now)
			if err != nil {
				return job, nil, fmt.Errorf("check line %d: %w", line.At, err)
			}
			line = checked
		}
		job.Cursor = line.At
		if line.State == Good && !job.add(line) {
			line = line.bad(refund.KindInvalid, "the sum of the file's lines is more than can be counted")
		}
		if line.State == Bad {
			job.Bad++
		}
		out[n] = line
	}
	return job, out, nil
}

// add counts a good line; false: its amount does not fit into the total.
func (j *Job) add(line Line) bool {
	totals := append([]Total(nil), j.Totals...)
	at := -1
	for n, t := range totals {
		if t.Currency == line.Currency {
			at = n
		}
	}
	if at < 0 {
		at, totals = len(totals), append(totals, Total{Currency: line.Currency})
	}
	sum, ok := money.Add(totals[at].Amount, line.Minor)
	if !ok {
		return false
	}
	totals[at].Amount = sum
	totals[at].Lines++
	j.Totals = totals
	j.Good++
	return true
}

// verdict is the core's answer to one line.
func (k *Known) verdict(line Line, now time.Time) (Line, error) {
	if first := k.Before[line.Number]; line.Number != "" && first != 0 {
		return line.bad(refund.KindNumberConflict, fmt.Sprintf("line %d has the same refund number", first)), nil
	}
	if line.Number != "" {
		k.Before[line.Number] = line.At
	}
	if there := k.Taken[line.Number]; line.Number != "" && there != "" {
		return line.bad(refund.KindNumberConflict, "the refund number stands for refund "+there+" already"), nil
	}
	charge, found := k.Charges[line.Charge]
	if !found {
		return line.refused(cmp.Or(k.Missing[line.Charge], error(refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge"))))
	}
	line.ChargeID, line.Currency = charge.ID, charge.Currency
	if line.SaysCurrency != "" && line.SaysCurrency != charge.Currency {
		return line.bad(refund.KindInvalid, fmt.Sprintf("the line says %s, and the charge is in %s", line.SaysCurrency, charge.Currency)), nil
	}
	request := refund.Request{ChargeID: charge.ID, Number: line.Number, Reason: line.Reason, ReasonCode: line.ReasonCode, Customer: line.Customer}
	if line.Amount != Full {
		amount, err := line.minor(charge.Currency)
		if err != nil {
			return line.bad(refund.KindInvalid, err.Error()), nil
		}
		request.Amount = &amount
	}
	before := k.Earlier[charge.ID]
	if before.Lines > 0 {
		charge.Reserved += before.Amount
		charge.Refunds += before.Lines
		charge.LastRefundAt = now
	}
	amount, _, fault := refund.Quote(charge, request, k.Rules, now)
	if fault != nil {
		return line.refused(fault)
	}
	k.Earlier[charge.ID] = Earlier{before.Lines + 1, before.Amount + amount}
	line.State, line.Minor = Good, amount
	return line, nil
}

func (l Line) minor(currency money.Currency) (money.Minor, error) {
	if l.Decimal {
		return decimalAmount(l.Amount, currency)
	}
	amount, err := minorAmount(l.Amount)
	if errors.Is(err, money.ErrOverflow) {
		return refund.BeyondAll, nil
	}
	return amount, err
}

// refused makes a verdict of what the core says, unless that says nothing about
// the line.
func (l Line) refused(err error) (Line, error) {
	fault := refund.As(err)
	if fault == nil || passing(fault.Kind) {
		return l, err
	}
	return l.bad(fault.Kind, fault.Told()), nil
}

// passing reports whether an error of this kind may be gone the next time.
func passing(kind refund.Kind) bool {
	switch kind {
	case refund.KindBusy, refund.KindUnavailable, refund.KindUnknownOutcome, refund.KindInternal:
		return true
	}
	return false
}
