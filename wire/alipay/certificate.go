package alipay

import (
	"bytes"
	"crypto/md5" // the platform names certificates by it
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
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
	Certificates []*x509.Certificate
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
		roots.Certificates, names = append(roots.Certificates, certificate), append(names, CertSN(certificate))
	}
	if len(names) == 0 {
		return Roots{}, fmt.Errorf("%w: the text holds no root certificate that is signed by RSA", pemkey.ErrKey)
	}
	roots.SN = strings.Join(names, "_")
	return roots, nil
}

// SplitChain tells the platform's certificates from those of their issuers, which the
// file that it lets be downloaded holds behind them. The platform's issuers do not say
// that they are any: who issued another of the file is one.
func SplitChain(all []*x509.Certificate) (own, issuers []*x509.Certificate) {
	for _, one := range all {
		issued := func(other *x509.Certificate) bool {
			return other != one && bytes.Equal(other.RawIssuer, one.RawSubject)
		}
		if one.IsCA || slices.ContainsFunc(all, issued) {
			issuers = append(issuers, one)
		} else {
			own = append(own, one)
		}
	}
	return own, issuers
}

// OpenCertificate reads a downloaded certificate, which must have the serial number that
// was asked for. The content is base64 of a PEM text that may hold its issuers too.
// Errors are ErrCertificate.
func OpenCertificate(contentBase64, sn string) (*x509.Certificate, error) {
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
	return certificate, nil
}

// CheckIssued checks that a certificate is valid at a time and was signed by one of the
// issuers. These must be known by other means than the certificate: the platform's do
// not say that they may issue any, so that an app's certificate, which they issued too,
// would pass for an issuer. Errors are ErrCertificate.
func CheckIssued(certificate *x509.Certificate, issuers []*x509.Certificate, at time.Time) error {
	if err := pemkey.CheckValid(certificate, at); err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	for _, issuer := range issuers {
		if bytes.Equal(certificate.RawIssuer, issuer.RawSubject) &&
			issuer.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: none of the known issuers has signed it", ErrCertificate)
}
