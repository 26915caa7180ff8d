package wechatpay

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Settings of an identity besides its keys (Identity.Public).
const (
	// settingSigner says what signs an answer to a request that names no key:
	// "certificate", the default while there is one, or "public_key".
	settingSigner   = "signs_with"
	signsWithPublic = "public_key"
	settingAppID    = "appid"
	settingSubAppID = "sub_appid"
	maxAccounts     = 4096 // parsed identities kept, some kilobytes each
)

// account is an identity with its keys parsed: reading them takes longer than
// the rest of an answer.
type account struct {
	merchant merchant.Merchant
	identity merchant.Identity
	// callers are the caller's keys by wire.NormalSerial of their certificates.
	// There are several while a certificate is being replaced.
	callers map[string]*rsa.PublicKey
	// platform are the platform's keys, the oldest first.
	platform []platformKey
	// What of them counts now. certificates are those that are listed, oldest
	// first; signers are all that may sign, also those that nobody was shown
	// yet; standard signs when nobody is named.
	certificates []platformCertificate
	signers      []wire.Signer
	standard     wire.Signer
}

type platformCertificate struct {
	certificate *x509.Certificate
	signer      wire.Signer
}

// platformKey is one of the platform's keys, parsed. One that an identity was
// made with may be several.
type platformKey struct {
	life         merchant.PlatformKey
	certificates []platformCertificate
	public       []wire.Signer // one, or none
}

// standard is the key's own choice: its certificate's signer, or that of its
// public key.
func (k platformKey) standard(public bool) wire.Signer {
	if len(k.public) > 0 && (public || len(k.certificates) == 0) {
		return k.public[0]
	}
	return k.certificates[0].signer
}

// partner reports whether the account is a service provider's. That is decided
// by the account's kind, never by what a request holds (W2.1-4).
func (a *account) partner() bool { return a.identity.Sub != "" }

// mchID is the account's own number: mchid, or sp_mchid.
func (a *account) mchID() string { return a.identity.Name }

// apiV3Key seals what is told.
func (a *account) apiV3Key() string { return a.identity.Secrets[merchant.APIv3Key] }

// signer finds a signer by certificate serial or public key id.
func (a *account) signer(serial string) (wire.Signer, bool) {
	for _, signer := range a.signers {
		if wire.SameSerial(serial, signer.Serial) {
			return signer, true
		}
	}
	return wire.Signer{}, false
}

// account returns an identity's parsed keys.
func (d *Dialect) account(m merchant.Merchant, identity merchant.Identity) (*account, error) {
	d.mu.Lock()
	known := d.accounts[identity.Name]
	d.mu.Unlock()
	if known != nil && known.merchant.ID == m.ID && sameKeys(known.identity, identity) {
		return known.at(m, identity, d.Now())
	}
	parsed, err := parseAccount(m, identity)
	if err != nil {
		return nil, fmt.Errorf("read keys of mchid %s: %w", identity.Name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.accounts) >= maxAccounts {
		clear(d.accounts)
	}
	d.accounts[identity.Name] = parsed
	return parsed.at(m, identity, d.Now())
}

// at is the account as it stands at a time: settings of the merchant change
// without its keys, and the keys' lives go on.
func (a *account) at(m merchant.Merchant, identity merchant.Identity, now time.Time) (*account, error) {
	current := *a
	current.merchant, current.identity = m, identity
	current.certificates, current.signers = nil, nil
	inUse, _ := merchant.KeyInUse(identity.Platform(), now)
	for _, key := range a.platform {
		if key.life.Retired(now) {
			continue
		}
		for _, one := range key.certificates {
			current.signers = append(current.signers, one.signer)
			if key.life.Published(now) {
				current.certificates = append(current.certificates, one)
			}
		}
		current.signers = append(current.signers, key.public...)
		if key.life.ID == inUse.ID {
			current.standard = key.standard(identity.Public[settingSigner] == signsWithPublic)
		}
	}
	if current.standard.Key == nil {
		return nil, fmt.Errorf("mchid %s has no platform key with a certificate or a public key id", identity.Name)
	}
	return &current, nil
}

// sameKeys reports whether an identity's keys and settings are still the same. Texts
// that did not change are the same memory, mostly, and cost nothing to compare.
func sameKeys(a, b merchant.Identity) bool {
	return maps.Equal(a.Public, b.Public) && maps.Equal(a.Secrets, b.Secrets) &&
		slices.EqualFunc(a.PlatformKeys, b.PlatformKeys, func(x, y merchant.PlatformKey) bool {
			return x.ID == y.ID && x.PublicPEM == y.PublicPEM && x.ActivatesAt.Equal(y.ActivatesAt) && x.ExpiresAt.Equal(y.ExpiresAt)
		})
}

func parseAccount(m merchant.Merchant, identity merchant.Identity) (*account, error) {
	a := &account{merchant: m, identity: identity, callers: make(map[string]*rsa.PublicKey)}
	for _, block := range pemkey.Split(identity.Public[merchant.MerchantCertPEM]) {
		certificate, key, err := pemkey.ParseRSACertificate(block)
		if err != nil {
			return nil, fmt.Errorf("the merchant's certificate: %w", err)
		}
		a.callers[wire.NormalSerial(pemkey.Serial(certificate))] = key
	}
	for _, key := range identity.Platform() {
		parsed, err := parsePlatformKey(key)
		if err != nil {
			return nil, err
		}
		a.platform = append(a.platform, parsed)
	}
	return a, nil
}

func parsePlatformKey(life merchant.PlatformKey) (platformKey, error) {
	key := platformKey{life: life}
	var private []*rsa.PrivateKey
	for _, block := range pemkey.Split(life.PrivatePEM) {
		one, err := pemkey.ParseRSAPrivateKey(block)
		if err != nil {
			return platformKey{}, fmt.Errorf("the platform's private key: %w", err)
		}
		private = append(private, one)
	}
	if err := key.addCertificates(private); err != nil {
		return platformKey{}, err
	}
	if err := key.addPublicKey(private); err != nil {
		return platformKey{}, err
	}
	if len(key.certificates)+len(key.public) == 0 {
		return platformKey{}, errors.New("a platform key has neither a certificate nor a public key id")
	}
	return key, nil
}

// addCertificates joins the key's certificates with their private keys.
func (k *platformKey) addCertificates(private []*rsa.PrivateKey) error {
	for _, block := range pemkey.Split(k.life.CertificatePEM) {
		certificate, _, err := pemkey.ParseRSACertificate(block)
		if err != nil {
			return fmt.Errorf("the platform's certificate: %w", err)
		}
		key := belonging(private, certificate)
		if key == nil {
			return fmt.Errorf("the platform's certificate %s has no private key", pemkey.Serial(certificate))
		}
		k.certificates = append(k.certificates, platformCertificate{certificate, wire.Signer{Serial: pemkey.Serial(certificate), Key: key}})
	}
	return nil
}

// addPublicKey adds the signer that goes by a public key id.
func (k *platformKey) addPublicKey(private []*rsa.PrivateKey) error {
	id, text := k.life.PublicKeyID, k.life.PublicPEM
	if id == "" || text == "" {
		return nil
	}
	public, err := pemkey.ParseRSAPublicKey(text)
	if err != nil {
		return fmt.Errorf("the platform's public key: %w", err)
	}
	key := belonging(private, public)
	if key == nil {
		return errors.New("the platform's public key has no private key")
	}
	k.public = append(k.public, wire.Signer{Serial: id, Key: key})
	return nil
}

// belonging finds the private key of a certificate or public key.
func belonging(private []*rsa.PrivateKey, public any) *rsa.PrivateKey {
	for _, key := range private {
		if pemkey.CheckPair(key, public) == nil {
			return key
		}
	}
	return nil
}
