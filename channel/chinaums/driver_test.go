package chinaums_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/chinaums"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newDriver() *chinaums.Driver { return chinaums.New(chinaums.Options{EgressAllow: loopback}) }

// account is the fake's merchant at the open platform; change alters its settings.
func (f *fake) account(change map[string]string) channel.Account {
	settings := map[string]string{
		"app_id": f.appID, "msg_src": f.msgSrc, "msg_src_id": "3194", "mid": mid, "tid": tid, "inst_mid": "H5DEFAULT", "base_url": f.URL,
	}
	maps.Copy(settings, change)
	for name, value := range settings {
		if value == "" {
			delete(settings, name)
		}
	}
	return channel.Account{
		ID: "chinaums_1", Channel: chinaums.Name, Version: 1, Settings: settings, Mode: merchant.Live,
		Secrets: map[string]string{"app_key": appKey, "communication_key": commKey},
	}
}

func (f *fake) open(a channel.Account) channel.Connector {
	f.Helper()
	connector, err := newDriver().Open(a)
	if err != nil {
		f.Fatal(err)
	}
	return connector
}

// number is a refund's number at ChinaUMS.
func number(n int) string { return fmt.Sprintf("319420261129080000%09d", n) }

// instruction is a refund of 1 yuan of 10.
func instruction(n int) channel.Instruction {
	return channel.Instruction{
		RefundID: "re_1", Number: number(n), Account: "chinaums_1", TransactionID: "4200002026110100000001", Reason: "broken",
		Amount: money.Amount{Minor: 100, Currency: "CNY"}, Total: money.Amount{Minor: 1000, Currency: "CNY"},
		Charge: refund.Charge{OrderNo: orderNo, Amount: 1000, Currency: "CNY", Channel: "wx_wap", PaidAt: time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)},
		Refund: refund.Refund{Amount: 100, Currency: "CNY"},
	}
}

// bill is a refund of a bill.
func bill(n int) channel.Instruction {
	i := instruction(n)
	i.Charge.OrderNo, i.Charge.Channel = billNo, "wechat_qrcode"
	return i
}

// bills are the settings of an account whose payers scan bills.
var bills = map[string]string{"inst_mid": "QRPAYDEFAULT"}

// legacy are the settings of an account that sends the older messages.
var legacy = map[string]string{"mode": "legacy", "app_id": ""}

func TestChinaUMSIsADriver(t *testing.T) {
	f := newFake(t)
	channeltest.RunDriver(t, channeltest.DriverPeer{
		Driver: newDriver(), Account: f.account(nil), Channels: []string{"wechat_qrcode", "alipay_wap"},
		Wrong: map[string]channeltest.WrongSetting{
			"a mode that there is not":                {Name: "mode", Value: "both"},
			"a source's number of three characters":   {Name: "msg_src_id", Value: "319"},
			"a merchant's number that is none":        {Name: "mid", Value: "shop 1"},
			"a terminal's number of seven":            {Name: "tid", Value: "0000001"},
			"a kind of payment in small letters":      {Name: "inst_mid", Value: "h5default"},
			"kinds of payments that are no pairs":     {Name: "inst_mids", Value: "H5DEFAULT"},
			"two kinds of payments for one channel":   {Name: "inst_mids", Value: "wx=APPDEFAULT,wx=H5DEFAULT"},
			"a digest that there is not":              {Name: "sign_type", Value: "SM3"},
			"an address that is none":                 {Name: "base_url", Value: "api-mop.chinaums.com"},
			"an address with a query":                 {Name: "base_url", Value: "https://api-mop.chinaums.com/?a=b"},
			"a key with a blank":                      {Name: "app_key", Value: "two words"},
			"the test address of a live merchant":     {Name: "base_url", Value: "https://TEST-api-open.chinaums.com./"},
			"the documents' source of a live one":     {Name: "msg_src", Value: "WWW.TEST.COM"},
			"the documents' key of a live merchant":   {Name: "communication_key", Value: "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"},
			"the documents' number of a live one":     {Name: "mid", Value: "898340149000005"},
			"a source's number with a small letter":   {Name: "msg_src_id", Value: "319a"},
			"an address that is another protocol's":   {Name: "base_url", Value: "ftp://api-mop.chinaums.com"},
			"the address of the older route for test": {Name: "base_url", Value: "https://qr-test2.chinaums.com/netpay-route-server/api/"},
		},
	})
	t.Run("what is missing in a mode is named", func(t *testing.T) {
		for name, settings := range map[string]map[string]string{
			"app_id": {"app_id": ""}, "msg_src_id": {"msg_src_id": ""}, "msg_src": {"mode": "legacy", "msg_src": ""},
		} {
			if _, err := newDriver().Open(f.account(settings)); refund.As(err) == nil || refund.As(err).Param != name {
				t.Errorf("without %s: %v", name, err)
			}
		}
		for name, settings := range map[string]map[string]string{"app_key": nil, "communication_key": legacy} {
			a := f.account(settings)
			a.Secrets[name] = ""
			if _, err := newDriver().Open(a); refund.As(err) == nil || refund.As(err).Param != name {
				t.Errorf("without %s: %v", name, err)
			}
		}
	})
	t.Run("a test merchant moves no real money", func(t *testing.T) {
		for address, ok := range map[string]bool{
			"": true, "https://API-mop.chinaums.com./": false, "https://qr.chinaums.com": false, "https://test-api-open.chinaums.com": true, f.URL: true,
		} {
			a := f.account(map[string]string{"base_url": address, "msg_src_id": "", "mid": "898340149000005"})
			a.Mode = merchant.Test
			if _, err := newDriver().Open(a); (err == nil) != ok || err != nil && refund.As(err).Param != "base_url" {
				t.Errorf("%q: %v", address, err)
			}
		}
	})
}

func TestChinaUMSIsAConnector(t *testing.T) {
	for name, of := range map[string]struct {
		settings  map[string]string
		instruct  func(int) channel.Instruction
		otherForm bool
	}{
		"open platform, orders":                      {nil, instruction, false},
		"open platform, bills":                       {bills, bill, false},
		"open platform, orders, the other query":     {nil, instruction, true},
		"older messages, orders":                     {legacy, instruction, false},
		"older messages, SHA256, bills by a channel": {map[string]string{"mode": "legacy", "sign_type": "SHA256", "inst_mids": "wechat_qrcode=QRPAYDEFAULT"}, bill, false},
	} {
		t.Run(name, func(t *testing.T) {
			channeltest.Run(t, func(t *testing.T) channeltest.Peer { return newPeer(t, of.settings, of.instruct, of.otherForm) })
		})
	}
}

func newPeer(t *testing.T, settings map[string]string, instruct func(int) channel.Instruction, otherForm bool) channeltest.Peer {
	f := newFake(t)
	f.otherForm = otherForm
	if settings["sign_type"] != "" {
		f.signType = settings["sign_type"]
	}
	numbers := 0
	return channeltest.Peer{
		Connector: f.open(f.account(settings)),
		Instruction: func(_ *testing.T, s channeltest.Scenario) (channel.Instruction, bool) {
			numbers++
			i := instruct(numbers)
			f.mu.Lock()
			defer f.mu.Unlock()
			switch s {
			case channeltest.Succeeds:
			case channeltest.RefusedAlways:
				f.always[i.Number] = "TARGET_FAIL"
			case channeltest.AnswerLost:
				f.faults[i.Number] = []string{"drop after"}
			case channeltest.RequestLost:
				f.faults[i.Number] = []string{"drop before"}
			case channeltest.Throttled:
				f.faults[i.Number] = []string{"code TXN_DISCARDED"}
			default:
				return i, false // no code says so
			}
			return i, true
		},
		Moves:  func(_ *testing.T, i channel.Instruction) int { return f.moves(i.Number) },
		Number: regexp.MustCompile(`^3194(20[0-9]{2})(0[1-9]|1[0-2])([0-2][0-9]|3[01])[0-9]{6}[0-9]{9}$`),
	}
}

func (f *fake) moves(number string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.refunds[number]; e != nil {
		return e.moves
	}
	return 0
}

func TestChinaUMSNoticesAreReceived(t *testing.T) {
	for name, of := range map[string]struct {
		signType string
		without  []string
	}{
		"MD5, which is not named":            {"", nil},
		"SHA256":                             {"SHA256", nil},
		"SHA256, and signType is not signed": {"SHA256", []string{"signType"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			rotated := f.account(nil)
			rotated.Version, rotated.Secrets["communication_key"] = 2, "anotherCommunicationKey"
			channeltest.RunReceiver(t, channeltest.ReceiverPeer{
				Driver: newDriver(), Account: f.account(nil), Rotated: rotated, Number: number(1),
				Notice: func(t *testing.T, a channel.Account) *http.Request {
					fields := refundNotice()
					if of.signType != "" {
						fields["signType"] = of.signType
					}
					return noticeOf(t, fields, a.Secrets["communication_key"], of.without...)
				},
			})
		})
	}
}

// refundNotice are the fields of a refund's notice, with one that has no meaning
// and takes part in the signature.
func refundNotice() map[string]string {
	return map[string]string{
		"mid": mid, "tid": tid, "instMid": "H5DEFAULT", "merOrderId": orderNo, "totalAmount": "1000", "status": "TRADE_REFUND", "targetSys": "WXPay",
		"refundOrderId": number(1), "refundAmount": "100", "refundDesc": "坏了 & 100%", "refundTargetOrderId": "50300000000000000000000000001",
		"refundPayTime": "2026-11-29 09:00:00", "notifyId": "abcd-1", "x7Qk": "3f9",
	}
}

// noticeOf signs fields and makes the request.
func noticeOf(t testing.TB, fields map[string]string, key string, without ...string) *http.Request {
	t.Helper()
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	form.Set("sign", strings.ToUpper(digested(fields, fields["signType"], key, without...)))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://pay.example/notify/chinaums/chinaums_1", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}
