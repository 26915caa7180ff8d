package toytest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/toytest"
	"github.com/refundry/refundry/money"
)

const (
	shop  = "1234"
	key   = "000102030405060708090a0b0c0d0e0f"
	other = "ff0102030405060708090a0b0c0d0e0f"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func account(key string, version int64) channel.Account {
	return channel.Account{
		ID: "toy_1", Channel: toytest.Name, Version: version,
		Settings: map[string]string{"shop": shop, "prefix": "R"}, Secrets: map[string]string{"key": key},
	}
}

func TestTheToyIsADriver(t *testing.T) {
	bank := toytest.NewBank(shop, key, func() time.Time { return noon })
	channeltest.RunDriver(t, channeltest.DriverPeer{
		Driver: toytest.Driver{Bank: bank}, Account: account(key, 1), Channels: []string{"toypay"},
		Wrong: map[string]channeltest.WrongSetting{
			"a shop of another form": {Name: "shop", Value: "12345"}, "a key that is no hex": {Name: "key", Value: "not a key at all"}, "a short key": {Name: "key", Value: "0001"},
		},
	})
}

func TestTheToyIsAConnector(t *testing.T) {
	amounts := map[channeltest.Scenario]money.Minor{
		channeltest.Succeeds: 100, channeltest.RefusedAlways: 151, channeltest.AnswerLost: 153, channeltest.RequestLost: 154, channeltest.Throttled: 159,
	}
	channeltest.Run(t, func(t *testing.T) channeltest.Peer {
		bank := toytest.NewBank(shop, key, func() time.Time { return noon })
		connector, err := toytest.Driver{Bank: bank}.Open(account(key, 1))
		if err != nil {
			t.Fatal(err)
		}
		numbers := 0
		return channeltest.Peer{
			Connector: connector,
			Instruction: func(_ *testing.T, what channeltest.Scenario) (channel.Instruction, bool) {
				numbers++
				amount, ok := amounts[what]
				return channel.Instruction{
					Number: fmt.Sprint("R", numbers), TransactionID: "t1", Amount: money.Amount{Minor: amount, Currency: "CNY"},
					Total: money.Amount{Minor: 1000, Currency: "CNY"},
				}, ok
			},
			Moves:  func(_ *testing.T, i channel.Instruction) int { return bank.Entry(i.Number).Moves },
			Number: regexp.MustCompile(`^R[0-9]{15}$`),
			Day:    func(*testing.T) channel.BillDay { return channel.BillDay{Day: noon.Truncate(24 * time.Hour)} },
		}
	})
}

func TestTheToyReceivesNotices(t *testing.T) {
	channeltest.RunReceiver(t, channeltest.ReceiverPeer{
		Driver: toytest.Driver{}, Account: account(key, 1), Rotated: account(other, 2), Number: "R1",
		Notice: func(_ *testing.T, a channel.Account) *http.Request {
			entry := toytest.Entry{Number: "R1", ID: "bank R1", TransactionID: "t1", Amount: money.Amount{Minor: 100, Currency: "CNY"}, At: noon}
			return toytest.Notice("http://localhost/notify/toy/toy_1", a.Secrets["key"], entry, false)
		},
	})
}
