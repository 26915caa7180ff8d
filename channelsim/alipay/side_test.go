package alipay_test

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/alipay"
	"github.com/refundry/refundry/wire/pemkey"
)

// shop is a merchant's program, which signs and verifies by itself.
type shop struct {
	testing.TB
	*channelsim.Simulator
	now     time.Time
	account map[string]string
	key     *rsa.PrivateKey
	theirs  *rsa.PublicKey

	mu      sync.Mutex
	notices []url.Values
}

// accountFiles are those of an account that all tests share: its keys take a second.
var accountFiles = sync.OnceValue(func() map[string][]byte {
	dir, err := os.MkdirTemp("", "refundry-sim-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := channelsim.New(channelsim.Options{URL: "http://none", Data: dir}, alipay.New()); err != nil {
		panic(err)
	}
	files := make(map[string][]byte)
	for _, name := range []string{channelsim.AccountFile, "sim-keys.json"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			panic(err)
		}
	}
	return files
})

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{TB: t, now: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	for name, content := range accountFiles() {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewUnstartedServer(nil)
	server.Start()
	t.Cleanup(server.Close)
	var err error
	if s.Simulator, err = channelsim.New(channelsim.Options{URL: server.URL, Data: dir, Now: func() time.Time { return s.now }}, alipay.New()); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = s.Simulator
	if s.account, err = channelsim.ReadAccount(filepath.Join(dir, channelsim.AccountFile), alipay.Name); err != nil {
		t.Fatal(err)
	}
	if s.key, err = pemkey.ParseRSAPrivateKey(s.account["app_private_key"]); err != nil {
		t.Fatal(err)
	}
	if s.theirs, err = pemkey.ParseRSAPublicKey(s.account["alipay_public_key"]); err != nil {
		t.Fatal(err)
	}
	merchant := httptest.NewServer(http.HandlerFunc(s.notified))
	t.Cleanup(merchant.Close)
	if err := s.NotifyAt(alipay.Name, merchant.URL); err != nil {
		t.Fatal(err)
	}
	return s
}

// notified keeps a notice and takes it.
func (s *shop) notified(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	form, err2 := url.ParseQuery(string(body))
	if err != nil || err2 != nil {
		s.Error(err, err2)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notices = append(s.notices, form)
	_, _ = io.WriteString(w, "success")
}

// pay makes a trade of 10 yuan.
func (s *shop) pay(number string, attributes map[string]string) string {
	s.Helper()
	id, err := s.AddPayment(channelsim.Payment{Channel: alipay.Name, Number: number, Amount: 1000, Currency: "CNY", Attributes: attributes})
	if err != nil {
		s.Fatal(err)
	}
	return id
}

// signText is what is signed of parameters.
func signText(params url.Values, without ...string) string {
	var pairs []string
	for name := range params {
		if params.Get(name) != "" && !slices.Contains(without, name) {
			pairs = append(pairs, name+"="+params.Get(name))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// params are the signed parameters of a call; change may spoil them before they are
// signed.
func (s *shop) params(method, biz string, change map[string]string) url.Values {
	s.Helper()
	out := url.Values{
		"app_id": {s.account["app_id"]}, "method": {method}, "format": {"JSON"}, "charset": {"utf-8"}, "sign_type": {"RSA2"}, "version": {"1.0"},
		"timestamp": {s.now.In(time.FixedZone("", 8*3600)).Format(time.DateTime)}, "biz_content": {biz},
	}
	for name, value := range change {
		out.Set(name, value)
	}
	digest := sha256.Sum256([]byte(signText(out, "sign")))
	raw, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	if err != nil {
		s.Fatal(err)
	}
	out.Set("sign", base64.StdEncoding.EncodeToString(raw))
	return out
}

// post sends parameters and returns the bytes of the answer.
func (s *shop) post(params url.Values) []byte {
	s.Helper()
	answer, err := http.PostForm(s.account["gateway"], params)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.Fatal(answer.StatusCode, err)
	}
	return body
}

var nodeForm = regexp.MustCompile(`^\{"(\w+)":(\{.*\}),"sign":"([^"]+)"\}$`)

// call makes a signed call, verifies the answer over its bytes, and returns its node.
func (s *shop) call(method, biz string) map[string]any {
	s.Helper()
	body := s.post(s.params(method, biz, nil))
	parts := nodeForm.FindSubmatch(body)
	if parts == nil || string(parts[1]) != strings.ReplaceAll(method, ".", "_")+"_response" {
		s.Fatalf("answer %s", body)
	}
	s.verify(string(parts[2]), string(parts[3]))
	var node map[string]any
	if err := json.Unmarshal(parts[2], &node); err != nil {
		s.Fatal(err)
	}
	return node
}

func (s *shop) verify(text, sign string) {
	s.Helper()
	raw, err := base64.StdEncoding.DecodeString(sign)
	digest := sha256.Sum256([]byte(text))
	if err != nil || rsa.VerifyPKCS1v15(s.theirs, crypto.SHA256, digest[:], raw) != nil {
		s.Errorf("the signature does not hold: %s", text)
	}
}

// refund asks for a refund of an order.
func (s *shop) refund(order, number, amount string) map[string]any {
	s.Helper()
	return s.call("alipay.trade.refund", fmt.Sprintf(`{"out_trade_no": %q, "out_request_no": %q, "refund_amount": %q, "query_options": ["refund_detail_item_list"]}`, order, number, amount))
}

// want compares members of an answer.
func (s *shop) want(got map[string]any, want map[string]string) {
	s.Helper()
	for name, value := range want {
		if text, _ := got[name].(string); text != value {
			s.Errorf("%s is %v, want %q in %v", name, got[name], value, got)
		}
	}
}

func TestARefundMovesMoneyOnceAndSaysSoOnce(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", nil)
	s.want(s.refund("ORDER1", "R1", "1.00"), map[string]string{"code": "10000", "fund_change": "Y", "refund_fee": "1.00", "send_back_fee": "1.00"})
	// A repeat moves nothing and says so; one with another amount is refused.
	s.want(s.refund("ORDER1", "R1", "1"), map[string]string{"code": "10000", "fund_change": "N", "refund_fee": "1.00", "send_back_fee": "0.00"})
	s.want(s.refund("ORDER1", "R1", "1.01"), map[string]string{"code": "40004", "sub_code": "ACQ.DISCORDANT_REPEAT_REQUEST"})
	s.Advance(3 * time.Second)
	// refund_fee is the sum so far.
	s.want(s.refund("ORDER1", "R2", "2.50"), map[string]string{"fund_change": "Y", "refund_fee": "3.50", "send_back_fee": "2.50"})
	query := `{"out_trade_no": "ORDER1", "out_request_no": %q, "query_options": ["gmt_refund_pay", "refund_detail_item_list", "deposit_back_info"]}`
	s.want(s.call("alipay.trade.fastpay.refund.query", fmt.Sprintf(query, "R2")), map[string]string{
		"code": "10000", "refund_status": "REFUND_SUCCESS", "refund_amount": "2.50", "total_amount": "10.00", "out_request_no": "R2", "gmt_refund_pay": "2026-11-29 16:00:03",
	})
	// What there is not is answered like success, without a status.
	s.want(s.call("alipay.trade.fastpay.refund.query", fmt.Sprintf(query, "R3")), map[string]string{"code": "10000", "refund_status": "", "refund_amount": ""})
	books := s.Books(alipay.Name)
	if len(books) != 2 || books[0].Moves != 1 || books[0].Submits != 3 || books[1].Amount != 250 {
		t.Errorf("books %+v", books)
	}
}

func TestANumberIsOneOfItsTradeAlone(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", nil)
	s.pay("ORDER2", nil)
	s.want(s.refund("ORDER1", "R1", "1.00"), map[string]string{"fund_change": "Y"})
	s.want(s.refund("ORDER2", "R1", "2.00"), map[string]string{"fund_change": "Y", "refund_fee": "2.00"})
	s.want(s.call("alipay.trade.fastpay.refund.query", `{"out_trade_no": "ORDER2", "out_request_no": "R1"}`), map[string]string{"refund_amount": "2.00"})
}

func TestEachRuleOfRefundsIsKept(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", nil)
	s.refund("ORDER1", "R1", "4.00")
	s.want(s.refund("ORDER1", "R2", "1.00"), map[string]string{"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR"}) // three seconds apart
	s.Advance(3 * time.Second)
	s.want(s.refund("ORDER1", "R2", "6.01"), map[string]string{"sub_code": "ACQ.REASON_TRADE_REFUND_FEE_ERR"})
	s.want(s.call("alipay.trade.refund", `{"out_trade_no": "ORDER1", "refund_amount": "1.00"}`), map[string]string{"sub_code": "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"})
	s.want(s.refund("ORDER9", "R2", "1.00"), map[string]string{"sub_code": "ACQ.TRADE_NOT_EXIST"})
	s.want(s.refund("ORDER1", "R2", "6.00"), map[string]string{"fund_change": "Y", "refund_fee": "10.00"})
	s.Advance(3 * time.Second)
	s.want(s.refund("ORDER1", "R3", "0.01"), map[string]string{"sub_code": "ACQ.TRADE_HAS_CLOSE"})
	s.want(s.call("alipay.trade.query", `{"out_trade_no": "ORDER1"}`), map[string]string{"trade_status": "TRADE_CLOSED", "total_amount": "10.00"})
	s.pay("ORDER2", nil)
	s.want(s.call("alipay.trade.query", `{"out_trade_no": "ORDER2"}`), map[string]string{"trade_status": "TRADE_SUCCESS"})
	s.Advance(366 * 24 * time.Hour)
	s.want(s.call("alipay.trade.query", `{"out_trade_no": "ORDER2"}`), map[string]string{"trade_status": "TRADE_FINISHED"})
	s.want(s.refund("ORDER2", "R1", "1.00"), map[string]string{"sub_code": "ACQ.TRADE_HAS_FINISHED"})
	for name, biz := range map[string]string{
		"no number":              `{"refund_amount": "1.00"}`,
		"three decimals":         `{"out_trade_no": "ORDER1", "refund_amount": "1.001"}`,
		"nothing":                `{"out_trade_no": "ORDER1", "refund_amount": "0.00"}`,
		"a negative amount":      `{"out_trade_no": "ORDER1", "refund_amount": "-1.00"}`,
		"an exponent":            `{"out_trade_no": "ORDER1", "refund_amount": 1e2}`,
		"a member of no page":    `{"out_trade_no": "ORDER1", "refund_amount": "1.00", "refund_no": "R"}`,
		"an option of no page":   `{"out_trade_no": "ORDER1", "refund_amount": "1.00", "query_options": ["all"]}`,
		"shares of more than it": `{"out_trade_no": "ORDER1", "refund_amount": "1.00", "refund_royalty_parameters": [{"trans_out": "2088", "amount": "1.01"}]}`,
		"a share of nobody":      `{"out_trade_no": "ORDER1", "refund_amount": "1.00", "refund_royalty_parameters": [{"amount": "1.00"}]}`,
		"another currency":       `{"out_trade_no": "ORDER1", "refund_amount": "1.00", "refund_currency": "USD"}`,
		"no JSON":                `out_trade_no=ORDER1`,
		"two values":             `{"out_trade_no": "ORDER1", "refund_amount": "1.00"} {}`,
	} {
		if got := s.call("alipay.trade.refund", biz); got["sub_code"] != "ACQ.INVALID_PARAMETER" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestARequestThatIsNotTheAppsIsRefused(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", nil)
	const biz = `{"out_trade_no": "ORDER1", "out_request_no": "R1", "refund_amount": "1.00"}`
	for name, test := range map[string]struct {
		change map[string]string // before it is signed
		after  map[string]string
		want   string
		signed bool
	}{
		"another app":                   {map[string]string{"app_id": "2021000000000000"}, nil, "isv.invalid-app-id", false},
		"no app":                        {map[string]string{"app_id": ""}, nil, "isv.missing-app-id", false},
		"an interface that there isn't": {map[string]string{"method": "alipay.trade.none"}, nil, "isv.invalid-method", true},
		"another signature scheme":      {map[string]string{"sign_type": "RSA"}, nil, "isv.invalid-signature-type", true},
		"another charset":               {map[string]string{"charset": "GBK"}, nil, "isv.invalid-charset", true},
		"another version":               {map[string]string{"version": "2.0"}, nil, "isv.invalid-version", true},
		"another format":                {map[string]string{"format": "XML"}, nil, "isv.invalid-format", true},
		"a time that is none":           {map[string]string{"timestamp": "2026-11-29T08:00:00Z"}, nil, "isv.invalid-timestamp", true},
		"no content":                    {map[string]string{"biz_content": ""}, nil, "isv.missing-parameter", true},
		"no signature":                  {nil, map[string]string{"sign": ""}, "isv.missing-signature", true},
		"a signature that is none":      {nil, map[string]string{"sign": "AAAA"}, "isv.invalid-signature", true},
		"another amount than is signed": {nil, map[string]string{"biz_content": strings.Replace(biz, "1.00", "9.00", 1)}, "isv.invalid-signature", true},
		"one more parameter":            {nil, map[string]string{"notify_url": "http://127.0.0.1/"}, "isv.invalid-signature", true},
	} {
		t.Run(name, func(t *testing.T) {
			params := s.params("alipay.trade.refund", biz, test.change)
			for name, value := range test.after {
				params.Set(name, value)
			}
			body := s.post(params)
			if !strings.Contains(string(body), `"sub_code":"`+test.want+`"`) || strings.Contains(string(body), `"sign":`) != test.signed {
				t.Errorf("answer %s", body)
			}
			if parts := nodeForm.FindSubmatch(body); test.signed && parts != nil {
				s.verify(string(parts[2]), string(parts[3]))
			}
		})
	}
	if books := s.Books(alipay.Name); len(books) != 0 {
		t.Errorf("books %+v", books)
	}
}

// The public parameters may stand in the address, as the official Node client has them.
func TestParametersMayStandInTheAddress(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", nil)
	params := s.params("alipay.trade.query", `{"out_trade_no": "ORDER1"}`, nil)
	form := url.Values{"biz_content": params["biz_content"]}
	params.Del("biz_content")
	answer, err := http.PostForm(s.account["gateway"]+"?"+params.Encode(), form)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if !strings.Contains(string(body), `"trade_status":"TRADE_SUCCESS"`) {
		t.Errorf("answer %s", body)
	}
	// A parameter that comes twice leaves open which was signed.
	if answer, err = http.PostForm(s.account["gateway"]+"?"+params.Encode()+"&method=alipay.trade.refund", form); err != nil {
		t.Fatal(err)
	}
	body, _ = io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if !strings.Contains(string(body), "isv.invalid-parameter") {
		t.Errorf("answer %s", body)
	}
}

func TestSlashesAreWrittenAsThePlatformWritesThem(t *testing.T) {
	s := open(t)
	id := s.pay("ORDER1", nil)
	s.refund("ORDER1", "R1", "1.00")
	s.Advance(48 * time.Hour)
	body := s.post(s.params("alipay.data.dataservice.bill.downloadurl.query", `{"bill_type": "trade", "bill_date": "2026-11-29"}`, nil))
	if !bytes.Contains(body, []byte(`http:\/\/`)) {
		t.Errorf("answer %s", body)
	}
	node := s.call("alipay.data.dataservice.bill.downloadurl.query", `{"bill_type": "trade", "bill_date": "2026-11-29"}`)
	address, _ := node["bill_download_url"].(string)
	files := s.unpacked(address)
	if len(files) != 2 || !strings.Contains(files[0], "\r\n"+id+"\t,ORDER1\t,退款\t,") || !strings.Contains(files[0], "\t,-1.00\t,-1.00\t,") || !strings.Contains(files[0], "\t,R1\t,") {
		t.Errorf("files %q", files)
	}
	// Its address is good for 30 seconds by the machine's clock.
	s.now = s.now.Add(31 * time.Second)
	if answer, err := http.Get(address); err != nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("%+v, %v", answer, err)
	} else {
		_ = answer.Body.Close()
	}
	for biz, want := range map[string]string{
		`{"bill_type": "trade", "bill_date": "2026-11-28"}`:        "NO_BILL_DATA",
		`{"bill_type": "trade", "bill_date": "2026-12-01"}`:        "BILL_NOT_EXIST",
		`{"bill_type": "signcustomer", "bill_date": "2026-11-29"}`: "TYPE_NOT_SUPPORTED",
		`{"bill_type": "trade", "bill_date": "29.11.2026"}`:        "INVAILID_ARGUMENTS",
		`{"bill_type": "trade", "bill_date": "2026-11"}`:           "INVAILID_ARGUMENTS",
	} {
		s.want(s.call("alipay.data.dataservice.bill.downloadurl.query", biz), map[string]string{"code": "40004", "sub_code": want})
	}
}

// unpacked downloads a bill and returns its files as UTF-8.
func (s *shop) unpacked(address string) (out []string) {
	s.Helper()
	answer, err := http.Get(address)
	if err != nil {
		s.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		s.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		s.Fatal(err)
	}
	for _, one := range archive.File {
		name, err := simplifiedchinese.GBK.NewDecoder().String(one.Name)
		if err != nil || !strings.Contains(name, "业务明细") || !one.NonUTF8 {
			s.Errorf("file %q, %v", name, err)
		}
		file, err := one.Open()
		if err != nil {
			s.Fatal(err)
		}
		text, err := io.ReadAll(simplifiedchinese.GBK.NewDecoder().Reader(file))
		if err != nil {
			s.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// told sends what is due and returns the last notice.
func (s *shop) told() url.Values {
	s.Helper()
	s.Step(s.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notices) == 0 {
		s.Fatal("no notice came")
	}
	return s.notices[len(s.notices)-1]
}

func TestARefundIsToldOfByATradeNotice(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", nil)
	s.refund("ORDER1", "R1", "4.00")
	n := s.told()
	s.verify(signText(n, "sign", "sign_type"), n.Get("sign"))
	if n.Get("notify_type") != "trade_status_sync" || n.Get("out_biz_no") != "R1" || n.Get("refund_fee") != "4.00" || n.Get("trade_status") != "TRADE_SUCCESS" {
		t.Errorf("notice %v", n)
	}
	s.Advance(3 * time.Second)
	s.refund("ORDER1", "R2", "6.00")
	if n := s.told(); n.Get("refund_fee") != "10.00" || n.Get("trade_status") != "TRADE_CLOSED" {
		t.Errorf("notice %v", n)
	}
}

// Money to a bank card takes its time: the first answer is no proof, and the bank's
// word comes as a message of its own. What a bank sends back stays the payer's.
func TestARefundToABankCardTakesItsTime(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", map[string]string{"bank_card": "DEBIT_CARD"})
	biz := `{"out_trade_no": "ORDER1", "out_request_no": "R1", "refund_amount": "4.00", "query_options": ["deposit_back_info"]}`
	query := `{"out_trade_no": "ORDER1", "out_request_no": "R1", "query_options": ["deposit_back_info"]}`
	s.want(s.call("alipay.trade.refund", biz), map[string]string{"code": "10000", "fund_change": "N", "refund_fee": "0.00", "has_deposit_back": "true"})
	s.want(s.call("alipay.trade.fastpay.refund.query", query), map[string]string{"code": "10000", "refund_status": ""})
	s.Advance(2 * time.Second)
	n := s.told()
	s.verify(signText(n, "sign"), n.Get("sign"))
	if n.Get("msg_method") != "alipay.trade.refund.depositback.completed" || !strings.Contains(n.Get("biz_content"), `"dback_status":"S","dback_amount":"4.00"`) {
		t.Errorf("message %v", n)
	}
	back := func() any { return s.call("alipay.trade.fastpay.refund.query", query)["deposit_back_info"] }
	if got := back().(map[string]any); got["dback_status"] != "S" || got["dback_amount"] != "4.00" {
		t.Errorf("deposit_back_info %v", got)
	}
	answer, err := http.Post(strings.TrimSuffix(s.account["gateway"], "/alipay/gateway.do")+"/sim/refunds/R1", "application/json", strings.NewReader(`{"state": "returned"}`))
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	if n := s.told(); !strings.Contains(n.Get("biz_content"), `"dback_status":"F"`) {
		t.Errorf("message %v", n)
	}
	s.want(s.call("alipay.trade.fastpay.refund.query", query), map[string]string{"refund_status": "REFUND_SUCCESS"})
	if got := back().(map[string]any); got["dback_status"] != "F" || got["dback_amount"] != nil {
		t.Errorf("deposit_back_info %v", got)
	}
	s.Advance(time.Minute)
	s.want(s.refund("ORDER1", "R2", "7.00"), map[string]string{"sub_code": "ACQ.REASON_TRADE_REFUND_FEE_ERR"})
}

func TestFaultsLookAsAtThePlatform(t *testing.T) {
	s := open(t)
	s.pay("ORDER1", nil)
	inject := func(step channelsim.Step, fault channelsim.Fault, phase channelsim.Phase) {
		t.Helper()
		if err := s.Inject(channelsim.Injection{Channel: alipay.Name, Step: step, Fault: fault, Phase: phase}); err != nil {
			t.Fatal(err)
		}
	}
	inject(channelsim.StepSubmit, channelsim.ShortOfFunds, "")
	s.want(s.refund("ORDER1", "R1", "1.00"), map[string]string{"code": "40004", "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"})
	inject(channelsim.StepSubmit, channelsim.Throttle, channelsim.BeforeMove)
	s.want(s.refund("ORDER1", "R1", "1.00"), map[string]string{"code": "40005"})
	inject(channelsim.StepSubmit, channelsim.WrongSignature, "")
	body := s.post(s.params("alipay.trade.refund", `{"out_trade_no": "ORDER1", "out_request_no": "R1", "refund_amount": "1.00"}`, nil))
	parts := nodeForm.FindSubmatch(body)
	raw, err := base64.StdEncoding.DecodeString(string(parts[3]))
	digest := sha256.Sum256(parts[2])
	if err != nil || rsa.VerifyPKCS1v15(s.theirs, crypto.SHA256, digest[:], raw) == nil {
		t.Errorf("the signature holds: %s", body)
	}
	if books := s.Books(alipay.Name); len(books) != 1 || books[0].Moves != 1 {
		t.Errorf("books %+v", books)
	}
	for _, fault := range []channelsim.Fault{channelsim.CertificateSwitch, channelsim.LateReturn} {
		if err := s.Inject(channelsim.Injection{Channel: alipay.Name, Step: channelsim.StepSubmit, Fault: fault}); err == nil {
			t.Errorf("%s can be asked for", fault)
		}
	}
}
