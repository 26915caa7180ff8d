package merchant

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// The names of what Identity.Public and Identity.Secrets hold. The platform's
// key pair of an identity, which Identity.Platform finds, stands under either set
// of names: base64 or PEM.
const (
	// Wallet: base64 of 32 bytes each (docs/rules/wallet.md, L1.1-2).
	MerchantSecretKey = "merchant_secret_key" // handed over, not kept
	MerchantPublicKey = "merchant_public_key"
	PlatformSecretKey = "platform_secret_key"
	PlatformPublicKey = "platform_public_key"
	// WeChat Pay: PEM texts, serials of 40 upper-case hex digits, and the APIv3
	// key of 32 characters (docs/rules/wechatpay.md, W1.1-1 and W1.1-3).
	MerchantKeyPEM      = "merchant_key" // handed over, not kept
	MerchantCertPEM     = "merchant_cert"
	MerchantSerial      = "merchant_serial"
	PlatformKeyPEM      = "platform_key"
	PlatformCertPEM     = "platform_cert"
	PlatformPublicPEM   = "platform_pub"
	PlatformSerial      = "platform_serial"
	PlatformPublicKeyID = "platform_public_key_id"
	APIv3Key            = "apiv3_key"
	// Payin: what signs the client's requests, and the client's id
	// (docs/rules/payin.md, Y1-5 and Y1-6).
	ClientSecret = "secret"
	ClientID     = "client_id"
)

// certificateYears is how long a certificate lasts, as WeChat's do.
const certificateYears = 5

// Pair is an RSA key pair as PEM texts (PKCS#8, PKIX), with a self-signed
// certificate and its serial number where it has a name.
type Pair struct{ Private, Public, Certificate, Serial string }

// NewPair makes a key pair of 2048 bits, with a certificate for a name that is
// not "".
func NewPair(name string, now time.Time) (Pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, pemkey.MinRSABits)
	if err != nil {
		return Pair{}, fmt.Errorf("make key pair: %w", err)
	}
	return pairOf(key, name, now)
}

// PairFrom is the pair of a private key (RSA, PKCS#8 PEM), with a certificate of
// its own for a name that is not "".
func PairFrom(privatePEM, name string, now time.Time) (Pair, error) {
	private, err := pemkey.ParseRSAPrivateKey(privatePEM)
	if err != nil {
		return Pair{}, err
	}
	return pairOf(private, name, now)
}

func pairOf(key *rsa.PrivateKey, name string, now time.Time) (Pair, error) {
	private, err := pemkey.MarshalPrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	public, err := pemkey.MarshalPublicKey(&key.PublicKey)
	if err != nil {
		return Pair{}, err
	}
	out := Pair{Private: private, Public: public}
	if name == "" {
		return out, nil
	}
	certificate, err := pemkey.SelfSign(key, name, now, now.AddDate(certificateYears, 0, 0))
	if err != nil {
		return Pair{}, err
	}
	out.Certificate, out.Serial = pemkey.MarshalCertificate(certificate), pemkey.Serial(certificate)
	return out, nil
}
