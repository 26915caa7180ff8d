package console

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// bulkRows is how many jobs, or lines of one, a page has.
	bulkRows = 50
	// bulkTime is how long the largest file may take to arrive.
	bulkTime = 2 * time.Minute
	// maxBulkForm bounds an upload: the file, and the other fields.
	maxBulkForm = bulk.MaxBytes + maxForm
)

// bulkForm is what is uploaded besides the file.
type bulkForm struct {
	Merchant      string `form:"of"`
	CanaryLines   int64  `form:"canary_lines"`
	CanaryMinutes int64  `form:"canary_minutes"`
	StopPercent   int64  `form:"stop_percent"`
	StopWindow    int64  `form:"stop_window"`
}

type bulkData struct {
	Jobs []bulk.Job
	Next string
	Form bulkForm
	// Takes are the merchants for whom this user may upload.
	Takes []merchant.Merchant
}

// bulkList lists files of refunds, with the form for a new one: GET /console/bulk.
func (p *page) bulkList() error {
	data, err := p.bulkData()
	if err != nil {
		return err
	}
	return p.render("bulk", data)
}

func (p *page) bulkData() (bulkData, error) {
	l := bulk.DefaultLimits()
	data := bulkData{Form: bulkForm{
		Merchant: p.merchant.ID, CanaryLines: l.CanaryLines, CanaryMinutes: int64(l.CanaryWait / time.Minute), StopPercent: l.StopPercent, StopWindow: l.StopWindow,
	}}
	at := refund.Page{Limit: bulkRows, After: readPosition(p.URL.Query().Get("cursor"))}
	more := false
	err := p.each(func(id string) error {
		jobs, left, err := p.s.Admin.BulkJobs(p.Context(), id, at)
		if err != nil {
			return err
		}
		data.Jobs, more = append(data.Jobs, jobs...), more || left
		return nil
	})
	if err != nil {
		return data, err
	}
	slices.SortFunc(data.Jobs, func(a, b bulk.Job) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	if len(data.Jobs) > bulkRows {
		data.Jobs, more = data.Jobs[:bulkRows], true
	}
	if more {
		last := data.Jobs[len(data.Jobs)-1]
		data.Next = writePosition(refund.Position{CreatedAt: last.CreatedAt, ID: last.ID})
	}
	for _, m := range p.merchants {
		if p.user.May(m.ID, merchant.ScopeRefund) && !m.Disabled() {
			data.Takes = append(data.Takes, m)
		}
	}
	return data, nil
}

// bulkUpload takes a file in: POST /console/bulk.
func (p *page) bulkUpload() error {
	_ = http.NewResponseController(p.w).SetReadDeadline(time.Now().Add(bulkTime)) // not a connection: no limit
	data, err := p.bulkData()
	if err == nil {
		err = p.decode(&data.Form)
	}
	if err != nil {
		return err
	}
	if p.MultipartForm != nil {
		defer func() { _ = p.MultipartForm.RemoveAll() }()
	}
	f := data.Form
	if err := p.require(f.Merchant, merchant.ScopeRefund); err != nil {
		return err
	}
	file, header, err := p.FormFile("file")
	if err != nil {
		return p.renderForm("bulk", data, refund.Errorf(refund.KindInvalid, "file", "choose a file"))
	}
	defer func() { _ = file.Close() }()
	again, made := false, ""
	write, err := p.act(f.Merchant, func(by admin.By) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		job, known, err := p.s.Admin.UploadBulk(p.Context(), by, f.Merchant, file, admin.BulkUpload{
			Options: bulk.Options{Name: header.Filename},
			Limits:  bulk.Limits{CanaryLines: f.CanaryLines, CanaryWait: time.Duration(f.CanaryMinutes) * time.Minute, StopPercent: f.StopPercent, StopWindow: f.StopWindow},
		})
		again, made = known, job.ID
		return err
	})
	if err != nil {
		return p.renderForm("bulk", data, err)
	}
	if again {
		p.flash("bulk.known")
	} else {
		p.flash("bulk.taken")
	}
	return p.redirect("/console/bulk/" + cmp.Or(made, write.Made) + "?merchant=" + f.Merchant)
}

type bulkJobData struct {
	Job      bulk.Job
	Outcomes map[refund.State]int64
	Lines    []bulk.Line
	State    string // of the lines that are listed
	Next     string
	Own      bool // whoever looks has uploaded it
	// Says is why they may not start it although they have not, "" where they may.
	Says string
	Form struct {
		Reason  string `form:"reason"`
		SkipBad bool   `form:"skip_bad"`
	}
}

// Handed is how much of a running job is done, in percent.
func (d bulkJobData) Handed() int64 { return d.Job.Handed() * 100 / max(1, d.Job.Good) }

// Seen are the states that any of its refunds has, in their order.
func (d bulkJobData) Seen() (states []refund.State) {
	for _, s := range refund.States() {
		if d.Outcomes[s] > 0 {
			states = append(states, s)
		}
	}
	return states
}

// LineStates are the states by which lines can be listed.
func (bulkJobData) LineStates() []bulk.LineState { return bulk.LineStates() }

// Polls says that the page looks again by itself.
func (d bulkJobData) Polls() bool { return d.Job.State.Works() }

// findBulk finds the job of the address among the merchants of the page.
func (p *page) findBulk() (bulkJobData, error) {
	var data bulkJobData
	for _, id := range p.merchantIDs() {
		job, outcomes, err := p.s.Admin.BulkJob(p.Context(), bulk.Key{MerchantID: id, ID: p.PathValue("id")})
		switch {
		case refund.KindOf(err) == refund.KindNotFound && err != nil:
			continue
		case err != nil:
			return data, err
		}
		data.Job, data.Outcomes, data.Own = job, outcomes, job.UploadedBy == audit.ByUser(p.user.Email)
		if !data.Own && !job.State.Ended() {
			err = p.s.Admin.MayStartBulk(p.Context(), p.by(), job.Key())
		}
		if fault := refund.As(err); fault != nil && fault.Kind == refund.KindForbidden {
			data.Says, err = fault.Detail, nil
		}
		return data, err
	}
	return data, refund.Errorf(refund.KindNotFound, "id", "there is no such bulk job")
}

// bulkJob shows a file of refunds with its lines: GET /console/bulk/{id}.
func (p *page) bulkJob() error {
	data, err := p.bulkJobData()
	if err != nil {
		return err
	}
	if p.Header.Get("HX-Request") != "" {
		return p.renderBlock("bulk_job", "bulk_progress", data)
	}
	return p.render("bulk_job", data)
}

func (p *page) bulkJobData() (bulkJobData, error) {
	data, err := p.findBulk()
	if err != nil {
		return data, err
	}
	chosen := bulk.Select{Limit: bulkRows + 1}
	if state, err := bulk.ParseLineState(p.URL.Query().Get("state")); err == nil {
		data.State, chosen.States = string(state), []bulk.LineState{state}
	}
	if after, err := strconv.ParseInt(p.URL.Query().Get("cursor"), 10, 64); err == nil {
		chosen.After = after
	}
	data.Lines, err = p.s.Admin.BulkLines(p.Context(), data.Job.Key(), chosen)
	if len(data.Lines) > bulkRows {
		data.Lines = data.Lines[:bulkRows]
		data.Next = strconv.FormatInt(data.Lines[bulkRows-1].At, 10)
	}
	return data, err
}

// bulkDo starts, pauses, resumes or stops a job: POST /console/bulk/{id}/{act}.
func (p *page) bulkDo() error {
	data, err := p.bulkJobData()
	if err == nil {
		err = p.decode(&data.Form)
	}
	if err != nil {
		return err
	}
	desk, key, ctx := p.s.Admin, data.Job.Key(), p.Context()
	scope := merchant.ScopeRefund
	var do func(by admin.By) (bulk.Job, error)
	switch p.PathValue("act") {
	case "start":
		scope = merchant.ScopeApprove
		do = func(by admin.By) (bulk.Job, error) {
			return desk.StartBulk(ctx, by, key, admin.BulkStarting{SkipBad: data.Form.SkipBad})
		}
	case "resume":
		scope = merchant.ScopeApprove
		do = func(by admin.By) (bulk.Job, error) { return desk.ResumeBulk(ctx, by, key) }
	case "pause":
		do = func(by admin.By) (bulk.Job, error) { return desk.PauseBulk(ctx, by, key, data.Form.Reason) }
	case "stop":
		do = func(by admin.By) (bulk.Job, error) { return desk.StopBulk(ctx, by, key, data.Form.Reason) }
	default:
		return p.nowhere()
	}
	if err := p.require(key.MerchantID, scope); err != nil {
		return err
	}
	if _, err := p.act(key.MerchantID, func(by admin.By) error {
		_, err := do(by)
		return err
	}); err != nil {
		return p.renderForm("bulk_job", data, err)
	}
	p.flash("bulk.did_" + p.PathValue("act"))
	return p.redirect(p.link("/console/bulk/" + key.ID))
}

// bulkFile is what became of each line, as CSV: GET /console/bulk/{id}/result.csv.
func (p *page) bulkFile() error {
	data, err := p.findBulk()
	if err != nil {
		return err
	}
	control, begun := http.NewResponseController(p.w), false
	err = p.s.BulkResult(p.Context(), p.w, data.Job.Key(), func() error {
		if !begun {
			p.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
			p.w.Header().Set("Content-Disposition", `attachment; filename="`+data.Job.ID+`.csv"`)
			begun = true
		}
		_ = control.SetWriteDeadline(time.Now().Add(bulkTime)) // not a connection: no limit
		return nil
	})
	if err != nil && begun {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
	return err
}
