package native

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Overviews sums up a merchant's refunds.
type Overviews interface {
	Overview(ctx context.Context, f refund.OverviewFilter, now time.Time) (refund.Overview, error)
}

// overviewTime is what an overview is of where nobody says.
const overviewTime = 7 * 24 * time.Hour

type countAnswer struct {
	Count int64 `json:"count"`
	More  bool  `json:"more"` // there are more, which nobody counted
}

type sumAnswer struct {
	Currency money.Currency `json:"currency"`
	State    refund.State   `json:"state"`
	Refunds  int64          `json:"refunds"`
	Amount   *big.Int       `json:"amount"` // may need more than 64 bits
}

type timesAnswer struct {
	Count int64  `json:"count"`
	P50   *int64 `json:"p50_ms"` // null where nothing is counted
	P95   *int64 `json:"p95_ms"`
}

type periodAnswer struct {
	From     moment                 `json:"from"`
	Accepted int64                  `json:"accepted"`
	States   map[refund.State]int64 `json:"states"`
	Times    timesAnswer            `json:"time_to_success"`
}

type oldestAnswer struct {
	State     refund.State `json:"state"`
	Refund    string       `json:"refund"`
	CreatedAt moment       `json:"created_at"`
}

type healthAnswer struct {
	ID          string      `json:"id"`
	Channel     string      `json:"channel"`
	State       string      `json:"state"`
	Paused      bool        `json:"paused"`
	AskFirst    bool        `json:"ask_first"`
	Unanswered  bool        `json:"unanswered"`
	LastSuccess moment      `json:"last_success_at"`
	Succeeded   int64       `json:"succeeded"`
	Failed      int64       `json:"failed"`
	Success     *string     `json:"success_percent"`
	Times       timesAnswer `json:"time_to_success"`
}

type overviewAnswer struct {
	From         moment         `json:"from"`
	To           moment         `json:"to"`
	StepSeconds  int64          `json:"step_seconds"`
	Behind       int64          `json:"behind"`
	Recounting   int64          `json:"recounting_hours"`
	Sums         []sumAnswer    `json:"sums"`
	Open         []sumAnswer    `json:"open"`
	Success      *string        `json:"success_percent"`
	Times        timesAnswer    `json:"time_to_success"`
	Series       []periodAnswer `json:"series"`
	Oldest       []oldestAnswer `json:"oldest"`
	NeedsPerson  countAnswer    `json:"needs_person"`
	ShortOfFunds countAnswer    `json:"short_of_funds"`
	Deliveries   struct {
		Due       countAnswer `json:"due"`
		Waiting   countAnswer `json:"waiting"`
		Dead      countAnswer `json:"dead"`
		OldestDue moment      `json:"oldest_due_at"`
	} `json:"deliveries"`
	Alerts   countAnswer    `json:"alerts"`
	Accounts []healthAnswer `json:"accounts"`
}

func answerTimes(h refund.Histogram) timesAnswer {
	at := func(percent int64) *int64 {
		took, some := h.Percentile(percent)
		if !some {
			return nil
		}
		ms := took.Milliseconds()
		return &ms
	}
	return timesAnswer{h.Count(), at(50), at(95)}
}

// PercentText is a share in hundredths of a percent as a decimal: "99.81".
func PercentText(hundredths int64) string {
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

func answerPercent(succeeded, failed int64) *string {
	hundredths, some := refund.SuccessPercent(succeeded, failed)
	if !some {
		return nil
	}
	text := PercentText(hundredths)
	return &text
}

func answerSums(sums []refund.StateSum) []sumAnswer {
	out := make([]sumAnswer, len(sums))
	for n, s := range sums {
		out[n] = sumAnswer{s.Currency, s.State, s.Refunds, s.Minor}
	}
	return out
}

func answerOverview(o refund.Overview) overviewAnswer {
	out := overviewAnswer{
		From: moment(o.From), To: moment(o.To), StepSeconds: int64(o.Step / time.Second), Behind: o.Behind, Recounting: o.Recounts,
		Sums: answerSums(o.Sums), Open: answerSums(o.Open), Success: answerPercent(o.Of(refund.Succeeded), o.Of(refund.Failed)), Times: answerTimes(o.Times),
		Series: make([]periodAnswer, len(o.Series)), Oldest: make([]oldestAnswer, len(o.Oldest)), Accounts: make([]healthAnswer, len(o.Accounts)),
		NeedsPerson: counted(o.NeedPerson), ShortOfFunds: counted(o.ShortOfFunds), Alerts: counted(o.Alerts),
	}
	d := o.Deliveries
	out.Deliveries.Due, out.Deliveries.Waiting, out.Deliveries.Dead, out.Deliveries.OldestDue = counted(d.Due), counted(d.Waiting), counted(d.Dead), moment(d.OldestDue)
	for n, step := range o.Series {
		out.Series[n] = periodAnswer{moment(step.From), step.Accepted(), map[refund.State]int64{}, answerTimes(step.Times)}
		for state, count := range step.States {
			if count != 0 {
				out.Series[n].States[state] = count
			}
		}
	}
	for n, one := range o.Oldest {
		out.Oldest[n] = oldestAnswer{one.State, one.RefundID, moment(one.CreatedAt)}
	}
	for n, a := range o.Accounts {
		out.Accounts[n] = healthAnswer{
			a.ID, a.Channel, a.State, a.Paused, a.AskFirst, a.Unanswered, moment(a.LastSuccess), a.Succeeded, a.Failed, answerPercent(a.Succeeded, a.Failed), answerTimes(a.Times),
		}
	}
	return out
}

func counted(c refund.Counted) countAnswer { return countAnswer{c.N, c.More} }

// OverviewJSON is an overview as the API shows it.
func OverviewJSON(o refund.Overview) any { return answerOverview(o) }

// ReadOverviewFilter reads the parameters of GET /refundry/v1/overview: the week until
// now where none are given. What is wrong with them is a *refund.Error with the
// parameter's name.
func ReadOverviewFilter(merchantID string, values url.Values, now time.Time) (refund.OverviewFilter, error) {
	q, err := readQuery(values, []string{"from", "to"})
	if err != nil {
		return refund.OverviewFilter{}, err
	}
	from, err := q.bound("from", 0)
	if err != nil {
		return refund.OverviewFilter{}, err
	}
	to, err := q.bound("to", 24*time.Hour)
	if err != nil {
		return refund.OverviewFilter{}, err
	}
	if to.IsZero() {
		if to = now; !from.IsZero() && from.Add(refund.MaxOverview).Before(to) {
			to = from.Add(refund.MaxOverview - time.Hour)
		}
	}
	if from.IsZero() {
		from = to.Add(-overviewTime)
	}
	return refund.NewOverviewFilter(merchantID, from, to)
}

// getOverview sums up the merchant's refunds: GET /overview.
func (d *Dialect) getOverview(c *call) error {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return refund.Errorf(refund.KindInvalid, "", "the query string is malformed")
	}
	f, err := ReadOverviewFilter(c.merchantID(), values, d.now())
	if err != nil {
		return err
	}
	o, err := d.s.Overviews.Overview(c.ctx, f, d.now())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerOverview(o))
}
