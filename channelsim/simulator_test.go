package channelsim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channelsim"
)

var start = time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)

// rig is a simulator of the toy channel with a merchant who takes notices.
type rig struct {
	testing.TB
	*channelsim.Simulator
	server *httptest.Server
	side   *toy

	mu      sync.Mutex
	taken   []string // the merchant's notices: proof and body
	answers []int    // what the next notices are answered; 200 behind them
}

func newRig(t *testing.T, side *toy, opts channelsim.Options) *rig {
	t.Helper()
	r := &rig{TB: t, side: side}
	opts.URL, opts.Data, opts.Now, opts.Hold = "http://sim", t.TempDir(), func() time.Time { return start }, time.Millisecond
	var err error
	if r.Simulator, err = channelsim.New(opts, side); err != nil {
		t.Fatal(err)
	}
	r.server = httptest.NewServer(r.Simulator)
	merchant := httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(func() { r.server.Close(); merchant.Close() })
	if err := r.NotifyAt("toy", merchant.URL); err != nil {
		t.Fatal(err)
	}
	r.control("POST", "/sim/payments", `{"channel":"toy","number":"T1","amount":1000,"currency":"CNY"}`, `{"transaction_id":"P0001"}`)
	return r
}

func (r *rig) take(w http.ResponseWriter, in *http.Request) {
	body, _ := io.ReadAll(in.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, in.Header.Get("Proof")+" "+string(body))
	if len(r.answers) > 0 {
		w.WriteHeader(r.answers[0])
		r.answers = r.answers[1:]
	}
}

// call returns the status, proof and body of an answer; "broken" where there is none.
func (r *rig) call(method, path string) string {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, r.server.URL+"/toy"+path, http.NoBody)
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Key", "k1")
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return "broken"
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "broken half of " + answer.Header.Get("Content-Length")
	}
	return strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("Proof"), " ", string(body)))
}

func (r *rig) control(method, path, body, want string) {
	r.Helper()
	in := httptest.NewRequest(method, path, strings.NewReader(body))
	out := httptest.NewRecorder()
	r.ServeHTTP(out, in)
	if got := strings.TrimSpace(out.Body.String()); want != "" && !strings.Contains(got, want) || out.Code != 200 && want == "" {
		r.Errorf("%s %s %s: %d %s, want %s", method, path, body, out.Code, got, want)
	}
}

// inject has the next call of a step fail.
func (r *rig) inject(step channelsim.Step, fault channelsim.Fault, phase channelsim.Phase) {
	r.Helper()
	if err := r.Inject(channelsim.Injection{Channel: "toy", Step: step, Fault: fault, Phase: phase}); err != nil {
		r.Fatal(err)
	}
}

// books returns state, submits and moves of each refund.
func (r *rig) books() string {
	var out []string
	for _, e := range r.Books("") {
		out = append(out, fmt.Sprintf("%s %d %s %d/%d", e.Number, e.Amount, e.State, e.Submits, e.Moves))
	}
	return strings.Join(out, ", ")
}

// pass moves the clock in steps, and sends what is due.
func (r *rig) pass(by time.Duration) {
	for until := r.Now().Add(by); ; {
		for r.Step(r.Context()) > 0 {
		}
		at, ok := r.NextDue()
		if !ok || at.After(until) {
			r.Advance(until.Sub(r.Now()))
			r.Step(r.Context())
			return
		}
		r.Advance(at.Sub(r.Now()))
	}
}

const submit = "/refunds/r1?payment=P0001&amount=100"

func TestARefundIsMadeOnceAndTheMerchantIsTold(t *testing.T) {
	r := newRig(t, &toy{settle: 3 * time.Second}, channelsim.Options{})
	for range 2 {
		if got := r.call("POST", submit); got != `200 first {"amount":100,"number":"r1","state":"processing"}` {
			t.Fatal(got)
		}
	}
	if got := r.books(); got != "r1 100 processing 2/0" {
		t.Fatal(got)
	}
	r.answers = []int{500}
	r.pass(3 * time.Second)
	if got := r.books(); got != "r1 100 succeeded 2/1" || len(r.taken) != 1 {
		t.Fatal(got, r.taken)
	}
	r.pass(time.Hour)
	want := `first {"amount":100,"number":"r1","state":"succeeded"}`
	if diff := cmp.Diff([]string{want, want}, r.taken); diff != "" {
		t.Error("a notice is sent until it is taken: ", diff)
	}
}

func TestNoMoreThanWasPaid(t *testing.T) {
	r := newRig(t, &toy{}, channelsim.Options{})
	if got := r.call("POST", "/refunds/r1?payment=P0001&amount=700"); !strings.HasPrefix(got, "200") {
		t.Error(got)
	}
	if got := r.call("POST", "/refunds/r2?payment=P0001&amount=301"); got != "400 first" {
		t.Error(got)
	}
	r.control("POST", "/sim/foreign", `{"channel":"toy","order_no":"T1","amount":301}`, "more than is left")
	r.control("POST", "/sim/foreign", `{"channel":"toy","order_no":"T1","amount":300}`, `{"number":"CONSOLE000002","refund_id":"R0002"}`)
	r.control("POST", "/sim/refunds/r1", `{"state":"returned"}`, `{"state":"returned"}`)
	if got := r.call("POST", "/refunds/r3?payment=P0001&amount=700"); !strings.HasPrefix(got, "200") {
		t.Error("what was returned may be given back again: ", got)
	}
	if got := r.books(); got != "r1 700 returned 1/1, CONSOLE000002 300 succeeded 0/1, r3 700 succeeded 1/1" {
		t.Error(got)
	}
}

func TestFaultsOfASubmit(t *testing.T) {
	const fine = `200 first {"amount":100,"number":"r1","state":"succeeded"}`
	for _, test := range []struct {
		fault      channelsim.Fault
		phase      channelsim.Phase
		answer     string
		then       string // books right after it
		afterwards string // books a minute later
	}{
		{channelsim.DropBefore, channelsim.BeforeMove, "broken", "", ""},
		{channelsim.Throttle, channelsim.BeforeMove, "429 first", "", ""},
		{channelsim.ShortOfFunds, channelsim.BeforeMove, "402 first", "", ""},
		{channelsim.Delay, channelsim.BeforeMove, "broken", "", "r1 100 succeeded 2/1"},
		{channelsim.Reorder, channelsim.BeforeMove, "broken", "", "r1 100 succeeded 2/1"},
		{channelsim.DropAfter, channelsim.AfterMove, "broken", "r1 100 succeeded 1/1", ""},
		{channelsim.Delay, channelsim.AfterMove, fine, "r1 100 succeeded 1/1", ""},
		{channelsim.Duplicate, channelsim.AfterMove, fine, "r1 100 succeeded 2/1", ""},
		{channelsim.HalfAnswer, channelsim.AfterMove, "broken half of 48", "r1 100 succeeded 1/1", ""},
		{channelsim.WrongSignature, channelsim.AfterMove, strings.Replace(fine, "first", "wrong", 1), "r1 100 succeeded 1/1", ""},
		{channelsim.WrongAmount, channelsim.AfterMove, strings.Replace(fine, "100", "99", 1), "r1 100 succeeded 1/1", ""},
		{channelsim.Throttle, channelsim.AfterMove, "429 first", "r1 100 succeeded 1/1", ""},
		{channelsim.CertificateSwitch, channelsim.AfterMove, strings.Replace(fine, "first", "second", 1), "r1 100 succeeded 1/1", ""},
		{channelsim.LateReturn, channelsim.AfterMove, fine, "r1 100 succeeded 1/1", "r1 100 succeeded 1/1"},
	} {
		t.Run(string(test.phase)+" "+string(test.fault), func(t *testing.T) {
			r := newRig(t, &toy{}, channelsim.Options{})
			r.inject(channelsim.StepSubmit, test.fault, test.phase)
			if got := r.call("POST", submit); got != test.answer {
				t.Errorf("answered %s, want %s", got, test.answer)
			}
			if got := r.books(); got != test.then {
				t.Errorf("books %s, want %s", got, test.then)
			}
			r.pass(time.Minute)
			if got := r.books(); test.afterwards != "" && got != test.afterwards {
				t.Errorf("a minute later the books are %s, want %s", got, test.afterwards)
			}
			if got := r.hits(); got != fmt.Sprintf("%s %s 1", test.phase, test.fault) {
				t.Error("hits: ", got)
			}
			if got := r.call("POST", submit); !strings.HasPrefix(got, "200") {
				t.Errorf("the next call: %s", got)
			}
		})
	}
}

func (r *rig) hits() string {
	var out []string
	for _, h := range r.Hits() {
		if h.Hits > 0 {
			out = append(out, fmt.Sprintf("%s %s %d", h.Phase, h.Fault, h.Hits))
		}
	}
	return strings.Join(out, ", ")
}

func TestALateReturn(t *testing.T) {
	r := newRig(t, &toy{}, channelsim.Options{})
	r.inject(channelsim.StepSubmit, channelsim.LateReturn, "")
	r.call("POST", submit)
	r.pass(30 * time.Hour)
	if got := r.books(); got != "r1 100 returned 1/1" {
		t.Error(got)
	}
	if len(r.taken) != 2 || !strings.Contains(r.taken[1], "returned") {
		t.Error(r.taken)
	}
}

func TestAReorderedSubmitArrivesBehindTheNext(t *testing.T) {
	r := newRig(t, &toy{}, channelsim.Options{})
	r.inject(channelsim.StepSubmit, channelsim.Reorder, "")
	r.call("POST", submit)
	r.call("POST", "/refunds/r2?payment=P0001&amount=200")
	if got := r.books(); got != "r2 200 succeeded 1/1, r1 100 succeeded 2/1" {
		t.Error(got)
	}
}

func TestFaultsOfAQueryABillAndALookUp(t *testing.T) {
	for _, test := range []struct {
		step   channelsim.Step
		fault  channelsim.Fault
		path   string
		answer string
	}{
		{channelsim.StepQuery, channelsim.Reorder, "/refunds/r1", `200 first {"amount":100,"number":"r1","state":"processing"}`},
		{channelsim.StepQuery, channelsim.WrongAmount, "/refunds/r1", `200 first {"amount":99,"number":"r1","state":"succeeded"}`},
		{channelsim.StepQuery, channelsim.WrongSignature, "/refunds/none", `404 wrong`},
		{channelsim.StepQuery, channelsim.DropBefore, "/refunds/r1", `broken`},
		{channelsim.StepQuery, channelsim.Throttle, "/refunds/r1", `429 first`},
		{channelsim.StepBill, channelsim.LyingBill, "/bill/2026-11-29", `200 first r1 100`},
		{channelsim.StepBill, channelsim.HalfAnswer, "/bill/2026-11-29", `broken half of 13`},
		{channelsim.StepCharge, channelsim.WrongAmount, "/payments/P0001", `200 first 999`},
	} {
		t.Run(string(test.step)+" "+string(test.fault), func(t *testing.T) {
			r := newRig(t, &toy{}, channelsim.Options{})
			r.call("POST", submit)
			r.call("POST", "/refunds/r2?payment=P0001&amount=50")
			r.inject(test.step, test.fault, "")
			if got := r.call("GET", test.path); got != test.answer {
				t.Errorf("answered %s, want %s", got, test.answer)
			}
			if got := r.hits(); got != fmt.Sprintf("%s %s 1", test.step, test.fault) {
				t.Error("hits: ", got)
			}
		})
	}
}

func TestAQueryThatIsOvertakenFindsNoRefundYet(t *testing.T) {
	r := newRig(t, &toy{settle: time.Hour}, channelsim.Options{})
	r.call("POST", submit)
	r.inject(channelsim.StepQuery, channelsim.Reorder, "")
	if got := r.call("GET", "/refunds/r1"); got != "404 first" || r.hits() != "query reorder 1" {
		t.Error(got, r.hits())
	}
	r.pass(time.Minute)
	r.inject(channelsim.StepQuery, channelsim.Reorder, "")
	if got := r.call("GET", "/refunds/r1"); !strings.HasPrefix(got, "200") || r.hits() != "query reorder 1" {
		t.Error("a minute later: ", got, r.hits())
	}
}

func TestFaultsOfANotice(t *testing.T) {
	const fine = `first {"amount":100,"number":"r1","state":"succeeded"}`
	for fault, want := range map[channelsim.Fault][]string{
		channelsim.DropBefore:        {fine},
		channelsim.DropAfter:         {fine, fine},
		channelsim.Delay:             {fine},
		channelsim.Reorder:           {fine},
		channelsim.Duplicate:         {fine, fine},
		channelsim.HalfAnswer:        {fine[:len("first ")+24], fine},
		channelsim.WrongSignature:    {strings.Replace(fine, "first", "wrong", 1), fine},
		channelsim.WrongAmount:       {strings.Replace(fine, "100", "99", 1), fine},
		channelsim.CertificateSwitch: {strings.Replace(fine, "first", "second", 1)},
	} {
		t.Run(string(fault), func(t *testing.T) {
			r := newRig(t, &toy{settle: time.Second}, channelsim.Options{})
			r.inject(channelsim.StepNotice, fault, "")
			r.call("POST", submit)
			r.pass(time.Hour)
			if diff := cmp.Diff(want, r.taken); diff != "" {
				t.Error(diff)
			}
			if got := r.hits(); got != "notice "+string(fault)+" 1" {
				t.Error("hits: ", got)
			}
		})
	}
}

func TestTheSeedDecides(t *testing.T) {
	run := func(seed uint64) (answers []string, hits string) {
		r := newRig(t, &toy{settle: time.Second}, channelsim.Options{Seed: seed, Faults: 0.5})
		for n := range 60 {
			answers = append(answers, r.call("POST", fmt.Sprintf("/refunds/r%d?payment=P0001&amount=1", n)))
			r.pass(time.Second)
		}
		return answers, r.hits()
	}
	first, firstHits := run(1)
	again, againHits := run(1)
	if diff := cmp.Diff(first, again); diff != "" || firstHits != againHits {
		t.Error("the same seed decides otherwise: ", diff, firstHits, againHits)
	}
	if other, _ := run(2); cmp.Equal(first, other) {
		t.Error("another seed decides the same")
	}
	for _, fault := range []string{"before drop_before", "before reorder", "after drop_after", "after late_return", "notice wrong_amount"} {
		if !strings.Contains(firstHits, fault) {
			t.Errorf("no %s: %s", fault, firstHits)
		}
	}
}

func TestTheAccountIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	for _, url := range []string{"http://127.0.0.1:1", "http://127.0.0.1:2"} {
		if _, err := channelsim.New(channelsim.Options{URL: url, Data: dir}, &toy{}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, channelsim.AccountFile))
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"url": url, "toy": map[string]any{"base_url": url + "/toy", "key": "k1"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if account, err := channelsim.ReadAccount(filepath.Join(dir, channelsim.AccountFile), "toy"); err != nil || account["key"] != "k1" {
			t.Error(account, err)
		}
	}
	for _, name := range []string{channelsim.AccountFile, "sim-keys.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestBadControlCalls(t *testing.T) {
	r := newRig(t, &toy{lacking: []channelsim.Fault{channelsim.CertificateSwitch}}, channelsim.Options{})
	for _, test := range []struct{ method, path, body, want string }{
		{"POST", "/sim/payments", `{"channel":"klingon","number":"T2","amount":1,"currency":"CNY"}`, `unknown channel`},
		{"POST", "/sim/payments", `{"channel":"toy","number":"T1","amount":1,"currency":"CNY"}`, `paid before`},
		{"POST", "/sim/payments", `{"channel":"toy","number":"T2","amount":0,"currency":"CNY"}`, `more than 0`},
		{"POST", "/sim/payments", `{"channel":"toy","number":"T2","amount":1,"currency":"XXQ"}`, `currency`},
		{"POST", "/sim/payments", `{"channel":"toy","colour":"red"}`, `unknown field`},
		{"POST", "/sim/payments", `{"channel":"toy"} {}`, `more than one value`},
		{"POST", "/sim/faults", `{"channel":"toy","step":"submit","fault":"lying_bill"}`, `has no fault`},
		{"POST", "/sim/faults", `{"channel":"toy","step":"query","fault":"certificate_switch"}`, `has no fault`},
		{"POST", "/sim/faults", `{"channel":"toy","step":"dance","fault":"delay"}`, `unknown step`},
		{"POST", "/sim/faults", `{"channel":"toy","step":"query","phase":"before","fault":"delay"}`, `no phase`},
		{"POST", "/sim/faults", `{"channel":"toy","step":"query","fault":"delay","count":-1}`, `count`},
		{"POST", "/sim/refunds/none", `{"state":"failed"}`, `not found`},
		{"POST", "/sim/refunds/none", `{"state":"lost"}`, `unknown state`},
		{"POST", "/sim/clock", `{"advance_seconds":-1}`, `advance_seconds`},
		{"POST", "/sim/notify", `{"channel":"toy","url":"nowhere"}`, `must be an address`},
		{"GET", "/sim/books?channel=klingon", ``, `unknown channel`},
		{"GET", "/sim/bill?channel=toy&date=today", ``, `must be a day`},
		{"GET", "/klingon/refunds", ``, `no channel has this path`},
	} {
		r.control(test.method, test.path, test.body, test.want)
	}
	r.control("GET", "/sim/bill?channel=toy&date=2026-11-29", "", "")
	if got := httptest.NewRecorder(); true {
		r.ServeHTTP(got, httptest.NewRequest("GET", "/toy/refunds/r1", http.NoBody))
		if got.Code != http.StatusUnauthorized {
			t.Error("a call without a key: ", got.Code)
		}
	}
}

func TestDeletedFaultsEnd(t *testing.T) {
	r := newRig(t, &toy{}, channelsim.Options{Faults: 1, Scenario: []channelsim.Injection{{Channel: "toy", Step: channelsim.StepSubmit, Fault: channelsim.DropBefore, Count: 2}}})
	if got := r.call("POST", submit); got != "broken" {
		t.Error(got)
	}
	r.control("DELETE", "/sim/faults", "", "")
	if got := r.call("POST", submit); !strings.HasPrefix(got, "200 first") {
		t.Error(got)
	}
}
