package wechatpay

import (
	"crypto/rsa"
	"crypto/x509"
	"maps"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// credentials are an account's settings and secrets, read.
type credentials struct {
	owner
	apiV3Key string
	signer   wire.Signer
	// certificate is the merchant's own, nil where it is not set.
	certificate *x509.Certificate
	platform    platform
}

// owner is whose refunds an account sees.
type owner struct {
	// mchID is the merchant's number, in partner mode the service provider's.
	mchID   string
	partner bool
	// subMchID is the only sub-merchant of a service provider, "" for any.
	subMchID string
}

// platform are the keys of WeChat Pay.
type platform struct {
	keys         wire.PlatformKeys
	certificates []*x509.Certificate
	// named is the key that answers are asked to be signed by and fields are
	// encrypted with: a certificate's serial number or a public key's id.
	named string
}

// invalid is the error for a setting.
func invalid(name, format string, args ...any) error {
	return refund.Errorf(refund.KindInvalid, name, format, args...)
}

func readCredentials(settings, secrets map[string]string) (c credentials, err error) {
	if c.owner, err = readOwner(settings); err != nil {
		return credentials{}, err
	}
	if c.platform, err = readPlatform(settings); err != nil {
		return credentials{}, err
	}
	c.apiV3Key = secrets[secretAPIv3Key]
	if err := isAPIv3Key(c.apiV3Key); err != nil {
		return credentials{}, invalid(secretAPIv3Key, "%v", err)
	}
	if c.signer.Key, err = pemkey.ParseRSAPrivateKey(secrets[secretMerchantKey]); err != nil {
		return credentials{}, invalid(secretMerchantKey, "%v", err)
	}
	if err := c.readMerchantCertificate(settings); err != nil {
		return credentials{}, err
	}
	for serial, key := range c.platform.keys {
		if key.Equal(c.signer.Key.Public()) {
			return credentials{}, invalid(nameOfKey(serial), "is the merchant's own, and not WeChat Pay's")
		}
	}
	return c, nil
}

// readMerchantCertificate finds the serial number that requests name, and checks
// that the certificate, where it is set, fits everything else.
func (c *credentials) readMerchantCertificate(settings map[string]string) error {
	c.signer.Serial = settings[settingMerchantSerial]
	text, ok := settings[settingMerchantCertificate]
	if !ok {
		if err := isSerial(c.signer.Serial); err != nil {
			return invalid(settingMerchantSerial, "is required without %s: %v", settingMerchantCertificate, err)
		}
		return nil
	}
	certificate, _, err := pemkey.ParseRSACertificate(text)
	if err != nil {
		return invalid(settingMerchantCertificate, "%v", err)
	}
	if err := pemkey.CheckPair(c.signer.Key, certificate); err != nil {
		return invalid(settingMerchantCertificate, "%s is another certificate's: %v", secretMerchantKey, err)
	}
	serial, name := pemkey.Serial(certificate), certificate.Subject.CommonName
	switch {
	case c.signer.Serial != "" && !wire.SameSerial(c.signer.Serial, serial):
		return invalid(settingMerchantSerial, "the certificate has the number %s", serial)
	case wire.IsMchID(name) && name != c.mchID:
		// WeChat Pay issues certificates in the name of a merchant's number.
		return invalid(settingMerchantCertificate, "is merchant %s's and not %s's", name, c.mchID)
	}
	c.certificate, c.signer.Serial = certificate, serial
	return nil
}

func readOwner(settings map[string]string) (owner, error) {
	direct, sp, sub := settings[settingMchID], settings[settingSpMchID], settings[settingSubMchID]
	switch {
	case direct == "" && sp == "":
		return owner{}, invalid(settingMchID, "is required, or %s for a service provider", settingSpMchID)
	case direct != "" && sp != "":
		return owner{}, invalid(settingSpMchID, "goes with %s, and not with %s", settingSubMchID, settingMchID)
	case direct != "" && sub != "":
		return owner{}, invalid(settingSubMchID, "goes with %s", settingSpMchID)
	}
	for name, value := range map[string]string{settingMchID: direct, settingSpMchID: sp, settingSubMchID: sub} {
		if value != "" && !wire.IsMchID(value) {
			return owner{}, invalid(name, "must be digits")
		}
	}
	return owner{mchID: direct + sp, partner: sp != "", subMchID: sub}, nil
}

// readPlatform reads the platform's keys: certificates, the public key, or both.
func readPlatform(settings map[string]string) (platform, error) {
	p := platform{keys: wire.PlatformKeys{}}
	if text, ok := settings[settingPlatformCertificate]; ok {
		certificates, err := pemkey.ParseRSACertificates(text)
		if err != nil {
			return platform{}, invalid(settingPlatformCertificate, "%v", err)
		}
		for _, certificate := range certificates {
			p.keys[wire.NormalSerial(pemkey.Serial(certificate))] = certificate.PublicKey.(*rsa.PublicKey) // as it was parsed
		}
		p.certificates, p.named = certificates, pemkey.Serial(newest(certificates))
	}
	id, text := settings[settingPublicKeyID], settings[settingPublicKey]
	switch {
	case id == "" && text == "" && len(p.keys) == 0:
		return platform{}, invalid(settingPublicKey, "is required with %s, or else %s", settingPublicKeyID, settingPlatformCertificate)
	case id == "" && text == "":
		if settings[settingSignedBy] == byPublicKey {
			return platform{}, invalid(settingPublicKey, "is required where answers are signed by it")
		}
		return p, nil
	case text == "":
		return platform{}, invalid(settingPublicKey, "is required with %s", settingPublicKeyID)
	case !wire.IsPublicKeyID(id):
		return platform{}, invalid(settingPublicKeyID, "must be PUB_KEY_ID_ and digits")
	}
	key, err := pemkey.ParseRSAPublicKey(text)
	if err != nil {
		return platform{}, invalid(settingPublicKey, "%v", err)
	}
	p.keys[wire.NormalSerial(id)] = key
	switch {
	case settings[settingSignedBy] != byCertificate:
		p.named = id
	case len(p.certificates) == 0:
		return platform{}, invalid(settingPlatformCertificate, "is required where answers are signed by it")
	}
	return p, nil
}

// newest is the certificate whose life ends last: while the platform changes its
// certificate, both are good.
func newest(certificates []*x509.Certificate) *x509.Certificate {
	last := certificates[0]
	for _, one := range certificates[1:] {
		if one.NotAfter.After(last.NotAfter) {
			last = one
		}
	}
	return last
}

// encryptionKey is the platform's key that fields are encrypted with.
func (p platform) encryptionKey() *rsa.PublicKey { return p.keys[wire.NormalSerial(p.named)] }

// nameOfKey is the setting that a platform's key stands in.
func nameOfKey(serial string) string {
	if wire.IsPublicKeyID(serial) {
		return settingPublicKey
	}
	return settingPlatformCertificate
}

// platformKeys are those that verify what comes from the channel: an account's
// own, and those of earlier versions that still live.
func platformKeys(a channel.Account, own platform) wire.PlatformKeys {
	all := wire.PlatformKeys{}
	for at := len(a.Previous) - 1; at >= 0; at-- { // the newest wins
		if earlier, err := readPlatform(a.Previous[at].Settings); err == nil {
			maps.Copy(all, earlier.keys)
		}
	}
	maps.Copy(all, own.keys)
	return all
}
