package merchant

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"golang.org/x/crypto/nacl/box"

	"github.com/refundry/refundry/wire/pemkey"
)

// platformName is the subject of the platform's certificates.
const platformName = "Refundry platform"

// NewPlatformKey makes an RSA key pair for the service itself: PKIX and PKCS#8
// PEM.
func NewPlatformKey(purpose string, now time.Time) (PlatformKey, error) {
	pair, err := newPair("", now)
	if err != nil {
		return PlatformKey{}, err
	}
	return PlatformKey{
		ID: newKeyID(), Purpose: purpose, PublicPEM: pair.public, PrivatePEM: pair.private, CreatedAt: now,
	}, nil
}

func newKeyID() string { return "pk_" + letters(idLength) }

// SuccessorKeys makes what is to take the place of the platform's keys of a
// merchant's identities in one dialect, WeChat Pay or wallet. Identities whose
// key in use is the same get the same new one. shared is the pair (RSA, PKCS#8
// PEM) that WeChat Pay's have in common with another purpose; "" makes new
// ones.
func SuccessorKeys(identities []Identity, shared string, now time.Time) ([]PlatformKey, error) {
	var made []PlatformKey
	successors := map[string]PlatformKey{} // by the private half of the one before
	for _, identity := range identities {
		old, ok := KeyInUse(identity.Platform(), now)
		if !ok {
			continue
		}
		successor, known := successors[old.PrivatePEM]
		if !known {
			var err error
			if successor, err = successorOf(old, shared, now); err != nil {
				return nil, fmt.Errorf("make the platform's next key for %s %s: %w", identity.Dialect, identity.Name, err)
			}
			successors[old.PrivatePEM] = successor
		}
		successor.ID, successor.Identity = newKeyID(), identity.Name
		made = append(made, successor)
	}
	return made, nil
}

func successorOf(old PlatformKey, shared string, now time.Time) (PlatformKey, error) {
	key := PlatformKey{Purpose: old.Purpose, CreatedAt: now}
	if old.Purpose == Wallet {
		public, secret, err := box.GenerateKey(rand.Reader)
		if err != nil {
			return PlatformKey{}, fmt.Errorf("make wallet key: %w", err)
		}
		key.PublicPEM = base64.StdEncoding.EncodeToString(public[:])
		key.PrivatePEM = base64.StdEncoding.EncodeToString(secret[:])
		return key, nil
	}
	var made pair
	var err error
	if shared == "" {
		made, err = newPair(platformName, now)
	} else {
		made, err = pairFrom(shared, platformName, now)
	}
	if err != nil {
		return PlatformKey{}, err
	}
	// A merchant that was moved to public keys is not moved back.
	if key.PublicPEM, key.PrivatePEM = made.public, made.private; old.CertificatePEM != "" {
		key.CertificatePEM = made.certificate
	}
	if old.PublicKeyID != "" {
		key.PublicKeyID = newPublicKeyID(old.Identity)
	}
	return key, nil
}

// newPublicKeyID makes the id of a WeChat Pay public key.
func newPublicKeyID(mchid string) string {
	const form = "01"
	return "PUB_KEY_ID_" + form + mchid + digits(max(0, publicKeyDigits-len(form)-len(mchid)))
}

// pairFrom is a pair with a certificate of its own for a key that is there.
func pairFrom(privatePEM, name string, now time.Time) (pair, error) {
	private, err := pemkey.ParseRSAPrivateKey(privatePEM)
	if err != nil {
		return pair{}, err
	}
	return pairOf(private, name, now)
}

// certificate is the first of the key's certificates; nil if it has none.
func (k PlatformKey) certificate() *x509.Certificate {
	for _, text := range pemkey.Split(k.CertificatePEM) {
		if certificate, _, err := pemkey.ParseRSACertificate(text); err == nil {
			return certificate
		}
	}
	return nil
}

// Serial is that of the key's certificate, 40 upper-case hex digits; "" if it
// has none.
func (k PlatformKey) Serial() string {
	certificate := k.certificate()
	if certificate == nil {
		return ""
	}
	return pemkey.Serial(certificate)
}

// Expires is the end of the key's certificate, by which nothing is verified
// any more; zero if it has none.
func (k PlatformKey) Expires() time.Time {
	certificate := k.certificate()
	if certificate == nil {
		return time.Time{}
	}
	return certificate.NotAfter
}
