package console

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// RefundLists lists refunds, and finds them by any number.
type RefundLists interface {
	admin.RefundLister
	// SearchRefunds finds refunds by any number that somebody holds.
	SearchRefunds(ctx context.Context, merchantID, number string, page refund.Page) (refund.Look, error)
}

const (
	// refundRows is how many refunds a page has.
	refundRows = 50
	// maxListMerchants bounds the merchants that one list is of: with more of them, one
	// is chosen.
	maxListMerchants = 20
)

// refundsPage is what template/refunds.html shows.
type refundsPage struct {
	Refunds []refund.Refund
	// Unreadable are those of the page that are damaged.
	Unreadable []refund.Unreadable
	Next       string
	// Stopped says that there may be more than what was looked through.
	Stopped  bool
	Choose   bool
	Filtered bool
	States   []refund.State
	Chosen   map[refund.State]bool
	Views    []merchant.View
	// Query are the page's parameters without its place in the list.
	Query string
}

// refunds lists refunds, or finds them by a number: GET /console/refunds.
func (p *page) refunds() error {
	data, err := p.listRefunds()
	if fault := refund.As(err); fault != nil && fault.Kind == refund.KindInvalid {
		p.problem = fault
		err = nil
	}
	if err != nil {
		return err
	}
	if data.Views, err = p.s.Admin.UserViews(p.Context(), p.user.ID, admin.UserBounds{}); err != nil {
		return err
	}
	if p.Header.Get("HX-Target") == "list" {
		return p.renderBlock("refunds", "list", data)
	}
	return p.render("refunds", data)
}

func (p *page) listRefunds() (refundsPage, error) {
	data := refundsPage{States: refund.States(), Chosen: make(map[refund.State]bool), Query: p.viewQuery()}
	data.Filtered = data.Query != "" && data.Query != "merchant="+url.QueryEscape(p.merchant.ID)
	f, err := p.refundFilter()
	for _, state := range f.States {
		data.Chosen[state] = true
	}
	if err != nil {
		return data, err
	}
	if len(p.merchantIDs()) > maxListMerchants {
		data.Choose = true
		return data, nil
	}
	f.Page.Limit = refundRows
	look, err := p.lookAll(f, strings.TrimSpace(p.URL.Query().Get("q")))
	if err != nil {
		return data, err
	}
	data.Refunds, data.Unreadable = look.Refunds, look.Unreadable
	data.Stopped = look.More && len(look.Refunds)+len(look.Unreadable) < refundRows
	if look.Next != nil {
		data.Next = writePlace(*look.Next)
	}
	return data, nil
}

// lookAll reads a page of each merchant's refunds and puts them together, newest first.
// Where a page was not looked through to its end, what is older than that of another
// merchant comes with the next page.
func (p *page) lookAll(f refund.Filter, number string) (refund.Look, error) {
	var looks []refund.Look
	err := p.each(func(id string) error {
		f.MerchantID = id
		look, err := p.look(f, number)
		if err == nil {
			looks = append(looks, look)
		}
		for _, one := range look.Unreadable {
			p.s.Log.Warn("a refund can't be read (hint: refundry verify tells more)", "merchant_id", id, "refund_id", one.ID)
		}
		return err
	})
	return joinLooks(looks, f.Page.Limit), err
}

func (p *page) look(f refund.Filter, number string) (refund.Look, error) {
	if number == "" {
		return p.s.RefundLists.RefundLook(p.Context(), f)
	}
	return p.s.RefundLists.SearchRefunds(p.Context(), f.MerchantID, number, f.Page)
}

func placeOf(r refund.Refund) refund.Position {
	return refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}
}

func newer(a, b refund.Position) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
}

// joinLooks puts pages of several lists together: as many rows as a page has, and no
// further than to where each list was looked through.
func joinLooks(looks []refund.Look, limit int) refund.Look {
	var out refund.Look
	for _, one := range looks {
		out.Refunds, out.Unreadable = append(out.Refunds, one.Refunds...), append(out.Unreadable, one.Unreadable...)
		if one.Next != nil && (out.Next == nil || newer(*one.Next, *out.Next) < 0) {
			out.Next = one.Next
		}
	}
	slices.SortFunc(out.Refunds, func(a, b refund.Refund) int { return newer(placeOf(a), placeOf(b)) })
	if out.Next != nil {
		out.Refunds = slices.DeleteFunc(out.Refunds, func(r refund.Refund) bool { return newer(placeOf(r), *out.Next) > 0 })
	}
	if len(out.Refunds) > limit {
		out.Refunds = out.Refunds[:limit]
		at := placeOf(out.Refunds[limit-1])
		out.Next = &at
	}
	if out.Next != nil {
		out.Unreadable = slices.DeleteFunc(out.Unreadable, func(u refund.Unreadable) bool {
			return newer(refund.Position{CreatedAt: u.CreatedAt, ID: u.ID}, *out.Next) > 0
		})
	}
	out.More = out.Next != nil
	return out
}

// refundFilter reads the filter form. Empty fields count as absent.
func (p *page) refundFilter() (refund.Filter, error) {
	query := p.URL.Query()
	text := func(name string) string { return strings.TrimSpace(query.Get(name)) }
	f := refund.Filter{
		Channel: text("channel"), ChannelAccount: text("account"), Customer: text("customer"), Reason: text("reason"),
		ReasonCode: text("reason_code"), FailureCode: text("failure_code"), NeedsPerson: text("needs_person") != "",
	}
	for _, value := range query["state"] {
		for name := range strings.SplitSeq(value, ",") {
			state := refund.State(strings.TrimSpace(name))
			switch {
			case state == "":
			case !state.Valid():
				return f, refund.Errorf(refund.KindInvalid, "state", "there is no state %q", name)
			case !slices.Contains(f.States, state):
				f.States = append(f.States, state)
			}
		}
	}
	for _, bound := range []struct {
		name string
		to   *int64
	}{{"amount_min", (*int64)(&f.AmountMin)}, {"amount_max", (*int64)(&f.AmountMax)}} {
		if value := text(bound.name); value != "" {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n <= 0 {
				return f, refund.Errorf(refund.KindInvalid, bound.name, "%s is a whole number of minor units above 0", bound.name)
			}
			*bound.to = n
		}
	}
	var err error
	if f.CreatedFrom, err = p.filterDay("from", 0); err == nil {
		f.CreatedTo, err = p.filterDay("to", 1)
	}
	if value := text("cursor"); err == nil && value != "" {
		f.Page.After, err = readPlace(value)
	}
	return f, err
}

// filterDay is the beginning of a day in the user's time zone, some days later.
func (p *page) filterDay(name string, later int) (time.Time, error) {
	value := strings.TrimSpace(p.URL.Query().Get(name))
	if value == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, value, p.zone)
	if err != nil || day.Year() < 2000 {
		return time.Time{}, refund.Errorf(refund.KindInvalid, name, "%s is a date such as 2026-11-22, not before 2000", name)
	}
	return day.AddDate(0, 0, later), nil
}

// writePlace is a place in a list as the address has it.
func writePlace(at refund.Position) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.CreatedAt.UnixMicro(), 10) + "." + at.ID))
}

func readPlace(text string) (*refund.Position, error) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	micros, id, ok := strings.Cut(string(plain), ".")
	at, numberErr := strconv.ParseInt(micros, 10, 64)
	if err != nil || !ok || numberErr != nil || !fit(id) {
		return nil, refund.Errorf(refund.KindInvalid, "cursor", "the place in the list is not one of ours")
	}
	return &refund.Position{CreatedAt: time.UnixMicro(at).UTC(), ID: id}, nil
}

// viewQuery are the page's parameters, without those of one visit and empty ones.
func (p *page) viewQuery() string {
	query := p.URL.Query()
	for _, name := range []string{"cursor", "lang", "theme"} {
		query.Del(name)
	}
	for name, values := range query {
		if query[name] = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(query[name]) == 0 {
			query.Del(name)
		}
	}
	return query.Encode()
}

// refundsFile is all that the list shows, as CSV: GET /console/refunds.csv.
func (p *page) refundsFile() error {
	f, err := p.refundFilter()
	if err != nil {
		return err
	}
	number := strings.TrimSpace(p.URL.Query().Get("q"))
	control := http.NewResponseController(p.w)
	begin := sync.OnceFunc(func() {
		h := p.w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", `attachment; filename="refunds.csv"`)
		p.w.WriteHeader(http.StatusOK)
	})
	file := admin.NewRefundFile(p.w, func() {
		begin()
		_ = control.SetWriteDeadline(time.Now().Add(refundFileTime)) // not a connection: no limit
	})
	for _, id := range p.merchantIDs() {
		f.MerchantID = id
		if number == "" {
			err = file.Write(p.Context(), p.s.RefundLists, f)
		} else {
			var found refund.Look
			if found, err = p.s.RefundLists.SearchRefunds(p.Context(), id, number, refund.Page{Limit: 1000}); err == nil {
				err = file.Rows(found)
			}
		}
		if err != nil {
			return p.brokenFile(err)
		}
	}
	return nil
}

// refundFileTime is how long each page of a file may take to be sent.
const refundFileTime = 30 * time.Second

// brokenFile breaks a file off that was begun, so that nobody takes half of it for the
// whole.
func (p *page) brokenFile(err error) error {
	if p.w.Header().Get("Content-Disposition") == "" {
		return err
	}
	p.s.Log.Warn("a file of refunds was broken off", "error", err, "request_id", p.requestID)
	panic(http.ErrAbortHandler)
}

// saveView keeps the list under a name, and dropView forgets one: POST /console/views.
func (p *page) saveView() error {
	var form struct {
		Name  string `form:"name"`
		Query string `form:"query"`
		Drop  string `form:"drop"`
	}
	if err := p.decode(&form); err != nil {
		return err
	}
	own := admin.UserBounds{}
	if form.Drop != "" {
		if err := p.s.Admin.DropView(p.Context(), p.by(), p.user.ID, own, form.Drop); err != nil {
			return err
		}
		p.flash("refunds.view_dropped", form.Drop)
		return p.redirect("/console/refunds")
	}
	v, err := p.s.Admin.SaveView(p.Context(), p.by(), p.user.ID, own, form.Name, form.Query)
	if err != nil {
		return err
	}
	p.flash("refunds.view_saved", v.Name)
	return p.redirect("/console/refunds?" + v.Query)
}
