package wechatpay_test

import (
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/wechatpay"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newDriver() *wechatpay.Driver { return wechatpay.New(wechatpay.Options{EgressAllow: loopback}) }

// account is the fake's merchant, with both of the platform's keys; change alters
// its settings.
func (f *fake) account(change map[string]string) channel.Account {
	settings := map[string]string{
		"mchid": f.mchID, "merchant_serial": f.merchantSerial, "base_url": f.URL,
		"platform_public_key_id": f.public.name, "platform_public_key": publicPEM(f, f.public.key),
		"platform_certificate": certificatePEM(f, f.certificate.key, "Tenpay.com Root CA", f.certificate.name, time.Now().AddDate(1, 0, 0)),
	}
	if f.subMchID != "" {
		delete(settings, "mchid")
		settings["sp_mchid"], settings["sub_mchid"] = f.mchID, f.subMchID
	}
	maps.Copy(settings, change)
	for name, value := range settings {
		if value == "" {
			delete(settings, name)
		}
	}
	return channel.Account{
		ID: "wechatpay_1", Channel: wechatpay.Name, Version: 1, Settings: settings, NotifyURL: "https://pay.example/notify/wechatpay/wechatpay_1",
		Secrets: map[string]string{"apiv3_key": f.apiV3Key, "merchant_private_key": privatePEM(f, keysOnce().merchant)},
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

// instruction is a refund of 1 yuan of 10.
func instruction(number string) channel.Instruction {
	return channel.Instruction{
		RefundID: "re_1", Number: number, Account: "wechatpay_1", TransactionID: transactionID, Reason: "broken",
		Amount: money.Amount{Minor: 100, Currency: "CNY"}, Total: money.Amount{Minor: 1000, Currency: "CNY"},
		Charge: refund.Charge{OrderNo: orderNo, Amount: 1000, Currency: "CNY"},
		Refund: refund.Refund{Amount: 100, Currency: "CNY", Parts: refund.Parts{Payer: 100}},
	}
}

func TestWeChatPayIsADriver(t *testing.T) {
	f := newFake(t, mchID, "")
	own := certificatePEM(t, keysOnce().merchant, mchID, merchantSerial, time.Now().AddDate(1, 0, 0))
	channeltest.RunDriver(t, channeltest.DriverPeer{
		Driver: newDriver(), Account: f.account(map[string]string{"merchant_certificate": own}), Channels: []string{"wx", "wx_pub"},
		Wrong: map[string]channeltest.WrongSetting{
			"a number that is none":                            {Name: "mchid", Value: "shop"},
			"an APIv3 key of 31 characters":                    {Name: "apiv3_key", Value: apiV3Key[1:]},
			"a key that is no PEM":                             {Name: "merchant_private_key", Value: "apiclient_key.pem"},
			"a public key in place of the private one":         {Name: "merchant_private_key", Value: publicPEM(t, keysOnce().merchant)},
			"a serial number that is none":                     {Name: "merchant_serial", Value: "no serial"},
			"the merchant's certificate of another key":        {Name: "merchant_certificate", Value: certificatePEM(t, keysOnce().other, mchID, merchantSerial, time.Now().AddDate(1, 0, 0))},
			"another merchant's certificate":                   {Name: "merchant_certificate", Value: certificatePEM(t, keysOnce().merchant, "1900009999", merchantSerial, time.Now().AddDate(1, 0, 0))},
			"a certificate with another serial number":         {Name: "merchant_serial", Value: "AB"},
			"a certificate that is a key":                      {Name: "platform_certificate", Value: publicPEM(t, keysOnce().certificate)},
			"the merchant's own certificate as the platform's": {Name: "platform_certificate", Value: certificatePEM(t, keysOnce().merchant, mchID, merchantSerial, time.Now().AddDate(1, 0, 0))},
			"a public key id of another form":                  {Name: "platform_public_key_id", Value: "KEY_1"},
			"a public key that is a certificate":               {Name: "platform_public_key", Value: certificatePEM(t, keysOnce().public, "x", "AB", time.Now())},
			"a service provider's number beside mchid":         {Name: "sp_mchid", Value: spMchID},
			"a sub-merchant of a direct merchant":              {Name: "sub_mchid", Value: subMchID},
			"a signer that there is not":                       {Name: "answers_signed_by", Value: "both"},
			"an address that is none":                          {Name: "base_url", Value: "api.mch.weixin.qq.com"},
			"an address with a query":                          {Name: "base_url", Value: "https://api.mch.weixin.qq.com/?a=b"},
		},
	})
	t.Run("what is missing is named", func(t *testing.T) {
		for name, change := range map[string]map[string]string{
			"mchid":                {"mchid": ""},
			"merchant_serial":      {"merchant_serial": ""},
			"platform_public_key":  {"platform_certificate": "", "platform_public_key": "", "platform_public_key_id": ""},
			"platform_certificate": {"platform_certificate": "", "answers_signed_by": "certificate"},
		} {
			if _, err := newDriver().Open(f.account(change)); refund.As(err) == nil || refund.As(err).Param != name {
				t.Errorf("without %s: %v", name, err)
			}
		}
	})
	t.Run("nor does it at the backup address", func(t *testing.T) {
		a := f.account(map[string]string{"backup_url": "https://api2.wechatpay.cn"})
		a.Mode = merchant.Test
		if _, err := newDriver().Open(a); refund.As(err) == nil || refund.As(err).Param != "backup_url" {
			t.Error(err)
		}
	})
	t.Run("a test merchant moves no real money", func(t *testing.T) {
		for address, ok := range map[string]bool{
			"": false, "https://API.mch.weixin.qq.com./": false, "https://api2.wechatpay.cn:443": false, "https://sim.example": true, f.URL: true,
		} {
			a := f.account(map[string]string{"base_url": address})
			a.Mode = merchant.Test
			if _, err := newDriver().Open(a); (err == nil) != ok || err != nil && refund.As(err).Param != "base_url" {
				t.Errorf("%q: %v", address, err)
			}
			a.Mode = merchant.Live
			if _, err := newDriver().Open(a); err != nil {
				t.Errorf("%q of a live merchant: %v", address, err)
			}
		}
	})
	t.Run("a certificate tells its own serial number", func(t *testing.T) {
		connector := f.open(f.account(map[string]string{"merchant_serial": "", "merchant_certificate": own}))
		if o := connector.Submit(t.Context(), instruction("R1")); o.Kind != refund.OutcomeAccepted {
			t.Errorf("%+v", o)
		}
	})
}

func TestWeChatPayIsAConnector(t *testing.T) {
	for name, of := range map[string]struct{ mchID, sub, signedBy string }{
		"direct, public key":   {mchID, "", "public_key"},
		"direct, certificate":  {mchID, "", "certificate"},
		"partner, public key":  {spMchID, subMchID, "public_key"},
		"partner, certificate": {spMchID, subMchID, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			channeltest.Run(t, func(t *testing.T) channeltest.Peer { return newPeer(t, of.mchID, of.sub, of.signedBy) })
		})
	}
}

func newPeer(t *testing.T, mchID, sub, signedBy string) channeltest.Peer {
	f := newFake(t, mchID, sub)
	day := time.Now().In(time.FixedZone("", 8*60*60)).AddDate(0, 0, -2)
	f.billDay = day.Format(time.DateOnly)
	numbers := 0
	return channeltest.Peer{
		Connector: f.open(f.account(map[string]string{"answers_signed_by": signedBy})),
		Instruction: func(_ *testing.T, s channeltest.Scenario) (channel.Instruction, bool) {
			numbers++
			i := instruction("R" + string(rune('0'+numbers)))
			f.mu.Lock()
			defer f.mu.Unlock()
			switch s {
			case channeltest.RefusedAlways:
				f.always[i.Number] = "400 INVALID_REQUEST"
			case channeltest.AnswerLost:
				f.faults[i.Number] = []string{"drop after"}
			case channeltest.RequestLost:
				f.faults[i.Number] = []string{"drop before"}
			case channeltest.Throttled:
				f.faults[i.Number] = []string{"429 FREQUENCY_LIMITED"}
			case channeltest.ShortOfFunds:
				f.always[i.Number] = "403 NOT_ENOUGH"
			case channeltest.Unpayable:
				f.ends[i.Number] = "ABNORMAL"
			}
			return i, true
		},
		Moves: func(_ *testing.T, i channel.Instruction) int {
			f.mu.Lock()
			defer f.mu.Unlock()
			if e := f.entries[i.Number]; e != nil {
				return e.moves
			}
			return 0
		},
		Number: regexp.MustCompile(`^[0-9A-Za-z]{24,40}$`),
		Day:    func(*testing.T) channel.BillDay { return channel.BillDay{Day: day} },
	}
}

func TestWeChatPaysNoticesAreReceived(t *testing.T) {
	for name, partner := range map[string]bool{"direct": false, "partner": true} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, mchID, "")
			if partner {
				f.mchID, f.subMchID = spMchID, subMchID
			}
			rotated := f.account(map[string]string{
				"platform_certificate": "", "platform_public_key_id": "PUB_KEY_ID_02", "platform_public_key": publicPEM(t, keysOnce().other),
			})
			rotated.Version, rotated.Secrets["apiv3_key"] = 2, "ffffffffffffffffffffffffffffffff"
			channeltest.RunReceiver(t, channeltest.ReceiverPeer{
				Driver: newDriver(), Account: f.account(nil), Rotated: rotated, Number: "R1",
				Notice: func(t *testing.T, a channel.Account) *http.Request {
					n := f.notice("R1", "SUCCESS")
					if a.Version == 2 {
						n.signer, n.apiV3Key = keyed{"PUB_KEY_ID_02", keysOnce().other}, a.Secrets["apiv3_key"]
					}
					return n.request(t)
				},
			})
		})
	}
}
