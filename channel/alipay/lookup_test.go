package alipay_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/alipay"
	"github.com/refundry/refundry/channel/alipay/alipaytest"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAChargeIsLookedUp(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	paidAt := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	ten := money.Amount{Minor: 1000, Currency: "CNY"}
	for name, test := range map[string]struct {
		trade map[string]any
		want  channel.Payment
	}{
		"paid":                   {map[string]any{"trade_status": "TRADE_SUCCESS"}, channel.Payment{Amount: ten, Paid: true, PaidAt: paidAt}},
		"past the window":        {map[string]any{"trade_status": "TRADE_FINISHED"}, channel.Payment{Amount: ten, Paid: true, PaidAt: paidAt}},
		"refunded in full":       {map[string]any{"trade_status": "TRADE_CLOSED"}, channel.Payment{Amount: ten, Paid: true, PaidAt: paidAt, Refunded: 1000}},
		"closed and never paid":  {map[string]any{"trade_status": "TRADE_CLOSED", "send_pay_date": ""}, channel.Payment{Amount: ten}},
		"that waits for a payer": {map[string]any{"trade_status": "WAIT_BUYER_PAY", "send_pay_date": nil}, channel.Payment{Amount: ten}},
	} {
		for name, value := range map[string]any{"send_pay_date": "2026-11-01 10:00:00"} {
			f.Trade[name] = value
		}
		for name, value := range test.trade {
			f.Trade[name] = value
		}
		for _, ref := range []channel.PaymentRef{{TransactionID: alipaytest.TradeNo}, {OrderNo: alipaytest.OrderNo}, {TransactionID: "pay_1", OrderNo: alipaytest.OrderNo}} {
			test.want.TransactionID, test.want.OrderNo = alipaytest.TradeNo, alipaytest.OrderNo
			got, err := connector.Charge(t.Context(), ref)
			if diff := cmp.Diff(test.want, got, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
			}
		}
	}
	for _, ref := range []channel.PaymentRef{{}, {TransactionID: alipaytest.TradePrefix + "29999"}, {OrderNo: "another"}} {
		if p, err := connector.Charge(t.Context(), ref); !errors.Is(err, channel.ErrNotFound) {
			t.Errorf("%+v: %+v, %v", ref, p, err)
		}
	}
	for name, prepare := range map[string]func(){
		"a status that is not known": func() { f.Trade["trade_status"] = "TRADE_PENDING" },
		"an amount that is none":     func() { f.Trade["total_amount"] = "10.001" },
		"another trade":              func() { f.Always["order"] = "other trade" },
		"no signature":               func() { f.Always["order"] = "unsigned" },
		"an error":                   func() { f.Always["order"] = "20000 isp.unknow-error" },
	} {
		f.Trade = map[string]any{"trade_status": "TRADE_SUCCESS", "total_amount": "10.00"}
		f.Always["order"] = ""
		prepare()
		if p, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: alipaytest.TradeNo}); err == nil || errors.Is(err, channel.ErrNotFound) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestABillIsReadyAtTenInBeijing(t *testing.T) {
	f := newFake(t, false)
	now := time.Date(2026, 11, 29, 9, 59, 59, 0, time.FixedZone("", 8*3600))
	f.Now = func() time.Time { return now }
	connector, err := alipay.New(alipay.Options{EgressAllow: loopback, Now: func() time.Time { return now }}).Open(f.account(nil))
	if err != nil {
		t.Fatal(err)
	}
	day := channel.BillDay{Day: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)}
	f.Bills["2026-11-27"], f.Bills["2026-11-26"], f.Bills["2026-11-25"] = "BILL_NOT_EXIST", "NO_BILL_DATA", "SYSTEM_RATE_LIMIT"
	if _, err := connector.Bill(t.Context(), day); !errors.Is(err, channel.ErrBillNotReady) || len(f.Seen) > 0 {
		t.Errorf("before ten: %v", err)
	}
	now = now.Add(time.Second)
	bill, err := connector.Bill(t.Context(), day)
	if err != nil {
		t.Fatal(err)
	}
	if row, err := bill.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%+v, %v", row, err)
	}
	if err := bill.Close(); err != nil {
		t.Error(err)
	}
	for back, want := range map[int]error{1: channel.ErrBillNotReady, 2: nil, 3: errors.New("rate limit")} {
		bill, err := connector.Bill(t.Context(), channel.BillDay{Day: day.Day.AddDate(0, 0, -back)})
		switch {
		case want == nil && err != nil, want != nil && err == nil, errors.Is(want, channel.ErrBillNotReady) && !errors.Is(err, want):
			t.Errorf("%d days back: %v, want %v", back, err, want)
		case want == nil:
			if row, err := bill.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("a day without trades has %+v, %v", row, err)
			}
		}
	}
}

func TestABillThatIsClosedOrBrokenEnds(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	for _, number := range []string{"R1", "R2", "R3"} {
		connector.Submit(t.Context(), instruction(number))
	}
	day := channel.BillDay{Day: time.Now().AddDate(0, 0, -3)}
	bill, err := connector.Bill(t.Context(), day)
	if err != nil {
		t.Fatal(err)
	}
	row, err := bill.Next()
	if err != nil || row.Amount.Minor != 100 || row.TransactionID != alipaytest.TradeNo || row.OrderNo != alipaytest.OrderNo || row.Kind != refund.OutcomeDone || row.ChannelRefundID != "" {
		t.Errorf("%+v, %v", row, err)
	}
	if err := bill.Close(); err != nil { // before its end
		t.Error(err)
	}
	for name, archive := range map[string][]byte{
		"no archive": []byte("busy"), "half an archive": alipaytest.Zipped(t, f.Rows())[:100], "a broken row": alipaytest.Zipped(t, strings.Replace(f.Rows(), "-1.00", "-1.x", 1)),
	} {
		f.Archive = archive
		bill, err := connector.Bill(t.Context(), day)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = bill.Next()
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("%s is a bill", name)
		}
		if _, again := bill.Next(); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: %v, and then %v", name, err, again)
		}
		_ = bill.Close()
	}
}

func TestTheCheckSaysWhichSettingIsWrong(t *testing.T) {
	key, certificates := newFake(t, false), newFake(t, true)
	checked := func(a channel.Account) map[string]string {
		out := map[string]string{}
		for _, one := range key.open(a).Check(t.Context()) {
			if out[one.Name] = ""; one.Err != nil {
				out[one.Name] = one.Err.Error()
			}
		}
		return out
	}
	for name, test := range map[string]struct {
		account channel.Account
		want    []string // settings that are well
		wrong   string
	}{
		"nothing in key mode":         {key.account(nil), []string{"gateway", "app_private_key", "alipay_public_key", "app_id"}, ""},
		"nothing in certificate mode": {certificates.account(nil), []string{"gateway", "app_private_key", "alipay_certificate", "app_certificate", "app_id"}, ""},
		"another app":                 {key.account(map[string]string{"app_id": "2014072300007149"}), []string{"gateway"}, "app_id"},
		"another key of Alipay's":     {key.account(map[string]string{"alipay_public_key": alipaytest.PublicPEM(alipaytest.OtherKey())}), []string{"gateway"}, "alipay_public_key"},
		"a gateway that is not there": {key.account(map[string]string{"gateway": "http://127.0.0.1:1/gateway.do"}), nil, "gateway"},
		"a gateway that is a page":    {key.account(map[string]string{"gateway": key.URL + "/bill"}), nil, "gateway"},
	} {
		got := checked(test.account)
		for _, well := range test.want {
			if problem, ok := got[well]; !ok || problem != "" {
				t.Errorf("%s: %s: %q in %v", name, well, problem, got)
			}
		}
		for setting, problem := range got {
			if (problem != "") != (setting == test.wrong) || problem != "" && !strings.Contains(problem, "hint:") {
				t.Errorf("%s: %s: %q", name, setting, problem)
			}
		}
		if test.wrong != "" && got[test.wrong] == "" {
			t.Errorf("%s: %v", name, got)
		}
	}
	a := key.account(nil)
	a.Secrets["app_private_key"] = alipaytest.File("next_key.pem")
	if got := checked(a); got["app_private_key"] == "" || got["gateway"] != "" {
		t.Errorf("another app key: %v", got)
	}
	key.Token = "201308BB"
	if got := checked(a2(key)); got["app_auth_token"] == "" {
		t.Errorf("another token: %v", got)
	}
	if len(key.Entries) > 0 {
		t.Error("the check has refunded")
	}
}

// a2 is the account with another token than the app has.
func a2(f *fake) channel.Account {
	a := f.account(nil)
	a.Secrets["app_auth_token"] = "201308CC"
	return a
}

func TestTheCheckLooksAtTheLivesOfCertificates(t *testing.T) {
	f := newFake(t, true)
	for at, want := range map[time.Time]string{time.Date(2051, 7, 10, 0, 0, 0, 0, time.UTC): "expires at", time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC): "not valid"} {
		connector, err := alipay.New(alipay.Options{EgressAllow: loopback, Now: func() time.Time { return at }}).Open(f.account(nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range connector.Check(t.Context()) {
			if one.Name == "app_certificate" || one.Name == "alipay_certificate" {
				if one.Err == nil || !strings.Contains(one.Err.Error(), want) {
					t.Errorf("%s at %s: %v", one.Name, at, one.Err)
				}
			}
		}
	}
}

// Alipay signs with a new certificate whenever it likes; the account downloads it, and
// believes it because it leads to the account's roots in Alipay's name.
func TestANewCertificateIsDownloadedAndBelievedOnlyIfItIsAlipays(t *testing.T) {
	f := newFake(t, true)
	connector := f.open(f.account(nil))
	f.Signer = f.Next
	for _, number := range []string{"R1", "R2"} {
		if o := connector.Submit(t.Context(), instruction(number)); o.Kind != refund.OutcomeDone {
			t.Errorf("%s: %+v", number, o)
		}
	}
	downloads := 0
	for _, one := range f.Seen {
		if one.Get("method") == "alipay.open.app.alipaycert.download" {
			downloads++
		}
	}
	if downloads != 1 {
		t.Errorf("it was downloaded %d times", downloads)
	}
	for name, next := range map[string]alipaytest.Keyed{
		"an app's certificate, of the same issuer":          {SN: alipaytest.AppCertSN, PEM: alipaytest.File("app_cert.pem"), Key: alipaytest.Private("app_key.pem")},
		"one in Alipay's name that an app's key has signed": {SN: "809e7b4d9d044325f01e295b5ddabe88", PEM: alipaytest.File("forged_cert.pem"), Key: alipaytest.Private("next_key.pem")},
	} {
		forged := newFake(t, true)
		forged.Next, forged.Signer = next, next
		connector = forged.open(forged.account(nil))
		for range 3 {
			if o := connector.Submit(t.Context(), instruction("R1")); o.Kind != refund.OutcomeUnknown {
				t.Errorf("%s: %+v", name, o)
			}
		}
		if downloads = len(forged.Seen) - 3; downloads != 1 {
			t.Errorf("%s was asked for %d times within a minute", name, downloads)
		}
	}
}

func TestTheKeyBeforeARotationVerifiesAnswers(t *testing.T) {
	f := newFake(t, false)
	for _, public := range []string{alipaytest.PublicPEM(alipaytest.OtherKey()), alipaytest.File("alipay_public.pem")} {
		a := f.account(map[string]string{"alipay_public_key": public})
		a.Version = 2
		a.Previous = []channel.Credentials{{Version: 1, Settings: f.account(nil).Settings, Secrets: a.Secrets}}
		if o := f.open(a).Submit(t.Context(), instruction("R1")); o.Kind != refund.OutcomeDone && o.Kind != refund.OutcomeAccepted {
			t.Errorf("%+v", o)
		}
		a.Previous = nil
		if o := f.open(a).Submit(t.Context(), instruction("R1")); (o.Kind == refund.OutcomeUnknown) != (public != alipaytest.File("alipay_public.pem")) {
			t.Errorf("without the key before: %+v", o)
		}
	}
	// From a public key to certificates: answers name one from then on.
	moving := newFake(t, true)
	moving.Signer.SN = ""
	a := moving.account(nil)
	a.Previous = []channel.Credentials{{Version: 1, Settings: f.account(nil).Settings, Secrets: a.Secrets}}
	if o := moving.open(a).Submit(t.Context(), instruction("R1")); o.Kind != refund.OutcomeDone {
		t.Errorf("%+v", o)
	}
}

func TestANoticeIsAHintAndNothingElse(t *testing.T) {
	f := newFake(t, false)
	for name, body := range map[string]string{
		"a refund in part":              f.Notice("R1", nil).Encode(),
		"all of it":                     f.Notice("R1", map[string]string{"trade_status": "TRADE_CLOSED", "refund_fee": "10.00"}).Encode(),
		"the bank has taken it":         f.Message("R1", "S", false, nil).Encode(),
		"the bank has not":              f.Message("R1", "F", true, nil).Encode(),
		"a refund that is not numbered": f.Notice("", nil).Encode(),
	} {
		notices, reply, err := newDriver().Receive(f.account(nil), posted(t, body))
		if err != nil || len(notices) != 1 {
			t.Errorf("%s: %+v, %v", name, notices, err)
			continue
		}
		n := notices[0]
		if !n.Hint || n.Outcome.Kind != refund.OutcomeUnknown || n.Outcome.Amount != nil || n.TransactionID != alipaytest.TradeNo || n.OrderNo != alipaytest.OrderNo {
			t.Errorf("%s: %+v", name, n)
		}
		if got := reply(nil); got.Status != http.StatusOK || string(got.Body) != "success" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// A payment's own notice says nothing of a refund.
	notices, reply, err := newDriver().Receive(f.account(nil), posted(t, f.Notice("", map[string]string{"refund_fee": "", "gmt_refund": ""}).Encode()))
	if err != nil || len(notices) != 0 || string(reply(nil).Body) != "success" {
		t.Errorf("a payment: %+v, %v", notices, err)
	}
}

func TestANoticeThatIsNotTheAccountsIsRefused(t *testing.T) {
	f := newFake(t, false)
	forged := newFake(t, false)
	forged.Signer.Key = alipaytest.OtherKey()
	old := map[string]string{"notify_time": alipaytest.Beijing(time.Now().Add(-49 * time.Hour))}
	for name, body := range map[string]string{
		"another's signature":       forged.Notice("R1", nil).Encode(),
		"another app's":             f.Notice("R1", map[string]string{"app_id": "2014072300007149"}).Encode(),
		"another seller's":          f.Notice("R1", map[string]string{"seller_id": "2088101126708499"}).Encode(),
		"one of two days ago":       f.Notice("R1", old).Encode(),
		"one of tomorrow":           f.Notice("R1", map[string]string{"notify_time": alipaytest.Beijing(time.Now().Add(24 * time.Hour))}).Encode(),
		"a message of last week":    f.Message("R1", "S", false, map[string]string{"utc_timestamp": "1795000000000"}).Encode(),
		"another message":           f.Message("R1", "S", false, map[string]string{"msg_method": "alipay.fund.trans.order.changed"}).Encode(),
		"a message without content": f.Message("R1", "S", false, map[string]string{"biz_content": ""}).Encode(),
		"no signature":              "trade_no=1&notify_type=trade_status_sync&sign_type=RSA2",
		"two of a name":             f.Notice("R1", nil).Encode() + "&out_biz_no=R2",
		"2 MB":                      f.Notice("R1", nil).Encode() + "&x=" + strings.Repeat("a", 2<<20),
	} {
		notices, reply, err := newDriver().Receive(f.account(nil), posted(t, body))
		if err == nil {
			t.Errorf("%s: %+v", name, notices)
			continue
		}
		if got := reply(err); got.Status != http.StatusBadRequest || string(got.Body) == "success" {
			t.Errorf("%s: %+v (%v)", name, got, err)
		}
	}
	packed := posted(t, f.Notice("R1", nil).Encode())
	packed.Header.Set("Content-Encoding", "gzip")
	if notices, _, err := newDriver().Receive(f.account(nil), packed); err == nil {
		t.Errorf("compressed: %+v", notices)
	}
}

func TestThePaceIsTheDocuments(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	pace := connector.Pace()
	if pace.FirstQuery != 10*time.Second || pace.First != 10*time.Second || pace.Longest != 30*time.Minute || pace.RepeatAfter != 3 ||
		pace.EscalateAfter != 72*time.Hour || pace.ResubmitWithin != 0 || pace.GivesIDs || pace.SettlingTime < 10*time.Second {
		t.Errorf("%+v", pace)
	}
	if can := connector.Capabilities(); !can.Charges || !can.Bills || can.List || can.Reroute {
		t.Errorf("%+v", can)
	}
}
