package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// overviewCommand is refundry overview.
type overviewCommand struct {
	databaseFlags
	merchantFlags
	jsonFlag
	From string `help:"Count refunds that were accepted then or later: a date in UTC or an RFC 3339 time; default a week before --to." placeholder:"TIME"`
	To   string `help:"Count those accepted before then; of a date alone, to the end of that day in UTC; default now. At most 93 days." placeholder:"TIME"`
}

func (c *overviewCommand) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	values := url.Values{}
	for name, value := range map[string]string{"from": c.From, "to": c.To} {
		if value != "" {
			values.Set(name, value)
		}
	}
	now := time.Now()
	f, err := native.ReadOverviewFilter(m.ID, values, now)
	if err != nil {
		return asFlag(err)
	}
	o, err := s.Overview(e, f, now)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.OverviewJSON(o))
	}
	if o.Behind > 0 || o.Recounts > 0 {
		e.say("%d events are not counted yet, and %d hours are counted anew (hint: serve counts them)", o.Behind, o.Recounts)
	}
	return printOverview(e, o)
}

func printOverview(e *environment, o refund.Overview) error {
	rows := [][]string{{"accepted from", when(o.From)}, {"accepted before", when(o.To)}}
	for _, sum := range o.Sums {
		rows = append(rows, []string{string(sum.State) + " in " + string(sum.Currency), fmt.Sprintf("%d, %s", sum.Refunds, money.SumString(sum.Minor, sum.Currency))})
	}
	percent := ""
	if hundredths, some := o.SuccessPercent(); some {
		percent = native.PercentText(hundredths) + " %"
	}
	rows = append(rows, []string{"succeeded of those that ended", percent}, []string{"time to success, half within", percentileText(o.Times, 50)}, []string{"time to success, 95 of 100 within", percentileText(o.Times, 95)})
	for _, sum := range o.Open {
		rows = append(rows, []string{"open now: " + string(sum.State) + " in " + string(sum.Currency), fmt.Sprintf("%d, %s", sum.Refunds, money.SumString(sum.Minor, sum.Currency))})
	}
	for _, one := range o.Oldest {
		rows = append(rows, []string{"oldest that is " + string(one.State), one.RefundID + ", since " + when(one.CreatedAt)})
	}
	rows = append(
		rows, []string{"need a person", countText(o.NeedPerson)}, []string{"short of funds", countText(o.ShortOfFunds)}, []string{"open alerts", countText(o.Alerts)},
		[]string{"deliveries due", countText(o.Deliveries.Due)}, []string{"deliveries dead", countText(o.Deliveries.Dead)}, []string{"oldest due delivery", when(o.Deliveries.OldestDue)},
	)
	if err := e.printTable([]string{"WHAT", "IS"}, rows); err != nil || len(o.Accounts) == 0 {
		return err
	}
	var accounts [][]string
	for _, a := range o.Accounts {
		state := a.State
		if a.Paused {
			state = "paused"
		}
		percent := ""
		if hundredths, some := refund.SuccessPercent(a.Succeeded, a.Failed); some {
			percent = native.PercentText(hundredths)
		}
		accounts = append(accounts, []string{a.ID, state, when(a.LastSuccess), strconv.FormatInt(a.Succeeded, 10), strconv.FormatInt(a.Failed, 10), percent, percentileText(a.Times, 95)})
	}
	_, _ = fmt.Fprintln(e.out)
	return e.printTable([]string{"ACCOUNT", "STATE", "LAST SUCCESS", "SUCCEEDED", "FAILED", "PERCENT", "95 OF 100 WITHIN"}, accounts)
}

func percentileText(h refund.Histogram, percent int64) string {
	took, some := h.Percentile(percent)
	if !some {
		return ""
	}
	return took.String()
}

func countText(c refund.Counted) string {
	text := strconv.FormatInt(c.N, 10)
	if c.More {
		text = "more than " + text
	}
	return text
}
