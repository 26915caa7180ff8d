package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// selfSignedLife is how long the demo's certificate is good for: a day is more
// than anyone tries it out.
const selfSignedLife = 24 * time.Hour

// selfSigned is a certificate for this machine, made for the demo alone.
type selfSigned struct{ certFile, keyFile string }

// newSelfSigned makes a key pair and certificate in dir.
func newSelfSigned(dir string, now time.Time) (selfSigned, error) {
	pair := selfSigned{filepath.Join(dir, "tls_cert.pem"), filepath.Join(dir, "tls_key.pem")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, fmt.Errorf("make TLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair, fmt.Errorf("make TLS certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Refundry demo"},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(selfSignedLife),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return pair, fmt.Errorf("make TLS certificate: %w", err)
	}
	private, err := pemkey.MarshalPrivateKey(key)
	if err != nil {
		return pair, fmt.Errorf("write TLS key: %w", err)
	}
	err = errors.Join(
		os.WriteFile(pair.certFile, []byte(pemkey.MarshalCertificate(&x509.Certificate{Raw: der})), 0o600),
		os.WriteFile(pair.keyFile, []byte(private), 0o600),
	)
	return pair, err
}

// client trusts the pair's certificate and no other.
func (p selfSigned) client() (*http.Client, error) {
	text, err := os.ReadFile(p.certFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("the certificate that was just made can't be read")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}, nil
}
