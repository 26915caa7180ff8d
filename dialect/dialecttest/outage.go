package dialecttest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
)

// lookPause is between two looks at what another process does.
const lookPause = 20 * time.Millisecond

// outageTimeout is far above what it takes until a database is back in use.
const outageTimeout = 30 * time.Second

// outage checks that a database that is down is answered as 503 in the dialect's
// form, by reads, writes and whatever finds out who calls; and that this is
// true: what was asked for meanwhile is not there, and is done when it is asked
// for again.
func (f fixture) outage(t *testing.T) {
	cluster := storetest.PostgresControl(t)
	database := cluster.Postgres(t)
	s := Start(t, func(o *service.Options) { o.Database = database })
	f.service = s
	f.mine = s.Merchant(t, "outage", merchant.Test, nil)
	if f.Known != nil {
		f.Known(s, f.mine)
	}
	charge := f.charge(t, f.mine)
	alias := f.alias(t, charge)
	stranger := s.Merchant(t, "stranger", merchant.Test, nil)
	if f.Known != nil {
		f.Known(s, stranger)
	}
	if status, body := f.get(t, f.Read(t, s.URL, f.key(), alias)); status != http.StatusOK {
		t.Fatalf("the read is answered %d %s", status, body)
	}

	cluster.Stop(t)
	amount := minor(10)
	for name, r := range map[string]*http.Request{
		"a refund":                 f.Refund(t, s.URL, f.key(), alias, amount, "outage"),
		"a read":                   f.Read(t, s.URL, f.key(), alias),
		"a caller not seen before": f.Read(t, s.URL, fixture{Speaker: f.Speaker, mine: stranger}.key(), alias),
	} {
		status, body := f.get(t, r)
		if status != http.StatusServiceUnavailable || !json.Valid([]byte(body)) || body == "" {
			t.Errorf("%s while the database is down: %d %s", name, status, body)
		}
	}
	if status, _ := f.get(t, Request(t, http.MethodGet, s.URL+"/readyz", "")); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz is %d", status)
	}

	cluster.Start(t)
	s.ready(t)
	if made := s.Refunds(t, charge); len(made) != 0 {
		t.Errorf("%d refunds were made", len(made))
	}
	if _, ok := f.ask(t, charge, amount, "outage"); !ok {
		t.Error("the refund is not accepted afterwards")
	}
	if made := s.Refunds(t, charge); len(made) != 1 {
		t.Errorf("%d refunds were made by the repeat", len(made))
	}
}

func (f fixture) get(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, body := Do(t, r)
	return answer.StatusCode, body
}

// ready waits until /readyz says so.
func (s *Service) ready(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(outageTimeout); ; {
		answer, body := Do(t, Request(t, http.MethodGet, s.URL+"/readyz", ""))
		switch {
		case answer.StatusCode == http.StatusOK:
			return
		case time.Now().After(deadline):
			t.Fatal("/readyz is still " + strconv.Itoa(answer.StatusCode) + " " + body)
		}
		time.Sleep(lookPause)
	}
}
