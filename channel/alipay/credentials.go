package alipay

import (
	"crypto/rsa"
	"crypto/x509"
	"maps"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/pemkey"
)

// credentials are an account's settings and secrets, read.
type credentials struct {
	appID, authToken, sellerID string
	key                        *rsa.PrivateKey
	// appCertificate and its name are there in certificate mode.
	appCertificate *x509.Certificate
	appCertSN      string
	platform       platform
}

// platform are the keys of Alipay's.
type platform struct {
	keys wire.Keys
	// certificates and roots are there in certificate mode.
	certificates []*x509.Certificate
	roots        wire.Roots
	// issuers are whose certificates of Alipay's are believed.
	issuers []*x509.Certificate
}

// invalid is the error for a setting.
func invalid(name, format string, args ...any) error {
	return refund.Errorf(refund.KindInvalid, name, format, args...)
}

func readCredentials(settings, secrets map[string]string) (c credentials, err error) {
	c.appID, c.authToken, c.sellerID = settings[settingAppID], secrets[secretAuthToken], settings[settingSellerID]
	if c.appID == "" {
		return credentials{}, invalid(settingAppID, "is required")
	}
	if c.key, err = pemkey.ParseRSAPrivateKey(secrets[secretAppKey], pemkey.Bare); err != nil {
		return credentials{}, invalid(secretAppKey, "%v", err)
	}
	if c.platform, err = readPlatform(settings); err != nil {
		return credentials{}, err
	}
	for sn, key := range c.platform.keys {
		if key.Equal(c.key.Public()) {
			return credentials{}, invalid(nameOfKey(sn), "is the app's own, and not Alipay's")
		}
	}
	text, ok := settings[settingAppCertificate]
	switch {
	case !ok && c.platform.roots.SN != "":
		return credentials{}, invalid(settingAppCertificate, "is required in certificate mode")
	case !ok:
		return c, nil
	case c.platform.roots.SN == "":
		return credentials{}, invalid(settingRootCertificate, "is required in certificate mode")
	}
	if c.appCertificate, _, err = pemkey.ParseRSACertificate(text); err != nil {
		return credentials{}, invalid(settingAppCertificate, "%v", err)
	}
	if err := pemkey.CheckPair(c.key, c.appCertificate); err != nil {
		return credentials{}, invalid(settingAppCertificate, "%s is another certificate's: %v", secretAppKey, err)
	}
	c.appCertSN = wire.CertSN(c.appCertificate)
	return c, nil
}

// readPlatform reads Alipay's keys: the public key, certificates, or both while a
// merchant moves from one to the other.
func readPlatform(settings map[string]string) (platform, error) {
	p := platform{keys: wire.Keys{}}
	if text, ok := settings[settingPublicKey]; ok {
		key, err := pemkey.ParseRSAPublicKey(text, pemkey.Bare)
		if err != nil {
			return platform{}, invalid(settingPublicKey, "%v", err)
		}
		p.keys[""] = key
	}
	text, hasCertificate := settings[settingAlipayCertificate]
	rootText, hasRoots := settings[settingRootCertificate]
	switch {
	case !hasCertificate && !hasRoots && len(p.keys) == 0:
		return platform{}, invalid(settingPublicKey, "is required, or %s, %s and %s in certificate mode", settingAppCertificate, settingAlipayCertificate, settingRootCertificate)
	case !hasCertificate && !hasRoots:
		return p, nil
	case !hasCertificate:
		return platform{}, invalid(settingAlipayCertificate, "is required with %s", settingRootCertificate)
	case !hasRoots:
		return platform{}, invalid(settingRootCertificate, "is required with %s", settingAlipayCertificate)
	}
	var err error
	if p.roots, err = wire.ParseRoots(rootText); err != nil {
		return platform{}, invalid(settingRootCertificate, "%v", err)
	}
	all, err := pemkey.ParseRSACertificates(text)
	if err != nil {
		return platform{}, invalid(settingAlipayCertificate, "%v", err)
	}
	p.certificates, p.issuers = wire.SplitChain(all)
	if len(p.certificates) == 0 {
		return platform{}, invalid(settingAlipayCertificate, "holds certificates of issuers only")
	}
	p.issuers = append(p.issuers, p.roots.Certificates...)
	for _, one := range p.certificates {
		p.keys[wire.CertSN(one)] = one.PublicKey.(*rsa.PublicKey) // as it was parsed
	}
	return p, nil
}

// nameOfKey is the setting that a key of Alipay's stands in.
func nameOfKey(sn string) string {
	if sn == "" {
		return settingPublicKey
	}
	return settingAlipayCertificate
}

// verifier is the setting that answers are verified by.
func (p platform) verifier() string {
	if len(p.certificates) > 0 {
		return settingAlipayCertificate
	}
	return settingPublicKey
}

// accountKeys are those that verify what comes from the channel: an account's own, and
// those of earlier versions that still live. Two public keys have no names that tell
// them apart: the earlier one goes by that of its version.
func accountKeys(a channel.Account, own platform) wire.Keys {
	all := wire.Keys{}
	for _, previous := range a.Previous {
		earlier, err := readPlatform(previous.Settings)
		if err != nil {
			continue
		}
		for sn, key := range earlier.keys {
			if sn == "" {
				sn = earlierName(previous.Version)
			}
			all[sn] = key
		}
	}
	maps.Copy(all, own.keys)
	return all
}
