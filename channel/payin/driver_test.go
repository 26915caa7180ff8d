package payin_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/payin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newDriver() *payin.Driver { return payin.New(payin.Options{EgressAllow: loopback}) }

const token = "0123456789abcdef"

// account is the fake's merchant; change alters its settings and secrets, "" drops
// one.
func (f *fake) account(change map[string]string) channel.Account {
	a := channel.Account{
		ID: "payin_1", Channel: payin.Name, Version: 1, Mode: merchant.Live,
		Settings: map[string]string{"merchant_id": merchantID, "base_url": f.URL, "statement_url": f.URL + "/files/{merchant}/{date}.csv"},
		Secrets:  map[string]string{"client_key": clientKey, "client_secret": secret, "notify_token": token, "statement_token": fileToken},
	}
	for name, value := range change {
		of := a.Settings
		if _, ok := a.Secrets[name]; ok {
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

// instruction is a refund of 7 of 1000 riyals.
func instruction(number string) channel.Instruction {
	return channel.Instruction{
		RefundID: "re_1", Number: number, Account: "payin_1", TransactionID: orderID, Reason: "broken",
		Amount: money.Amount{Minor: 700, Currency: "SAR"}, Total: money.Amount{Minor: 100000, Currency: "SAR"},
		Charge: refund.Charge{OrderNo: orderNo, Amount: 100000, Currency: "SAR", Channel: "mastercard", TransactionID: orderID},
		Refund: refund.Refund{Amount: 700, Currency: "SAR", Parts: refund.Parts{Payer: 700}},
	}
}

func TestPayinIsADriver(t *testing.T) {
	f := newFake(t)
	channeltest.RunDriver(t, channeltest.DriverPeer{
		Driver: newDriver(), Account: f.account(nil), Channels: []string{"mastercard", "stcpay"},
		Wrong: map[string]channeltest.WrongSetting{
			"a merchant with a blank":              {Name: "merchant_id", Value: "M 948164"},
			"a key of nothing":                     {Name: "client_key", Value: ""},
			"a secret with a line's end":           {Name: "client_secret", Value: "payin-test-secret\n"},
			"an address that is none":              {Name: "base_url", Value: "sandbox.sgate.sa"},
			"an address with what is added to it":  {Name: "base_url", Value: "https://gateway.gcc-pay.com/api_v1"},
			"the sandbox of a live merchant":       {Name: "base_url", Value: "https://sandbox.sgate.sa"},
			"a token that anyone guesses":          {Name: "notify_token", Value: "1234"},
			"a token that an address can't hold":   {Name: "notify_token", Value: "0123456789abcdef&a=b"},
			"a file's address without a date":      {Name: "statement_url", Value: "https://files.example/today.csv"},
			"a file's address that is none":        {Name: "statement_url", Value: "ftps://files.example/{date}.csv"},
			"a word that is no switch":             {Name: "three_decimals", Value: "yes"},
			"a file's token with a character of 2": {Name: "statement_token", Value: "é"},
		},
	})
	t.Run("a test merchant moves no real money", func(t *testing.T) {
		for address, ok := range map[string]bool{"https://gateway.gcc-pay.com": false, "https://SGATE.sa.": false, "https://sandbox.gcc-pay.com": true, f.URL: true, "https://sgate.sa.example": true} {
			a := f.account(map[string]string{"base_url": address})
			a.Mode = merchant.Test
			if _, err := newDriver().Open(a); (err == nil) != ok || err != nil && refund.As(err).Param != "base_url" {
				t.Errorf("%q: %v", address, err)
			}
		}
	})
}

func TestPayinIsAConnector(t *testing.T) {
	for name, change := range map[string]map[string]string{"with files": nil, "without files": {"statement_url": ""}} {
		t.Run(name, func(t *testing.T) {
			channeltest.Run(t, func(t *testing.T) channeltest.Peer { return newPeer(t, change) })
		})
	}
}

func newPeer(t *testing.T, change map[string]string) channeltest.Peer {
	f := newFake(t)
	f.ends = "success"
	numbers := 0
	return channeltest.Peer{
		Connector: f.open(f.account(change)),
		Instruction: func(_ *testing.T, s channeltest.Scenario) (channel.Instruction, bool) {
			numbers++
			f.mu.Lock()
			defer f.mu.Unlock()
			switch s {
			case channeltest.RefusedAlways:
				f.faults = []string{"422 refundAmountExceeded", "422 orderNotPaid", "422 refundNotSupported"}
			case channeltest.AnswerLost:
				f.faults = []string{"drop after"}
			case channeltest.RequestLost:
				f.faults = []string{"drop before"}
			case channeltest.Throttled:
				f.faults = []string{"429 tooManyRequests"}
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
				if one["merchantRefundId"] == i.Number && one["status"] != "fail" {
					moves++
				}
			}
			return moves
		},
		Number: regexp.MustCompile(`^[0-9A-Za-z]{24,40}$`),
		Day: func(*testing.T) channel.BillDay {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.file = f.daily()
			return channel.BillDay{Day: time.Date(2023, 7, 26, 0, 0, 0, 0, time.UTC)}
		},
	}
}

// notification is what Payin calls: a GET with what it says in its query.
func notification(t testing.TB, query url.Values) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://pay.example/notify/payin/payin_1?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPayinsNotificationsAreReceived(t *testing.T) {
	f := newFake(t)
	rotated := f.account(map[string]string{"notify_token": "fedcba9876543210"})
	rotated.Version = 2
	channeltest.RunReceiver(t, channeltest.ReceiverPeer{
		Driver: newDriver(), Account: f.account(nil), Rotated: rotated, Unsigned: true,
		Notice: func(t *testing.T, a channel.Account) *http.Request {
			return notification(t, url.Values{"token": {a.Secrets["notify_token"]}, "_orderId": {orderID}, "_type": {"refund"}, "_refundId": {orderID + "_R1"}})
		},
	})
}
