package native

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/chinaums"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/payin"
	"github.com/refundry/refundry/wire/pemkey"
	"github.com/refundry/refundry/wire/pingpp"
	"github.com/refundry/refundry/wire/wallet"
)

// setting says which texts a setting of an identity may have, and in words.
// "" always stands for its default.
type setting struct {
	fits func(text string) bool
	form string
}

func words(of ...string) setting {
	return setting{func(text string) bool { return slices.Contains(of, text) }, "must be one of " + strings.Join(of, ", ") + ", or empty"}
}

var (
	onOff      = words(wallet.SettingOn, wallet.SettingOff)
	payinOn    = words(payin.SwitchOn)
	plainName  = setting{func(text string) bool { return len(text) <= mostName && visible(text) }, "must be at most 64 visible ASCII characters"}
	boxKey     = setting{isBoxKey, "must be base64 of 32 bytes"}
	chainOfPEM = setting{areCertificates, "must be PEM texts of one to eight certificates with RSA keys of 2048 to 4096 bits"}
)

// identitySettings are those that each dialect knows and a merchant may
// change. Platform keys are the operator's.
var identitySettings = map[string]map[string]setting{
	merchant.PingPP: {
		pingpp.SettingAlipayVersion:          words(pingpp.AlipayVersion1, pingpp.AlipayVersion2),
		pingpp.SettingAlipayRefundNoPassword: words("true", "false"),
	},
	merchant.Wallet: {
		wallet.SettingReply:         words(wallet.ReplyBare, wallet.ReplyWrapped),
		wallet.SettingCurrencyStyle: words(string(wallet.StylePage), string(wallet.StyleISO)),
		wallet.SettingRefundIDPrefix: {
			func(text string) bool {
				return wallet.RefundIDPrefix(map[string]string{wallet.SettingRefundIDPrefix: text}) == text
			},
			"must be at most 16 letters, digits, _ and -",
		},
		wallet.SettingPlain: onOff, wallet.SettingBlock: onOff, wallet.SettingReviewed: onOff,
		wallet.SettingAppID: plainName, wallet.SettingMsgSrc: plainName, wallet.SettingMID: plainName, wallet.SettingTID: plainName,
		wallet.SettingShowSign: onOff, wallet.SettingInstMID: plainName, wallet.SettingSignType: words(chinaums.MD5, chinaums.SHA256),
		merchant.MerchantPublicKey: boxKey,
	},
	merchant.WeChatPay: {
		"signs_with": words("certificate", "public_key"), "appid": plainName, "sub_appid": plainName,
		// Several certificates while one is replaced; each names its serial.
		merchant.MerchantCertPEM: chainOfPEM,
	},
	merchant.Payin: {
		payin.SwitchNumberAmount: payinOn, payin.SwitchThreeDecimals: payinOn, payin.SwitchRequireBodySHA256: payinOn,
		payin.SwitchOmitRefundID: payinOn, payin.SwitchNotifyFailures: payinOn, payin.SettingClientID: plainName,
	},
}

// keeps are settings that can be replaced and not taken away: without them
// nobody could call any more.
var keeps = []string{merchant.MerchantPublicKey, merchant.MerchantCertPEM}

// changeIdentity changes the settings that the body names: PATCH
// /identities/{dialect}/{name}.
func (d *Dialect) changeIdentity(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	name, absent := c.r.PathValue("name"), refund.Errorf(refund.KindNotFound, "name", "the merchant has no such identity")
	known, ok := identitySettings[c.r.PathValue("dialect")]
	if !ok || len(name) > mostName || !visible(name) {
		return absent
	}
	set := make(map[string]string)
	var members []member
	for _, key := range slices.Sorted(maps.Keys(known)) {
		read := func(v exactjson.Value, path string) {
			var text string
			body.text(&text, mostPEM)(v, path)
			switch {
			case text == "" && slices.Contains(keeps, key):
				body.refuse(path, "must not be empty")
			case text != "" && !known[key].fits(text):
				body.refuse(path, "%s", known[key].form)
			}
			set[key] = text
		}
		members = append(members, optional(key, read))
		// Contracts write some with their dialect before them.
		if before := c.r.PathValue("dialect") + "."; !strings.HasPrefix(key, before) {
			members = append(members, optional(before+key, read))
		}
	}
	err = body.read(required("settings", func(v exactjson.Value, path string) { body.object(v, path, members) }))
	if err != nil {
		return err
	}
	identity, err := d.s.Merchants.ChangeIdentity(c.ctx, c.merchantID(), c.r.PathValue("dialect"), name, set)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerIdentity(identity.Showing(d.now())))
}

// boxKeyBytes is the length of a NaCl box key.
const boxKeyBytes = 32

func isBoxKey(text string) bool {
	key, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(key) == boxKeyBytes
}

func areCertificates(text string) bool {
	_, err := pemkey.ParseRSACertificates(text)
	return err == nil
}
