package verify

import (
	"context"
	"strconv"

	"github.com/refundry/refundry/audit"
)

// bulk holds files of refunds against the refunds that they became: a second person
// started them, each line that was accepted is the refund of its number, charge and
// amount, no line behind the last that was handed over is one, and the counts are
// those of the lines.
func (v *verifier) bulk(ctx context.Context) error {
	for _, look := range []struct{ text, says string }{
		{`SELECT j.merchant_id, j.id, j.uploaded_by FROM bulk_jobs j
			WHERE j.started_by = j.uploaded_by OR j.resumed_by = j.uploaded_by OR j.uploaded_by = ''
			ORDER BY j.merchant_id, j.id`, "it was started by who uploaded it"},
		{`SELECT j.merchant_id, j.id, j.state FROM bulk_jobs j
			WHERE j.state IN ('running', 'paused', 'finished') AND j.started_by = '' ORDER BY j.merchant_id, j.id`, "nobody started it"},
		{`SELECT j.merchant_id, j.id, j.state FROM bulk_jobs j
			WHERE (j.due_at > 0) <> (j.state IN ('uploading', 'checking', 'running')) ORDER BY j.merchant_id, j.id`, "it is due, or never due, against its state"},
		{`SELECT j.merchant_id, j.id, j.state FROM bulk_jobs j LEFT JOIN (
				SELECT l.merchant_id, l.job_id, COUNT(*) AS lines, SUM(CASE WHEN l.state = 'accepted' THEN 1 ELSE 0 END) AS accepted,
					SUM(CASE WHEN l.state = 'refused' THEN 1 ELSE 0 END) AS refused FROM bulk_lines l GROUP BY l.merchant_id, l.job_id
			) n ON n.merchant_id = j.merchant_id AND n.job_id = j.id
			WHERE j.lines <> COALESCE(n.lines, 0) OR j.accepted <> COALESCE(n.accepted, 0) OR j.refused <> COALESCE(n.refused, 0)
			ORDER BY j.merchant_id, j.id`, "it does not count its lines"},
	} {
		if err := v.bulkLook(ctx, look.text, func(merchant, job, value string) {
			v.found(Bulk, merchant, "bulk job "+job, "%s (%s)", look.says, value)
		}); err != nil {
			return err
		}
	}
	if err := v.bulkPeople(ctx); err != nil {
		return err
	}
	return v.bulkLines(ctx)
}

// bulkPeople compares who uploaded a job with who started and resumed it.
func (v *verifier) bulkPeople(ctx context.Context) error {
	const text = `SELECT j.merchant_id, j.id, j.uploaded_by, j.uploaded_behind, j.started_by, j.started_behind, j.resumed_by, j.resumed_behind
		FROM bulk_jobs j WHERE j.started_by <> '' ORDER BY j.merchant_id, j.id`
	return v.q.Query(ctx, text, nil, func(scan func(...any) error) error {
		var merchant, job, by, started, resumed string
		var behind, startedBehind, resumedBehind audit.Behind
		if err := scan(&merchant, &job, &by, (*string)(&behind), &started, (*string)(&startedBehind), &resumed, (*string)(&resumedBehind)); err != nil {
			return err
		}
		uploader := audit.Person{Actor: audit.ParseActor(by), Behind: behind}
		for _, second := range []audit.Person{{Actor: audit.ParseActor(started), Behind: startedBehind}, {Actor: audit.ParseActor(resumed), Behind: resumedBehind}} {
			if who, same := uploader.Same(second); same && second.Actor != uploader.Actor && second.Actor != (audit.Actor{}) {
				v.found(Bulk, merchant, "bulk job "+job, "%q uploaded it, and %q let it run, who may both be %q", uploader.Actor, second.Actor, who)
			}
		}
		return nil
	})
}

func (v *verifier) bulkLook(ctx context.Context, text string, found func(merchant, job, value string)) error {
	return v.q.Query(ctx, text, nil, func(scan func(...any) error) error {
		var merchant, job, value string
		err := scan(&merchant, &job, &value)
		found(merchant, job, value)
		return err
	})
}

// bulkLines compares each line that was handed over with its refund.
func (v *verifier) bulkLines(ctx context.Context) error {
	const text = `SELECT l.merchant_id, l.job_id, l.line, l.state, l.number, l.charge_id, l.minor, l.currency, l.refund_id, j.cursor_line, j.started_at,
			COALESCE(r.id, ''), COALESCE(r.number, ''), COALESCE(r.charge_id, ''), COALESCE(r.amount, 0), COALESCE(r.currency, '')
		FROM bulk_lines l JOIN bulk_jobs j ON j.merchant_id = l.merchant_id AND j.id = l.job_id
		LEFT JOIN refunds r ON r.merchant_id = l.merchant_id AND r.id = l.refund_id
		WHERE l.state IN ('accepted', 'refused') ORDER BY l.merchant_id, l.job_id, l.line`
	return v.q.Query(ctx, text, nil, func(scan func(...any) error) error {
		var merchant, job, state, number, charge, currency, id, theirID, theirNumber, theirCharge, theirCurrency string
		var line, minor, cursor, started, theirMinor int64
		err := scan(&merchant, &job, &line, &state, &number, &charge, &minor, &currency, &id, &cursor, &started, &theirID, &theirNumber, &theirCharge, &theirMinor, &theirCurrency)
		row := "line " + strconv.FormatInt(line, 10) + " of bulk job " + job
		if number == "" {
			number = job + "-" + strconv.FormatInt(line, 10)
		}
		switch {
		case line > cursor || started == 0:
			v.found(Bulk, merchant, row, "it was handed over before its turn")
		case state == "refused":
		case theirID == "":
			v.found(Bulk, merchant, row, "its refund %s is not there", id)
		case theirNumber != number || theirCharge != charge || theirMinor != minor || theirCurrency != currency:
			v.found(Bulk, merchant, row, "it is %s %d of charge %s under %s, and its refund %s is %s %d of charge %s under %s",
				currency, minor, charge, number, id, theirCurrency, theirMinor, theirCharge, theirNumber)
		}
		if v.full {
			return errEnough
		}
		return err
	})
}
