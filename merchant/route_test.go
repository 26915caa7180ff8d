package merchant_test

import (
	"testing"

	"github.com/refundry/refundry/merchant"
)

func TestRouteFindsTheAccountThatTakesACharge(t *testing.T) {
	account := func(id, channel string, takes ...string) merchant.ChannelAccount {
		return merchant.ChannelAccount{ID: id, Channel: channel, State: merchant.AccountActive, Takes: takes}
	}
	in := func(a merchant.ChannelAccount, state merchant.AccountState) merchant.ChannelAccount {
		a.State = state
		return a
	}
	preferred := func(a merchant.ChannelAccount) merchant.ChannelAccount {
		a.Default = true
		return a
	}
	sandbox, manual := account("box", merchant.ChannelSandbox), account("hand", merchant.ChannelManual)
	wechat, alipay := account("wechat", "wechatpay", "wx", "wx_pub"), account("alipay", "alipay", "alipay")
	rest := account("rest", "stripe")
	for _, test := range []struct {
		name     string
		mode     merchant.Mode
		accounts []merchant.ChannelAccount
		want     string // the account's id, or the result
	}{
		{"no account", merchant.Live, nil, "no account"},
		{"the one that names it", merchant.Live, []merchant.ChannelAccount{alipay, wechat, rest, manual}, "wechat"},
		{"the sandbox takes the rest in test mode", merchant.Test, []merchant.ChannelAccount{sandbox, alipay, manual}, "box"},
		{"a name goes before the sandbox", merchant.Test, []merchant.ChannelAccount{sandbox, wechat}, "wechat"},
		{"a provider's test environment goes before the sandbox", merchant.Test, []merchant.ChannelAccount{sandbox, rest}, "rest"},
		{"a manual account that names it goes before the sandbox", merchant.Test, []merchant.ChannelAccount{sandbox, account("hand", merchant.ChannelManual, "wx")}, "hand"},
		{"an operator's hands take what is left", merchant.Live, []merchant.ChannelAccount{alipay, manual}, "hand"},
		{"a real channel goes before an operator's hands", merchant.Live, []merchant.ChannelAccount{manual, rest}, "rest"},
		{"no live charge is the sandbox's", merchant.Live, []merchant.ChannelAccount{sandbox, account("box2", merchant.ChannelSandbox, "wx")}, "no account"},
		{"two that name it", merchant.Live, []merchant.ChannelAccount{wechat, account("second", "wechatpay", "wx")}, "ambiguous"},
		{"two that name it, and a default", merchant.Live, []merchant.ChannelAccount{wechat, preferred(account("second", "wechatpay", "wx"))}, "second"},
		{"two defaults", merchant.Live, []merchant.ChannelAccount{preferred(wechat), preferred(account("second", "wechatpay", "wx"))}, "ambiguous"},
		{"a default does not go before a name", merchant.Live, []merchant.ChannelAccount{wechat, preferred(rest)}, "wechat"},
		{"two that take whatever is left", merchant.Live, []merchant.ChannelAccount{manual, account("hand2", merchant.ChannelManual)}, "ambiguous"},
		{"a closed one takes nothing", merchant.Live, []merchant.ChannelAccount{in(wechat, merchant.AccountClosed), manual}, "hand"},
		{"a paused one takes what it always took", merchant.Live, []merchant.ChannelAccount{in(wechat, merchant.AccountPaused), manual}, "wechat"},
		{"one that names another channel takes only that", merchant.Live, []merchant.ChannelAccount{alipay}, "no account"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, result := merchant.Route(test.accounts, test.mode, "wx")
			got := found.ID
			if result != merchant.Routed {
				got += string(result)
			}
			if got != test.want {
				t.Errorf("goes to %q, want %q", got, test.want)
			}
		})
	}
}
