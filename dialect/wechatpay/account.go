package wechatpay

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/refundry/refundry/merchant"
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
	mostAccounts    = 4096 // parsed identities kept, some kilobytes each
	mostKeysOfOne   = 8    // PEM blocks of one kind that are looked at
)

// account is an identity with its keys parsed: reading them takes longer than
// the rest of an answer.
type account struct {
	merchant merchant.Merchant
	identity merchant.Identity
	stamp    [sha256.Size]byte // of the texts that it was parsed from
	// callers are the caller's keys by wire.NormalSerial of their certificates.
	// There are several while a certificate is being replaced.
	callers map[string]*rsa.PublicKey
	// certificates are the platform's, the one in use first, with their signers.
	certificates []platformCertificate
	// signers are all that may sign; standard signs when nobody is named.
	signers  []wire.Signer
	standard wire.Signer
}

type platformCertificate struct {
	certificate *x509.Certificate
	signer      wire.Signer
}

// partner reports whether the account is a service provider's. That is decided
// by the account's kind, never by what a request holds (section 2.1).
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

// account gives an identity's parsed keys.
func (d *Dialect) account(m merchant.Merchant, identity merchant.Identity) (*account, error) {
	stamp := stampOf(identity)
	d.mu.Lock()
	known := d.accounts[identity.Name]
	d.mu.Unlock()
	if known != nil && known.stamp == stamp {
		if known.merchant.ID == m.ID {
			current := *known // settings of the merchant change without its keys
			current.merchant, current.identity = m, identity
			return &current, nil
		}
	}
	parsed, err := parseAccount(m, identity)
	if err != nil {
		return nil, fmt.Errorf("read keys of mchid %s: %w", identity.Name, err)
	}
	parsed.stamp = stamp
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.accounts) >= mostAccounts {
		clear(d.accounts)
	}
	d.accounts[identity.Name] = parsed
	return parsed, nil
}

// stampOf tells whether an identity's keys and settings are still the same.
func stampOf(identity merchant.Identity) (stamp [sha256.Size]byte) {
	hash := sha256.New()
	for _, texts := range []map[string]string{identity.Public, identity.Secrets} {
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			_, _ = fmt.Fprintf(hash, "%q%q", name, texts[name])
		}
	}
	copy(stamp[:], hash.Sum(nil))
	return stamp
}

func parseAccount(m merchant.Merchant, identity merchant.Identity) (*account, error) {
	a := &account{merchant: m, identity: identity, callers: make(map[string]*rsa.PublicKey)}
	for _, block := range blocks(identity.Public[merchant.MerchantCertPEM]) {
		certificate, key, err := wire.ParseCertificate(block)
		if err != nil {
			return nil, fmt.Errorf("the merchant's certificate: %w", err)
		}
		a.callers[wire.NormalSerial(wire.Serial(certificate))] = key
	}
	var private []*rsa.PrivateKey
	for _, block := range blocks(identity.Secrets[merchant.PlatformKeyPEM]) {
		key, err := wire.ParsePrivateKey(block)
		if err != nil {
			return nil, fmt.Errorf("the platform's private key: %w", err)
		}
		private = append(private, key)
	}
	if err := a.addCertificates(private); err != nil {
		return nil, err
	}
	if err := a.addPublicKey(private); err != nil {
		return nil, err
	}
	if len(a.signers) == 0 {
		return nil, errors.New("no platform key has a certificate or a public key id")
	}
	a.standard = a.signers[0]
	if identity.Public[settingSigner] == signsWithPublic {
		a.standard = a.signers[len(a.signers)-1]
	}
	return a, nil
}

// addCertificates joins the platform's certificates with their private keys.
func (a *account) addCertificates(private []*rsa.PrivateKey) error {
	for _, block := range blocks(a.identity.Public[merchant.PlatformCertPEM]) {
		certificate, public, err := wire.ParseCertificate(block)
		if err != nil {
			return fmt.Errorf("the platform's certificate: %w", err)
		}
		key := belonging(private, public)
		if key == nil {
			return fmt.Errorf("the platform's certificate %s has no private key", wire.Serial(certificate))
		}
		signer := wire.Signer{Serial: wire.Serial(certificate), Key: key}
		a.certificates = append(a.certificates, platformCertificate{certificate, signer})
		a.signers = append(a.signers, signer)
	}
	return nil
}

// addPublicKey adds the platform's public key as the last signer.
func (a *account) addPublicKey(private []*rsa.PrivateKey) error {
	id, text := a.identity.Public[merchant.PlatformPublicKeyID], a.identity.Public[merchant.PlatformPublicPEM]
	if id == "" || text == "" {
		return nil
	}
	public, err := wire.ParsePublicKey([]byte(text))
	if err != nil {
		return fmt.Errorf("the platform's public key: %w", err)
	}
	key := belonging(private, public)
	if key == nil {
		return errors.New("the platform's public key has no private key")
	}
	a.signers = append(a.signers, wire.Signer{Serial: id, Key: key})
	return nil
}

// belonging finds the private key of a public one.
func belonging(private []*rsa.PrivateKey, public *rsa.PublicKey) *rsa.PrivateKey {
	for _, key := range private {
		if key.PublicKey.Equal(public) {
			return key
		}
	}
	return nil
}

// blocks splits a text into its PEM blocks.
func blocks(text string) [][]byte {
	var out [][]byte
	rest := []byte(text)
	for len(out) < mostKeysOfOne {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		out = append(out, pem.EncodeToMemory(block))
	}
	return out
}
