package wechatpay

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// Headers of answers, notifications and, HeaderSerial, requests: with exactly
// this letter case on the wire, and therefore over HTTP/1.1 only, since the
// Java client looks them up in a map that knows cases (W1.3-1). In
// HeaderRequestID both letters of ID are large, so that it must be put into the
// map of an http.Header and not through its Set.
const (
	HeaderTimestamp     = "Wechatpay-Timestamp"
	HeaderNonce         = "Wechatpay-Nonce"
	HeaderSerial        = "Wechatpay-Serial"
	HeaderSignature     = "Wechatpay-Signature"
	HeaderSignatureType = "Wechatpay-Signature-Type"
	HeaderRequestID     = "Request-ID"
)

// What an answer or notification can be blamed for, besides ErrTimestamp and
// pemkey.ErrSignature. A 2xx answer with any of them is as if forged: what became of
// the request is unknown.
var (
	ErrAnswerHeader  = errors.New("signature headers are missing or malformed")
	ErrUnknownSerial = errors.New("no key is known for this Wechatpay-Serial")
)

// AnswerSignature are the four headers of a signed answer or notification.
type AnswerSignature struct {
	Timestamp string // Unix seconds
	Nonce     string
	Serial    string // of the platform's certificate, or its public key's id
	Signature string // base64
}

// SignAnswer signs the body of an answer or notification, exactly as it is sent
// and before any transport compression (W1.3-4).
func (s Signer) SignAnswer(body []byte, nonce string, now time.Time) (AnswerSignature, error) {
	a := AnswerSignature{Timestamp: strconv.FormatInt(now.Unix(), 10), Nonce: nonce, Serial: s.Serial}
	var err error
	a.Signature, err = pemkey.SignSHA256(s.Key, AnswerMessage(a.Timestamp, nonce, body))
	return a, err
}

// Set writes the four headers and the signature's type into an http.Header.
func (a AnswerSignature) Set(header map[string][]string) {
	header[HeaderTimestamp] = []string{a.Timestamp}
	header[HeaderNonce] = []string{a.Nonce}
	header[HeaderSerial] = []string{a.Serial}
	header[HeaderSignature] = []string{a.Signature}
	header[HeaderSignatureType] = []string{Scheme}
}

// ReadAnswerSignature takes the four headers out of an http.Header. Errors are
// ErrAnswerHeader with the first header that is missing, comes twice or has a
// wrong form.
func ReadAnswerSignature(header map[string][]string) (AnswerSignature, error) {
	var a AnswerSignature
	for _, part := range []struct {
		name  string
		limit int
		value *string
	}{
		{HeaderTimestamp, maxTimestamp, &a.Timestamp},
		{HeaderNonce, maxNonce, &a.Nonce},
		{HeaderSerial, maxSerial, &a.Serial},
		{HeaderSignature, maxSignatureLength, &a.Signature},
	} {
		values := header[part.name]
		if len(values) != 1 || !isVisible(values[0], part.limit) {
			return AnswerSignature{}, fmt.Errorf("%w: %s", ErrAnswerHeader, part.name)
		}
		*part.value = values[0]
	}
	if !isDigits(a.Timestamp) {
		return AnswerSignature{}, fmt.Errorf("%w: %s", ErrAnswerHeader, HeaderTimestamp)
	}
	return a, nil
}

// PlatformKeys are the keys by which a receiver verifies, by NormalSerial of
// certificate or public key id. It needs all that the platform may use: during
// the switch to public keys notifications come with either (W1.4-9).
type PlatformKeys map[string]*rsa.PublicKey

// Verify checks the signature of an answer or notification over its raw body.
// It returns ErrTimestamp, ErrUnknownSerial or pemkey.ErrSignature. The
// platform sends a few with a signature that is wrong on purpose,
// WECHATPAY/SIGNTEST/...; they fail here like any other, as they should
// (W1.5-3).
func (keys PlatformKeys) Verify(a AnswerSignature, body []byte, now time.Time) error {
	if err := CheckTime(a.Timestamp, now); err != nil {
		return err
	}
	key := keys[NormalSerial(a.Serial)]
	if key == nil {
		return ErrUnknownSerial
	}
	return pemkey.VerifySHA256(key, AnswerMessage(a.Timestamp, a.Nonce, body), a.Signature)
}

// ChooseSigner picks who signs an answer: the key that the request's
// Wechatpay-Serial names. Absent or empty (several clients send none, Java an
// empty one with its certificate download), the merchant's standard signs. ok
// is false when the request names a key that is not among the signers: the
// caller could not verify any of them.
func ChooseSigner(named string, standard Signer, signers ...Signer) (signer Signer, ok bool) {
	if named == "" || SameSerial(named, standard.Serial) {
		return standard, true
	}
	for _, signer := range signers {
		if SameSerial(named, signer.Serial) {
			return signer, true
		}
	}
	return standard, false
}
