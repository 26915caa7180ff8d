package wechatpay

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Sizes of RSA keys in bits. The platform's are 2048; a merchant may have a
// longer one, up to a limit that keeps one request from costing much.
const (
	minKeyBits = 2048
	maxKeyBits = 4096
)

// maxPEM is far above the text of the largest key or certificate, in bytes.
const maxPEM = 64 << 10

// PublicKeyIDPrefix begins the id of a WeChat Pay public key, the scheme that
// replaces platform certificates (section 1.1).
const PublicKeyIDPrefix = "PUB_KEY_ID_"

// ErrKey tells that a text holds no usable key or certificate.
var ErrKey = errors.New("no usable RSA key or certificate; want PEM with 2048 to 4096 bits")

// ParsePrivateKey reads the first PEM block, PKCS#8 or PKCS#1 RSA. It fails
// with ErrKey and never repeats the key's text.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block, err := firstBlock(text, "PRIVATE KEY", "RSA PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	var parsed any
	if block.Type == "PRIVATE KEY" {
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	} else {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	key, isRSA := parsed.(*rsa.PrivateKey)
	if err != nil || !isRSA {
		return nil, fmt.Errorf("read private key: %w", ErrKey)
	}
	return key, checkSize(&key.PublicKey)
}

// ParsePublicKey reads the first PEM block, a PKIX PUBLIC KEY with RSA. It
// fails with ErrKey.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, err := firstBlock(text, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, isRSA := parsed.(*rsa.PublicKey)
	if err != nil || !isRSA {
		return nil, fmt.Errorf("read public key: %w", ErrKey)
	}
	return key, checkSize(key)
}

// ParseCertificate reads the first PEM block, an X.509 certificate with an RSA
// key, and gives its serial number and key. Who issued it and how long it is
// valid are for the caller to judge. It fails with ErrKey.
func ParseCertificate(text []byte) (certificate *x509.Certificate, key *rsa.PublicKey, err error) {
	block, err := firstBlock(text, "CERTIFICATE")
	if err != nil {
		return nil, nil, err
	}
	certificate, err = x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("read certificate: %w", ErrKey)
	}
	key, isRSA := certificate.PublicKey.(*rsa.PublicKey)
	if !isRSA {
		return nil, nil, fmt.Errorf("read certificate: %w", ErrKey)
	}
	if err := checkSize(key); err != nil {
		return nil, nil, err
	}
	return certificate, key, nil
}

// Serial is a certificate's serial number in hexadecimal, upper case, two
// digits a byte: 40 for the platform's.
func Serial(certificate *x509.Certificate) string {
	return fmt.Sprintf("%X", certificate.SerialNumber.Bytes())
}

// NormalSerial is the form in which serial numbers and public key ids are
// stored and looked up: upper case, no zeros in front. One client derives its
// number from the certificate in lower case, the others send what somebody
// typed (section 1.2, rule 4).
func NormalSerial(serial string) string {
	return strings.TrimLeft(strings.ToUpper(serial), "0")
}

// SameSerial compares two serial numbers or public key ids.
func SameSerial(a, b string) bool { return a != "" && NormalSerial(a) == NormalSerial(b) }

// IsPublicKeyID reports whether text is PUB_KEY_ID_ and digits. Their number is
// not enforced: 28 to 32 were seen.
func IsPublicKeyID(text string) bool {
	digits, found := strings.CutPrefix(text, PublicKeyIDPrefix)
	return found && isDigits(digits) && len(text) <= maxSerial
}

func firstBlock(text []byte, wanted ...string) (*pem.Block, error) {
	if len(text) > maxPEM {
		return nil, fmt.Errorf("%w: the text is longer than %d bytes", ErrKey, maxPEM)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: no PEM block found", ErrKey)
	}
	for _, kind := range wanted {
		if block.Type == kind {
			return block, nil
		}
	}
	return nil, fmt.Errorf("%w: the PEM block is %q", ErrKey, block.Type)
}

func checkSize(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return fmt.Errorf("%w: it has %d", ErrKey, bits)
	}
	return nil
}
