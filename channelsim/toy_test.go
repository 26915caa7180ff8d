package channelsim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// toy is the smallest side. POST /refunds/{number}?payment=&amount= makes a refund, GET
// /refunds/{number} shows it, GET /bill/{day} lists a day's; the header Key proves who
// calls, and Proof who answers.
type toy struct {
	settle  time.Duration
	key     string
	second  bool // the second key signs
	lacking []channelsim.Fault
}

func (*toy) Name() string { return "toy" }

func (*toy) NewAccount(time.Time) (shown, kept map[string]string, err error) {
	return map[string]string{"key": "k1"}, map[string]string{"platform_key": "p1"}, nil
}

func (t *toy) Open(_ string, shown, kept map[string]string) error {
	if t.key = shown["key"]; t.key == "" || kept["platform_key"] == "" {
		return errors.New("no key")
	}
	return nil
}

func (*toy) Addresses(base string) map[string]string { return map[string]string{"base_url": base} }

func (*toy) Settings(shown map[string]string) map[string]string { return shown }

func (t *toy) Authenticate(c *channelsim.Call) *channelsim.Answer {
	if c.Header.Get("Key") != t.key {
		return &channelsim.Answer{Status: http.StatusUnauthorized}
	}
	return nil
}

func (t *toy) Serve(c *channelsim.Call) channelsim.Answer {
	kind, name, _ := strings.Cut(strings.TrimPrefix(c.Path, "/"), "/")
	switch {
	case kind == "bill":
		if early := c.Begin(channelsim.StepBill, name); early != nil {
			return *early
		}
		day, err := time.Parse(time.DateOnly, name)
		if err != nil {
			return channelsim.Answer{Status: http.StatusBadRequest}
		}
		_, body := t.Bill(c.Books, day, c.BillRows(day))
		return channelsim.Answer{Status: http.StatusOK, Body: body}
	case kind == "payments":
		if early := c.Begin(channelsim.StepCharge, name); early != nil {
			return *early
		}
		return channelsim.Answer{Status: http.StatusOK, Body: fmt.Append(nil, c.Amount(c.Books.Payment(name)))}
	case c.Method == http.MethodPost:
		return t.submit(c, name)
	}
	if early := c.Begin(channelsim.StepQuery, name); early != nil {
		return *early
	}
	r := c.Refund(name)
	if r == nil {
		return channelsim.Answer{Status: http.StatusNotFound}
	}
	return show(c.View(r))
}

func (t *toy) submit(c *channelsim.Call, number string) channelsim.Answer {
	if early := c.Begin(channelsim.StepSubmit, number); early != nil {
		return *early
	}
	amount, _ := strconv.ParseInt(c.Query.Get("amount"), 10, 64)
	r := c.Books.Refund(number)
	if r == nil {
		var err error
		r, err = c.Books.Create(c.Books.Payment(c.Query.Get("payment")), channelsim.Refund{Number: number, Amount: money.Minor(amount)}, t.settle)
		if err != nil {
			return channelsim.Answer{Status: http.StatusBadRequest}
		}
	}
	return show(c.View(r))
}

func show(r channelsim.Refund) channelsim.Answer {
	body, _ := json.Marshal(map[string]any{"number": r.Number, "amount": r.Amount, "state": r.State})
	return channelsim.Answer{Status: http.StatusOK, Body: body}
}

func (t *toy) Sign(_ *channelsim.Call, a *channelsim.Answer, wrong bool) {
	a.Set("Proof", t.proof(wrong))
}

func (t *toy) proof(wrong bool) string {
	switch {
	case wrong:
		return "wrong"
	case t.second:
		return "second"
	}
	return "first"
}

func (*toy) Throttled(*channelsim.Call) channelsim.Answer {
	return channelsim.Answer{Status: http.StatusTooManyRequests}
}

func (*toy) ShortOfFunds(*channelsim.Call) channelsim.Answer {
	return channelsim.Answer{Status: http.StatusPaymentRequired}
}

func (t *toy) Switch() { t.second = !t.second }

func (t *toy) Lacks(_ channelsim.Phase, f channelsim.Fault) bool {
	return slices.Contains(t.lacking, f)
}

func (*toy) PaymentID(n int64, _ time.Time) string  { return fmt.Sprintf("P%04d", n) }
func (*toy) RefundID(n int64, _ time.Time) string   { return fmt.Sprintf("R%04d", n) }
func (*toy) CheckPayment(*channelsim.Payment) error { return nil }
func (*toy) Accepted(status int, _ []byte) bool     { return status == http.StatusOK }
func (*toy) NoticeDelays() []time.Duration          { return []time.Duration{15 * time.Second, time.Minute} }
func (*toy) Zone() *time.Location                   { return time.UTC }
func (*toy) Bill(_ *channelsim.Books, _ time.Time, rows []channelsim.Refund) (string, []byte) {
	var text strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&text, "%s %d\n", r.Number, r.Amount)
	}
	return "text/plain", []byte(text.String())
}

func (t *toy) Notice(n channelsim.Notice) (channelsim.Outgoing, bool) {
	if n.Refund.State == channelsim.Processing || n.URL == "" {
		return channelsim.Outgoing{}, false
	}
	header := http.Header{}
	header.Set("Proof", t.proof(n.Wrong))
	return channelsim.Outgoing{URL: n.URL, Header: header, Body: show(n.Refund).Body}, true
}
