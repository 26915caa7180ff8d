package alipay_test

import (
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/alipay"
	"github.com/refundry/refundry/channel/alipay/alipaytest"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newDriver() *alipay.Driver { return alipay.New(alipay.Options{EgressAllow: loopback}) }

const address = "https://pay.example/notify/alipay/alipay_1"

// fake is Alipay's side, with accounts here.
type fake struct{ *alipaytest.Fake }

func newFake(t testing.TB, certificates bool) *fake {
	t.Helper()
	return &fake{alipaytest.New(t, certificates)}
}

// account is the fake's app; change alters its settings.
func (f *fake) account(change map[string]string) channel.Account {
	settings := map[string]string{"app_id": alipaytest.AppID, "gateway": f.URL + "/gateway.do", "seller_id": alipaytest.SellerID}
	if f.Certificates {
		settings["app_certificate"], settings["alipay_certificate"], settings["alipay_root_certificate"] = alipaytest.File("app_cert.pem"), alipaytest.File("alipay_cert.pem"), alipaytest.File("root_cert.pem")
	} else {
		settings["alipay_public_key"] = alipaytest.File("alipay_public.pem")
	}
	maps.Copy(settings, change)
	for name, value := range settings {
		if value == "" {
			delete(settings, name)
		}
	}
	secrets := map[string]string{"app_private_key": alipaytest.File("app_key.pem")}
	if f.Token != "" {
		secrets["app_auth_token"] = f.Token
	}
	return channel.Account{ID: "alipay_1", Channel: alipay.Name, Version: 1, Settings: settings, Secrets: secrets, NotifyURL: address}
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
		RefundID: "re_1", Number: number, Account: "alipay_1", TransactionID: alipaytest.TradeNo, Reason: "broken",
		Amount: money.Amount{Minor: 100, Currency: "CNY"}, Total: money.Amount{Minor: 1000, Currency: "CNY"},
		Charge: refund.Charge{OrderNo: alipaytest.OrderNo, Amount: 1000, Currency: "CNY", Channel: "alipay"},
		Refund: refund.Refund{Amount: 100, Currency: "CNY", Parts: refund.Parts{Payer: 100}},
	}
}

// bare is a key without its PEM lines, as Alipay's pages show it.
func bare(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "-----") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "")
}

func TestAlipayIsADriver(t *testing.T) {
	names := []string{
		"alipay", "alipay_wap", "alipay_pc_direct", "alipay_qr", "alipay_scan", "alipay_lite",
		"cb_alipay", "cb_alipay_wap", "cb_alipay_pc_direct", "cb_alipay_qr", "cb_alipay_scan",
	}
	key, certificates := newFake(t, false), newFake(t, true)
	t.Run("key mode", func(t *testing.T) {
		channeltest.RunDriver(t, channeltest.DriverPeer{
			Driver: newDriver(), Account: key.account(nil), Channels: names, Wrong: map[string]channeltest.WrongSetting{
				"an app id that is none":                   {Name: "app_id", Value: "shop"},
				"a key that is a file's name":              {Name: "app_private_key", Value: "app_private_key.pem"},
				"a public key in place of the private one": {Name: "app_private_key", Value: alipaytest.File("alipay_public.pem")},
				"a certificate in place of the public key": {Name: "alipay_public_key", Value: alipaytest.File("alipay_cert.pem")},
				"the app's own public key as Alipay's":     {Name: "alipay_public_key", Value: alipaytest.PublicPEM(alipaytest.Private("app_key.pem"))},
				"roots without Alipay's certificate":       {Name: "alipay_root_certificate", Value: alipaytest.File("root_cert.pem")},
				"Alipay's certificate without the roots":   {Name: "alipay_certificate", Value: alipaytest.File("alipay_cert.pem")},
				"a seller's id of another form":            {Name: "seller_id", Value: "1900009191"},
				"a word that is neither yes nor no":        {Name: "deposit_back_info", Value: "true"},
				"a gateway that is no address":             {Name: "gateway", Value: "openapi.alipay.com"},
				"a gateway with a query":                   {Name: "gateway", Value: "https://openapi.alipay.com/gateway.do?charset=utf-8"},
				"a token with a line end":                  {Name: "app_auth_token", Value: "2013\n08"},
			},
		})
	})
	t.Run("certificate mode", func(t *testing.T) {
		channeltest.RunDriver(t, channeltest.DriverPeer{
			Driver: newDriver(), Account: certificates.account(nil), Channels: names, Wrong: map[string]channeltest.WrongSetting{
				"another app's certificate":              {Name: "app_certificate", Value: alipaytest.File("next_cert.pem")},
				"an app certificate that is a key":       {Name: "app_certificate", Value: alipaytest.File("alipay_public.pem")},
				"the app's own certificate as Alipay's":  {Name: "alipay_certificate", Value: alipaytest.File("app_cert.pem")},
				"a certificate of Alipay's that is none": {Name: "alipay_certificate", Value: "x"},
				"roots that are a key":                   {Name: "alipay_root_certificate", Value: alipaytest.File("alipay_public.pem")},
				"issuers only":                           {Name: "alipay_certificate", Value: firstCertificate(alipaytest.File("root_cert.pem"))},
			},
		})
	})
	t.Run("what is missing is named", func(t *testing.T) {
		for name, a := range map[string]channel.Account{
			"alipay_public_key":        key.account(map[string]string{"alipay_public_key": ""}),
			"alipay_root_certificate,": key.account(map[string]string{"app_certificate": alipaytest.File("app_cert.pem")}),
			"app_certificate":          certificates.account(map[string]string{"app_certificate": ""}),
			"alipay_certificate":       certificates.account(map[string]string{"alipay_certificate": ""}),
			"alipay_root_certificate":  certificates.account(map[string]string{"alipay_root_certificate": ""}),
		} {
			if _, err := newDriver().Open(a); refund.As(err) == nil || refund.As(err).Param != strings.TrimSuffix(name, ",") {
				t.Errorf("without %s: %v", name, err)
			}
		}
	})
	t.Run("keys are taken as Alipay's pages show them", func(t *testing.T) {
		a := key.account(map[string]string{"alipay_public_key": bare(alipaytest.File("alipay_public.pem"))})
		a.Secrets["app_private_key"] = bare(alipaytest.File("app_key.pem"))
		if o := key.open(a).Submit(t.Context(), instruction("R1")); o.Kind != refund.OutcomeDone {
			t.Errorf("%+v", o)
		}
	})
}

func firstCertificate(text string) string {
	const end = "-----END CERTIFICATE-----\n"
	first, _, _ := strings.Cut(text, end)
	return first + end
}

func TestTestAndLiveMerchantsUseGatewaysOfTheirOwn(t *testing.T) {
	f := newFake(t, false)
	for gateway, may := range map[string]struct{ test, live bool }{
		"":                                       {false, true},
		"https://openapi.alipay.com/gateway.do":  {false, true},
		"https://OpenAPI.alipay.com./gateway.do": {false, true},
		"https://openapi-sandbox.dl.alipaydev.com/gateway.do": {true, false},
		"https://openapi.alipaydev.com/gateway.do":            {true, false},
		"https://sim.example/alipay/gateway.do":               {true, true},
		"https://notalipay.com/gateway.do":                    {true, true},
	} {
		for mode, want := range map[merchant.Mode]bool{merchant.Test: may.test, merchant.Live: may.live} {
			a := f.account(map[string]string{"gateway": gateway})
			a.Mode = mode
			if _, err := newDriver().Open(a); (err == nil) != want || err != nil && refund.As(err).Param != "gateway" {
				t.Errorf("%q of a %s merchant: %v", gateway, mode, err)
			}
		}
	}
}

func TestWhatAlipayCantCarryIsRefusedBeforeItIsAccepted(t *testing.T) {
	for _, name := range []string{"alipay", "alipay_qr", "cb_alipay_qr", "cb_alipay_scan"} {
		rules := newDriver().Rules(name)
		if !rules.NoExchange || rules.Currency != "CNY" || rules.SubmitSpacing != 3*time.Second || rules.WindowMonths != 12 || rules.Spacing != 0 {
			t.Errorf("rules of %s: %+v", name, rules)
		}
	}
}

func TestAlipayIsAConnector(t *testing.T) {
	for name, certificates := range map[string]bool{"key mode": false, "certificate mode": true} {
		t.Run(name, func(t *testing.T) {
			channeltest.Run(t, func(t *testing.T) channeltest.Peer { return newPeer(t, certificates) })
		})
	}
}

func newPeer(t *testing.T, certificates bool) channeltest.Peer {
	f := newFake(t, certificates)
	numbers := 0
	return channeltest.Peer{
		Connector: f.open(f.account(nil)), Nothing: refund.OutcomeInconclusive, WithoutIDs: true,
		Instruction: func(_ *testing.T, s channeltest.Scenario) (channel.Instruction, bool) {
			numbers++
			i := instruction("R" + string(rune('0'+numbers)))
			f.Mu.Lock()
			defer f.Mu.Unlock()
			switch s {
			case channeltest.RefusedAlways:
				f.Always[i.Number] = "40004 ACQ.TRADE_NOT_ALLOW_REFUND"
			case channeltest.AnswerLost:
				f.Faults[i.Number] = []string{"drop after"}
			case channeltest.RequestLost:
				f.Faults[i.Number] = []string{"drop before"}
			case channeltest.Throttled:
				f.Faults[i.Number] = []string{"40005 "}
			case channeltest.ShortOfFunds:
				f.Always[i.Number] = "40004 ACQ.SELLER_BALANCE_NOT_ENOUGH"
			case channeltest.Unpayable:
				return i, false // it is refused, and nothing of it is there to be rerouted
			}
			return i, true
		},
		Moves: func(_ *testing.T, i channel.Instruction) int {
			f.Mu.Lock()
			defer f.Mu.Unlock()
			if e := f.Entries[i.Number]; e != nil {
				return e.Moves
			}
			return 0
		},
		Number: regexp.MustCompile(`^[0-9A-Za-z]{24,64}$`),
		Day: func(*testing.T) channel.BillDay {
			return channel.BillDay{Day: time.Now().AddDate(0, 0, -2)}
		},
	}
}

func TestAlipaysNoticesAreReceived(t *testing.T) {
	f, next := newFake(t, false), newFake(t, false)
	next.Signer.Key = alipaytest.OtherKey()
	rotated := f.account(map[string]string{"alipay_public_key": alipaytest.PublicPEM(alipaytest.OtherKey())})
	rotated.Version = 2
	of := func(a channel.Account) *fake {
		if a.Version == 2 {
			return next
		}
		return f
	}
	for name, form := range map[string]func(a channel.Account) url.Values{
		"a trade notice":                    func(a channel.Account) url.Values { return of(a).Notice("R1", nil) },
		"a message":                         func(a channel.Account) url.Values { return of(a).Message("R1", "F", false, nil) },
		"a message that signs its type too": func(a channel.Account) url.Values { return of(a).Message("R1", "S", true, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			channeltest.RunReceiver(t, channeltest.ReceiverPeer{
				Driver: newDriver(), Account: f.account(nil), Rotated: rotated, Number: "R1",
				Notice: func(t *testing.T, a channel.Account) *http.Request { return posted(t, form(a).Encode()) },
			})
		})
	}
}

// posted is a request as it comes to the account's address.
func posted(t *testing.T, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/notify/alipay/alipay_1", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}
