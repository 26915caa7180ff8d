package pemkey

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// MarshalPrivateKey writes a private key (RSA, Ed25519 or ECDSA) in PKCS#8.
func MarshalPrivateKey(key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("write private key: %w: %w", ErrKey, err)
	}
	return armour(labelPKCS8, der), nil
}

// MarshalRSAPrivateKey writes an RSA private key in PKCS#1, which some programs
// read alone.
func MarshalRSAPrivateKey(key *rsa.PrivateKey) string {
	return armour(labelPKCS1, x509.MarshalPKCS1PrivateKey(key))
}

// MarshalPublicKey writes a public key (RSA, Ed25519 or ECDSA) in PKIX.
func MarshalPublicKey(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("write public key: %w: %w", ErrKey, err)
	}
	return armour(labelPKIX, der), nil
}

// MarshalCertificate writes a certificate.
func MarshalCertificate(certificate *x509.Certificate) string {
	return armour(labelCertificate, certificate.Raw)
}

func armour(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}
