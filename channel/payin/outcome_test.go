package payin_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/payin"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	refused  = refund.OutcomeRefused
	unknown  = refund.OutcomeUnknown
	tryLater = refund.OutcomeTryLater
)

// documented are errors and what they say of a submit. To a query each is unknown.
var documented = map[string]refund.OutcomeKind{
	"400 badRequest": refused, "401 notAllowed": tryLater, "403 forbidden": refused, "404 notFound": refused, "409 duplicateMerchantRefundId": unknown,
	"422 orderNotPaid": refused, "422 refundAmountExceeded": refused, "422 refundNotSupported": refused, "429 tooManyRequests": tryLater,
	"500 internalError": unknown, "503 channelUnavailable": unknown,
	"400 somethingNew": unknown, "422 badRequest": unknown, "500 refundAmountExceeded": unknown, "502 badRequest": unknown, "403 notAllowed": unknown, "202 badRequest": unknown,
	"302 badRequest": unknown,
}

func TestEveryErrorMeansWhatIsDocumented(t *testing.T) {
	var tested []string
	for fault, want := range documented {
		code := fault[4:]
		tested = append(tested, code)
		t.Run(fault, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction("R1")
			f.faults = []string{fault}
			o := connector.Submit(t.Context(), i)
			if want == unknown && (fault[:1] == "2" || fault[:1] == "3") {
				code = o.Code
			}
			if o.Kind != want || o.Code != code || len(o.Sent.Digest) != 64 || o.Sent.Request == "" || o.Amount != nil || o.ChannelRefundID != "" {
				t.Errorf("%+v, want %s %s", o, want, code)
			}
			told := fault == "401 notAllowed"
			if (o.Alert != "") != told {
				t.Errorf("an operator is told %q", o.Alert)
			}
			f.gets = []string{fault}
			if o := connector.Query(t.Context(), i); o.Kind != unknown || (o.Alert != "") != told {
				t.Errorf("a query: %+v", o)
			}
			f.gets = []string{fault}
			i.ChannelRefundID = orderID + "_R1"
			if o := connector.Query(t.Context(), i); o.Kind != unknown && fault != "404 notFound" {
				t.Errorf("a query by id: %+v", o)
			}
			f.gets = []string{fault}
			i.Refund.Attempts = 1
			if o := connector.Submit(t.Context(), i); o.Kind != tryLater || o.Code != "NOT_LISTED" || f.posts != 0 || (o.Alert != "") != told {
				t.Errorf("a repeat without a look: %+v", o)
			}
		})
	}
	for _, code := range payin.Codes() {
		if !slices.Contains(tested, code) {
			t.Errorf("%s is in the table and not tested", code)
		}
	}
}

func TestEveryStatusMeansWhatIsDocumented(t *testing.T) {
	rows := map[string]refund.OutcomeKind{"pending": refund.OutcomeAccepted, "success": refund.OutcomeDone, "fail": refund.OutcomeFailed, "maybe": unknown}
	for _, word := range payin.Statuses() {
		if _, ok := rows[word]; !ok {
			t.Errorf("%s is in the table and not tested", word)
		}
	}
	for status, want := range rows {
		t.Run(status, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction("R1")
			connector.Submit(t.Context(), i)
			f.ends = status
			known := i
			known.ChannelRefundID = orderID + "_R1"
			for call, o := range map[string]refund.Outcome{"by the list": connector.Query(t.Context(), i), "by id": connector.Query(t.Context(), known)} {
				if o.Kind != want || len(o.Sent.Digest) != 64 {
					t.Errorf("%s: %+v, want %s", call, o, want)
				}
				if want == unknown {
					continue
				}
				if o.ChannelRefundID != orderID+"_R1" || o.Amount == nil || *o.Amount != 700 || o.SucceededAt.IsZero() == (want == refund.OutcomeDone) {
					t.Errorf("%s: %+v", call, o)
				}
			}
		})
	}
}

func TestAnAnswerThatCantBeBelievedIsUnknown(t *testing.T) {
	for fault, code := range map[string]string{
		"drop before": "NO_ANSWER", "drop after": "NO_ANSWER", "half": "UNREADABLE", "long": "UNREADABLE", "by 202": "UNREADABLE", "by 502": "UNREADABLE",
		`orderId="M948164T2023072607034709567180"`: "OTHER_ORDER", `merchantRefundId="R2"`: "OTHER_REFUND", "merchantRefundId=null": "OTHER_REFUND",
		`currency="KWD"`: "CURRENCY", `currency="XXY"`: "UNREADABLE", `amount="7"`: "UNREADABLE", `amount=7.001`: "UNREADABLE", `amount=7e0`: "UNREADABLE", `amount=-7`: "UNREADABLE",
		`amount=0`: "UNREADABLE", "id=none": "UNREADABLE", `status="done"`: "STATUS", `status=7`: "UNREADABLE", `finishedAt="yesterday"`: "UNREADABLE",
	} {
		t.Run(fault, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction("R1")
			f.faults = []string{fault}
			if o := connector.Submit(t.Context(), i); o.Kind != unknown || o.Code != code || o.Message == "" || o.ChannelRefundID != "" {
				t.Errorf("submit: %+v, want unknown %s", o, code)
			}
			want := refund.OutcomeAccepted
			if fault == "drop before" {
				want = refund.OutcomeNotFound
			}
			if o := connector.Query(t.Context(), i); o.Kind != want {
				t.Errorf("query: %+v", o)
			}
		})
	}
	t.Run("wrong amount", func(t *testing.T) {
		f := newFake(t)
		f.faults = []string{"amount=7.01"}
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction("R1")); o.Amount == nil || *o.Amount != 701 {
			t.Errorf("%+v", o) // the engine's to disbelieve
		}
	})
}

// Whether a merchantRefundId makes a repeat harmless is not relied on.
func TestARepeatLooksFirst(t *testing.T) {
	f := newFake(t)
	f.repeats = false
	connector, i := f.open(f.account(nil)), instruction("R1")
	f.faults = []string{"drop after"}
	if o := connector.Submit(t.Context(), i); o.Kind != unknown {
		t.Fatalf("%+v", o)
	}
	i.Refund.Attempts = 1
	if o := connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted || o.ChannelRefundID != orderID+"_R1" || f.posts != 1 {
		t.Errorf("%+v, submitted %d times", o, f.posts)
	}
	if pace := connector.Pace(); refund.MayResubmit(refund.Refund{FirstSubmittedAt: time.Now()}, pace, time.Now()) {
		t.Errorf("%+v", pace)
	}
}

func TestTheRefundsOfAnOrderAreReadToTheirEnd(t *testing.T) {
	f := newFake(t)
	f.repeats = false
	connector := f.open(f.account(nil))
	for _, number := range []string{"A", "B", "C", "B", ""} {
		if number != "" {
			connector.Submit(t.Context(), instruction(number))
			continue
		}
		f.refunds = append(f.refunds, f.refund("7", "")) // made elsewhere
	}
	f.refunds[2]["status"], f.refunds[4]["status"], f.refunds[4]["finishedAt"] = "fail", "success", "2023-07-26T04:07:33.227Z"
	f.refunds[4]["merchantRefundId"] = nil
	f.order["refundTimes"] = 2 // fewer than there are, as where it counts successes alone
	if o := connector.Query(t.Context(), instruction("B")); o.ChannelRefundID != orderID+"_R2" || !slices.Equal(o.Twins, []string{orderID + "_R4"}) {
		t.Errorf("%+v", o)
	}
	if o := connector.Query(t.Context(), instruction("D")); o.Kind != refund.OutcomeNotFound {
		t.Errorf("%+v", o)
	}
	list, err := connector.List(t.Context(), channel.PaymentRef{TransactionID: orderID, OrderNo: orderNo})
	if err != nil || len(list) != 5 {
		t.Fatalf("%+v, %v", list, err)
	}
	for n, number := range []string{"A", "B", "C", orderID + "_R4", orderID + "_R5"} {
		want := channel.Listed{
			Number: number, ChannelRefundID: fmt.Sprintf("%s_R%d", orderID, n+1), TransactionID: orderID, OrderNo: orderNo,
			Amount: money.Amount{Minor: 700, Currency: "SAR"}, Kind: refund.OutcomeAccepted,
		}
		switch n {
		case 2:
			want.Kind = refund.OutcomeFailed
		case 4:
			want.Kind, want.SucceededAt = refund.OutcomeDone, time.Date(2023, 7, 26, 4, 7, 33, 227_000_000, time.UTC)
		}
		if diff := cmp.Diff(want, list[n]); diff != "" {
			t.Error(diff)
		}
	}
	for name, spoil := range map[string]func(){
		"fewer than the order has": func() { f.hidden, f.order["refundTimes"] = 1, 5 },
		"one is another order's":   func() { f.refunds[1]["orderId"] = "M948164T0000000000000000000000" },
		"one has another currency": func() { f.refunds[1]["currency"] = "KWD" },
		"the order is another's":   func() { f.order["merchantId"] = "M000000" },
		"a status without meaning": func() { f.refunds[0]["status"] = "maybe" },
		"an error in the middle":   func() { f.gets = []string{"", "", "", "500 internalError"} },
	} {
		kept, order := slices.Clone(f.refunds), clone(f.order)
		for at := range f.refunds {
			f.refunds[at] = clone(f.refunds[at])
		}
		spoil()
		if list, err := connector.List(t.Context(), channel.PaymentRef{TransactionID: orderID}); err == nil {
			t.Errorf("%s: %+v", name, list)
		}
		f.refunds, f.order, f.hidden, f.gets = kept, order, 0, nil
	}
}

func TestARequestSaysWhatPayinTakes(t *testing.T) {
	f := newFake(t)
	connector := f.open(f.account(nil))
	for n, test := range []struct {
		minor    money.Minor
		currency money.Currency
		reason   string
		want     string // "" where nothing is sent
	}{
		{700, "SAR", "broken", `{"amount":"7","reason":"broken","merchantRefundId":"R0"}`},
		{320, "SAR", "broken", `{"amount":"3.2","reason":"broken","merchantRefundId":"R1"}`},
		{1, "SAR", " ", `{"amount":"0.01","reason":"refund","merchantRefundId":"R2"}`},
		{1350, "KWD", "broken", `{"amount":"1.35","reason":"broken","merchantRefundId":"R3"}`},
		{1351, "KWD", "broken", ""},
		{100, "JPY", strings.Repeat("退", 300), `{"amount":"100","reason":"` + strings.Repeat("退", 255) + `","merchantRefundId":"R5"}`},
		{100_000_000_000_000_00, "SAR", "broken", ""}, // more digits than Payin reads
	} {
		i := instruction(fmt.Sprintf("R%d", n))
		i.Amount, i.Reason = money.Amount{Minor: test.minor, Currency: test.currency}, test.reason
		f.order["currency"] = string(test.currency)
		calls := len(f.bodies)
		o := connector.Submit(t.Context(), i)
		switch {
		case test.want == "" && (o.Kind != refused || o.Code != "DECIMALS" || len(f.bodies) != calls):
			t.Errorf("%d %s: %+v", test.minor, test.currency, o)
		case test.want != "" && (o.Kind != refund.OutcomeAccepted || *o.Amount != test.minor || f.bodies[len(f.bodies)-1] != test.want):
			t.Errorf("%+v\n%s\n%s", o, f.bodies[len(f.bodies)-1], test.want)
		}
	}
	i := instruction("R9")
	for transaction, ok := range map[string]bool{orderID + "_1": true, orderID + "_12": true, orderID + "_R1": false, "4200000000202611290000000001": false, "": false} {
		i.TransactionID = transaction
		f.order["currency"] = "SAR"
		if o := connector.Submit(t.Context(), i); (o.Kind == refund.OutcomeAccepted) != ok || !ok && o.Code != "NO_ORDER" {
			t.Errorf("%q: %+v", transaction, o)
		}
	}
	i.TransactionID = "" // the loop's last is any of them
	i.Charge.Aliases = []refund.Alias{{Dialect: "payin", Identity: "M000000", Name: orderID}, {Dialect: "payin", Identity: merchantID, Name: orderID + "/refunds?"}}
	if o := connector.Submit(t.Context(), i); o.Code != "NO_ORDER" {
		t.Errorf("%+v", o)
	}
	i.Charge.Aliases = append(i.Charge.Aliases, refund.Alias{Dialect: "payin", Identity: merchantID, Name: orderID})
	if o := connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted {
		t.Errorf("%+v", o)
	}
}

func TestAThirdDecimalIsSentWhereItIsAllowed(t *testing.T) {
	f := newFake(t)
	i := instruction("R1")
	i.Amount = money.Amount{Minor: 1351, Currency: "KWD"}
	connector := f.open(f.account(map[string]string{"three_decimals": "true"}))
	if connector.Submit(t.Context(), i); len(f.bodies) != 1 || !strings.Contains(f.bodies[0], `"1.351"`) {
		t.Errorf("%v", f.bodies)
	}
}

func TestAPaymentIsLookedUp(t *testing.T) {
	f := newFake(t)
	connector := f.open(f.account(nil))
	want := channel.Payment{
		TransactionID: orderID, OrderNo: orderNo, Channel: "mastercard", Amount: money.Amount{Minor: 100000, Currency: "SAR"}, Paid: true, PaidAt: time.Date(2023, 7, 26, 4, 5, 33, 227_000_000, time.UTC),
	}
	if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: orderID}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	connector.Submit(t.Context(), instruction("R1"))
	connector.Submit(t.Context(), instruction("R2"))
	f.refunds[0]["status"], want.Refunded = "success", 700
	if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: orderID + "_1"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: "M948164T0000000000000000000000"}); !errors.Is(err, channel.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, ref := range []channel.PaymentRef{{OrderNo: orderNo}, {}} {
		if got, err := connector.Charge(t.Context(), ref); !errors.Is(err, channel.ErrUnsupported) {
			t.Errorf("%+v: %+v, %v", ref, got, err)
		}
	}
	f.refunds, f.order["refundTimes"] = nil, 0
	for _, fault := range []string{`merchantId="M000000"`, `status="closed"`, `currency="XXY"`, `id="M948164T0000000000000000000000"`, "amount=none", "half", `refundTimes="0"`} {
		f.gets = []string{fault}
		if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: orderID}); err == nil {
			t.Errorf("%s: %+v", fault, got)
		}
	}
	f.order["status"], f.order["paidAt"] = "pending", nil
	if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: orderID}); err != nil || got.Paid {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAFileThatIsNotTheMerchantsDayIsNone(t *testing.T) {
	day := channel.BillDay{Day: time.Date(2023, 7, 26, 0, 0, 0, 0, time.UTC)}
	read := func(change func(*fake)) (rows []channel.Listed, err error) {
		f := newFake(t)
		connector := f.open(f.account(nil))
		for _, number := range []string{"R1", "R2"} {
			connector.Submit(t.Context(), instruction(number))
		}
		f.file = f.daily()
		change(f)
		bill, err := connector.Bill(t.Context(), day)
		if err != nil {
			return nil, err
		}
		defer func() { _ = bill.Close() }()
		for {
			row, err := bill.Next()
			if err != nil {
				if _, again := bill.Next(); !errors.Is(again, err) {
					t.Errorf("after %v it says %v", err, again)
				}
				return rows, err
			}
			rows = append(rows, row)
		}
	}
	rows, err := read(func(f *fake) {
		f.file += strings.Replace(f.file[strings.LastIndex(f.file, "\nM")+1:], ",R,S", ",C,S", 1)
	})
	if !errors.Is(err, io.EOF) || len(rows) != 2 || rows[0].Number != "R1" || rows[0].ChannelRefundID != orderID+"_R1" || rows[0].TransactionID != orderID ||
		!rows[0].SucceededAt.Equal(time.Date(2023, 7, 26, 10, 36, 28, 0, time.UTC)) {
		t.Errorf("%+v, %v", rows, err)
	}
	for name, change := range map[string]func(*fake){
		"another merchant's row": func(f *fake) {
			f.file = strings.Replace(f.file, merchantID+","+orderID+"_R2", "M000000,"+orderID+"_R2", 1)
		},
		"an unknown state":       func(f *fake) { f.file = strings.Replace(f.file, ",R,S", ",R,X", 1) },
		"no amount":              func(f *fake) { f.file = strings.Replace(f.file, ",7,SAR,R", ",0,SAR,R", 1) },
		"no id":                  func(f *fake) { f.file = strings.Replace(f.file, ","+orderID+"_R1,", ",,", 1) },
		"a file that broke off":  func(f *fake) { f.file = f.file[:len(f.file)-1] },
		"a page in place of one": func(f *fake) { f.file = "<html>" },
	} {
		if rows, err := read(change); err == nil || errors.Is(err, io.EOF) || errors.Is(err, channel.ErrBillNotReady) {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
	if _, err := read(func(f *fake) { f.file = "" }); !errors.Is(err, channel.ErrBillNotReady) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestANotificationIsAHintAndNothingMore(t *testing.T) {
	f := newFake(t)
	a := f.account(nil)
	good := url.Values{"token": {token}, "_orderId": {orderID}, "_type": {"refund"}, "_refundId": {orderID + "_R2"}}
	notices, reply, err := newDriver().Receive(a, notification(t, good))
	if err != nil || len(notices) != 1 || !notices[0].Hint || notices[0].Outcome.ChannelRefundID != orderID+"_R2" || notices[0].TransactionID != orderID {
		t.Errorf("%+v, %v", notices, err)
	}
	if a := reply(nil); a.Status != http.StatusOK || string(a.Body) != "COMPLETED::"+orderID {
		t.Errorf("%+v", a)
	}
	for name, change := range map[string]url.Values{"Payin's own, without a refund": {"_refundId": nil}, "a payment's": {"_type": {"payment"}}} {
		if notices, reply, err := newDriver().Receive(a, notification(t, merged(good, change))); err != nil || len(notices) != 0 || string(reply(nil).Body) != "COMPLETED::"+orderID {
			t.Errorf("%s: %+v, %v", name, notices, err)
		}
	}
	for name, change := range map[string]url.Values{
		"no token": {"token": nil}, "another token": {"token": {"fedcba9876543210"}}, "two tokens": {"token": {token, "fedcba9876543210"}},
		"no order": {"_orderId": nil}, "an order with a slash": {"_orderId": {"M1/../x"}}, "another order's refund": {"_refundId": {"M948164T0000000000000000000000_R1"}},
		"a type that there is not": {"_type": {"chargeback"}},
	} {
		notices, reply, err := newDriver().Receive(a, notification(t, merged(good, change)))
		if err == nil {
			t.Errorf("%s: taken: %+v", name, notices)
			continue
		}
		if a := reply(err); a.Status != 400 && a.Status != 401 || strings.Contains(string(a.Body), "COMPLETED") {
			t.Errorf("%s: answered %+v", name, a)
		}
	}
	if _, reply, err := newDriver().Receive(f.account(map[string]string{"notify_token": ""}), notification(t, merged(good, url.Values{"token": {""}}))); err == nil || reply(err).Status != 401 {
		t.Errorf("an account without a token takes it: %v", err)
	}
}

func merged(a, b url.Values) url.Values {
	out := url.Values{}
	for _, values := range []url.Values{a, b} {
		for name, value := range values {
			if out[name] = value; value == nil {
				delete(out, name)
			}
		}
	}
	return out
}

func TestCheckSaysWhichSettingIsWrong(t *testing.T) {
	for name, of := range map[string]struct {
		change map[string]string
		fault  func(*fake)
		wrong  string // the setting, "" for none
		hint   string
	}{
		"all is well":             {},
		"without files":           {change: map[string]string{"statement_url": ""}},
		"another secret":          {fault: func(f *fake) { f.secret = "other" }, wrong: "client_secret", hint: "clock"},
		"another merchant":        {change: map[string]string{"merchant_id": "M000000"}, wrong: "merchant_id", hint: "the client's"},
		"an answer about another": {fault: func(f *fake) { f.gets = []string{`id="M000000"`} }, wrong: "merchant_id", hint: "the client's"},
		"nobody answers":          {fault: func(f *fake) { f.Close() }, wrong: "base_url", hint: "--egress-allow"},
		"somebody else answers":   {fault: func(f *fake) { f.gets = []string{"by 502"} }, wrong: "base_url", hint: "/api_v1"},
		"another file's token":    {change: map[string]string{"statement_token": "x"}, wrong: "statement_url", hint: "statement_token"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.file = f.daily()
			if of.fault != nil {
				of.fault(f)
			}
			var wrong []channel.Check
			for _, one := range f.open(f.account(of.change)).Check(t.Context()) {
				if one.Err != nil && !strings.Contains(one.Err.Error(), "no file of two days ago") { // the fake has one day
					wrong = append(wrong, one)
				}
			}
			switch {
			case of.wrong == "" && len(wrong) > 0, of.wrong != "" && (len(wrong) != 1 || wrong[0].Name != of.wrong):
				t.Errorf("found %+v, want %q", wrong, of.wrong)
			case of.wrong != "" && (!strings.Contains(wrong[0].Err.Error(), of.hint) || !strings.Contains(wrong[0].Err.Error(), "(hint: ")):
				t.Errorf("%v", wrong[0].Err)
			}
		})
	}
}
