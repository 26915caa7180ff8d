package pingpp

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// Headers of signatures (sections 1.4, 1.7 and 5).
const (
	HeaderRequestSignature = "Pingplusplus-Signature"
	HeaderRequestTimestamp = "Pingplusplus-Request-Timestamp"
	// HeaderSignature carries our signature over the body alone, in answers
	// and in webhooks.
	HeaderSignature = "X-Pingplusplus-Signature"
)

// Limits of what is read from a request.
const (
	// maxSignatureLength is the base64 of the largest key's signature.
	maxSignatureLength = (maxKeyBits/8 + 2) / 3 * 4
	// timestampLength is that of Unix seconds between 2001 and 2286.
	timestampLength = 10
)

// What a signature can be blamed for.
var (
	ErrSignatureMissing = errors.New("signature is missing")
	ErrSignatureWrong   = errors.New("signature does not match")
	ErrTimestamp        = errors.New("request timestamp is not Unix seconds in 10 digits")
	ErrNoKey            = errors.New("no RSA key")
)

// RequestString is what current clients sign: body, request target and
// timestamp without separators (section 1.6). body are the exact bytes received;
// requestTarget is the path with /v1 and the query exactly as on the request
// line, a bare trailing ? included (http.Request.RequestURI); timestamp is the
// header's text.
func RequestString(body []byte, requestTarget, timestamp string) []byte {
	text := make([]byte, 0, len(body)+len(requestTarget)+len(timestamp))
	text = append(text, body...)
	text = append(text, requestTarget...)
	return append(text, timestamp...)
}

// Sign makes the RSA-SHA256 signature (PKCS#1 v1.5) of data in padded standard
// base64. For answers and webhooks data is the body as sent.
func Sign(key *rsa.PrivateKey, data []byte) (string, error) {
	if key == nil {
		return "", fmt.Errorf("sign: %w", ErrNoKey)
	}
	digest := sha256.Sum256(data)
	// This padding is deterministic: no source of randomness is needed.
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// Verify checks what Sign makes. It returns ErrSignatureMissing for an empty
// text, and ErrSignatureWrong for one that is no padded base64 or does not
// belong to data and key.
func Verify(key *rsa.PublicKey, data []byte, signatureBase64 string) error {
	signature, err := decodeSignature(key, signatureBase64)
	if err != nil {
		return err
	}
	if !matches(key, data, signature) {
		return ErrSignatureWrong
	}
	return nil
}

// SignedRequest is what VerifyRequest needs of an HTTP request. Target is the
// request line's, Timestamp and Signature are the headers' texts, empty when
// they are absent.
type SignedRequest struct {
	Body      []byte
	Target    string
	Timestamp string
	Signature string
}

// VerifyRequest checks a request signature of any generation of clients
// (section 1.6). With a timestamp: body, target and timestamp, or the short-lived
// body and timestamp. Without: the body alone. It returns ErrSignatureMissing,
// ErrSignatureWrong or ErrTimestamp. How old a timestamp may be is for the
// caller to say.
//
// The signed texts have no separators, so one signature could stand for two
// requests that cut the same bytes differently. Two things prevent it: a
// timestamp has exactly ten digits, and the caller's decoder must refuse
// anything that follows the end of a JSON body.
func VerifyRequest(key *rsa.PublicKey, request SignedRequest) error {
	signature, err := decodeSignature(key, request.Signature)
	if err != nil {
		return err
	}
	if request.Timestamp == "" {
		if !matches(key, request.Body, signature) {
			return ErrSignatureWrong
		}
		return nil
	}
	if len(request.Timestamp) != timestampLength || !isDigits(request.Timestamp) {
		return ErrTimestamp
	}
	if matches(key, RequestString(request.Body, request.Target, request.Timestamp), signature) {
		return nil
	}
	// One Node release signed without the target. A body must be there: else a
	// signature over the timestamp alone would open every GET of that second.
	if len(request.Body) > 0 && matches(key, RequestString(request.Body, "", request.Timestamp), signature) {
		return nil
	}
	return ErrSignatureWrong
}

func decodeSignature(key *rsa.PublicKey, signatureBase64 string) ([]byte, error) {
	if key == nil {
		return nil, fmt.Errorf("verify: %w", ErrNoKey)
	}
	if signatureBase64 == "" {
		return nil, ErrSignatureMissing
	}
	if len(signatureBase64) > maxSignatureLength {
		return nil, fmt.Errorf("%w: longer than %d characters", ErrSignatureWrong, maxSignatureLength)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(signatureBase64)
	if err != nil {
		return nil, fmt.Errorf("%w: no padded base64", ErrSignatureWrong)
	}
	return signature, nil
}

func matches(key *rsa.PublicKey, data, signature []byte) bool {
	digest := sha256.Sum256(data)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
}
