package native

import (
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// maxUploads bounds the files that one process takes in at once, each of which is
// on its disk meanwhile.
const maxUploads = 4

// uploadBulk takes a file of refunds in: POST /bulk, 201, or 200 with the job that
// the same file is already. Its dry run begins; nothing moves.
func (d *Dialect) uploadBulk(c *call) error {
	key, fault := dialect.IdempotencyKey(c.r)
	if fault != nil {
		return fault
	}
	up, err := c.bulkUpload()
	if err != nil {
		return err
	}
	if c.r.ContentLength > bulk.MaxBytes {
		return tooLargeBulk()
	}
	if d.uploads.Add(1) > maxUploads {
		d.uploads.Add(-1)
		return refund.Errorf(refund.KindBusy, "", "%d files are uploaded just now; nothing was taken in, try again", maxUploads)
	}
	defer d.uploads.Add(-1)
	file, err := os.CreateTemp("", "refundry-bulk-*")
	if err != nil {
		return refund.Wrap(err, "keep a file of refunds")
	}
	defer func() { _ = os.Remove(file.Name()) }()
	defer func() { _ = file.Close() }()
	digest, err := spool(file, http.MaxBytesReader(c.w, c.r.Body, bulk.MaxBytes), http.NewResponseController(c.w))
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return refund.Wrap(err, "read a file of refunds")
	}
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(bulkTime)) // not a connection: no limit
	return d.takeBulk(c, key, digest, file, up)
}

// bulkTime is how long the lines of the largest file may take to be written.
const bulkTime = 5 * time.Minute

func tooLargeBulk() *refund.Error {
	return refund.Errorf(refund.KindTooLarge, "", "the file is larger than %d MiB (hint: split it)", bulk.MaxBytes>>20)
}

// takeBulk makes a job of a file that has arrived. The job is there once by the
// file's digest; a key is claimed with it.
func (d *Dialect) takeBulk(c *call, key, digest string, file io.ReadSeeker, up admin.BulkUpload) error {
	if key == "" {
		return d.makeBulk(c, file, up)
	}
	w := c.named(key, http.MethodPost, digest+"?"+c.r.URL.RawQuery)
	return dialect.Once(c.ctx, d.s.Writes, w, func(w *refund.Write) error {
		c.keyed = w
		return d.makeBulk(c, file, up)
	}, func(kept refund.Write) error {
		return d.answerBulk(c, http.StatusOK, bulk.Key{MerchantID: c.merchantID(), ID: kept.Made})
	})
}

func (d *Dialect) makeBulk(c *call, file io.ReadSeeker, up admin.BulkUpload) error {
	// A caller who leaves in the middle has sent all of it.
	job, again, err := d.s.Admin.UploadBulk(context.WithoutCancel(c.ctx), c.by(), c.merchantID(), file, up)
	if err != nil {
		return err
	}
	if again {
		return d.answerBulk(c, http.StatusOK, job.Key())
	}
	c.w.Header().Set("Location", version+"/bulk/"+job.ID)
	return c.json(http.StatusCreated, answerBulk(job, map[refund.State]int64{}))
}

// bulkUpload reads how a file is to be read, and when its job stops itself.
func (c *call) bulkUpload() (admin.BulkUpload, error) {
	up := admin.BulkUpload{Limits: bulk.DefaultLimits()}
	q, err := c.query("name", "format", "encoding", "canary_lines", "canary_minutes", "stop_percent", "stop_window")
	if err != nil {
		return up, err
	}
	if up.Name, err = q.text("name"); err != nil {
		return up, err
	}
	if up.Format, err = q.oneOf("format", "csv", "ndjson"); err != nil {
		return up, err
	}
	if up.Encoding, err = q.oneOf("encoding", "utf-8", "gb18030", "utf-16le", "utf-16be"); err != nil {
		return up, err
	}
	minutes := int(up.Limits.CanaryWait / time.Minute)
	for _, one := range []struct {
		name string
		to   *int64
	}{
		{"canary_lines", &up.Limits.CanaryLines}, {"stop_percent", &up.Limits.StopPercent}, {"stop_window", &up.Limits.StopWindow},
	} {
		n, err := q.number(one.name, int(*one.to), 1, 1000)
		if err != nil {
			return up, err
		}
		*one.to = int64(n)
	}
	if minutes, err = q.number("canary_minutes", minutes, 1, 24*60); err != nil {
		return up, err
	}
	up.Limits.CanaryWait = time.Duration(minutes) * time.Minute
	return up, nil
}

// oneOf is a parameter that is one of some words; absent is "".
func (q query) oneOf(name string, words ...string) (string, error) {
	value := q.values.Get(name)
	if value == "" {
		return "", nil
	}
	for _, word := range words {
		if value == word {
			return word, nil
		}
	}
	return "", refuse(refund.KindInvalid, name, "must be one of %v", words)
}

var bulkColumns = []string{
	"line", "state", "charge_written", "amount_written", "charge", "amount", "currency", "reason", "number", "kind", "problem",
	"refund", "refund_state", "failure_code", "failure_message", "updated_at",
}

// BulkLister reads the lines of a job.
type BulkLister interface {
	BulkLines(ctx context.Context, key bulk.Key, s bulk.Select) ([]bulk.Line, error)
}

// WriteBulkResult writes all lines of a job as CSV: what each said, the verdict, and
// its refund as it is now. onPage is as of WriteRefunds.
func WriteBulkResult(ctx context.Context, to io.Writer, from BulkLister, key bulk.Key, onPage func() error) error {
	cells := func(l bulk.Line) []string {
		amount := ""
		if l.Minor > 0 {
			amount = digits(l.Minor)
		}
		return []string{
			strconv.FormatInt(l.At, 10), string(l.State), l.Charge, l.Amount, l.ChargeID, amount, string(l.Currency), l.Reason, l.RefundNumber(key.ID), string(l.Kind), l.Problem,
			l.RefundID, string(l.Refund.State), l.Refund.FailureCode, l.Refund.FailureMessage, stamp(l.Refund.UpdatedAt),
		}
	}
	chosen := bulk.Select{Limit: csvPage}
	return writeCSV(to, bulkColumns, onPage, func() (records [][]string, more bool, err error) {
		lines, err := from.BulkLines(ctx, key, chosen)
		for _, l := range lines {
			records = append(records, cells(l))
			chosen.After = l.At
		}
		return records, len(lines) == csvPage, err
	})
}

// bulkResult is the file of what became of a job: GET /bulk/{id}/result.csv.
func (d *Dialect) bulkResult(c *call) error {
	key, err := c.bulkKey()
	if err == nil {
		_, _, err = d.s.Admin.BulkJob(c.ctx, key)
	}
	if err != nil {
		return err
	}
	return c.file(key.ID+".csv", func(onPage func() error) error { return WriteBulkResult(c.ctx, c.w, d.s.Admin, key, onPage) })
}
