package pemkey

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// serialBytes make 40 hex digits, X.509's longest serial number.
const serialBytes = 20

// What is wrong between a key and its certificate.
var (
	ErrPair     = errors.New("the private key belongs to another certificate or public key")
	ErrValidity = errors.New("the certificate is not valid at this time")
)

// ParseRSACertificate reads a certificate with an RSA key. Who issued it and how
// long it is valid are for the caller to judge (CheckValid).
func ParseRSACertificate(text string, accept ...Accept) (*x509.Certificate, *rsa.PublicKey, error) {
	const want = "a certificate with an RSA key"
	block, err := oneBlock(text, want, join(accept))
	if err != nil {
		return nil, nil, err
	}
	if block.Type != labelCertificate {
		return nil, nil, mismatch(want, name(block))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, broken(block, want)
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, nil, mismatch(want, "a certificate with "+keyName(certificate.PublicKey))
	}
	if err := checkSize(key, "a certificate with an RSA key", join(accept)); err != nil {
		return nil, nil, err
	}
	return certificate, key, nil
}

// ParseRSACertificates reads one to eight certificates with RSA keys and nothing
// else.
func ParseRSACertificates(text string) ([]*x509.Certificate, error) {
	const want = "certificates"
	blocks, rest, err := decode(text, want)
	switch {
	case err != nil:
		return nil, err
	case len(blocks) == 0:
		return nil, mismatch(want+" in PEM", withoutPEM(text))
	case rest != "":
		return nil, mismatch(want+" alone", "text behind the last END line")
	}
	certificates := make([]*x509.Certificate, len(blocks))
	for n, one := range Split(text) {
		if certificates[n], _, err = ParseRSACertificate(one); err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", n+1, err)
		}
	}
	return certificates, nil
}

// Serial is a certificate's serial number in upper-case hexadecimal, two digits
// a byte.
func Serial(certificate *x509.Certificate) string {
	return fmt.Sprintf("%X", certificate.SerialNumber.Bytes())
}

// CheckPair returns ErrPair unless public, a key or an *x509.Certificate, belongs
// to the private key.
func CheckPair(private crypto.Signer, public any) error {
	where := "the public key"
	if certificate, ok := public.(*x509.Certificate); ok {
		public, where = certificate.PublicKey, "certificate "+Serial(certificate)
	}
	own, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(public) {
		return fmt.Errorf("%w: it does not fit %s", ErrPair, where)
	}
	return nil
}

// CheckValid returns ErrValidity for a certificate that is not valid yet at a
// time, or not any more.
func CheckValid(certificate *x509.Certificate, at time.Time) error {
	switch {
	case at.Before(certificate.NotBefore):
		return fmt.Errorf("%w: certificate %s is valid from %s", ErrValidity, Serial(certificate), certificate.NotBefore.UTC().Format(time.RFC3339))
	case at.After(certificate.NotAfter):
		return fmt.Errorf("%w: certificate %s expired at %s", ErrValidity, Serial(certificate), certificate.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// SelfSign makes a certificate for a key pair, issued by itself, with a serial
// number of 40 hex digits.
func SelfSign(key crypto.Signer, commonName string, from, until time.Time) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: commonName}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// newSerial makes a serial of exactly 40 hex digits. Its first byte is 40 to
// 7F: DER would lengthen one with the highest bit, and hex shorten a small one.
func newSerial() *big.Int {
	raw := make([]byte, serialBytes)
	_, _ = rand.Read(raw) // documented never to fail
	raw[0] = raw[0]&0x3f | 0x40
	return new(big.Int).SetBytes(raw)
}
