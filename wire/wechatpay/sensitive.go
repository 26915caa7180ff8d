package wechatpay

import (
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/refundry/refundry/wire/pemkey"
)

// maxSensitive is the longest encrypted field, in characters (W1.6-3).
const maxSensitive = 1024

// ErrSensitive tells that a field can't be encrypted or decrypted. It never
// tells more: neither the text nor why.
var ErrSensitive = errors.New("sensitive field can't be read or written")

// Sensitive is a decrypted field: a card number or a name. It may not be
// stored or logged, so it shows itself as [sensitive] in every way of printing;
// only Reveal gives the text.
type Sensitive struct{ text string }

// Reveal returns the text.
func (s Sensitive) Reveal() string { return s.text }

// Format writes [sensitive], for every verb of package fmt.
func (s Sensitive) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "[sensitive]") }

// MarshalText writes [sensitive], for JSON and structured logs.
func (s Sensitive) MarshalText() ([]byte, error) { return []byte("[sensitive]"), nil }

// Encrypt makes an encrypted field: RSA-OAEP with SHA-1, as all clients have
// it, an empty label, base64 (W1.6-1). At 2048 bits the text may have 214
// bytes. key is the platform's, named by the request's Wechatpay-Serial; random
// is crypto/rand.Reader. It fails with ErrSensitive.
func Encrypt(random io.Reader, key *rsa.PublicKey, text string) (string, error) {
	if key == nil {
		return "", fmt.Errorf("encrypt: %w", pemkey.ErrKey)
	}
	encrypted, err := rsa.EncryptOAEP(sha1.New(), random, key, []byte(text), nil)
	if err != nil {
		return "", ErrSensitive
	}
	return base64.StdEncoding.EncodeToString(encrypted), nil
}

// Decrypt reads what Encrypt made. It fails with ErrSensitive.
func Decrypt(key *rsa.PrivateKey, encryptedBase64 string) (Sensitive, error) {
	if key == nil {
		return Sensitive{}, fmt.Errorf("decrypt: %w", pemkey.ErrKey)
	}
	if len(encryptedBase64) > maxSensitive {
		return Sensitive{}, ErrSensitive
	}
	encrypted, err := base64.StdEncoding.DecodeString(encryptedBase64)
	if err != nil {
		return Sensitive{}, ErrSensitive
	}
	text, err := rsa.DecryptOAEP(sha1.New(), nil, key, encrypted, nil)
	if err != nil {
		return Sensitive{}, ErrSensitive
	}
	return Sensitive{string(text)}, nil
}
