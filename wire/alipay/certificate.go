package alipay

import (
	"crypto/md5" // the platform names certificates by it
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// ErrCertificate: a certificate is not one of the platform's.
var ErrCertificate = errors.New("not a certificate of Alipay's")

// CertSN is what the platform calls a certificate: the MD5 of its issuer's name and
// its serial number in decimal digits, in hex (A1-7).
func CertSN(certificate *x509.Certificate) string {
	sum := md5.Sum([]byte(certificate.Issuer.String() + certificate.SerialNumber.String()))
	return hex.EncodeToString(sum[:])
}

// Roots are the certificates of the platform's root file.
type Roots struct {
	// SN is alipay_root_cert_sn.
	SN           string
	certificates []*x509.Certificate
}

// rsaSignatures are the algorithms of the root certificates that count.
var rsaSignatures = map[x509.SignatureAlgorithm]bool{
	x509.SHA1WithRSA: true, x509.SHA256WithRSA: true, x509.SHA384WithRSA: true, x509.SHA512WithRSA: true,
}

// ParseRoots reads the platform's root file. Certificates that are not signed by RSA,
// which the file holds too, are left out.
func ParseRoots(text string) (Roots, error) {
	var roots Roots
	var names []string
	for _, one := range pemkey.Split(text) {
		certificate, _, err := pemkey.ParseRSACertificate(one)
		if err != nil || !rsaSignatures[certificate.SignatureAlgorithm] {
			continue
		}
		roots.certificates, names = append(roots.certificates, certificate), append(names, CertSN(certificate))
	}
	if len(names) == 0 {
		return Roots{}, fmt.Errorf("%w: the text holds no root certificate that is signed by RSA", pemkey.ErrKey)
	}
	roots.SN = strings.Join(names, "_")
	return roots, nil
}

// Issued checks that a certificate leads to one of the roots at a time.
func (r Roots) Issued(certificate *x509.Certificate, at time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, one := range r.certificates {
		if one.Issuer.String() == one.Subject.String() {
			roots.AddCert(one)
		} else {
			between.AddCert(one)
		}
	}
	_, err := certificate.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return nil
}

// OpenCertificate reads a downloaded certificate, which must have the serial number
// that was asked for and lead to a root. The content is base64 of a PEM text that may
// hold the certificates between too.
func (r Roots) OpenCertificate(contentBase64, sn string, at time.Time) (*x509.Certificate, error) {
	text, err := base64.StdEncoding.DecodeString(contentBase64)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no base64", ErrCertificate)
	}
	parts := pemkey.Split(string(text))
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: it is no PEM", ErrCertificate)
	}
	certificate, _, err := pemkey.ParseRSACertificate(parts[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if CertSN(certificate) != sn {
		return nil, fmt.Errorf("%w: it has another serial number", ErrCertificate)
	}
	chain := r
	for _, part := range parts[1:] {
		if one, _, err := pemkey.ParseRSACertificate(part); err == nil && one.Issuer.String() != one.Subject.String() {
			chain.certificates = append(chain.certificates[:len(chain.certificates):len(chain.certificates)], one)
		}
	}
	return certificate, chain.Issued(certificate, at)
}
