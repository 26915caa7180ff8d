package pemkey

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // Alipay's old gateway knows no other hash
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// ErrSignature is returned for a signature that does not belong to the message
// and the key.
var ErrSignature = errors.New("signature does not match")

// SignSHA256 makes an RSA signature (PKCS#1 v1.5) over the SHA-256 of a message,
// in padded standard base64: Alipay's RSA2, and what WeChat Pay and Ping++ have.
func SignSHA256(key *rsa.PrivateKey, message []byte) (string, error) {
	digest := sha256.Sum256(message)
	return sign(key, crypto.SHA256, digest[:])
}

// SignSHA1 is SignSHA256 with SHA-1, for Alipay's old gateway alone.
func SignSHA1(key *rsa.PrivateKey, message []byte) (string, error) {
	digest := sha1.Sum(message)
	return sign(key, crypto.SHA1, digest[:])
}

func sign(key *rsa.PrivateKey, hash crypto.Hash, digest []byte) (string, error) {
	if key == nil {
		return "", fmt.Errorf("sign: %w: there is no private key", ErrKey)
	}
	// This padding is deterministic: no source of randomness is needed.
	signature, err := rsa.SignPKCS1v15(nil, key, hash, digest)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// VerifySHA256 checks what SignSHA256 makes. It returns ErrSignature for a text
// that is no padded base64 or does not belong to message and key.
func VerifySHA256(key *rsa.PublicKey, message []byte, signatureBase64 string) error {
	if key == nil {
		return fmt.Errorf("verify: %w: there is no public key", ErrKey)
	}
	if len(signatureBase64) != base64.StdEncoding.EncodedLen(key.Size()) {
		return ErrSignature
	}
	// Strict: one signature has one text.
	signature, err := base64.StdEncoding.Strict().DecodeString(signatureBase64)
	if err != nil {
		return ErrSignature
	}
	digest := sha256.Sum256(message)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return ErrSignature
	}
	return nil
}
