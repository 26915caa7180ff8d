package wechatpay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// Algorithm is the only way in which resources and certificates are sealed.
const Algorithm = "AEAD_AES_256_GCM"

// Sizes in bytes of what seals (W1.1-3 and W1.4-4).
const (
	// APIv3KeySize is the length of the key that merchant and platform share.
	APIv3KeySize = 32
	// sealNonceSize is AES-GCM's. Clients panic on any other, and take the
	// nonce for text.
	sealNonceSize = 12
)

// maxSealed bounds the base64 of a sealed text; certificates and notices have
// some kilobytes.
const maxSealed = 1 << 20

// What sealing can be blamed for.
var (
	ErrAPIv3Key = errors.New("the APIv3 key must have exactly 32 bytes")
	ErrSealed   = errors.New("sealed text can't be opened")
)

// Sealed is a sealed text: of a notification's resource, or a certificate.
type Sealed struct {
	Algorithm string
	// Ciphertext is base64 with the tag of 16 bytes at its end.
	Ciphertext     string
	AssociatedData string
	Nonce          string
}

// Seal seals a text with the APIv3 key. The nonce is used once for a key: take
// it from NewSealNonce. It fails with ErrAPIv3Key, and with ErrSealed for a
// nonce that has not 12 bytes.
func Seal(apiV3Key, nonce, associatedData string, plaintext []byte) (Sealed, error) {
	aead, err := newAEAD(apiV3Key)
	if err != nil {
		return Sealed{}, err
	}
	if len(nonce) != sealNonceSize {
		return Sealed{}, fmt.Errorf("%w: the nonce has %d bytes", ErrSealed, len(nonce))
	}
	ciphertext := aead.Seal(nil, []byte(nonce), plaintext, []byte(associatedData))
	return Sealed{Algorithm, base64.StdEncoding.EncodeToString(ciphertext), associatedData, nonce}, nil
}

// Open opens what Seal made. It fails with ErrAPIv3Key or ErrSealed.
func (s Sealed) Open(apiV3Key string) ([]byte, error) {
	aead, err := newAEAD(apiV3Key)
	if err != nil {
		return nil, err
	}
	if s.Algorithm != Algorithm || len(s.Nonce) != sealNonceSize || len(s.Ciphertext) > maxSealed {
		return nil, ErrSealed
	}
	ciphertext, err := base64.StdEncoding.DecodeString(s.Ciphertext)
	if err != nil {
		return nil, ErrSealed
	}
	plaintext, err := aead.Open(nil, []byte(s.Nonce), ciphertext, []byte(s.AssociatedData))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// NewSealNonce draws a nonce of 12 ASCII characters; random is
// crypto/rand.Reader outside tests.
func NewSealNonce(random io.Reader) (string, error) { return randomText(random, sealNonceSize) }

func newAEAD(apiV3Key string) (cipher.AEAD, error) {
	if len(apiV3Key) != APIv3KeySize {
		return nil, ErrAPIv3Key
	}
	block, err := aes.NewCipher([]byte(apiV3Key))
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
