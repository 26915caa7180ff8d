package wallet

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/nacl/box"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wallet"
)

// Names of settings that are no plain copy in an identity.
const (
	settingWallet = "wallet_id"
	settingKey    = "api_key"
	// keyPlain is a setting of a key of its own.
	keyPlain = "plain"
	// webhookKey is the purpose of the platform key that signs webhooks. Its rows
	// have had the native API's name since the first version.
	webhookKey = "native"
)

const (
	keyLength = 24 // behind sk_test_
	idLength  = 16
	maxName   = 64
	// maxKey is above any key that a shop may have had elsewhere.
	maxKey = 128
	// demoWaitSeconds lets the demo merchant's answers look like the published
	// page's, which shows refunds that have succeeded.
	demoWaitSeconds = 5
)

// Describe returns what the registry needs to know of the dialect.
func Describe() merchant.Dialect {
	return merchant.Dialect{
		Name: merchant.Wallet, Settings: settings(), Moved: moved(), Make: makeWallet, HandedOver: []string{merchant.MerchantSecretKey},
		Document: func(identities []merchant.Identity, key string) any {
			i := identities[0]
			return document{
				i.Name, key, i.Secrets[merchant.MerchantSecretKey], i.Public[merchant.MerchantPublicKey], i.Public[merchant.PlatformPublicKey],
			}
		},
		Charges: &merchant.ChargeNames{
			Identity: settingWallet, Charge: "charges_id",
			MakeUp: func(_ merchant.Identity, c merchant.NewCharge) string { return "ch_" + c.Tail },
		},
		Keys: &merchant.KeyForm{
			Setting:  settingKey,
			Text:     func(mode merchant.Mode) string { return "sk_" + string(mode) + "_" + merchant.RandomLetters(keyLength) },
			Settings: []merchant.Setting{{Name: keyPlain, Meaning: "whether its requests may come unsealed", Check: merchant.OneOf(wire.SettingOn, wire.SettingOff)}},
			Fill:     func(k *merchant.Key, given map[string]string) { k.Plain = given[keyPlain] },
		},
		Events:       refund.EndEvents(),
		Promised:     []string{wire.EventRefundSucceeded, wire.EventRefundFailed},
		Verification: &merchant.Verification{Purpose: webhookKey, Scheme: "ed25519", PublicText: publicText},
		Platform: []merchant.PlatformForm{
			{Kind: "wallet", Purpose: merchant.Wallet, EachIdentity: true, Make: makeBoxKey},
			{Kind: "webhook", Purpose: webhookKey, Make: makeWebhookKey},
		},
		Demo: &merchant.DemoForm{
			Given: merchant.Given{
				Settings: map[string]string{settingWallet: "wallet_demo"},
				Secrets:  map[string]string{settingKey: "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"},
			},
			WaitSeconds: demoWaitSeconds,
		},
	}
}

func settings() []merchant.Setting {
	onOff, text := merchant.OneOf(wire.SettingOn, wire.SettingOff), merchant.Visible(maxName)
	return []merchant.Setting{
		{Name: settingWallet, Fixed: true, Meaning: "the wallet's id", Check: text},
		{Name: settingKey, Fixed: true, Secret: true, Meaning: "the X-API-KEY of a shop that has one", Check: merchant.Visible(maxKey)},
		{Name: merchant.MerchantPublicKey, Required: true, Calls: true, Meaning: "what opens the merchant's envelopes: base64 of 32 bytes", Check: isBoxKey},
		{Name: wire.SettingReply, Default: wire.ReplyBare, Meaning: "the form of results of plain requests", Check: merchant.OneOf(wire.ReplyBare, wire.ReplyWrapped)},
		{
			Name: wire.SettingCurrencyStyle, Default: string(wire.StylePage), Meaning: "how currencies are written",
			Check: merchant.OneOf(string(wire.StylePage), string(wire.StyleISO)),
		},
		{Name: wire.SettingRefundIDPrefix, Default: wire.DefaultRefundIDPrefix, Meaning: "what ids of refunds begin with", Check: isRefundIDPrefix},
		{Name: wire.SettingPlain, Meaning: "whether requests may come unsealed; by default in test mode", Check: onOff},
		{Name: wire.SettingBlock, Default: wire.SettingOff, Meaning: "whether the wallet is locked and takes no writes", Check: onOff},
		{Name: wire.SettingReviewed, Default: wire.SettingOn, Meaning: "whether the wallet is approved and takes writes", Check: onOff},
		{Name: wire.SettingAppID, Meaning: "the wallet object's appid", Check: text},
		{Name: wire.SettingShowSign, Default: wire.SettingOff, Meaning: "whether a refund's extra shows the signature of the message to ChinaUMS", Check: onOff},
	}
}

// moved are the settings of the account at ChinaUMS, which is a channel account.
func moved() []merchant.MovedSetting {
	to := func(name, as string, secret bool) merchant.MovedSetting {
		return merchant.MovedSetting{Name: name, Secret: secret, Channel: merchant.ChannelSandbox, As: as, Takes: wire.ChannelWeChatQRCode}
	}
	return []merchant.MovedSetting{
		to("chinaums.msg_src", "chinaums_msg_src", false),
		to("chinaums.mid", "chinaums_mid", false),
		to("chinaums.tid", "chinaums_tid", false),
		to("chinaums.inst_mid", "chinaums_inst_mid", false),
		to("chinaums.sign_type", "chinaums_sign_type", false),
		to("chinaums.key", "chinaums_communication_key", true),
	}
}

// document is what a client is configured with.
type document struct {
	WalletID          string `json:"wallet_id"`
	APIKey            string `json:"api_key"`
	MerchantSecretKey string `json:"merchant_secret_key"`
	MerchantPublicKey string `json:"merchant_public_key"`
	PlatformPublicKey string `json:"platform_public_key"`
}

// makeWallet makes a wallet with two NaCl box key pairs; the merchant's own is
// not made where its public half is given.
func makeWallet(r merchant.Request) ([]merchant.Identity, error) {
	platformPublic, platformSecret, err := newBoxKey()
	if err != nil {
		return nil, err
	}
	i := merchant.Identity{
		Name:    r.Settings[settingWallet],
		Public:  map[string]string{merchant.PlatformPublicKey: platformPublic},
		Secrets: map[string]string{merchant.PlatformSecretKey: platformSecret},
	}
	if i.Name == "" {
		i.Name = "wallet_" + merchant.RandomLetters(idLength)
	}
	if r.Settings[merchant.MerchantPublicKey] == "" {
		i.Public[merchant.MerchantPublicKey], i.Secrets[merchant.MerchantSecretKey], err = newBoxKey()
	}
	return []merchant.Identity{i}, err
}

func newBoxKey() (public, secret string, err error) {
	publicKey, secretKey, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make wallet keys: %w", err)
	}
	return base64.StdEncoding.EncodeToString(publicKey[:]), base64.StdEncoding.EncodeToString(secretKey[:]), nil
}

func makeBoxKey(_ merchant.PlatformKey, _ string, now time.Time) (merchant.PlatformKey, error) {
	public, secret, err := newBoxKey()
	return merchant.PlatformKey{PublicPEM: public, PrivatePEM: secret, CreatedAt: now}, err
}

// makeWebhookKey makes the Ed25519 key pair that signs webhooks.
func makeWebhookKey(_ merchant.PlatformKey, _ string, now time.Time) (merchant.PlatformKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return merchant.PlatformKey{}, fmt.Errorf("make webhook key: %w", err)
	}
	key := merchant.PlatformKey{CreatedAt: now}
	if key.PublicPEM, err = pemkey.MarshalPublicKey(public); err != nil {
		return merchant.PlatformKey{}, err
	}
	key.PrivatePEM, err = pemkey.MarshalPrivateKey(private)
	return key, err
}

// publicText is the webhook key's public half as receivers are given it.
func publicText(key merchant.PlatformKey) (string, error) {
	private, err := pemkey.ParseEd25519PrivateKey(key.PrivatePEM)
	if err != nil {
		return "", fmt.Errorf("platform key %s: %w", key.ID, err)
	}
	return pemkey.WebhookPublicKey(private.Public().(ed25519.PublicKey)), nil
}

func isBoxKey(value string) error {
	if _, err := wire.ParseKey(value); err != nil {
		return errors.New("must be base64 of 32 bytes")
	}
	return nil
}

func isRefundIDPrefix(value string) error {
	if wire.RefundIDPrefix(map[string]string{wire.SettingRefundIDPrefix: value}) != value {
		return errors.New("must be at most 16 letters, digits, _ and -")
	}
	return nil
}
