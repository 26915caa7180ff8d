package console

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Overviews sums up a merchant's refunds.
type Overviews interface {
	Overview(ctx context.Context, f refund.OverviewFilter, now time.Time) (refund.Overview, error)
}

// Alerts lists what somebody should look at.
type Alerts interface {
	Alerts(ctx context.Context, merchantID string, all bool, page refund.Page) (alerts []refund.StoredAlert, more bool, err error)
}

const (
	// maxOverviewMerchants bounds the merchants that one overview is of: with more of
	// them, one is chosen.
	maxOverviewMerchants = 20
	// overviewAlerts is how many open alerts the overview shows.
	overviewAlerts = 10
	// defaultDays is what the overview is of where nobody chose.
	defaultDays = 7
)

// overviewDays are the times to choose from, in days.
var overviewDays = []int{1, 7, 30, 90}

// overviewPage is what template/overview.html shows.
type overviewPage struct {
	refund.Overview
	Days     int
	AllDays  []int
	Choose   bool // there are too many merchants: one has to be chosen
	Tiles    []overviewTile
	Bars     []overviewBar
	Steps    []overviewStep
	Most     int64 // of the highest bar
	Alerts   []refund.StoredAlert
	Accounts []overviewAccount
}

// overviewTile is a number that leads to its list.
type overviewTile struct{ ID, Label, Value, Hint, Address, Class string }

// overviewBar is a step in the chart, in units of its view box.
type overviewBar struct{ X, Width, SucceededY, Succeeded, FailedY, Failed, OtherY, Other int64 }

// overviewStep is a step in the chart's table.
type overviewStep struct {
	From                        time.Time
	Accepted, Succeeded, Failed int64
	P50, P95                    string
}

type overviewAccount struct {
	refund.AccountHealth
	Class, Says, Percent, P95 string
}

// overview is the first page: GET /console/.
func (p *page) overview() error {
	data, err := p.readOverview()
	if err != nil {
		return err
	}
	if p.Header.Get("HX-Target") == "live" {
		return p.renderBlock("overview", "live", data)
	}
	return p.render("overview", data)
}

// overviewFilter is the time that is chosen, whole days of the user before today and
// today so far.
func (p *page) overviewFilter() (refund.OverviewFilter, int, error) {
	days := defaultDays
	if n, err := strconv.Atoi(p.URL.Query().Get("days")); err == nil && slices.Contains(overviewDays, n) {
		days = n
	}
	now := p.s.Now()
	from := now.Add(-24 * time.Hour)
	if days > 1 {
		local := now.In(p.zone)
		from = time.Date(local.Year(), local.Month(), local.Day()-days+1, 0, 0, 0, 0, p.zone)
	}
	f, err := refund.NewOverviewFilter("", from, now)
	return f, days, err
}

func (p *page) joinedOverview() (refund.Overview, int, error) {
	f, days, err := p.overviewFilter()
	if err != nil {
		return refund.Overview{}, days, err
	}
	var all []refund.Overview
	for _, id := range p.merchantIDs() {
		f.MerchantID = id
		one, err := p.s.Overviews.Overview(p.Context(), f, p.s.Now())
		if err != nil {
			return refund.Overview{}, days, err
		}
		all = append(all, one)
	}
	return refund.Join(all), days, nil
}

func (p *page) readOverview() (overviewPage, error) {
	if len(p.merchantIDs()) > maxOverviewMerchants {
		return overviewPage{Choose: true, Days: defaultDays, AllDays: overviewDays}, nil
	}
	o, days, err := p.joinedOverview()
	if err != nil {
		return overviewPage{}, err
	}
	data := overviewPage{Overview: o, Days: days, AllDays: overviewDays, Tiles: p.tiles(o)}
	data.Bars, data.Most = bars(o.Series)
	for _, one := range slices.Backward(o.Series) {
		data.Steps = append(data.Steps, overviewStep{
			one.From, one.Accepted(), one.States[refund.Succeeded], one.States[refund.Failed], p.tookText(one.Times, 50), p.tookText(one.Times, 95),
		})
	}
	for _, a := range o.Accounts {
		data.Accounts = append(data.Accounts, p.accountHealth(a))
	}
	for _, id := range p.merchantIDs() {
		alerts, _, err := p.s.Alerts.Alerts(p.Context(), id, false, refund.Page{Limit: overviewAlerts})
		if err != nil {
			return overviewPage{}, err
		}
		data.Alerts = append(data.Alerts, alerts...)
	}
	slices.SortFunc(data.Alerts, func(a, b refund.StoredAlert) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	data.Alerts = data.Alerts[:min(len(data.Alerts), overviewAlerts)]
	return data, nil
}

// tiles are the numbers at the top of the overview.
func (p *page) tiles(o refund.Overview) []overviewTile {
	from := o.From.In(p.zone).Format(time.DateOnly)
	list := func(pairs ...string) string { return p.link("/console/refunds", pairs...) }
	percent := "–"
	if hundredths, some := o.SuccessPercent(); some {
		percent = percentText(hundredths) + " %"
	}
	waits := func(id string, c refund.Counted, address string) overviewTile {
		one := overviewTile{ID: id, Label: p.text("overview." + id), Value: p.countedText(c), Address: address}
		if c.N > 0 {
			one.Class = "warn"
		}
		return one
	}
	deliveries := waits("due", o.Deliveries.Due, p.link("/console/queues/deliveries"))
	deliveries.Class = ""
	if !o.Deliveries.OldestDue.IsZero() {
		deliveries.Hint = p.text("overview.oldest_for", p.durationText(p.s.Now().Sub(o.Deliveries.OldestDue)))
	}
	var open int64
	for _, sum := range o.Open {
		open += sum.Refunds
	}
	openTile := overviewTile{ID: "open", Label: p.text("overview.open"), Value: strconv.FormatInt(open, 10), Address: list("state", "held,created,pending,abnormal")}
	if at := oldestOf(o); !at.IsZero() {
		openTile.Hint = p.text("overview.oldest_for", p.durationText(p.s.Now().Sub(at)))
	}
	return []overviewTile{
		{ID: "success", Label: p.text("overview.success"), Value: percent, Hint: p.text("overview.of_ended", o.Of(refund.Succeeded)+o.Of(refund.Failed)), Address: list("state", "failed", "from", from)},
		{ID: "took", Label: p.text("overview.took"), Value: p.tookText(o.Times, 50), Hint: p.text("overview.p95", p.tookText(o.Times, 95)), Address: list("state", "succeeded", "from", from)},
		openTile,
		waits("unknown", o.NeedPerson, p.link("/console/queues/unknown")),
		waits("funds", o.ShortOfFunds, p.link("/console/queues/funds")),
		deliveries,
		waits("dead", o.Deliveries.Dead, p.link("/console/queues/deliveries")),
		waits("alerts", o.Alerts, "#alerts"),
	}
}

func oldestOf(o refund.Overview) time.Time {
	var oldest time.Time
	for _, one := range o.Oldest {
		if oldest.IsZero() || one.CreatedAt.Before(oldest) {
			oldest = one.CreatedAt
		}
	}
	return oldest
}

func percentText(hundredths int64) string {
	text := strconv.FormatInt(hundredths/100, 10)
	rest := strconv.FormatInt(hundredths%100+100, 10)
	return text + "." + rest[1:]
}

func (p *page) countedText(c refund.Counted) string {
	if c.More {
		return p.text("overview.more_than", c.N)
	}
	return strconv.FormatInt(c.N, 10)
}

// tookText is a percentile, – where nothing is counted.
func (p *page) tookText(h refund.Histogram, percent int64) string {
	took, some := h.Percentile(percent)
	if !some {
		return "–"
	}
	return p.durationText(took)
}

// durationText is a time in its largest unit and the next.
func (p *page) durationText(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return p.text("overview.seconds", strconv.FormatInt(d.Milliseconds()/1000, 10)+"."+strconv.FormatInt(d.Milliseconds()%1000/100, 10))
	case d < time.Minute:
		return p.text("overview.seconds", strconv.FormatInt(int64(d/time.Second), 10))
	case d < time.Hour:
		return p.text("overview.minutes", int64(d/time.Minute), int64(d%time.Minute/time.Second))
	case d < 48*time.Hour:
		return p.text("overview.hours", int64(d/time.Hour), int64(d%time.Hour/time.Minute))
	}
	return p.text("overview.days", int64(d/(24*time.Hour)), int64(d%(24*time.Hour)/time.Hour))
}

// The view box of the chart of bars.
const (
	chartWidth, chartHeight = 1000, 120
)

// bars draws the steps: succeeded below, failed above, all others on top.
func bars(series []refund.Period) (drawn []overviewBar, most int64) {
	for _, one := range series {
		most = max(most, one.Accepted())
	}
	if most == 0 {
		return nil, 0
	}
	n := int64(len(series))
	for at, one := range series {
		left, right := int64(at)*chartWidth/n, int64(at+1)*chartWidth/n
		gap := min(2, (right-left)/4)
		bar := overviewBar{X: left + gap, Width: max(1, right-left-2*gap)}
		height := func(count int64) int64 { return count * chartHeight / most }
		succeeded, failed := one.States[refund.Succeeded], one.States[refund.Failed]
		bar.Succeeded, bar.Failed = height(succeeded), height(failed)
		bar.Other = height(one.Accepted()) - bar.Succeeded - bar.Failed
		bar.SucceededY = chartHeight - bar.Succeeded
		bar.FailedY = bar.SucceededY - bar.Failed
		bar.OtherY = bar.FailedY - max(0, bar.Other)
		bar.Other = max(0, bar.Other)
		drawn = append(drawn, bar)
	}
	return drawn, most
}

// accountHealth is an account with what is said of it first.
func (p *page) accountHealth(a refund.AccountHealth) overviewAccount {
	out := overviewAccount{AccountHealth: a, Class: "good", Says: "active", Percent: "–", P95: p.tookText(a.Times, 95)}
	switch {
	case a.State == string(merchant.AccountClosed):
		out.Class, out.Says = "", "closed"
	case a.AskFirst:
		out.Class, out.Says = "bad", "ask_first"
	case a.Paused:
		out.Class, out.Says = "warn", "paused"
	case a.Unanswered:
		out.Class, out.Says = "bad", "unanswered"
	}
	if hundredths, some := refund.SuccessPercent(a.Succeeded, a.Failed); some {
		out.Percent = percentText(hundredths) + " %"
	}
	return out
}

// overviewSeries is what the page's script draws, by step: times in seconds since 1970,
// percentiles in milliseconds, null where nothing is counted.
type overviewSeries struct {
	At        []int64  `json:"at"`
	P50       []*int64 `json:"p50_ms"`
	P95       []*int64 `json:"p95_ms"`
	Accepted  []int64  `json:"accepted"`
	Succeeded []int64  `json:"succeeded"`
	Failed    []int64  `json:"failed"`
}

// overviewData answers the page's script: GET /console/overview.json.
func (p *page) overviewData() error {
	var out overviewSeries
	if len(p.merchantIDs()) <= maxOverviewMerchants {
		o, _, err := p.joinedOverview()
		if err != nil {
			return err
		}
		at := func(h refund.Histogram, percent int64) *int64 {
			took, some := h.Percentile(percent)
			if !some {
				return nil
			}
			ms := took.Milliseconds()
			return &ms
		}
		for _, one := range o.Series {
			out.At = append(out.At, one.From.Unix())
			out.P50, out.P95 = append(out.P50, at(one.Times, 50)), append(out.P95, at(one.Times, 95))
			out.Accepted, out.Succeeded, out.Failed = append(out.Accepted, one.Accepted()), append(out.Succeeded, one.States[refund.Succeeded]), append(out.Failed, one.States[refund.Failed])
		}
	}
	p.w.Header().Set("Content-Type", "application/json")
	p.w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(p.w).Encode(out) // whoever asked is gone
	return nil
}

// ackAlert says that the user has looked at an alert: POST /console/alerts/{id}/ack.
func (p *page) ackAlert() error {
	var form struct {
		Merchant string `form:"merchant"`
	}
	if err := p.decode(&form); err != nil {
		return err
	}
	if err := p.require(form.Merchant, merchant.ScopeMerchant); err != nil {
		return err
	}
	_, err := p.act(form.Merchant, func(by admin.By) error {
		_, err := p.s.Admin.AckAlert(p.Context(), by, form.Merchant, p.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	p.flash("overview.acked")
	return p.redirect(p.link("/console/"))
}
