package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// BulkJobs keeps files of refunds.
type BulkJobs interface {
	// AddBulkJob writes a job whose lines follow, and gives it an id. A job of the
	// same file is returned instead, without a record: again. One whose upload broke
	// off gives way.
	AddBulkJob(ctx context.Context, job bulk.Job, record refund.Action) (made bulk.Job, again bool, err error)
	// AddBulkLines adds lines to a job that is being uploaded, and puts off to due
	// when it is given up. KindStateConflict when it was.
	AddBulkLines(ctx context.Context, key bulk.Key, lines []bulk.Line, due time.Time) error
	// ChangeBulkJob is as in bulk.Store.
	ChangeBulkJob(ctx context.Context, key bulk.Key, record *refund.Action, change func(bulk.Job) (bulk.Changed, error)) (bulk.Job, error)
	// BulkJob finds a job; absent is KindNotFound.
	BulkJob(ctx context.Context, key bulk.Key) (bulk.Job, error)
	// BulkJobs lists jobs, newest first.
	BulkJobs(ctx context.Context, merchantID string, page refund.Page) (jobs []bulk.Job, more bool, err error)
	// BulkLines lists lines in their order, with their refunds as they are now.
	BulkLines(ctx context.Context, key bulk.Key, s bulk.Select) ([]bulk.Line, error)
	// BulkOutcomes counts a job's refunds by their states now.
	BulkOutcomes(ctx context.Context, key bulk.Key) (map[refund.State]int64, error)
	// OtherHolders counts the users and keys of a merchant that have a right and are
	// other people than one.
	OtherHolders(ctx context.Context, merchantID string, scope merchant.Scope, besides audit.Person) (int, error)
}

// BulkUpload is a file of refunds and how it is read.
type BulkUpload struct {
	bulk.Options
	Limits bulk.Limits
}

// UploadBulk takes a file of refunds in: nothing moves, and its dry run begins.
// The file is read three times: for its digest, to see that it can be read, and to
// write its lines. again is true for a file that is there already, which changes
// nothing. Errors: KindInvalid for a file that is none of refunds or for limits out
// of their ranges; KindTooLarge above bulk.MaxBytes or bulk.MaxLines.
func (a *Admin) UploadBulk(ctx context.Context, by By, merchantID string, file io.ReadSeeker, up BulkUpload) (job bulk.Job, again bool, err error) {
	record, err := a.record(by, merchantID, "bulk.upload", "")
	if err == nil {
		err = up.Limits.Check()
	}
	if err != nil {
		return bulk.Job{}, false, err
	}
	digest, size, err := digestOf(file)
	if err != nil {
		return bulk.Job{}, false, err
	}
	if err := bulk.Read(file, up.Options, func(bulk.Line) error { return ctx.Err() }); err != nil {
		return bulk.Job{}, false, err
	}
	uploads, err := a.person(ctx, by.Actor)
	if err != nil {
		return bulk.Job{}, false, err
	}
	now := a.now()
	record = record.With("file", fileName(up.Name)).With("sha256", digest)
	job, again, err = a.s.Store.AddBulkJob(ctx, bulk.Job{
		MerchantID: merchantID, Name: fileName(up.Name), Digest: digest, Bytes: size, State: bulk.Uploading, Limits: up.Limits,
		UploadedBy: by.Actor, UploadedBehind: uploads.Behind, CreatedAt: now, UpdatedAt: now, DueAt: now.Add(bulk.UploadLife),
	}, record)
	if err != nil || again {
		return job, again, err
	}
	defer func() { a.done(merchantID) }()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return bulk.Job{}, false, refund.Wrap(err, "read the file again")
	}
	if err := a.writeLines(ctx, job.Key(), file, up.Options); err != nil {
		return bulk.Job{}, false, err
	}
	job, err = a.s.Store.ChangeBulkJob(ctx, job.Key(), nil, func(j bulk.Job) (bulk.Changed, error) {
		if j.State != bulk.Uploading {
			return bulk.Changed{}, refund.Errorf(refund.KindStateConflict, "state", "the upload was given up, because it stood still")
		}
		j.State, j.DueAt = bulk.Checking, a.now()
		return bulk.Changed{Job: j}, nil
	})
	return job, false, err
}

// writeLines writes the lines of a file, some at a time.
func (a *Admin) writeLines(ctx context.Context, key bulk.Key, file io.Reader, opts bulk.Options) error {
	lines := make([]bulk.Line, 0, bulk.ChunkLines)
	flush := func() error {
		err := a.s.Store.AddBulkLines(ctx, key, lines, a.now().Add(bulk.UploadLife))
		lines = lines[:0]
		return err
	}
	err := bulk.Read(file, opts, func(l bulk.Line) error {
		if lines = append(lines, l); len(lines) < bulk.ChunkLines {
			return nil
		}
		return flush()
	})
	if err == nil && len(lines) > 0 {
		err = flush()
	}
	return err
}

// digestOf reads a file to its end for its digest, and goes back to its beginning.
func digestOf(file io.ReadSeeker) (digest string, size int64, err error) {
	sum := sha256.New()
	size, err = io.Copy(sum, io.LimitReader(file, bulk.MaxBytes+1))
	if err == nil && size > bulk.MaxBytes {
		return "", 0, refund.Errorf(refund.KindTooLarge, "file", "the file is larger than %d MiB (hint: split it)", bulk.MaxBytes>>20)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return "", 0, refund.Wrap(err, "read the file")
	}
	return hex.EncodeToString(sum.Sum(nil)), size, nil
}

// maxFileName bounds a file's name, in characters: it is a cell in tables.
const maxFileName = 128

// fileName is a file's name as it is kept: without folders and control characters.
func fileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > maxFileName {
		name = string(runes[:maxFileName])
	}
	return name
}

// BulkStarting is a second person's word that a job may run.
type BulkStarting struct {
	// SkipBad says that the lines that the dry run refuses are left out knowingly.
	SkipBad bool
}

// StartBulk lets a job run that the dry run has gone through. KindForbidden for who
// uploaded it; KindStateConflict for a job in another state, such as one that
// somebody else has started, or with bad lines unless they are to be skipped.
func (a *Admin) StartBulk(ctx context.Context, by By, key bulk.Key, s BulkStarting) (bulk.Job, error) {
	starts, refused, err := a.secondPerson(ctx, by, key)
	if err != nil {
		return bulk.Job{}, err
	}
	return a.changeBulk(ctx, by, key, "start", nil, func(j bulk.Job) (bulk.Job, error) {
		if refused != nil {
			return j, refused
		}
		j.StartedBehind = starts.Behind
		return noFault(j.Start(by.Actor, s.SkipBad, a.now()))
	})
}

// ResumeBulk lets a paused job go on; as StartBulk, it takes somebody else than who
// uploaded it.
func (a *Admin) ResumeBulk(ctx context.Context, by By, key bulk.Key) (bulk.Job, error) {
	resumes, refused, err := a.secondPerson(ctx, by, key)
	if err != nil {
		return bulk.Job{}, err
	}
	return a.changeBulk(ctx, by, key, "resume", nil, func(j bulk.Job) (bulk.Job, error) {
		if refused != nil {
			return j, refused
		}
		j.ResumedBehind = resumes.Behind
		return noFault(j.Resume(by.Actor, a.now()))
	})
}

// PauseBulk has a running job hand over no more lines. What was handed over goes on.
func (a *Admin) PauseBulk(ctx context.Context, by By, key bulk.Key, reason string) (bulk.Job, error) {
	return a.changeBulk(ctx, by, key, "pause", &reason, func(j bulk.Job) (bulk.Job, error) {
		return noFault(j.Pause(by.Actor, reason))
	})
}

// StopBulk ends a job for good. The file of one that was never started may be
// uploaded again.
func (a *Admin) StopBulk(ctx context.Context, by By, key bulk.Key, reason string) (bulk.Job, error) {
	return a.changeBulk(ctx, by, key, "stop", &reason, func(j bulk.Job) (bulk.Job, error) {
		return noFault(j.Stop(by.Actor, reason, a.now()))
	})
}

// noFault keeps a nil *refund.Error from becoming an error.
func noFault(j bulk.Job, fault *refund.Error) (bulk.Job, error) {
	if fault != nil {
		return j, fault
	}
	return j, nil
}

// MayStartBulk refuses who may not start or resume a job as a second person:
// KindForbidden.
func (a *Admin) MayStartBulk(ctx context.Context, by By, key bulk.Key) error {
	_, refused, err := a.secondPerson(ctx, by, key)
	if err != nil {
		return err
	}
	return refused
}

// secondPerson returns who starts or resumes a job, with who may act as them, and why
// they may not: they may be who uploaded it.
func (a *Admin) secondPerson(ctx context.Context, by By, key bulk.Key) (starts audit.Person, refused error, err error) {
	if err := by.check(); err != nil {
		return starts, nil, err
	}
	j, err := a.s.Store.BulkJob(ctx, key)
	if err != nil {
		return starts, nil, err
	}
	if starts, err = a.person(ctx, by.Actor); err != nil {
		return starts, nil, err
	}
	uploaded, err := a.person(ctx, j.UploadedBy)
	if err != nil {
		return starts, nil, err
	}
	uploader := j.Uploader(uploaded.Behind)
	if _, same := uploader.Same(starts); !same {
		return starts, nil, nil
	}
	others, err := a.s.Store.OtherHolders(ctx, j.MerchantID, merchant.ScopeApprove, uploader)
	if err != nil {
		return starts, nil, err
	}
	if fault := j.SelfStart(uploader, starts, others); fault != nil {
		refused = fault
	}
	return starts, refused, nil
}

func (a *Admin) changeBulk(ctx context.Context, by By, key bulk.Key, verb string, reason *string, change func(bulk.Job) (bulk.Job, error)) (bulk.Job, error) {
	record, err := a.record(by, key.MerchantID, "bulk."+verb, key.ID)
	if err != nil {
		return bulk.Job{}, err
	}
	if reason != nil {
		if utf8.RuneCountInString(*reason) > MaxPauseReason || strings.ContainsRune(*reason, 0) {
			return bulk.Job{}, refund.Errorf(refund.KindInvalid, "reason", "reason must be text of at most %d characters", MaxPauseReason)
		}
		record = record.With("reason", *reason)
	}
	job, err := a.s.Store.ChangeBulkJob(ctx, key, &record, func(j bulk.Job) (bulk.Changed, error) {
		changed, err := change(j)
		if verb == "start" {
			record = record.With("file", j.Name).With("sha256", j.Digest).With("lines", strconv.FormatInt(j.Good, 10)).With("totals", totalsText(j))
		}
		return bulk.Changed{Job: changed}, err
	})
	if err != nil {
		return bulk.Job{}, err
	}
	a.done(key.MerchantID)
	return job, nil
}

// totalsText is what a start lets move, for its record.
func totalsText(j bulk.Job) string {
	texts := make([]string, len(j.Totals))
	for n, t := range j.Totals {
		texts[n] = fmt.Sprintf("%s %d", t.Currency, t.Amount)
	}
	return strings.Join(texts, ", ")
}

// BulkJob finds a job and counts its refunds by their states now.
func (a *Admin) BulkJob(ctx context.Context, key bulk.Key) (bulk.Job, map[refund.State]int64, error) {
	job, err := a.s.Store.BulkJob(ctx, key)
	if err != nil {
		return bulk.Job{}, nil, err
	}
	outcomes, err := a.s.Store.BulkOutcomes(ctx, key)
	return job, outcomes, err
}

// BulkJobs lists a merchant's jobs, newest first.
func (a *Admin) BulkJobs(ctx context.Context, merchantID string, page refund.Page) ([]bulk.Job, bool, error) {
	return a.s.Store.BulkJobs(ctx, merchantID, page)
}

// BulkLines lists lines of a job in their order, with their refunds as they are now.
func (a *Admin) BulkLines(ctx context.Context, key bulk.Key, s bulk.Select) ([]bulk.Line, error) {
	return a.s.Store.BulkLines(ctx, key, s)
}
