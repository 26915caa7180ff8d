package chinaums_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/chinaums"
	"github.com/refundry/refundry/money"
)

// shop is a merchant's client, which signs by itself.
type shop struct {
	testing.TB
	*channelsim.Simulator
	now     time.Time
	account map[string]string
	server  *httptest.Server

	mu      sync.Mutex
	notices []url.Values
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{TB: t, now: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)}
	s.server = httptest.NewUnstartedServer(nil)
	s.server.Start()
	t.Cleanup(s.server.Close)
	dir := t.TempDir()
	simulator, err := channelsim.New(channelsim.Options{URL: s.server.URL, Data: dir, Now: func() time.Time { return s.now }, Hold: time.Millisecond}, chinaums.New())
	if err != nil {
		t.Fatal(err)
	}
	s.Simulator, s.server.Config.Handler = simulator, simulator
	if s.account, err = channelsim.ReadAccount(dir+"/"+channelsim.AccountFile, chinaums.Name); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) paid(number string, amount money.Minor, attributes map[string]string) string {
	s.Helper()
	all := map[string]string{"slow": "no", "query_form": "refund"}
	maps.Copy(all, attributes)
	id, err := s.AddPayment(channelsim.Payment{Channel: chinaums.Name, Number: number, Amount: amount, Currency: "CNY", Attributes: all})
	if err != nil {
		s.Fatal(err)
	}
	return id
}

// fields are what every message has, and more.
func (s *shop) fields(more map[string]any) map[string]any {
	all := map[string]any{
		"requestTimestamp": s.now.In(time.FixedZone("", 8*3600)).Format(time.DateTime), "mid": s.account["mid"], "tid": s.account["tid"], "instMid": s.account["inst_mid"],
	}
	maps.Copy(all, more)
	return all
}

// number is a refund's number of the account's source.
func (s *shop) number(n int) string {
	return fmt.Sprintf("%s20261129160000%09d", s.account["msg_src_id"], n)
}

// send posts a message to the open platform.
func (s *shop) send(path string, more map[string]any) map[string]any {
	s.Helper()
	body, err := json.Marshal(s.fields(more))
	if err != nil {
		s.Fatal(err)
	}
	return s.post(path, body, s.authorization(body))
}

func (s *shop) authorization(body []byte) string {
	stamp, nonce := s.now.In(time.FixedZone("", 8*3600)).Format("20060102150405"), "593BEC0C930BF1AF"
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(s.account["app_key"]))
	_, _ = io.WriteString(mac, s.account["app_id"]+stamp+nonce+hex.EncodeToString(sum[:]))
	return fmt.Sprintf(`OPEN-BODY-SIG AppId="%s",Timestamp="%s",Nonce="%s",Signature="%s"`, s.account["app_id"], stamp, nonce, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (s *shop) post(path string, body []byte, authorization string) map[string]any {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.account["base_url"]+path, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	answer, err := s.server.Client().Do(r)
	if err != nil {
		return nil
	}
	defer func() { _ = answer.Body.Close() }()
	out := map[string]any{}
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		return nil
	}
	if answer.StatusCode != http.StatusOK {
		s.Errorf("%s: HTTP %d", path, answer.StatusCode)
	}
	return out
}

// legacy posts a legacy message, signed by MD5.
func (s *shop) legacy(more map[string]any) map[string]any {
	s.Helper()
	fields := s.fields(more)
	fields["msgSrc"] = s.account["msg_src"]
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for n, name := range names {
		names[n] = name + "=" + fmt.Sprint(fields[name])
	}
	sum := md5.Sum([]byte(strings.Join(names, "&") + s.account["communication_key"]))
	fields["sign"] = hex.EncodeToString(sum[:])
	body, err := json.Marshal(fields)
	if err != nil {
		s.Fatal(err)
	}
	return s.post("/netpay-route-server/api/", body, "")
}

func (s *shop) is(got map[string]any, want map[string]any) {
	s.Helper()
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			s.Errorf("%s is %v, want %v; %v", name, got[name], value, got)
		}
	}
}

const (
	refundPath = "/v1/netpay/refund"
	queryPath  = "/v1/netpay/refund-query"
)

func TestARefundIsMadeOnceAndARepeatReturnsIt(t *testing.T) {
	s := open(t)
	s.paid("ORDER00001", 1000, nil)
	first := s.send(refundPath, map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(1), "refundAmount": "300", "msgId": "m1"})
	s.is(first, map[string]any{
		"errCode": "SUCCESS", "refundStatus": "SUCCESS", "refundOrderId": s.number(1), "merOrderId": "ORDER00001", "refundAmount": 300, "totalAmount": 1000,
		"targetSys": "WXPay", "msgId": "m1", "mid": s.account["mid"], "responseTimestamp": "2026-11-29 16:00:00",
	})
	again := s.send(refundPath, map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(1), "refundAmount": 301})
	s.is(again, map[string]any{"errCode": "SUCCESS", "refundAmount": 300, "seqId": first["seqId"]})
	s.is(s.send(queryPath, map[string]any{"merOrderId": s.number(1)}), map[string]any{
		"errCode": "SUCCESS", "refundStatus": "SUCCESS", "refundOrderId": s.number(1), "merOrderId": "ORDER00001", "sendBackAmount": 300, "status": "TRADE_REFUND",
	})
	s.is(s.send("/v1/netpay/query", map[string]any{"merOrderId": "ORDER00001"}), map[string]any{"errCode": "SUCCESS", "totalAmount": 1000, "status": "TRADE_REFUND"})
	books := s.Books(chinaums.Name)
	if len(books) != 1 || books[0].Moves != 1 || books[0].Submits != 2 || books[0].Amount != 300 {
		t.Errorf("books %+v", books)
	}
}

func TestABillIsRefundedByItsNumberAndDay(t *testing.T) {
	s := open(t)
	s.paid("BILL000001", 1000, map[string]string{"inst_mid": "QRPAYDEFAULT"})
	bill := func(more map[string]any) map[string]any {
		fields := map[string]any{"billNo": "BILL000001", "billDate": "2026-11-29", "instMid": "QRPAYDEFAULT"}
		maps.Copy(fields, more)
		return fields
	}
	s.is(s.send("/v1/netpay/bills/refund", bill(map[string]any{"refundOrderId": s.number(1), "refundAmount": "1000", "billDate": "2026-11-28"})), map[string]any{"errCode": "NO_ORDER"})
	s.is(s.send("/v1/netpay/bills/refund", bill(map[string]any{"refundOrderId": s.number(1), "refundAmount": "1000"})), map[string]any{
		"errCode": "SUCCESS", "refundStatus": "SUCCESS", "billStatus": "REFUND", "billNo": "BILL000001", "billDate": "2026-11-29",
	})
	without := s.send("/v1/netpay/bills/query", bill(nil))
	s.is(without, map[string]any{"errCode": "SUCCESS", "billStatus": "REFUND", "refundBillPayment": nil})
	payment, _ := s.send("/v1/netpay/bills/query", bill(map[string]any{"refundOrderId": s.number(1)}))["refundBillPayment"].(map[string]any)
	s.is(payment, map[string]any{"merOrderId": s.number(1), "totalAmount": 1000, "status": "TRADE_SUCCESS", "targetSys": "WXPay"})
	s.is(s.send("/v1/netpay/bills/query", bill(map[string]any{"refundOrderId": s.number(2)})), map[string]any{"errCode": "NO_ORDER"})
	// It is no order of another institution.
	s.is(s.send(refundPath, map[string]any{"merOrderId": "BILL000001", "refundOrderId": s.number(2), "refundAmount": "1"}), map[string]any{"errCode": "NO_ORDER"})
}

func TestLegacyMessagesAreTheSame(t *testing.T) {
	s := open(t)
	s.paid("ORDER00001", 1000, nil)
	got := s.legacy(map[string]any{"msgType": "refund", "merOrderId": "ORDER00001", "refundOrderId": s.number(1), "refundAmount": 300})
	s.is(got, map[string]any{"errCode": "SUCCESS", "refundStatus": "SUCCESS", "msgType": "refund", "msgSrc": s.account["msg_src"]})
	if _, text := got["refundAmount"].(string); !text || got["refundAmount"] != "300" {
		t.Errorf("refundAmount %v", got["refundAmount"])
	}
	// The answer is signed as the request is.
	var pairs []string
	for name, value := range got {
		if name != "sign" && value != "" {
			pairs = append(pairs, name+"="+fmt.Sprint(value))
		}
	}
	slices.Sort(pairs)
	sum := md5.Sum([]byte(strings.Join(pairs, "&") + s.account["communication_key"]))
	if !strings.EqualFold(fmt.Sprint(got["sign"]), hex.EncodeToString(sum[:])) {
		t.Errorf("sign %v", got["sign"])
	}
	s.is(s.legacy(map[string]any{"msgType": "refundQuery", "merOrderId": s.number(1)}), map[string]any{"errCode": "SUCCESS", "refundStatus": "SUCCESS"})
	s.is(s.legacy(map[string]any{"msgType": "query", "merOrderId": "ORDER00001"}), map[string]any{"errCode": "SUCCESS", "totalAmount": "1000"})
	s.is(s.legacy(map[string]any{"msgType": "secureCancel", "merOrderId": "ORDER00001"}), map[string]any{"errCode": "NO_SERVICE"})
	s.is(s.legacy(map[string]any{"msgType": "query", "merOrderId": "ORDER00001", "msgSrc": "x", "mid": ""}), map[string]any{"errCode": "BAD_SIGN"})
}

func TestARefundIsAskedAboutInTheFormThatItsPaymentTakes(t *testing.T) {
	s := open(t)
	for form, want := range map[string][2]string{"refund": {"SUCCESS", "NO_ORDER"}, "order": {"NO_ORDER", "SUCCESS"}} {
		order := "ORDER-" + form
		s.paid(order, 1000, map[string]string{"query_form": form})
		number := s.number(len(form))
		s.is(s.send(refundPath, map[string]any{"merOrderId": order, "refundOrderId": number, "refundAmount": "1"}), map[string]any{"errCode": "SUCCESS"})
		s.is(s.send(queryPath, map[string]any{"merOrderId": number}), map[string]any{"errCode": want[0]})
		s.is(s.send(queryPath, map[string]any{"merOrderId": order, "refundOrderId": number}), map[string]any{"errCode": want[1]})
		s.is(s.send(queryPath, map[string]any{"merOrderId": "ANOTHER1", "refundOrderId": number}), map[string]any{"errCode": "NO_ORDER"})
	}
}

func TestTheRulesOfRefundsAreKept(t *testing.T) {
	s := open(t)
	s.paid("ORDER00001", 1000, map[string]string{"slow": "yes"})
	s.paid("ORDER00002", 1000, nil)
	for _, test := range []struct {
		name string
		with map[string]any
		code string
	}{
		{"an order that there is not", map[string]any{"merOrderId": "ORDER00009"}, "NO_ORDER"},
		{"another institution", map[string]any{"instMid": "MINIDEFAULT"}, "NO_ORDER"},
		{"no order", map[string]any{"merOrderId": ""}, "BAD_REQUEST"},
		{"a number of another source", map[string]any{"refundOrderId": "0000" + s.number(1)[4:]}, "BAD_REQUEST"},
		{"a number that is too long", map[string]any{"refundOrderId": s.number(1) + "000000"}, "BAD_REQUEST"},
		{"nothing", map[string]any{"refundAmount": "0"}, "BAD_REQUEST"},
		{"yuan", map[string]any{"refundAmount": "1.00"}, "BAD_REQUEST"},
		{"more than a million yuan", map[string]any{"refundAmount": "100000001"}, "BAD_REQUEST"},
		{"more than was paid", map[string]any{"refundAmount": "1001"}, "TARGET_FAIL"},
		{"a split payment", map[string]any{"platformAmount": "10"}, "BAD_REQUEST"},
		{"another merchant", map[string]any{"mid": "898000000000000"}, "NO_MERCHANT"},
		{"a time of another zone", map[string]any{"requestTimestamp": s.now.Format(time.DateTime)}, "ABNORMAL_REQUEST_TIME"},
		{"a time that is none", map[string]any{"requestTimestamp": "20261129160000"}, "BAD_REQUEST"},
		{"a long description", map[string]any{"refundDesc": strings.Repeat("坏", 256)}, "BAD_REQUEST"},
		{"the first of two", nil, "SUCCESS"},
		{"the second, while the first is processed", map[string]any{"refundOrderId": s.number(2)}, "ORDER_PROCESSING"},
		{"the number for another order", map[string]any{"merOrderId": "ORDER00002"}, "DUP_ORDER"},
	} {
		fields := map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(1), "refundAmount": "400"}
		maps.Copy(fields, test.with)
		if got := s.send(refundPath, fields); got["errCode"] != test.code || got["errMsg"] == "" {
			t.Errorf("%s: %v, want %s", test.name, got, test.code)
		}
	}
	s.is(s.send(queryPath, map[string]any{"merOrderId": s.number(1)}), map[string]any{"refundStatus": "PROCESSING"})
	s.Advance(3 * time.Second)
	s.Step(t.Context())
	s.is(s.send(queryPath, map[string]any{"merOrderId": s.number(1)}), map[string]any{"refundStatus": "SUCCESS"})
	s.is(s.send(refundPath, map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(3), "refundAmount": "600"}), map[string]any{"errCode": "SUCCESS", "refundStatus": "PROCESSING"})
	s.Advance(3 * time.Second)
	s.Step(t.Context())
	s.is(s.send(refundPath, map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(4), "refundAmount": "1"}), map[string]any{"errCode": "OPERATION_NOT_ALLOWED"})
}

func TestACallerWhoCantProveWhoItIsMovesNothing(t *testing.T) {
	s := open(t)
	s.paid("ORDER00001", 1000, nil)
	body, err := json.Marshal(s.fields(map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(1), "refundAmount": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	good := s.authorization(body)
	old := &shop{TB: t, now: s.now.Add(-31 * time.Minute), account: s.account}
	for name, test := range map[string]struct {
		path, authorization string
		body                []byte
		code                string
	}{
		"no header":                           {refundPath, "", body, "BAD_SIGN"},
		"another body":                        {refundPath, good, append(body[:len(body)-1:len(body)-1], ` }`...), "BAD_SIGN"},
		"another signature":                   {refundPath, strings.Replace(good, `Signature="`, `Signature="A`, 1), body, "BAD_SIGN"},
		"another app":                         {refundPath, strings.Replace(good, s.account["app_id"], "8a81c1be", 1), body, "BAD_SIGN"},
		"no nonce":                            {refundPath, strings.Replace(good, "593BEC0C930BF1AF", "", 1), body, "BAD_SIGN"},
		"a clock that is late":                {refundPath, old.authorization(body), body, "ABNORMAL_REQUEST_TIME"},
		"no JSON":                             {refundPath, s.authorization([]byte("a=b")), []byte("a=b"), "BAD_REQUEST"},
		"another path":                        {"/v1/netpay/refunds", good, body, "NO_SERVICE"},
		"a legacy message that is not signed": {"/netpay-route-server/api/", "", body, "INVALID_MSGSRC"},
	} {
		if got := s.post(test.path, test.body, test.authorization); got["errCode"] != test.code {
			t.Errorf("%s: %v, want %s", name, got, test.code)
		}
	}
	// Blanks behind the commas may be there.
	if got := s.post(refundPath, body, strings.ReplaceAll(good, ",", ", ")); got["errCode"] != "SUCCESS" {
		t.Errorf("with blanks: %v", got)
	}
	if books := s.Books(chinaums.Name); len(books) != 1 {
		t.Errorf("books %+v", books)
	}
}

func TestANoticeIsSignedOverWhateverItHas(t *testing.T) {
	s := open(t)
	taken := "FAILED"
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = r.ParseForm()
		s.notices = append(s.notices, r.PostForm)
		_, _ = io.WriteString(w, taken)
	}))
	t.Cleanup(sink.Close)
	if err := s.NotifyAt(chinaums.Name, sink.URL); err != nil {
		t.Fatal(err)
	}
	s.paid("ORDER00001", 1000, nil)
	s.paid("BILL000001", 1000, map[string]string{"inst_mid": "QRPAYDEFAULT"})
	s.send(refundPath, map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(1), "refundAmount": "300", "refundDesc": "坏了"})
	s.Step(t.Context())
	taken = "SUCCESS"
	s.Advance(time.Minute)
	s.Step(t.Context())
	s.send("/v1/netpay/bills/refund", map[string]any{"billNo": "BILL000001", "billDate": "2026-11-29", "instMid": "QRPAYDEFAULT", "refundOrderId": s.number(2), "refundAmount": "300"})
	s.Step(t.Context())
	s.Advance(time.Hour)
	s.Step(t.Context())
	if len(s.notices) != 3 || s.notices[0].Get("notifyId") != s.notices[1].Get("notifyId") || s.notices[1].Get("notifyId") == s.notices[2].Get("notifyId") {
		t.Fatalf("notices %v", s.notices)
	}
	for _, form := range s.notices {
		var pairs []string
		for name := range form {
			if name != "sign" {
				pairs = append(pairs, name+"="+form.Get(name))
			}
		}
		slices.Sort(pairs)
		sum := sha256.Sum256([]byte(strings.Join(pairs, "&") + s.account["communication_key"]))
		if form.Get("sign") != hex.EncodeToString(sum[:]) || form.Get("signType") != "SHA256" {
			t.Errorf("%v", form)
		}
	}
	if n := s.notices[0]; n.Get("refundOrderId") != s.number(1) || n.Get("refundAmount") != "300" || n.Get("status") != "TRADE_REFUND" || n.Get("refundDesc") != "坏了" {
		t.Errorf("%v", n)
	}
	if n := s.notices[2]; n.Get("billStatus") != "REFUND" || !strings.Contains(n.Get("billPayment"), s.number(2)) {
		t.Errorf("%v", n)
	}
}

func TestFaultsAreThePlatforms(t *testing.T) {
	for _, test := range []struct {
		fault channelsim.Fault
		phase channelsim.Phase
		code  any
		moves int
	}{
		{channelsim.Throttle, channelsim.BeforeMove, "TXN_DISCARDED", 0},
		{channelsim.Throttle, channelsim.AfterMove, "TXN_DISCARDED", 1},
		{channelsim.DropBefore, channelsim.BeforeMove, nil, 0},
		{channelsim.DropAfter, channelsim.AfterMove, nil, 1},
		{channelsim.Duplicate, channelsim.AfterMove, "SUCCESS", 1},
	} {
		s := open(t)
		s.paid("ORDER00001", 1000, nil)
		if err := s.Inject(channelsim.Injection{Channel: chinaums.Name, Step: channelsim.StepSubmit, Phase: test.phase, Fault: test.fault}); err != nil {
			t.Fatal(err)
		}
		got := s.send(refundPath, map[string]any{"merOrderId": "ORDER00001", "refundOrderId": s.number(1), "refundAmount": "300"})
		moves := 0
		for _, one := range s.Books(chinaums.Name) {
			moves += one.Moves
		}
		if got["errCode"] != test.code || moves != test.moves {
			t.Errorf("%s: %v, moved %d times", test.fault, got, moves)
		}
	}
	s := open(t)
	for _, fault := range []channelsim.Fault{channelsim.WrongSignature, channelsim.CertificateSwitch, channelsim.LateReturn, channelsim.ShortOfFunds} {
		if err := s.Inject(channelsim.Injection{Channel: chinaums.Name, Step: channelsim.StepSubmit, Fault: fault}); err == nil {
			t.Errorf("%s can be had", fault)
		}
	}
}

// Who does not say how a payment's refunds are asked about, and how long they take, meets
// all that there is.
func TestPaymentsOfWhichNothingIsSaidDiffer(t *testing.T) {
	s := open(t)
	met := map[string]bool{}
	for n := range 60 {
		order := fmt.Sprintf("ORDER%05d", n)
		if _, err := s.AddPayment(channelsim.Payment{Channel: chinaums.Name, Number: order, Amount: 1000, Currency: "CNY"}); err != nil {
			t.Fatal(err)
		}
		made := s.send(refundPath, map[string]any{"merOrderId": order, "refundOrderId": s.number(n), "refundAmount": "1"})
		met[fmt.Sprint(made["refundStatus"], " ", s.send(queryPath, map[string]any{"merOrderId": s.number(n)})["errCode"])] = true
	}
	for _, want := range []string{"SUCCESS SUCCESS", "SUCCESS NO_ORDER", "PROCESSING SUCCESS", "PROCESSING NO_ORDER"} {
		if !met[want] {
			t.Errorf("none is %s: %v", want, met)
		}
	}
}
