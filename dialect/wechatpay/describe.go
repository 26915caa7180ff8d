package wechatpay

import (
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
)

// Names of settings that are no plain copy in an identity. A direct merchant is
// called by its mchid, a service provider by its sp_mchid and a sub_mchid.
const (
	settingMchID    = "mchid"
	settingSpMchID  = "sp_mchid"
	settingSubMchID = "sub_mchid"
)

const (
	apiV3KeyLength = 32
	mchIDDigits    = 10
	minMchID       = 6
	maxMchID       = 32
	maxAppID       = 64
	// publicKeyDigits is the longest tail of PUB_KEY_ID_ that was seen.
	publicKeyDigits = 32
	// An order's number has 6 to 32 letters, digits and _ - * | @ (W2.1-9).
	minOrderNo, maxOrderNo = 6, 32
	orderNoCharacters      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-*|@"
)

// Describe returns what the registry needs to know of the dialect.
func Describe() merchant.Dialect {
	number := merchant.Digits(minMchID, maxMchID)
	return merchant.Dialect{
		Name: merchant.WeChatPay,
		Settings: []merchant.Setting{
			{Name: settingMchID, Fixed: true, Meaning: "a direct merchant's number", Check: number},
			{Name: settingSpMchID, Fixed: true, Meaning: "a service provider's number; goes with sub_mchid", Check: number},
			{Name: settingSubMchID, Fixed: true, Meaning: "the number of the service provider's sub-merchant", Check: number},
			// Several certificates while one is replaced; each names its serial.
			{Name: merchant.MerchantCertPEM, Required: true, Calls: true, Meaning: "the merchant's API certificates as PEM", Check: areCertificates},
			{Name: merchant.APIv3Key, Secret: true, Required: true, Meaning: "the APIv3 key, 32 characters", Check: isAPIv3Key},
			{Name: settingSigner, Meaning: "what signs answers where nobody names a key", Check: merchant.OneOf("certificate", signsWithPublic)},
			{Name: settingAppID, Meaning: "the appid that orders show", Check: merchant.Visible(maxAppID)},
			{Name: settingSubAppID, Meaning: "the sub_appid that orders show", Check: merchant.Visible(maxAppID)},
		},
		Check: check, Derive: derive, Make: makeAccounts, HandedOver: []string{merchant.MerchantKeyPEM}, Document: documentOf,
		Charges: &merchant.ChargeNames{
			Identity: settingMchID, Charge: "out_trade_no", Sub: settingSubMchID, SubOfIdentity: true, MakeUp: madeUpOrder,
		},
		Events: refund.EndEvents(), Promised: refund.EndEvents(),
		Platform: []merchant.PlatformForm{{Kind: "wechatpay", Purpose: merchant.WeChatPay, EachIdentity: true, DemoShares: true, Make: makePlatformKey}},
		Demo: &merchant.DemoForm{
			Given: merchant.Given{
				Settings: map[string]string{settingMchID: "1900009191", settingSpMchID: "1900000100", settingSubMchID: "1900000109"},
				Secrets:  map[string]string{merchant.APIv3Key: "0123456789abcdef0123456789abcdef"},
			},
			Files: func(i merchant.Identity) map[string]string {
				return map[string]string{
					"merchant_key.pem": i.Secrets[merchant.MerchantKeyPEM], "merchant_cert.pem": i.Public[merchant.MerchantCertPEM],
					"platform_key.pem": i.Secrets[merchant.PlatformKeyPEM], "platform_cert.pem": i.Public[merchant.PlatformCertPEM],
					"platform_pub.pem": i.Public[merchant.PlatformPublicPEM],
				}
			},
		},
	}
}

// madeUpOrder is the merchant's own number where it has the form, else ours.
func madeUpOrder(_ merchant.Identity, c merchant.NewCharge) string {
	if len(c.OrderNo) < minOrderNo || len(c.OrderNo) > maxOrderNo || strings.Trim(c.OrderNo, orderNoCharacters) != "" {
		return c.Tail
	}
	return c.OrderNo
}

// areCertificates takes PEM texts of certificates and nothing else, read as the
// caller's signatures will be.
func areCertificates(value string) error {
	if _, err := pemkey.ParseRSACertificates(value); err != nil {
		return fmt.Errorf("must be PEM texts of certificates: %w", err)
	}
	return nil
}

// check looks at whose new certificates are, and until when. One that WeChat Pay
// issued has its merchant's number as its name.
func check(i merchant.Identity, fresh merchant.Given, at time.Time) error {
	text, ok := fresh.Settings[merchant.MerchantCertPEM]
	if !ok {
		return nil
	}
	certificates, err := pemkey.ParseRSACertificates(text)
	if err != nil {
		return fmt.Errorf("%s: %w", merchant.MerchantCertPEM, err)
	}
	for _, certificate := range certificates {
		if err := pemkey.CheckValid(certificate, at); err != nil {
			return fmt.Errorf("%s: %w", merchant.MerchantCertPEM, err)
		}
		name := certificate.Subject.CommonName
		if name != i.Name && merchant.Digits(minMchID, maxMchID)(name) == nil {
			return fmt.Errorf("%s: certificate %s is of merchant %s, not of %s", merchant.MerchantCertPEM, pemkey.Serial(certificate), name, i.Name)
		}
	}
	return nil
}

// derive adds the serial numbers of changed certificates.
func derive(changed map[string]string) {
	text, ok := changed[merchant.MerchantCertPEM]
	if !ok {
		return
	}
	var serials []string
	for _, block := range pemkey.Split(text) {
		if certificate, _, err := pemkey.ParseRSACertificate(block); err == nil {
			serials = append(serials, pemkey.Serial(certificate))
		}
	}
	changed[merchant.MerchantSerial] = strings.Join(serials, " ")
}

func isAPIv3Key(value string) error {
	if len(value) != apiV3KeyLength {
		return fmt.Errorf("must have %d characters", apiV3KeyLength)
	}
	return nil
}
