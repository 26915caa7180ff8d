package merchant

import (
	"bytes"
	"encoding/json"
)

// document is the form of demo.json; a dialect that the merchant is not known
// in is left out.
type document struct {
	PingPP    *pingppDocument  `json:"pingpp,omitempty"`
	Native    *nativeDocument  `json:"native,omitempty"`
	Wallet    *walletDocument  `json:"wallet,omitempty"`
	Payin     *payinDocument   `json:"payin,omitempty"`
	WeChatPay *wechatDocument  `json:"wechatpay,omitempty"`
	Sandbox   *sandboxDocument `json:"sandbox,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`
}

type pingppDocument struct {
	App string `json:"app"`
	Key string `json:"key"`
}

type nativeDocument struct {
	Key string `json:"key"`
}

type walletDocument struct {
	WalletID          string `json:"wallet_id"`
	APIKey            string `json:"api_key"`
	MerchantSecretKey string `json:"merchant_secret_key"`
	MerchantPublicKey string `json:"merchant_public_key"`
	PlatformPublicKey string `json:"platform_public_key"`
}

type payinDocument struct {
	MerchantID string `json:"merchant_id"`
	ClientKey  string `json:"client_key"`
	Secret     string `json:"secret"`
}

// wechatDocument has the PEM texts behind the members of demo.json, for whom
// there are no files. The platform's private key is none of the merchant's.
type wechatDocument struct {
	MchID               string `json:"mchid"`
	SpMchID             string `json:"sp_mchid"`
	SubMchID            string `json:"sub_mchid"`
	APIv3Key            string `json:"apiv3_key"`
	MerchantSerial      string `json:"merchant_serial"`
	PlatformSerial      string `json:"platform_serial"`
	PlatformPublicKeyID string `json:"platform_public_key_id"`
	MerchantKey         string `json:"merchant_key"`
	MerchantCert        string `json:"merchant_cert"`
	PlatformCert        string `json:"platform_cert"`
	PlatformPub         string `json:"platform_pub"`
}

type sandboxDocument struct {
	Account string `json:"account"`
}

// Document lists all of it as indented JSON in the form of demo.json: what a
// client needs to be configured with, secrets included.
func (f Fresh) Document() []byte {
	var d document
	for _, i := range f.Identities {
		switch i.Dialect {
		case PingPP:
			d.PingPP = &pingppDocument{App: i.Name, Key: f.Key(PingPP)}
		case Wallet:
			d.Wallet = &walletDocument{
				WalletID: i.Name, APIKey: f.Key(Wallet), MerchantSecretKey: i.Secrets[MerchantSecretKey],
				MerchantPublicKey: i.Public[MerchantPublicKey], PlatformPublicKey: i.Public[PlatformPublicKey],
			}
		case Payin:
			d.Payin = &payinDocument{MerchantID: i.Name, ClientKey: f.Key(Payin), Secret: i.Secrets[ClientSecret]}
		case WeChatPay:
			if d.WeChatPay == nil {
				d.WeChatPay = wechatOf(i)
			}
			if i.Sub == "" {
				d.WeChatPay.MchID = i.Name
			} else {
				d.WeChatPay.SpMchID, d.WeChatPay.SubMchID = i.Name, i.Sub
			}
		}
	}
	if key := f.Key(Native); key != "" {
		d.Native = &nativeDocument{Key: key}
	}
	for _, account := range f.Accounts {
		if account.Channel == ChannelSandbox {
			d.Sandbox = &sandboxDocument{Account: account.ID}
		}
	}
	d.Warnings = f.Warnings()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		panic("a struct of strings is always JSON: " + err.Error())
	}
	return out.Bytes()
}

func wechatOf(i Identity) *wechatDocument {
	return &wechatDocument{
		APIv3Key: i.Secrets[APIv3Key], MerchantSerial: i.Public[MerchantSerial],
		PlatformSerial: i.Public[PlatformSerial], PlatformPublicKeyID: i.Public[PlatformPublicKeyID],
		MerchantKey: i.Secrets[MerchantKeyPEM], MerchantCert: i.Public[MerchantCertPEM],
		PlatformCert: i.Public[PlatformCertPEM], PlatformPub: i.Public[PlatformPublicPEM],
	}
}

// Files gives the PEM files of DATA/demo by name; demo.json is Document. Those
// of an identity that keeps no private key are left out.
func (f Fresh) Files() map[string]string {
	files := map[string]string{}
	identity, _ := f.Identity(WeChatPay)
	for name, text := range map[string]string{
		"merchant_key.pem": identity.Secrets[MerchantKeyPEM], "merchant_cert.pem": identity.Public[MerchantCertPEM],
		"platform_key.pem": identity.Secrets[PlatformKeyPEM], "platform_cert.pem": identity.Public[PlatformCertPEM],
		"platform_pub.pem": identity.Public[PlatformPublicPEM],
	} {
		if text != "" {
			files[name] = text
		}
	}
	return files
}
