package pingpp

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Sizes of RSA keys that are accepted, in bits. The documents ask for 2048; the
// upper limit keeps one request from costing a noticeable part of a second.
const (
	minKeyBits = 2048
	maxKeyBits = 8192
)

// maxPEMLength is far above the text of the largest key, in bytes.
const maxPEMLength = 64 << 10

// ErrKey tells that a text holds no usable RSA key.
var ErrKey = errors.New("no usable RSA key; want PEM with 2048 to 8192 bits")

// ParsePublicKey reads the first PEM block, which must be a PKIX PUBLIC KEY
// with RSA (section 1.6). It fails with ErrKey.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, err := firstBlock(text, "PUBLIC KEY")
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w: %w", ErrKey, err)
	}
	key, isRSA := parsed.(*rsa.PublicKey)
	if !isRSA {
		return nil, fmt.Errorf("read public key: %w: it is %T", ErrKey, parsed)
	}
	if err := checkSize(key); err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return key, nil
}

// ParsePrivateKey reads the first PEM block, a PKCS#1 RSA PRIVATE KEY or a
// PKCS#8 PRIVATE KEY with RSA (clients need the one or the other, section 1.6).
// It fails with ErrKey and never repeats the key's text.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block, err := firstBlock(text, "RSA PRIVATE KEY", "PRIVATE KEY")
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	var parsed any
	if block.Type == "RSA PRIVATE KEY" {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	} else {
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("read private key: %w: %w", ErrKey, err)
	}
	key, isRSA := parsed.(*rsa.PrivateKey)
	if !isRSA {
		return nil, fmt.Errorf("read private key: %w: it is %T", ErrKey, parsed)
	}
	if err := checkSize(&key.PublicKey); err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	return key, nil
}

// MarshalPublicKey writes the PKIX PEM that ParsePublicKey and every webhook
// receiver read (section 5). It fails with ErrNoKey for nil.
func MarshalPublicKey(key *rsa.PublicKey) ([]byte, error) {
	if key == nil {
		return nil, fmt.Errorf("write public key: %w", ErrNoKey)
	}
	encoded, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded}), nil
}

func firstBlock(text []byte, wantedTypes ...string) (*pem.Block, error) {
	if len(text) > maxPEMLength {
		return nil, fmt.Errorf("%w: text is longer than %d bytes", ErrKey, maxPEMLength)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: no PEM block found", ErrKey)
	}
	for _, wanted := range wantedTypes {
		if block.Type == wanted {
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
