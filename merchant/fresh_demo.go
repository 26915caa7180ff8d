package merchant

import (
	"fmt"
	"time"
)

// DemoID is the demo merchant's id, DemoAccount its sandbox account.
const (
	DemoID      = "mer_demo"
	DemoAccount = "sandbox_demo"
)

// demoWaitSeconds is how long the demo merchant's Ping++ and wallet refunds
// wait for the channel's word, so that the answers look like the published
// pages', which show refunds that have succeeded.
const demoWaitSeconds = 5

// demoKey is the key that the published Ping++ page's examples call with.
const demoKey = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"

// Demo makes the demo merchant: the names and keys that make the published
// pages' examples work. Its key pairs are new at every call; those that were
// stored first stay.
func Demo(now time.Time) (Fresh, error) {
	m := Merchant{ID: DemoID, Name: "demo", Mode: Test, CreatedAt: now, Settings: Settings{
		Demo: true, WaitSeconds: map[string]int{PingPP: demoWaitSeconds, Wallet: demoWaitSeconds},
	}}
	wallet, err := walletIdentity("wallet_demo")
	if err != nil {
		return Fresh{}, fmt.Errorf("make demo merchant: %w", err)
	}
	wechat, err := wechatIdentities("1900009191", "1900000100", "1900000109", "0123456789abcdef0123456789abcdef", now)
	if err != nil {
		return Fresh{}, fmt.Errorf("make demo merchant: %w", err)
	}
	payin := Identity{Dialect: Payin, Name: "M948164", Secrets: map[string]string{ClientSecret: "payin-test-secret"}}
	f := Fresh{
		Merchant:   m,
		Identities: []Identity{{Dialect: PingPP, Name: "app_1Gqj58ynP0mHeX1q"}, payin},
		Accounts:   []ChannelAccount{newSandboxAccount(DemoAccount, m.ID, now)},
		Keys: []FreshKey{
			keyOf(m, "key_demo_pingpp", PingPP, "app_1Gqj58ynP0mHeX1q", demoKey, now),
			keyOf(m, "key_demo_wallet", Wallet, "wallet_demo", demoKey, now),
			keyOf(m, "key_demo_payin", Payin, payin.Name, "AK000000000000000000000000000001", now),
			keyOf(m, "key_demo_native", Native, "", "rk_test_demo", now),
		},
	}
	native := &f.Keys[len(f.Keys)-1].Key
	native.Scopes = Scopes()
	for _, identity := range wallet {
		identity.Dialect = Wallet
		f.Identities = append(f.Identities, identity)
	}
	for _, identity := range wechat {
		identity.Dialect = WeChatPay
		f.Identities = append(f.Identities, identity)
	}
	for n := range f.Identities {
		f.Identities[n].MerchantID, f.Identities[n].CreatedAt = m.ID, now
	}
	return f, nil
}
