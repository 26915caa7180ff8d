package merchant

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/nacl/box"

	"github.com/refundry/refundry/wire/pemkey"
)

// The names of what Identity.Public and Identity.Secrets hold.
const (
	// Wallet: base64 of 32 bytes each (wallet.md 1.1).
	MerchantSecretKey = "merchant_secret_key" // handed over, not kept
	MerchantPublicKey = "merchant_public_key"
	PlatformSecretKey = "platform_secret_key"
	PlatformPublicKey = "platform_public_key"
	// WeChat Pay: PEM texts, serials of 40 upper-case hex digits, and the
	// APIv3 key of 32 characters (wechatpay-v3.md 1.1).
	MerchantKeyPEM      = "merchant_key" // handed over, not kept
	MerchantCertPEM     = "merchant_cert"
	MerchantSerial      = "merchant_serial"
	PlatformKeyPEM      = "platform_key"
	PlatformCertPEM     = "platform_cert"
	PlatformPublicPEM   = "platform_pub"
	PlatformSerial      = "platform_serial"
	PlatformPublicKeyID = "platform_public_key_id"
	APIv3Key            = "apiv3_key"
	// Payin: what signs the client's requests, and the client's id (payin.md 1).
	ClientSecret = "secret"
	ClientID     = "client_id"
)

const (
	rsaBits = pemkey.MinRSABits
	// certificateYears is how long a certificate lasts, as WeChat's do.
	certificateYears = 5
	// publicKeyDigits is the longest tail of PUB_KEY_ID_ that was seen.
	publicKeyDigits = 32
)

// Kept is i as the database keeps it: private keys that only the merchant
// needs are left out. The demo merchant's stay, so that its files can always
// be written again.
func (f Fresh) Kept(i Identity) Identity {
	if f.Merchant.Settings.Demo {
		return i
	}
	secrets := make(map[string]string, len(i.Secrets))
	for name, value := range i.Secrets {
		if name != MerchantSecretKey && name != MerchantKeyPEM {
			secrets[name] = value
		}
	}
	i.Secrets = secrets
	return i
}

// walletIdentity makes a wallet with two NaCl box key pairs.
func walletIdentity(name string) ([]Identity, error) {
	merchantPublic, merchantSecret, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make wallet keys: %w", err)
	}
	platformPublic, platformSecret, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make wallet keys: %w", err)
	}
	text := func(key *[32]byte) string { return base64.StdEncoding.EncodeToString(key[:]) }
	return []Identity{{
		Name:    name,
		Public:  map[string]string{MerchantPublicKey: text(merchantPublic), PlatformPublicKey: text(platformPublic)},
		Secrets: map[string]string{MerchantSecretKey: text(merchantSecret), PlatformSecretKey: text(platformSecret)},
	}}, nil
}

// wechatIdentities makes a direct merchant and a service provider with one sub
// merchant. Both have the same key pairs, so that examples of either kind run
// with one set of files.
func wechatIdentities(direct, partner, sub, apiv3Key string, now time.Time) ([]Identity, error) {
	merchant, err := newPair("Merchant "+direct, now)
	if err != nil {
		return nil, err
	}
	platform, err := newPair(platformName, now)
	if err != nil {
		return nil, err
	}
	public := map[string]string{
		MerchantCertPEM: merchant.certificate, MerchantSerial: merchant.serial,
		PlatformCertPEM: platform.certificate, PlatformSerial: platform.serial, PlatformPublicPEM: platform.public,
		PlatformPublicKeyID: newPublicKeyID(direct),
	}
	secrets := map[string]string{MerchantKeyPEM: merchant.private, PlatformKeyPEM: platform.private, APIv3Key: apiv3Key}
	return []Identity{
		{Name: direct, Public: public, Secrets: secrets},
		{Name: partner, Sub: sub, Public: public, Secrets: secrets},
	}, nil
}

// pair is an RSA key pair as PEM texts, with a self-signed certificate when it
// has a name.
type pair struct{ private, public, certificate, serial string }

func newPair(name string, now time.Time) (pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return pair{}, fmt.Errorf("make key pair: %w", err)
	}
	return pairOf(key, name, now)
}

func pairOf(key *rsa.PrivateKey, name string, now time.Time) (pair, error) {
	private, err := pemkey.MarshalPrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	public, err := pemkey.MarshalPublicKey(&key.PublicKey)
	if err != nil {
		return pair{}, err
	}
	out := pair{private: private, public: public}
	if name == "" {
		return out, nil
	}
	certificate, err := pemkey.SelfSign(key, name, now, now.AddDate(certificateYears, 0, 0))
	if err != nil {
		return pair{}, err
	}
	out.certificate, out.serial = pemkey.MarshalCertificate(certificate), pemkey.Serial(certificate)
	return out, nil
}

// UsePlatformKey makes the merchant's WeChat identities show the given key
// pair (RSA, PKCS#8 PEM) as the platform's, with a certificate of its own. The
// demo merchant has one platform key for all its dialects.
func (f *Fresh) UsePlatformKey(key PlatformKey, now time.Time) error {
	platform, err := pairFrom(key.PrivatePEM, platformName, now)
	if err != nil {
		return fmt.Errorf("use platform key: %w", err)
	}
	f.Identities = slices.Clone(f.Identities)
	for _, identity := range f.Identities {
		if identity.Dialect == WeChatPay {
			identity.Public[PlatformCertPEM], identity.Public[PlatformSerial] = platform.certificate, platform.serial
			identity.Public[PlatformPublicPEM], identity.Secrets[PlatformKeyPEM] = platform.public, platform.private
		}
	}
	return nil
}
