package native_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAFilterReadsItsParameters(t *testing.T) {
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment.UTC()
	}
	for query, want := range map[string]refund.Filter{
		"": {},
		"state=failed,abnormal&state=held&state=failed":                             {States: []refund.State{refund.Failed, refund.Abnormal, refund.Held}},
		"created_from=2026-11-22&created_to=2026-11-22":                             {CreatedFrom: at("2026-11-22T00:00:00Z"), CreatedTo: at("2026-11-23T00:00:00Z")},
		"created_from=2026-11-22T00:00:00%2B08:00":                                  {CreatedFrom: at("2026-11-21T16:00:00Z")},
		"amount_min=1&amount_max=2":                                                 {AmountMin: 1, AmountMax: 2},
		"customer=%E5%BC%A0&reason=100%25&reason_code=late&failure_code=X&number=N": {Customer: "张", Reason: "100%", ReasonCode: "late", FailureCode: "X", Number: "N"},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := native.ReadRefundFilter(t.Context(), nil, "m", values)
		want.MerchantID = "m"
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", query, err, diff)
		}
	}
	for query, param := range map[string]string{
		"state=":                  "state",
		"state=failed,":           "state",
		"state=lost":              "state",
		"customer=":               "customer",
		"reason=&customer=x":      "reason",
		"amount_min=0":            "amount_min",
		"amount_max=1.00":         "amount_max",
		"amount_max=-1":           "amount_max",
		"created_from=2026-11-31": "created_from",
		"created_to=22.11.2026":   "created_to",
		"created_to=1999-01-01":   "created_to",
		"paid_from=2026-11-22":    "paid_from",
		"number=1&number=2":       "number",
		"needs_person=false":      "needs_person",
		"needs_person=":           "needs_person",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = native.ReadRefundFilter(t.Context(), nil, "m", values)
		if fault := refund.As(err); fault == nil || fault.Kind != refund.KindInvalid || fault.Param != param || !strings.HasPrefix(fault.Detail, param) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if got, err := native.ReadRefundFilter(t.Context(), nil, "m", url.Values{"needs_person": {"true"}}); err != nil || !got.NeedsPerson || got.MerchantID != "m" {
		t.Errorf("%+v, %v", got, err)
	}
	values := url.Values{"order_no": {"T"}, "channel": {"wx"}, "customer": {"M"}, "paid_from": {"2026-11-22"}, "paid_to": {"2026-11-23"}, "amount_min": {"5"}}
	want := refund.ChargeFilter{
		MerchantID: "m", OrderNo: "T", Channel: "wx", Customer: "M", AmountMin: 5, PaidFrom: at("2026-11-22T00:00:00Z"), PaidTo: at("2026-11-24T00:00:00Z"),
	}
	got, err := native.ReadChargeFilter("m", values)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// A spreadsheet calculates nothing of what merchants and their customers wrote,
// and no number is another one.
func TestAFileHasEveryRowAndNoFormula(t *testing.T) {
	s := dialecttest.Start(t)
	send(t, s, demo, "POST", "/charges", `{"order_no": "CSV-1", "amount": 1000, "currency": "CNY", "channel": "wx", "customer": "@SUM(1)", "subject": "a, \"b\"\nc"}`, http.StatusCreated)
	for n, reason := range []string{"=HYPERLINK(1)", "-2+3", "-2", "+86138", "+x", "plain"} {
		body := fmt.Sprintf(`{"charge": "CSV-1", "amount": %d, "number": "F-%d", "reason": %q}`, n+1, n, reason)
		send(t, s, demo, "POST", "/refunds", body, http.StatusCreated, "Prefer", "wait=10")
	}
	records := func(path string) []map[string]string {
		r := csv.NewReader(strings.NewReader(send(t, s, demo, "GET", path, "", http.StatusOK)))
		all, err := r.ReadAll()
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: %v", path, err)
		}
		var out []map[string]string
		for _, row := range all[1:] {
			one := make(map[string]string)
			for n, name := range all[0] {
				one[name] = row[n]
			}
			out = append(out, one)
		}
		return out
	}
	var reasons []string
	for _, r := range records("/refunds.csv?charge=CSV-1&state=succeeded,failed&amount_max=6") {
		reasons = append(reasons, r["reason"])
		if r["customer"] != "'@SUM(1)" || r["currency"] != "CNY" || r["created_at"] == "" {
			t.Errorf("%v", r)
		}
	}
	if diff := cmp.Diff([]string{"plain", "'+x", "+86138", "-2", "'-2+3", "'=HYPERLINK(1)"}, reasons); diff != "" {
		t.Error(diff)
	}
	charges := records("/charges.csv?customer=" + url.QueryEscape("@SUM(1)"))
	if len(charges) != 1 || charges[0]["refundable"] != "979" || charges[0]["subject"] != "a, \"b\"\nc" || charges[0]["fee"] != "" {
		t.Errorf("%v", charges)
	}
	if got := send(t, s, demo, "GET", "/refunds.csv?state=failed&customer=nobody", "", http.StatusOK); strings.Count(got, "\n") != 1 {
		t.Errorf("a file of nothing is %q", got)
	}
	send(t, s, demo, "GET", "/refunds.csv?limit=1", "", http.StatusBadRequest)
	send(t, s, demo, "GET", "/refunds.csv?charge=nobody", "", http.StatusNotFound)
	send(t, s, demo, "GET", "/charges.csv?customer=", "", http.StatusBadRequest)
}

// pages is a list that notes how it is read, and breaks at its end.
type pages struct {
	left, most int
	fails      error
}

func (p *pages) RefundLook(_ context.Context, f refund.Filter) (refund.Look, error) {
	p.most = max(p.most, f.Page.Limit)
	if p.left == 0 {
		return refund.Look{}, p.fails
	}
	p.left--
	rows := make([]refund.Refund, f.Page.Limit)
	for n := range rows {
		rows[n] = refund.Refund{ID: "re", Amount: money.Minor(n), Currency: "CNY", CreatedAt: time.UnixMicro(1)}
	}
	return refund.Look{Refunds: rows, More: true, Next: &refund.Position{}}, nil
}

func (p *pages) ChargeLook(context.Context, refund.ChargeFilter) (refund.ChargeLook, error) {
	return refund.ChargeLook{}, errors.ErrUnsupported
}

var errBroken = errors.New("broken")

// counter keeps nothing of what is written.
type counter struct{ lines int }

func (c *counter) Write(b []byte) (int, error) {
	c.lines += strings.Count(string(b), "\n")
	return len(b), nil
}

// However many rows there are, a page of them is in memory, and what was read is
// written before more is.
func TestAFileIsWrittenAsItIsRead(t *testing.T) {
	list, written := &pages{left: 40, fails: errBroken}, &counter{}
	seen := 0
	err := native.WriteRefunds(t.Context(), written, list, refund.Filter{}, func() error {
		if seen > 0 && written.lines != 1+(seen-1)*list.most+list.most {
			t.Errorf("at page %d, %d lines were written", seen, written.lines)
		}
		seen++
		return nil
	})
	if !errors.Is(err, errBroken) || seen != 40 || written.lines != 1+40*list.most || list.most > 1000 {
		t.Errorf("%v, %d pages, %d lines, %d rows a page", err, seen, written.lines, list.most)
	}
}
