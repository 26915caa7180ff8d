package wechatpay_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/wechatpay"
	"github.com/refundry/refundry/refund"
)

// said is what the documents say an answer means to a submit, a query and a
// reroute.
type said struct {
	status                 int
	code                   string
	submit, query, reroute refund.OutcomeKind
}

const (
	refused  = refund.OutcomeRefused
	unknown  = refund.OutcomeUnknown
	tryLater = refund.OutcomeTryLater
	short    = refund.OutcomeShortOfFunds
	notFound = refund.OutcomeNotFound
)

var documented = []said{
	{400, "PARAM_ERROR", refused, refused, refused},
	{400, "INVALID_REQUEST", refused, refused, refused},
	{401, "SIGN_ERROR", tryLater, tryLater, tryLater},
	{403, "NO_AUTH", refused, refused, refused},
	{403, "NOT_ENOUGH", short, unknown, short},
	{403, "USER_ACCOUNT_ABNORMAL", refused, unknown, refused},
	{404, "RESOURCE_NOT_EXISTS", refused, notFound, refused},
	{404, "MCH_NOT_EXISTS", refused, refused, refused},
	{404, "ORDER_NOT_EXIST", unknown, unknown, unknown},
	{429, "FREQUENCY_LIMITED", unknown, unknown, unknown},
	{429, "RATELIMIT_EXCEEDED", unknown, unknown, unknown},
	{500, "SYSTEM_ERROR", unknown, unknown, unknown},
	{502, "SERVICE_UNAVAILABLE", unknown, unknown, unknown},
	{503, "SERVICE_UNAVAILABLE", unknown, unknown, unknown},
	// What the documents do not have.
	{400, "SOMETHING_NEW", unknown, unknown, unknown},
	{404, "NOT_FOUND", unknown, unknown, unknown},
	{403, "", unknown, unknown, unknown},
	{204, "", unknown, unknown, unknown},
	{201, "INVALID_REQUEST", unknown, unknown, unknown},
	{302, "INVALID_REQUEST", unknown, unknown, unknown},
	// The status decides before the code: a refund may have come into being.
	{202, "INVALID_REQUEST", unknown, unknown, unknown},
	{429, "NOT_ENOUGH", unknown, unknown, unknown},
	{500, "RESOURCE_NOT_EXISTS", unknown, unknown, unknown},
	{403, "FREQUENCY_LIMITED", unknown, unknown, unknown}, // older documents have it so
	{403, "INVALID_REQUEST", refused, refused, refused},   // and other codes with other statuses
}

func TestEveryCodeMeansWhatTheDocumentsSay(t *testing.T) {
	f := newFake(t, mchID, "")
	connector := f.open(f.account(nil))
	var tested []string
	for n, row := range documented {
		tested = append(tested, row.code)
		t.Run(fmt.Sprintf("%d %s", row.status, row.code), func(t *testing.T) {
			answer := fmt.Sprintf("%d %s", row.status, row.code)
			i := instruction(fmt.Sprintf("R%d", n))
			f.always[i.Number], f.queries[i.Number], f.always["reroute"] = answer, answer, answer
			f.entries["A"] = &entry{number: "A", id: "50A", transaction: transactionID, refund: 100, total: 1000, status: "ABNORMAL"}
			abnormal := instruction("A")
			abnormal.ChannelRefundID = "50A"
			for call, one := range map[string]struct {
				got  refund.Outcome
				want refund.OutcomeKind
			}{
				"submit":  {connector.Submit(t.Context(), i), row.submit},
				"query":   {connector.Query(t.Context(), i), row.query},
				"reroute": {connector.Reroute(t.Context(), abnormal, channel.Destination{Kind: channel.ToMerchant}), row.reroute},
			} {
				code := row.code
				if code == "" {
					code = fmt.Sprintf("HTTP_%d", row.status)
				}
				if one.got.Kind != one.want || one.got.Code != code || one.got.Sent.Digest == "" || one.got.Sent.Request == "" || one.got.Sent.Answer == "" || one.got.Sent.UpstreamRequestID == "" {
					t.Errorf("%s: %+v, want %s", call, one.got, one.want)
				}
				if throttled := row.status == 429 || row.code == "FREQUENCY_LIMITED" || row.code == "RATELIMIT_EXCEEDED"; one.got.Throttled != throttled {
					t.Errorf("%s: throttled %v", call, one.got.Throttled)
				}
				if (one.got.Alert != "") != (row.code == "SIGN_ERROR") {
					t.Errorf("%s: an operator is told %q", call, one.got.Alert)
				}
				if one.got.Amount != nil || one.got.ChannelRefundID != "" {
					t.Errorf("%s: an error names a refund: %+v", call, one.got)
				}
			}
		})
	}
	for _, code := range wechatpay.Codes() {
		if !slices.Contains(tested, code) {
			t.Errorf("%s is in the table and not tested", code)
		}
	}
}

// The backup address is called where nothing could be sent to the first, and only
// then: an answer that is lost may have moved money.
func TestTheBackupAddressIsCalledWhereTheFirstCanNotBeReached(t *testing.T) {
	f := newFake(t, mchID, "")
	unreachable := "http://127.0.0.1:1"
	if o := f.open(f.account(map[string]string{"base_url": unreachable, "backup_url": f.URL + "/"})).Submit(t.Context(), instruction("R1")); o.Kind != refund.OutcomeAccepted && o.Kind != refund.OutcomeDone {
		t.Errorf("at the backup address: %+v", o)
	}
	if o := f.open(f.account(map[string]string{"base_url": unreachable})).Submit(t.Context(), instruction("R2")); o.Kind != unknown || o.Code != "NO_ANSWER" {
		t.Errorf("without one: %+v", o)
	}
	before := len(f.seen)
	dropped := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer dropped.Close()
	if o := f.open(f.account(map[string]string{"base_url": dropped.URL, "backup_url": f.URL})).Submit(t.Context(), instruction("R3")); o.Kind != unknown || len(f.seen) != before {
		t.Errorf("after a lost answer: %+v, %d calls to the backup address", o, len(f.seen)-before)
	}
}

func TestEveryStatusMeansWhatTheDocumentsSay(t *testing.T) {
	at := time.Date(2026, 11, 29, 1, 0, 0, 0, time.UTC)
	rows := map[string]refund.Outcome{
		"SUCCESS":    {Kind: refund.OutcomeDone, SucceededAt: at},
		"PROCESSING": {Kind: refund.OutcomeAccepted},
		"CLOSED":     {Kind: refund.OutcomeFailed, Code: "CLOSED"},
		"ABNORMAL":   {Kind: refund.OutcomeAbnormal, Code: "ABNORMAL"},
		"MAYBE":      {Kind: refund.OutcomeUnknown, Code: "STATUS"},
	}
	for _, word := range wechatpay.Statuses() {
		if _, ok := rows[word]; !ok {
			t.Errorf("%s is in the table and not tested", word)
		}
	}
	for status, want := range rows {
		t.Run(status, func(t *testing.T) {
			f := newFake(t, mchID, "")
			connector, i := f.open(f.account(nil)), instruction("R1")
			f.entries["R1"] = &entry{number: "R1", id: "50R1", transaction: transactionID, refund: 100, total: 1000, status: status}
			f.ends["R1"] = status
			for call, got := range map[string]refund.Outcome{"submit": connector.Submit(t.Context(), i), "query": connector.Query(t.Context(), i)} {
				if got.Kind != want.Kind || got.Code != want.Code || !got.SucceededAt.Equal(want.SucceededAt) {
					t.Errorf("%s: %+v, want %+v", call, got, want)
				}
				if want.Kind != refund.OutcomeUnknown && (got.ChannelRefundID != "50R1" || got.Amount == nil || *got.Amount != 100 || got.Landed.Account != "招商银行信用卡0403") {
					t.Errorf("%s: %+v", call, got)
				}
			}
		})
	}
}

// What can't be verified or understood is unknown, whatever it says, and a query
// finds what happened. "wrong amount" is the engine's to disbelieve: the connector
// says what the platform said.
func TestAnAnswerThatCantBeBelievedIsUnknown(t *testing.T) {
	for fault, code := range map[string]string{
		"drop before": "NO_ANSWER", "drop after": "NO_ANSWER", "half": "HTTP_200", "wrong signature": "HTTP_200", "another's key": "HTTP_200",
		"unknown serial": "HTTP_200", "unsigned": "HTTP_200", "old": "HTTP_200", "early": "HTTP_200", "changed body": "HTTP_200", "long": "HTTP_200",
		"by 202": "HTTP_202", "other refund": "OTHER_REFUND", "other order": "OTHER_ORDER", "other total": "TOTAL", "wrong currency": "UNREADABLE",
		"unknown status": "STATUS",
	} {
		t.Run(fault, func(t *testing.T) {
			f := newFake(t, mchID, "")
			connector, i := f.open(f.account(nil)), instruction("R1")
			f.faults["R1"] = []string{fault}
			o := connector.Submit(t.Context(), i)
			if o.Kind != refund.OutcomeUnknown || o.Code != code || o.Message == "" || o.ChannelRefundID != "" {
				t.Errorf("submit: %+v, want unknown %s", o, code)
			}
			if fault == "long" && !strings.Contains(o.Message, "more than") {
				t.Errorf("read to its end: %s", o.Message)
			}
			f.queries["R1"] = fault
			if fault != "drop before" {
				if o := connector.Query(t.Context(), i); o.Kind != refund.OutcomeUnknown {
					t.Errorf("query: %+v", o)
				}
			}
			delete(f.queries, "R1")
			asked, again := connector.Query(t.Context(), i), connector.Submit(t.Context(), i)
			want := refund.OutcomeDone
			if fault == "drop before" {
				want = refund.OutcomeNotFound
			}
			if asked.Kind != want || again.Kind != refund.OutcomeDone && again.Kind != refund.OutcomeAccepted || f.entries["R1"].moves != 1 {
				t.Errorf("asked %+v, again %+v, moves %d", asked, again, f.entries["R1"].moves)
			}
		})
	}
	t.Run("a machine whose clock is wrong", func(t *testing.T) {
		for _, skew := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
			f := newFake(t, mchID, "")
			connector, err := wechatpay.New(wechatpay.Options{EgressAllow: loopback, Now: func() time.Time { return time.Now().Add(skew) }}).Open(f.account(nil))
			if err != nil {
				t.Fatal(err)
			}
			if o := connector.Submit(t.Context(), instruction("R1")); o.Kind != unknown || o.Code != "SIGN_ERROR" {
				t.Errorf("%v: %+v", skew, o)
			}
		}
	})
	t.Run("wrong amount", func(t *testing.T) {
		f := newFake(t, mchID, "")
		f.faults["R1"] = []string{"wrong amount"}
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction("R1")); o.Amount == nil || *o.Amount != 101 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("an error that is not signed refuses nothing", func(t *testing.T) {
		f := newFake(t, mchID, "")
		connector, i := f.open(f.account(nil)), instruction("R1")
		f.merchantSerial = "AB" // the fake answers SIGN_ERROR, unsigned as the platform does
		if o := connector.Submit(t.Context(), i); o.Kind != unknown || o.Code != "SIGN_ERROR" || !strings.Contains(o.Message, "not believed") {
			t.Errorf("%+v", o)
		}
		f.merchantSerial = merchantSerial
		f.queries["R1"] = "unsigned"
		if o := connector.Query(t.Context(), i); o.Kind != unknown || o.Code != "RESOURCE_NOT_EXISTS" {
			t.Errorf("not found without a signature: %+v", o)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		f := newFake(t, mchID, "")
		connector := f.open(f.account(nil))
		f.Close()
		if o := connector.Submit(t.Context(), instruction("R1")); o.Kind != unknown || strings.Contains(o.Message, "refunds") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("an address that may not be called", func(t *testing.T) {
		f := newFake(t, mchID, "")
		connector, err := wechatpay.New(wechatpay.Options{}).Open(f.account(nil))
		if err != nil {
			t.Fatal(err)
		}
		if o := connector.Submit(t.Context(), instruction("R1")); o.Kind != unknown || len(f.seen) != 0 {
			t.Errorf("%+v, seen %d", o, len(f.seen))
		}
	})
}

// While a merchant moves from certificates to the public key, in either direction,
// answers come by either key.
func TestDuringAKeySwitchEitherKeyVerifies(t *testing.T) {
	for _, signedBy := range []string{"certificate", "public_key"} {
		f := newFake(t, mchID, "")
		connector, i := f.open(f.account(map[string]string{"answers_signed_by": signedBy})), instruction("R1")
		f.faults["R1"] = []string{"switched"}
		if o := connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted {
			t.Errorf("asked for %s: %+v", signedBy, o)
		}
		want := map[string]string{"certificate": platformSerial, "public_key": publicKeyID}[signedBy]
		if got := f.seen[0].header.Get("Wechatpay-Serial"); got != want {
			t.Errorf("%s was asked for by %s", signedBy, got)
		}
	}
	t.Run("and the key before a rotation, as long as it lives", func(t *testing.T) {
		f := newFake(t, mchID, "")
		before := f.account(map[string]string{"platform_public_key": "", "platform_public_key_id": ""})
		now := f.account(map[string]string{"platform_certificate": ""})
		f.faults["R1"], f.faults["R2"] = []string{"switched"}, []string{"switched"}
		if o := f.open(now).Submit(t.Context(), instruction("R1")); o.Kind != unknown || !strings.Contains(o.Message, platformSerial) {
			t.Errorf("without the certificate: %+v", o)
		}
		now.Previous = []channel.Credentials{{Version: 0, Settings: before.Settings, Secrets: before.Secrets}}
		if o := f.open(now).Submit(t.Context(), instruction("R2")); o.Kind != refund.OutcomeAccepted {
			t.Errorf("with it: %+v", o)
		}
	})
}

func TestWhatIsSentIsWhatTheRefundSays(t *testing.T) {
	f := newFake(t, spMchID, subMchID)
	i := instruction("R1")
	i.Reason = strings.Repeat("坏", 30) + "😀"
	i.Refund.Detail = refund.RefundDetail{
		PaidFrom: refund.FundsAvailable, From: []refund.FundsFrom{{Account: refund.FundsAvailable, Amount: 40}, {Account: refund.FundsUnavailable, Amount: 60}},
		Goods: []refund.RefundedGoods{{MerchantGoodsID: "g1", ChannelGoodsID: "1001", Name: "iPhone", UnitPrice: 528800, Amount: 100, Quantity: 1}},
	}
	o := f.open(f.account(nil)).Submit(t.Context(), i)
	want := `{"sub_mchid":"1900000109","transaction_id":"` + transactionID + `","out_refund_no":"R1","reason":"` + strings.Repeat("坏", 26) +
		`","notify_url":"https://pay.example/notify/wechatpay/wechatpay_1","funds_account":"AVAILABLE",` +
		`"amount":{"refund":100,"from":[{"account":"AVAILABLE","amount":40},{"account":"UNAVAILABLE","amount":60}],"total":1000,"currency":"CNY"},` +
		`"goods_detail":[{"merchant_goods_id":"g1","wechatpay_goods_id":"1001","goods_name":"iPhone","unit_price":528800,"refund_amount":100,"refund_quantity":1}]}`
	if diff := cmp.Diff(want, string(f.seen[0].body)); diff != "" || o.Kind != refund.OutcomeAccepted {
		t.Errorf("%+v\n%s", o, diff)
	}
	if diff := cmp.Diff(map[string]string{"out_refund_no": "R1", "sub_mchid": subMchID, "funds_account": "AVAILABLE"}, o.Sent.Shown); diff != "" {
		t.Error(diff)
	}
	if want := digest([]byte("POST /v3/refund/domestic/refunds\n" + string(f.seen[0].body))); o.Sent.Digest != want {
		t.Errorf("digest %s, want %s", o.Sent.Digest, want)
	}

	t.Run("a repeat sends the same bytes", func(t *testing.T) {
		f.open(f.account(nil)).Submit(t.Context(), i)
		if string(f.seen[1].body) != string(f.seen[0].body) {
			t.Errorf("%s\n%s", f.seen[0].body, f.seen[1].body)
		}
	})
	t.Run("little is sent of a refund that says little", func(t *testing.T) {
		i := instruction("R2")
		i.Refund.Detail = refund.RefundDetail{PaidFrom: refund.FundsUnsettled, Options: refund.ChannelOptions{HideReason: true}}
		account := f.account(nil)
		account.NotifyURL = ""
		f.open(account).Submit(t.Context(), i)
		i.Refund.Detail.PaidFrom, i.Number = refund.FundsAvailable, "R3"
		newFlow := f.account(map[string]string{"funds_flow": "new"})
		newFlow.NotifyURL = ""
		f.open(newFlow).Submit(t.Context(), i)
		for at, number := range []string{"R2", "R3"} {
			want := `{"sub_mchid":"1900000109","transaction_id":"` + transactionID + `","out_refund_no":"` + number + `","amount":{"refund":100,"total":1000,"currency":"CNY"}}`
			if diff := cmp.Diff(want, string(f.seen[2+at].body)); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestWhatWeChatPayCantRefundIsRefusedAndNotSent(t *testing.T) {
	f := newFake(t, spMchID, subMchID)
	alias := func(identity, sub string) []refund.Alias {
		return []refund.Alias{{Dialect: "wechatpay", Identity: identity, Sub: sub, Name: orderNo}}
	}
	for code, of := range map[string]struct {
		settings map[string]string
		change   func(*channel.Instruction)
	}{
		"NOT_CNY":         {nil, func(i *channel.Instruction) { i.Amount.Currency = "USD" }},
		"NO_ORDER":        {nil, func(i *channel.Instruction) { i.TransactionID, i.Charge.OrderNo = "pi_3M with a blank", "1" }},
		"NO_SUB_MCHID":    {map[string]string{"sub_mchid": ""}, func(i *channel.Instruction) { i.Charge.Aliases = alias("1900009191", "1900000777") }},
		"OTHER_SUB_MCHID": {nil, func(i *channel.Instruction) { i.Charge.Aliases = alias(spMchID, "1900000777") }},
		"FUNDS": {nil, func(i *channel.Instruction) {
			i.Refund.Detail.From = []refund.FundsFrom{{Account: "OTHER", Amount: 100}}
		}},
	} {
		i := instruction("R1")
		of.change(&i)
		if o := f.open(f.account(of.settings)).Submit(t.Context(), i); o.Kind != refused || o.Code != code {
			t.Errorf("want %s: %+v", code, o)
		}
	}
	if len(f.seen) != 0 {
		t.Errorf("%d requests were sent", len(f.seen))
	}
	t.Run("a charge names its sub-merchant, in whatever API it has names", func(t *testing.T) {
		i := instruction("R3")
		i.Charge.Detail.SubMerchant, i.Charge.Aliases = subMchID, []refund.Alias{{Dialect: "pingpp", Identity: "app_1", Sub: "2001", Name: "ch_1"}}
		for _, account := range []string{"", subMchID} {
			if o := f.open(f.account(map[string]string{"sub_mchid": account})).Submit(t.Context(), i); o.Sent.Shown["sub_mchid"] != subMchID {
				t.Errorf("an account of %q: %+v", account, o)
			}
		}
		i.Charge.Detail.SubMerchant = "1900000777"
		if o := f.open(f.account(nil)).Submit(t.Context(), i); o.Kind != refused || o.Code != "OTHER_SUB_MCHID" {
			t.Errorf("another sub-merchant than the account's: %+v", o)
		}
		f.seen = nil
	})
	t.Run("an order that is known by the merchant's number alone is named by it", func(t *testing.T) {
		i := instruction("R2")
		i.TransactionID = "not one of WeChat Pay's at all, this"
		i.Charge.Aliases = alias(spMchID, subMchID)
		f.open(f.account(map[string]string{"sub_mchid": ""})).Submit(t.Context(), i)
		if body := string(f.seen[0].body); !strings.Contains(body, `"out_trade_no":"`+orderNo+`"`) || strings.Contains(body, "transaction_id") || !strings.Contains(body, subMchID) {
			t.Error(body)
		}
	})
}

// Secrets and cards stand in no outcome.
func TestNothingSecretLeaves(t *testing.T) {
	f := newFake(t, mchID, "")
	a := f.account(nil)
	connector, i := f.open(a), instruction("R1")
	i.ChannelRefundID = "50R1"
	card := channel.Destination{Kind: channel.ToPayerCard, Bank: "ICBC_DEBIT", BankAccount: cardNumber, RealName: cardHolder}
	var all []string
	for _, fault := range []string{"", "drop after", "half", "wrong signature", "400 PARAM_ERROR", "401 SIGN_ERROR", "500 SYSTEM_ERROR"} {
		f.faults["R1"], f.queries["R1"], f.always["reroute"] = []string{fault}, fault, fault
		f.entries["R1"] = &entry{number: "R1", id: "50R1", transaction: transactionID, refund: 100, total: 1000, status: "ABNORMAL"}
		for _, o := range []refund.Outcome{connector.Submit(t.Context(), i), connector.Query(t.Context(), i), connector.Reroute(t.Context(), i, card)} {
			all = append(all, fmt.Sprintf("%+v %v", o, o.Sent.Shown))
		}
		for _, one := range connector.Check(t.Context()) {
			all = append(all, fmt.Sprint(one))
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	all = append(all, fmt.Sprintf("%+v", connector.Reroute(ended, i, card)))
	_, _, err := newDriver().Receive(a, f.notice("R1", "MAYBE").request(t))
	all = append(all, fmt.Sprint(err, a))
	text := strings.Join(all, "\n")
	for what, secret := range map[string]string{
		"the APIv3 key": apiV3Key, "a card": cardNumber, "a name": cardHolder, "the private key": strings.Split(a.Secrets["merchant_private_key"], "\n")[3],
		"a signature": strings.Split(f.seen[0].header.Get("Authorization"), `signature="`)[1][:40],
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s stands in what is kept", what)
		}
	}
	if len(all) < 30 {
		t.Errorf("only %d texts were looked at", len(all))
	}
}
