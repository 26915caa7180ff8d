package pingpp

import (
	"crypto/rsa"
	"errors"

	"github.com/refundry/refundry/wire/pemkey"
)

// Headers of signatures (P1.6-1, P1.7-1 and P5-2).
const (
	HeaderRequestSignature = "Pingplusplus-Signature"
	HeaderRequestTimestamp = "Pingplusplus-Request-Timestamp"
	// HeaderSignature carries our signature over the body alone, in answers
	// and in webhooks.
	HeaderSignature = "X-Pingplusplus-Signature"
)

// timestampLength is that of Unix seconds between 2001 and 2286.
const timestampLength = 10

// Why a signature is refused, besides pemkey.ErrSignature.
var (
	ErrSignatureMissing = errors.New("signature is missing")
	ErrTimestamp        = errors.New("request timestamp is not Unix seconds in 10 digits")
)

// RequestString is what current clients sign: body, request target and
// timestamp without separators (P0-3). body are the exact bytes received;
// requestTarget is the path with /v1 and the query exactly as on the request
// line, a bare trailing ? included (http.Request.RequestURI); timestamp is the
// header's text.
func RequestString(body []byte, requestTarget, timestamp string) []byte {
	text := make([]byte, 0, len(body)+len(requestTarget)+len(timestamp))
	text = append(text, body...)
	text = append(text, requestTarget...)
	return append(text, timestamp...)
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

// VerifyRequest checks a request signature of any generation of clients (P1.6-2
// to P1.6-4). With a timestamp: body, target and timestamp, or the short-lived
// body and timestamp. Without: the body alone. It returns ErrSignatureMissing,
// ErrTimestamp or pemkey.ErrSignature. How old a timestamp may be is for the
// caller to say.
//
// The signed texts have no separators, so one signature could stand for two
// requests that cut the same bytes differently. Two things prevent it: a
// timestamp has exactly ten digits, and the caller's decoder must refuse
// anything that follows the end of a JSON body.
func VerifyRequest(key *rsa.PublicKey, request SignedRequest) error {
	if request.Signature == "" {
		return ErrSignatureMissing
	}
	if request.Timestamp == "" {
		return pemkey.VerifySHA256(key, request.Body, request.Signature)
	}
	if len(request.Timestamp) != timestampLength || !isDigits(request.Timestamp) {
		return ErrTimestamp
	}
	err := pemkey.VerifySHA256(key, RequestString(request.Body, request.Target, request.Timestamp), request.Signature)
	if err == nil || len(request.Body) == 0 {
		return err
	}
	// One Node release signed without the target. A body must be there: else a
	// signature over the timestamp alone would open every GET of that second.
	return pemkey.VerifySHA256(key, RequestString(request.Body, "", request.Timestamp), request.Signature)
}

// SignRequest signs a request as current clients do, in padded base64. target is
// the path and query of the request line, timestamp the text of
// HeaderRequestTimestamp.
func SignRequest(key *rsa.PrivateKey, body []byte, target, timestamp string) (string, error) {
	return pemkey.SignSHA256(key, RequestString(body, target, timestamp))
}

// VerifyAnswer checks the signature of an answer or a webhook, which covers the
// body alone, by any of several keys: while the service changes its key, both are
// good. It returns ErrSignatureMissing or pemkey.ErrSignature.
func VerifyAnswer(keys []*rsa.PublicKey, body []byte, signature string) error {
	if signature == "" {
		return ErrSignatureMissing
	}
	for _, key := range keys {
		if pemkey.VerifySHA256(key, body, signature) == nil {
			return nil
		}
	}
	return pemkey.ErrSignature
}
