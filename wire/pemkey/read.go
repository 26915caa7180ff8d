package pemkey

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// ParseRSAPrivateKey reads an RSA private key in PKCS#1 or PKCS#8.
func ParseRSAPrivateKey(text string, accept ...Accept) (*rsa.PrivateKey, error) {
	const want = "an RSA private key"
	parsed, err := privateKey(text, want, join(accept))
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, mismatch(want, keyName(parsed))
	}
	if err := checkSize(&key.PublicKey, want, join(accept)); err != nil {
		return nil, err
	}
	return key, nil
}

// ParseRSAPublicKey reads an RSA public key in PKIX, the form that has PUBLIC
// KEY in its first line.
func ParseRSAPublicKey(text string, accept ...Accept) (*rsa.PublicKey, error) {
	const want = "an RSA public key (PKIX)"
	block, err := oneBlock(text, want, join(accept))
	if err != nil {
		return nil, err
	}
	if block.Type != labelPKIX {
		return nil, mismatch(want, name(block))
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, broken(block, want)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, mismatch(want, keyName(parsed))
	}
	if err := checkSize(key, want, join(accept)); err != nil {
		return nil, err
	}
	return key, nil
}

// ParseEd25519PrivateKey reads an Ed25519 private key in PKCS#8.
func ParseEd25519PrivateKey(text string) (ed25519.PrivateKey, error) {
	const want = "an Ed25519 private key"
	parsed, err := privateKey(text, want, 0)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, mismatch(want, keyName(parsed))
	}
	return key, nil
}

// privateKey reads a private key of any kind.
func privateKey(text, want string, accept Accept) (key any, err error) {
	block, err := oneBlock(text, want, accept)
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case labelPKCS8:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case labelPKCS1:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, mismatch(want, name(block))
	}
	if err != nil {
		return nil, broken(block, want)
	}
	return key, nil
}

// broken is the error for a block whose bytes are not what its label says.
func broken(block *pem.Block, want string) error {
	_, found := inspect(block.Bytes)
	return mismatch(want, fmt.Sprintf("%s behind the label %q", found, block.Type))
}

func checkSize(key *rsa.PublicKey, want string, accept Accept) error {
	if bits := key.N.BitLen(); bits < MinRSABits || bits > accept.maxRSABits() {
		return mismatch(fmt.Sprintf("%s of %d to %d bits", want, MinRSABits, accept.maxRSABits()), fmt.Sprintf("one of %d", bits))
	}
	return nil
}
