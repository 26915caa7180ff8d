package pemkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
)

const (
	pkcs12 = "a PKCS#12 file (hint: openssl pkcs12 -nodes writes its key and certificate as PEM)"
	// pkcs12Version is the only one that PKCS#12 files have.
	pkcs12Version = 3
)

// inspect finds out what DER bytes are: the label that they have in PEM, "" for
// what has none that is read here, and their name.
func inspect(der []byte) (label, found string) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return labelPKCS8, "the PKCS#8 form of " + keyName(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return labelPKCS1, "the PKCS#1 form of " + keyName(key)
	}
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		return labelPKIX, keyName(key)
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		return labelCertificate, labelNames[labelCertificate]
	}
	if _, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return labelPKCS1Public, labelNames[labelPKCS1Public]
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return "EC PRIVATE KEY", keyName(key)
	}
	var file struct {
		Version  int
		AuthSafe struct{ Type asn1.ObjectIdentifier } // what follows is not read
		Mac      asn1.RawValue                        `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(der, &file); err == nil && file.Version == pkcs12Version {
		return "", pkcs12
	}
	return "", "bytes of no known key or certificate"
}

// keyName names the kind and size of a parsed key.
func keyName(key any) string {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return fmt.Sprintf("an RSA private key of %d bits", key.N.BitLen())
	case *rsa.PublicKey:
		return fmt.Sprintf("an RSA public key of %d bits", key.N.BitLen())
	case *ecdsa.PrivateKey:
		return "an EC private key on " + key.Curve.Params().Name
	case *ecdsa.PublicKey:
		return "an EC public key on " + key.Curve.Params().Name
	case ed25519.PrivateKey:
		return "an Ed25519 private key"
	case ed25519.PublicKey:
		return "an Ed25519 public key"
	default:
		return fmt.Sprintf("a key of type %T", key)
	}
}
