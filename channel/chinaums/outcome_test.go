package chinaums_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/chinaums"
	"github.com/refundry/refundry/refund"
)

const (
	done     = refund.OutcomeDone
	accepted = refund.OutcomeAccepted
	failed   = refund.OutcomeFailed
	refused  = refund.OutcomeRefused
	unknown  = refund.OutcomeUnknown
	tryLater = refund.OutcomeTryLater
	notFound = refund.OutcomeNotFound
)

// documented is what the page says a code means to a submit and a query, and
// whether an operator is to look at the account.
var documented = []struct {
	code          string
	submit, query refund.OutcomeKind
	alert         bool
}{
	{"INTERNAL_ERROR", unknown, unknown, false},
	{"TIMEOUT", unknown, unknown, false},
	{"NET_ERROR", unknown, unknown, false},
	{"INVALID_RESPONSE", unknown, unknown, false},
	{"DUP_ORDER", unknown, unknown, false},
	{"TXN_DISCARDED", tryLater, tryLater, false},
	{"ORDER_PROCESSING", tryLater, tryLater, false},
	{"ABNORMAL_REQUEST_TIME", tryLater, tryLater, true},
	{"BAD_SIGN", tryLater, tryLater, true},
	{"INVALID_MSGSRC", tryLater, tryLater, true},
	{"INVLID_MERCHANT_CONFIG", tryLater, tryLater, true}, //nolint:misspell // spelled so by the channel
	{"DENIED_IP", tryLater, tryLater, true},
	{"NO_MERCHANT", tryLater, tryLater, true},
	{"INACTIVE_MERCHANT", tryLater, tryLater, true},
	{"BAD_REQUEST", refused, unknown, true},
	{"NO_SERVICE", refused, unknown, true},
	{"INVALID_ORDER", unknown, unknown, false},
	{"NO_ORDER", refused, refund.OutcomeInconclusive, false}, // of the payment, too
	{"OPERATION_NOT_ALLOWED", refused, unknown, false},
	{"NO_CROSS_DAY_TRADING", refused, unknown, false},
	{"TARGET_FAIL", refused, unknown, false},
	// What the documents do not have.
	{"SOMETHING_NEW", unknown, unknown, false},
	{"INVALID_MERCHANT_CONFIG", unknown, unknown, false}, // spelled right, it is not theirs
	{"bad_sign", unknown, unknown, false},
}

func TestEveryCodeMeansWhatTheDocumentsSay(t *testing.T) {
	var tested []string
	for n, row := range documented {
		tested = append(tested, row.code)
		t.Run(row.code, func(t *testing.T) {
			for way, of := range map[string]struct {
				settings map[string]string
				i        channel.Instruction
			}{"order": {nil, instruction(n)}, "bill": {bills, bill(n)}, "older message": {legacy, instruction(n)}} {
				f := newFake(t)
				connector := f.open(f.account(of.settings))
				f.always[of.i.Number], f.queries[of.i.Number] = row.code, "code "+row.code
				switch row.code {
				case "NO_ORDER":
					// The question that follows says the same: nothing is there.
					clear(f.orders)
				case "OPERATION_NOT_ALLOWED":
					delete(f.queries, of.i.Number) // no refund is there
				}
				submitted := connector.Submit(t.Context(), of.i)
				if submitted.Kind != row.submit || submitted.Code != row.code || len(submitted.Sent.Digest) != 64 || submitted.Sent.Request == "" || submitted.Sent.Answer == "" || (submitted.Alert != "") != row.alert {
					t.Errorf("%s: submit: %+v, want %s", way, submitted, row.submit)
				}
				if wait := submitted.RetryAfter; (wait >= time.Minute) != (row.code == "ORDER_PROCESSING") {
					t.Errorf("%s: it is to wait %v", way, wait)
				}
				f.queries[of.i.Number] = "code " + row.code
				asked := connector.Query(t.Context(), of.i)
				if asked.Kind != row.query || asked.Code != row.code || asked.Sent.Digest == "" {
					t.Errorf("%s: query: %+v, want %s", way, asked, row.query)
				}
				for _, o := range []refund.Outcome{submitted, asked} {
					if o.Amount != nil || o.ChannelRefundID != "" || strings.Contains(o.Alert, appKey) {
						t.Errorf("%s: an error names a refund: %+v", way, o)
					}
				}
				if f.moves(of.i.Number) != 0 {
					t.Errorf("%s: money moved", way)
				}
			}
		})
	}
	for _, code := range chinaums.Codes() {
		if !slices.Contains(tested, code) {
			t.Errorf("%s is in the table and not tested", code)
		}
	}
}

func TestEveryStatusMeansWhatTheDocumentsSay(t *testing.T) {
	rows := map[string]struct {
		kind refund.OutcomeKind
		code string
	}{
		"SUCCESS": {done, ""}, "PROCESSING": {accepted, ""}, "FAIL": {failed, "FAIL"}, "UNKNOWN": {unknown, "UNKNOWN"}, "MAYBE": {unknown, "STATUS"},
	}
	for _, word := range chinaums.Statuses() {
		if _, ok := rows[word]; !ok {
			t.Errorf("%s is in the table and not tested", word)
		}
	}
	for status, want := range rows {
		t.Run(status, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction(1)
			f.refunds[i.Number] = &entry{number: i.Number, order: orderNo, target: "5030", status: status, amount: 100}
			f.ends[i.Number] = status
			for call, got := range map[string]refund.Outcome{"submit": connector.Submit(t.Context(), i), "query": connector.Query(t.Context(), i)} {
				if got.Kind != want.kind || got.Code != want.code {
					t.Errorf("%s: %+v, want %+v", call, got, want)
				}
				if status != "MAYBE" && got.ChannelRefundID != "5030" {
					t.Errorf("%s: %+v", call, got)
				}
			}
		})
	}
	t.Run("in small letters it is the same", func(t *testing.T) {
		f := newFake(t)
		f.queries[number(1)] = "small letters"
		connector := f.open(f.account(nil))
		connector.Submit(t.Context(), instruction(1))
		if o := connector.Query(t.Context(), instruction(1)); o.Kind != done {
			t.Errorf("%+v", o)
		}
	})
	t.Run("a submit without it is accepted, and a query without it says nothing", func(t *testing.T) {
		f := newFake(t)
		f.faults[number(1)], f.queries[number(1)] = []string{"no status"}, "no status"
		connector := f.open(f.account(nil))
		if o := connector.Submit(t.Context(), instruction(1)); o.Kind != accepted {
			t.Errorf("submit: %+v", o)
		}
		if o := connector.Query(t.Context(), instruction(1)); o.Kind != unknown {
			t.Errorf("query: %+v", o)
		}
	})
}

// What can't be understood, or is about something else, is unknown, whatever it
// says, and a query finds what happened.
func TestAnAnswerThatCantBeBelievedIsUnknown(t *testing.T) {
	for fault, code := range map[string]string{
		"drop before": "NO_ANSWER", "drop after": "NO_ANSWER", "half": "HTTP_200", "html": "HTTP_200", "twice": "HTTP_200", "long": "HTTP_200",
		"no code": "HTTP_200", "badly signed": "HTTP_200", "errCode in small letters": "success",
		"404": "HTTP_404", "429": "HTTP_429", "500": "HTTP_500", "502": "HTTP_502", "202": "HTTP_202", "302": "HTTP_302",
		"other refund": "OTHER_REFUND", "other order": "OTHER_ORDER", "other merchant": "OTHER_MERCHANT", "smaller payment": "TOTAL", "more given back": "AMOUNT",
		"unknown status": "STATUS",
	} {
		t.Run(fault, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction(1)
			f.faults[i.Number] = []string{fault}
			if o := connector.Submit(t.Context(), i); o.Kind != unknown || o.Code != code || o.ChannelRefundID != "" || strings.Contains(o.Message, "127.0.0.1/v1") {
				t.Errorf("submit: %+v, want unknown %s", o, code)
			}
			f.queries[i.Number] = fault
			if fault != "drop before" {
				if o := connector.Query(t.Context(), i); o.Kind != unknown {
					t.Errorf("query: %+v", o)
				}
			}
			delete(f.queries, i.Number)
			asked, again := connector.Query(t.Context(), i), connector.Submit(t.Context(), i)
			want := done
			if fault == "drop before" {
				want = notFound
			}
			if asked.Kind != want || again.Kind != done && again.Kind != accepted || f.moves(i.Number) != 1 {
				t.Errorf("asked %+v, again %+v, moves %d", asked, again, f.moves(i.Number))
			}
		})
	}
	t.Run("an amount that is another is said, and not believed by the engine", func(t *testing.T) {
		f := newFake(t)
		f.faults[number(1)] = []string{"wrong amount"}
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction(1)); o.Amount == nil || *o.Amount != 101 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("an answer that is signed well counts", func(t *testing.T) {
		f := newFake(t)
		f.faults[number(1)] = []string{"signed"}
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction(1)); o.Kind != accepted {
			t.Errorf("%+v", o)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		f := newFake(t)
		connector := f.open(f.account(nil))
		f.Close()
		if o := connector.Submit(t.Context(), instruction(1)); o.Kind != unknown || o.Code != "NO_ANSWER" || strings.Contains(o.Message, "netpay") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("an address that may not be called", func(t *testing.T) {
		f := newFake(t)
		connector, err := chinaums.New(chinaums.Options{}).Open(f.account(nil))
		if err != nil {
			t.Fatal(err)
		}
		if o := connector.Submit(t.Context(), instruction(1)); o.Kind != unknown || len(f.seen) != 0 {
			t.Errorf("%+v, seen %d", o, len(f.seen))
		}
	})
	t.Run("a machine whose clock is wrong", func(t *testing.T) {
		f := newFake(t)
		connector, err := chinaums.New(chinaums.Options{EgressAllow: loopback, Now: func() time.Time { return time.Now().Add(-time.Hour) }}).Open(f.account(nil))
		if err != nil {
			t.Fatal(err)
		}
		if o := connector.Submit(t.Context(), instruction(1)); o.Kind != tryLater || o.Code != "ABNORMAL_REQUEST_TIME" || !strings.Contains(o.Alert, "clock") {
			t.Errorf("%+v", o)
		}
	})
}

// paths are the calls that were made, by their paths' ends.
func (f *fake) paths() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.seen {
		out = append(out, strings.TrimPrefix(one.path, "/v1/netpay/"))
	}
	return out
}

func TestAQueryAsksInTwoForms(t *testing.T) {
	f := newFake(t)
	connector := f.open(f.account(nil))
	if o := connector.Query(t.Context(), instruction(1)); o.Kind != notFound || !slices.Equal(f.paths(), []string{"refund-query", "refund-query", "query"}) {
		t.Fatalf("neither form finds it: %+v, %v", o, f.paths())
	}
	first, second := flat(f.seen[0].body), flat(f.seen[1].body)
	if first["merOrderId"] != number(1) || first["refundOrderId"] != "" || second["merOrderId"] != orderNo || second["refundOrderId"] != number(1) {
		t.Errorf("asked %v, then %v", first, second)
	}
	connector.Submit(t.Context(), instruction(1))
	f.seen = nil
	if o := connector.Query(t.Context(), instruction(1)); o.Kind != done || len(f.seen) != 1 {
		t.Errorf("the first form finds it: %+v, %v", o, f.paths())
	}
	f.otherForm, f.seen = true, nil
	if o := connector.Query(t.Context(), instruction(1)); o.Kind != done || len(f.seen) != 2 {
		t.Errorf("the second form finds it: %+v, %v", o, f.paths())
	}
	for fault, want := range map[string]refund.OutcomeKind{"other refund": unknown, "no refund's number": unknown, "": done} {
		f.queries[number(1)] = fault
		if o := connector.Query(t.Context(), instruction(1)); o.Kind != want {
			t.Errorf("the second form, %q: %+v", fault, o)
		}
	}
	f.otherForm = false
	f.queries[number(1)] = "no refund's number"
	if o := connector.Query(t.Context(), instruction(1)); o.Kind != done {
		t.Errorf("the first form names the refund itself: %+v", o)
	}
	t.Run("a question that failed asks no second time", func(t *testing.T) {
		f.queries[number(1)], f.seen = "code TIMEOUT", nil
		if o := connector.Query(t.Context(), instruction(1)); o.Kind != unknown || len(f.seen) != 1 {
			t.Errorf("%+v, %v", o, f.paths())
		}
	})
}

func TestOfABillOnlyItsOwnRefundCounts(t *testing.T) {
	f := newFake(t)
	connector := f.open(f.account(bills))
	if o := connector.Query(t.Context(), bill(1)); o.Kind != notFound {
		t.Errorf("nothing was refunded: %+v", o)
	}
	connector.Submit(t.Context(), bill(1))
	if o := connector.Query(t.Context(), bill(1)); o.Kind != done || !o.SucceededAt.Equal(time.Date(2026, 11, 29, 1, 0, 0, 0, time.UTC)) || *o.Amount != 100 {
		t.Errorf("its refund: %+v", o)
	}
	if o := connector.Query(t.Context(), bill(2)); o.Kind != refund.OutcomeInconclusive {
		t.Errorf("another refund of the bill is there, and this one may be on its way: %+v", o)
	}
	for status, want := range map[string]refund.OutcomeKind{"FAIL": failed, "PROCESSING": accepted, "TRADE_CLOSED": unknown, "TRADE_REFUND": done} {
		f.ends[number(1)] = status
		if o := connector.Query(t.Context(), bill(1)); o.Kind != want {
			t.Errorf("%s: %+v", status, o)
		}
	}
	delete(f.ends, number(1))
	f.refunds[number(1)].amount = 99
	if o := connector.Query(t.Context(), bill(1)); o.Kind == done || o.Amount == nil || *o.Amount != 99 {
		t.Errorf("another amount: %+v", o)
	}
	f.orders[billNo].status = "UNKNOWN"
	if o := connector.Query(t.Context(), bill(2)); o.Kind != unknown {
		t.Errorf("a bill whose status is not known: %+v", o)
	}
}

func TestAnOrderThatLacksDataIsAskedAboutAndTheRefundSentAgain(t *testing.T) {
	for way, of := range map[string]struct {
		settings map[string]string
		i        channel.Instruction
		paths    []string
	}{
		"order": {nil, instruction(1), []string{"refund", "query", "refund"}},
		"bill":  {bills, bill(1), []string{"bills/refund", "bills/query", "bills/refund"}},
	} {
		f := newFake(t)
		f.orders[of.i.Charge.OrderNo].lacksData = true
		o := f.open(f.account(of.settings)).Submit(t.Context(), of.i)
		if o.Kind != accepted || !slices.Equal(f.paths(), of.paths) || f.moves(of.i.Number) != 1 {
			t.Errorf("%s: %+v, %v", way, o, f.paths())
		}
		if first, last := flat(f.seen[0].body), flat(f.seen[2].body); first["refundOrderId"] != last["refundOrderId"] {
			t.Errorf("%s: another number: %v", way, last)
		}
	}
}

func TestARefusalThatTheOrderDecidesIsConfirmed(t *testing.T) {
	t.Run("no such order, and a question finds one", func(t *testing.T) {
		f := newFake(t)
		f.always[number(1)] = "NO_ORDER"
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction(1)); o.Kind != unknown || o.Code != "NO_ORDER" {
			t.Errorf("%+v", o)
		}
	})
	t.Run("no such order, and no answer to the question", func(t *testing.T) {
		f := newFake(t)
		f.always[number(1)], f.always["query"] = "NO_ORDER", "TIMEOUT"
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction(1)); o.Kind != unknown {
			t.Errorf("%+v", o)
		}
	})
	t.Run("closed, because this refund closed it", func(t *testing.T) {
		f := newFake(t)
		connector := f.open(f.account(nil))
		connector.Submit(t.Context(), instruction(1))
		f.always[number(1)] = "OPERATION_NOT_ALLOWED"
		if o := connector.Submit(t.Context(), instruction(1)); o.Kind != done || o.Sent.Shown["refundOrderId"] != number(1) {
			t.Errorf("%+v", o)
		}
	})
	t.Run("closed, and nobody says why", func(t *testing.T) {
		f := newFake(t)
		f.orders[orderNo].status, f.queries[number(1)] = "TRADE_CLOSED", "code TIMEOUT"
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction(1)); o.Kind != unknown || o.Code != "OPERATION_NOT_ALLOWED" {
			t.Errorf("%+v", o)
		}
	})
	t.Run("closed, and not refunded", func(t *testing.T) {
		f := newFake(t)
		f.orders[orderNo].status = "TRADE_CLOSED"
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction(1)); o.Kind != refused || o.Code != "OPERATION_NOT_ALLOWED" {
			t.Errorf("%+v", o)
		}
	})
}

func TestTheRulesAndThePaceAreTheProtocols(t *testing.T) {
	if got, want := (*chinaums.Driver)(nil).Rules("wechat_qrcode"), (refund.Rules{MostAmount: 100000000}); got != want {
		t.Errorf("rules %+v", got)
	}
	f := newFake(t)
	connector := f.open(f.account(nil))
	want := refund.Pace{SettlingTime: 10 * time.Minute, First: 5 * time.Second, Longest: 30 * time.Minute, EscalateAfter: 7 * 24 * time.Hour}
	if got := connector.Pace(); got != want {
		t.Errorf("pace %+v", got)
	}
	if can := connector.Capabilities(); can != (channel.Capabilities{Charges: true}) {
		t.Errorf("capabilities %+v", can)
	}
}

// The number tells the refund's own time, in Beijing, whenever it is made.
func TestARefundsNumberIsMadeOfItsID(t *testing.T) {
	f := newFake(t)
	connector := f.open(f.account(map[string]string{"msg_src_id": "10A7"}))
	id := "re_" + refund.NewID(time.Date(2026, 12, 31, 16, 0, 0, 999e6, time.UTC))
	got := connector.Number(id, 0)
	if len(got) != 27 || !strings.HasPrefix(got, "10A720270101000000") || got != connector.Number(id, 0) {
		t.Errorf("%q", got)
	}
	if again := connector.Number(id, 1); again == got || again[:18] != got[:18] {
		t.Errorf("another try: %q", again)
	}
	if other := connector.Number("re_1", 0); len(other) != 27 {
		t.Errorf("an id without a time: %q", other)
	}
}
