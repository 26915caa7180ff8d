package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// auditPage is how many records one page shows.
const auditPage = 100

// installationChain is the value of ?chain= for the installation's own records.
const installationChain = "installation"

// auditList is what the page shows of a chain.
type auditList struct {
	// Chain is a merchant's id, or installationChain; "" asks to choose one.
	Chain   string
	Records []auditRow
	Intact  audit.Intact
	Next    string
	// All says that the user may read the installation's chain.
	All bool
}

type auditRow struct {
	audit.Record
	// Link is a page of the object, "" for none.
	Link string
}

// audits shows who did what, newest first.
func (p *page) audits() error {
	chain, name, err := p.chain()
	list := auditList{Chain: name, All: p.user.MayEverywhere(merchant.ScopeMerchant)}
	if err != nil || name == "" {
		if err != nil {
			return err
		}
		return p.render("audit", list)
	}
	f, err := p.auditFilter(chain)
	if err != nil {
		return p.renderForm("audit", list, err)
	}
	if cursor := p.URL.Query().Get("cursor"); cursor != "" {
		if f.Before, err = strconv.ParseInt(cursor, 10, 64); err != nil || f.Before < 1 {
			return refund.Errorf(refund.KindInvalid, "cursor", "cursor is none that a page gave")
		}
	}
	f.Newest, f.Limit = true, auditPage+1
	records, err := p.s.Audit.FindAudit(p.Context(), f)
	if err != nil {
		return err
	}
	if len(records) > auditPage {
		records = records[:auditPage]
		list.Next = strconv.FormatInt(records[auditPage-1].Number, 10)
	}
	for _, r := range records {
		list.Records = append(list.Records, auditRow{r, p.objectLink(r)})
	}
	if list.Intact, err = p.s.Admin.AuditIntact(p.Context(), chain); err != nil {
		return err
	}
	return p.render("audit", list)
}

// chain is the chain that is asked for: its merchant's id, "" for the
// installation's, and its name in the address, "" where none is chosen.
func (p *page) chain() (id, name string, err error) {
	switch {
	case p.URL.Query().Get("chain") == installationChain:
		if !p.user.MayEverywhere(merchant.ScopeMerchant) {
			return "", "", p.forbidden(merchant.ScopeMerchant)
		}
		return "", installationChain, nil
	case p.merchant.ID != "":
		return p.merchant.ID, p.merchant.ID, nil
	case len(p.merchants) == 1:
		return p.merchants[0].ID, p.merchants[0].ID, nil
	}
	return "", "", nil
}

// auditFilter reads the filters of the address.
func (p *page) auditFilter(chain string) (audit.Filter, error) {
	query := p.URL.Query()
	f := audit.Filter{MerchantID: chain, Actor: query.Get("actor"), Action: query.Get("action"), Object: query.Get("object")}
	for name, text := range map[string]string{"actor": f.Actor, "action": f.Action, "object": f.Object} {
		if len(text) > audit.MaxFilter {
			return f, refund.Errorf(refund.KindInvalid, name, "%s is longer than %d bytes", name, audit.MaxFilter)
		}
	}
	var err error
	if f.From, err = p.day(query.Get("from"), "from"); err != nil {
		return f, err
	}
	if f.To, err = p.day(query.Get("to"), "to"); err == nil && !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1) // the day that is named is in it
	}
	return f, err
}

// day is the beginning of a day in the user's time zone; zero for "".
func (p *page) day(text, name string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, p.zone)
	if err != nil || at.Year() < 2000 || at.Year() > 9998 {
		return time.Time{}, refund.Errorf(refund.KindInvalid, name, "%s is a day such as 2026-11-22", name)
	}
	return at, nil
}

// objectLink is the page of what a record is about, "" for none.
func (p *page) objectLink(r audit.Record) string {
	pages := map[string]string{
		"refund": "/console/refunds/", "charge": "/console/charges/", "key": "/console/settings/keys/",
		"account": "/console/settings/accounts/", "endpoint": "/console/settings/endpoints/",
	}
	kind, _, _ := strings.Cut(r.Action, ".")
	to, ok := pages[kind]
	if !ok || r.Object == "" || r.MerchantID == "" {
		return ""
	}
	return to + url.PathEscape(r.Object) + "?merchant=" + r.MerchantID
}

// auditFile sends all records that the filters select as a file.
func (p *page) auditFile(format audit.Format, contentType string) error {
	chain, name, err := p.chain()
	if err != nil {
		return err
	}
	if name == "" {
		return refund.Errorf(refund.KindInvalid, "merchant", "choose a merchant")
	}
	f, err := p.auditFilter(chain)
	if err != nil {
		return err
	}
	control := http.NewResponseController(p.w)
	begun := false
	err = audit.Write(p.Context(), p.w, format, p.s.Audit, f, func() error {
		if !begun {
			p.w.Header().Set("Content-Type", contentType)
			p.w.Header().Set("Content-Disposition", `attachment; filename="audit.`+string(format)+`"`)
			p.w.WriteHeader(http.StatusOK)
			begun = true
		}
		_ = control.SetWriteDeadline(time.Now().Add(fileTime)) // not a connection: no limit
		return nil
	})
	if err != nil && begun {
		panic(http.ErrAbortHandler) // so that nobody takes half a file for a whole one
	}
	return err
}

// fileTime is how long the client of a file may take for one page of it.
const fileTime = 30 * time.Second

func (p *page) auditCSV() error   { return p.auditFile(audit.CSV, "text/csv; charset=utf-8") }
func (p *page) auditLines() error { return p.auditFile(audit.NDJSON, "application/x-ndjson") }
