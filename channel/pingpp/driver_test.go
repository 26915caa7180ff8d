package pingpp_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/pingpp"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newDriver() *pingpp.Driver { return pingpp.New(pingpp.Options{EgressAllow: loopback}) }

// account is the fake's app; change alters its settings and secrets, "" drops one.
func (f *fake) account(change map[string]string) channel.Account {
	a := channel.Account{
		ID: "pingpp_1", Channel: pingpp.Name, Version: 1, Mode: merchant.Test,
		Settings: map[string]string{"app": app, "platform_public_key": publicPEM(f, keysOnce().platform), "base_url": f.URL},
		Secrets:  map[string]string{"api_key": testKey, "merchant_private_key": privatePEM(f, keysOnce().merchant)},
	}
	for name, value := range change {
		of := a.Settings
		if name == "api_key" || name == "merchant_private_key" {
			of = a.Secrets
		}
		of[name] = value
		if value == "" {
			delete(of, name)
		}
	}
	return a
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
		RefundID: "re_1", Number: number, Account: "pingpp_1", TransactionID: chargeID, Reason: "broken",
		Amount: money.Amount{Minor: 100, Currency: "CNY"}, Total: money.Amount{Minor: 1000, Currency: "CNY"},
		Charge: refund.Charge{OrderNo: orderNo, Amount: 1000, Currency: "CNY", Channel: "wx", TransactionID: chargeID},
		Refund: refund.Refund{Amount: 100, Currency: "CNY", Parts: refund.Parts{Payer: 100}},
	}
}

func TestPingppIsADriver(t *testing.T) {
	f := newFake(t)
	channeltest.RunDriver(t, channeltest.DriverPeer{
		Driver: newDriver(), Account: f.account(nil), Channels: []string{"wx", "alipay", "cnp_u", "upacp"},
		Wrong: map[string]channeltest.WrongSetting{
			"an app of another form":                   {Name: "app", Value: "1Gqj58ynP0mHeX1q"},
			"a key of 31 characters":                   {Name: "api_key", Value: testKey[:31]},
			"a live key of a test merchant":            {Name: "api_key", Value: liveKey},
			"a public key in place of the private one": {Name: "merchant_private_key", Value: publicPEM(t, keysOnce().merchant)},
			"the merchant's own key as Ping++'s":       {Name: "platform_public_key", Value: publicPEM(t, keysOnce().merchant)},
			"a private key in place of Ping++'s":       {Name: "platform_public_key", Value: privatePEM(t, keysOnce().platform)},
			"an address with a query":                  {Name: "base_url", Value: "https://api.pingxx.com/?a=b"},
		},
	})
	t.Run("a live merchant's refunds are real", func(t *testing.T) {
		for key, ok := range map[string]bool{testKey: false, liveKey: true} {
			a := f.account(map[string]string{"api_key": key})
			a.Mode = merchant.Live
			if _, err := newDriver().Open(a); (err == nil) != ok || err != nil && refund.As(err).Param != "api_key" {
				t.Errorf("%s: %v", key, err)
			}
		}
	})
	t.Run("rules are those of the charge's channel", func(t *testing.T) {
		wx, alipay, full := newDriver().Rules("wx"), newDriver().Rules("alipay"), newDriver().Rules("cnp_u")
		if wx.WindowMonths != 12 || wx.MostRefunds != 50 || wx.Spacing != 0 || wx.SubmitSpacing != time.Minute || alipay.WindowMonths != 3 || !full.FullOnly {
			t.Errorf("%+v, %+v, %+v", wx, alipay, full)
		}
	})
}

func TestPingppIsAConnector(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"signed and verified":          nil,
		"not signed":                   {"merchant_private_key": ""},
		"not verified":                 {"platform_public_key": ""},
		"behind a path of the address": {"base_url": "/behind"},
	} {
		t.Run(name, func(t *testing.T) {
			channeltest.Run(t, func(t *testing.T) channeltest.Peer { return newPeer(t, change) })
		})
	}
}

func newPeer(t *testing.T, change map[string]string) channeltest.Peer {
	f := newFake(t)
	f.ends = "succeeded"
	change = maps.Clone(change)
	if path := change["base_url"]; path != "" {
		change["base_url"] = f.URL + path
	}
	if _, unsigned := change["merchant_private_key"]; unsigned {
		f.merchant = nil
	}
	numbers := 0
	return channeltest.Peer{
		Connector: f.open(f.account(change)),
		Instruction: func(_ *testing.T, s channeltest.Scenario) (channel.Instruction, bool) {
			numbers++
			f.mu.Lock()
			defer f.mu.Unlock()
			switch s {
			case channeltest.RefusedAlways:
				f.faults = []string{"400 invalid_request_error", "402 channel_error refund_refused", "failed refund_refused_msg"}
			case channeltest.AnswerLost:
				f.faults = []string{"drop after"}
			case channeltest.RequestLost:
				f.faults = []string{"drop before"}
			case channeltest.Throttled:
				f.faults = []string{"403 invalid_request_error"}
			case channeltest.Succeeds:
			default:
				return channel.Instruction{}, false
			}
			return instruction("R" + string(rune('0'+numbers))), true
		},
		Moves: func(_ *testing.T, i channel.Instruction) int {
			f.mu.Lock()
			defer f.mu.Unlock()
			moves := 0
			for _, one := range f.refunds {
				if one["metadata"].(map[string]any)["refundry_number"] == i.Number && one["status"] != "failed" {
					moves++
				}
			}
			return moves
		},
		Number: regexp.MustCompile(`^[0-9A-Za-z]{24,40}$`),
	}
}

// event is a webhook as Ping++ sends it: compact JSON.
func (f *fake) event(kind string, object map[string]any) map[string]any {
	return map[string]any{
		"id": "evt_ugB6x3K43D16wXCcqbplWAJo", "created": 1427555101, "livemode": false, "type": kind, "data": map[string]any{"object": object},
		"object": "event", "pending_webhooks": 0, "request": "iar_qH4y1KbTy5eLGm1uHSTS00s",
	}
}

func webhook(t testing.TB, event map[string]any, sign func(body string) string) *http.Request {
	t.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://pay.example/notify/pingpp/pingpp_1", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Pingplusplus-Signature", sign(string(body)))
	return r
}

func TestPingppsWebhooksAreReceived(t *testing.T) {
	f := newFake(t)
	rotated := f.account(map[string]string{"platform_public_key": publicPEM(t, keysOnce().other)})
	rotated.Version = 2
	channeltest.RunReceiver(t, channeltest.ReceiverPeer{
		Driver: newDriver(), Account: f.account(nil), Rotated: rotated, Number: "R1",
		Notice: func(t *testing.T, a channel.Account) *http.Request {
			one := f.refund("re_1", 100, map[string]any{"refundry_number": "R1"})
			f.settle(one, "succeeded")
			key := keysOnce().platform
			if a.Version == 2 {
				key = keysOnce().other
			}
			return webhook(t, f.event("refund.succeeded", one), func(body string) string { return signature(t, key, body) })
		},
	})
}
