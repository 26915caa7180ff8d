package wechatpay

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// The settings and secrets of an account.
const (
	settingMchID               = "mchid"
	settingSpMchID             = "sp_mchid"
	settingSubMchID            = "sub_mchid"
	settingMerchantSerial      = "merchant_serial"
	settingMerchantCertificate = "merchant_certificate"
	settingPlatformCertificate = "platform_certificate"
	settingPublicKeyID         = "platform_public_key_id"
	settingPublicKey           = "platform_public_key"
	settingSignedBy            = "answers_signed_by"
	settingFundsFlow           = "funds_flow"
	settingBaseURL             = "base_url"
	settingBackupURL           = "backup_url"

	secretAPIv3Key    = "apiv3_key"
	secretMerchantKey = "merchant_private_key"
)

// Words of settings.
const (
	byCertificate = "certificate"
	byPublicKey   = "public_key"
	oldFundsFlow  = "old"
	newFundsFlow  = "new"
)

// maxSerial is what a certificate's serial number has at most, in hex digits.
const maxSerial = 40

// Settings implements channel.Driver.
func (*Driver) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: settingMchID, Whose: true, Meaning: "a direct merchant's number", Check: isMchID},
		{Name: settingSpMchID, Whose: true, Meaning: "a service provider's number, in place of mchid", Check: isMchID},
		{Name: settingSubMchID, Whose: true, Meaning: "the only sub-merchant of the service provider that the account refunds for; default any that a charge names", Check: isMchID},
		{Name: secretAPIv3Key, Secret: true, Required: true, Meaning: "the APIv3 key, 32 characters", Check: isAPIv3Key},
		{Name: secretMerchantKey, Secret: true, Required: true, Meaning: "the private key of the merchant's API certificate, PEM (apiclient_key.pem)", Check: isPrivateKey},
		{Name: settingMerchantSerial, Meaning: "the serial number of the merchant's API certificate; not needed with merchant_certificate", Check: isSerial},
		{Name: settingMerchantCertificate, Meaning: "the merchant's API certificate, PEM (apiclient_cert.pem); with it the key, the number and the end of its life are checked", Check: isCertificate},
		{Name: settingPublicKeyID, Meaning: "the id of WeChat Pay's public key, PUB_KEY_ID_...", Check: isPublicKeyID},
		{Name: settingPublicKey, Meaning: "WeChat Pay's public key, PEM (pub_key.pem)", Check: isPublicKey},
		{Name: settingPlatformCertificate, Meaning: "WeChat Pay's platform certificates, one or several PEM texts; with the public key both verify, as a move from one to the other needs", Check: areCertificates},
		{Name: settingSignedBy, Meaning: "which of two keys answers are asked to be signed by, public_key or certificate; default public_key where it is set", Check: merchant.OneOf(byCertificate, byPublicKey)},
		{Name: settingFundsFlow, Default: oldFundsFlow, Meaning: "new for a merchant whose basic account pays every refund: the account that a refund asks to be paid from is then not sent; else old", Check: merchant.OneOf(oldFundsFlow, newFundsFlow)},
		{Name: settingBaseURL, Whose: true, Default: wire.Host, Meaning: "where WeChat Pay is called", Check: egress.CheckBase},
		{Name: settingBackupURL, Meaning: "where it is called while base_url can't be reached; default " + wire.BackupHost + " beside the default base_url, else none", Check: egress.CheckBase},
	}
}

func isMchID(value string) error {
	if !wire.IsMchID(value) {
		return errors.New("must be digits")
	}
	return nil
}

func isAPIv3Key(value string) error {
	if len(value) != wire.APIv3KeySize {
		return wire.ErrAPIv3Key
	}
	return nil
}

func isPrivateKey(value string) error {
	_, err := pemkey.ParseRSAPrivateKey(value)
	return err
}

func isSerial(value string) error {
	if value == "" || len(value) > maxSerial || strings.Trim(strings.ToLower(value), "0123456789abcdef") != "" {
		return fmt.Errorf("must be up to %d hexadecimal digits", maxSerial)
	}
	return nil
}

func isCertificate(value string) error {
	_, _, err := pemkey.ParseRSACertificate(value)
	return err
}

func areCertificates(value string) error {
	_, err := pemkey.ParseRSACertificates(value)
	return err
}

func isPublicKeyID(value string) error {
	if !wire.IsPublicKeyID(value) {
		return errors.New("must be PUB_KEY_ID_ and digits")
	}
	return nil
}

func isPublicKey(value string) error {
	_, err := pemkey.ParseRSAPublicKey(value)
	return err
}

// base is what every address begins with.
func base(settings map[string]string) string {
	if value := settings[settingBaseURL]; value != "" {
		return strings.TrimRight(value, "/")
	}
	return wire.Host
}

// backup is the address that is called while the first can't be reached, "" for
// none.
func backup(settings map[string]string) string {
	switch value := settings[settingBackupURL]; {
	case value != "":
		return strings.TrimRight(value, "/")
	case base(settings) == wire.Host:
		return wire.BackupHost
	}
	return ""
}

// liveHosts are below which WeChat Pay itself answers.
var liveHosts = []string{"weixin.qq.com", "wechatpay.cn"}

// isLive reports whether an address is WeChat Pay's own.
func isLive(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return slices.ContainsFunc(liveHosts, func(live string) bool { return host == live || strings.HasSuffix(host, "."+live) })
}
