package payin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Headers in the letter case in which net/http keeps them (Y2-1 to Y2-13). On
// the wire their case does not matter.
const (
	HeaderSignature   = "X-Auth-Signature"
	HeaderKey         = "X-Auth-Key"
	HeaderTimestamp   = "X-Auth-Timestamp"
	HeaderSignMethod  = "X-Auth-Sign-Method"
	HeaderSignVersion = "X-Auth-Sign-Version"
	// HeaderUUID and HeaderCustomerIP are sent with some calls, unsigned.
	HeaderUUID       = "X-Auth-Uuid"
	HeaderCustomerIP = "X-Customer-Ip"
	// HeaderBodySHA256 is ours: the signature does not cover the body, this
	// does, in hexadecimal (Y7.5-11).
	HeaderBodySHA256 = "X-Auth-Body-Sha256"
)

// The only values that SignMethod and SignVersion have.
const (
	SignMethod  = "HmacSHA256"
	SignVersion = "1"
)

// MaxSkew is how far a timestamp may be from now, both ways (Y7.3-2).
const MaxSkew = 300 * time.Second

// Limits of what is read from headers, in characters.
const (
	// maxKey bounds what is looked up as a key; real ones have 32.
	maxKey = 128
	// maxTimestamp is that of Unix seconds until the year 5138.
	maxTimestamp = 11
	// signatureLength is the base64 of 32 bytes.
	signatureLength = 44
)

// What a request can be blamed for. All of them are answered by NotAllowed.
var (
	ErrHeader    = errors.New("authentication header is missing or malformed")
	ErrTimestamp = errors.New("timestamp is more than 300 seconds away from the server's clock")
	ErrSignature = errors.New("signature does not match")
	ErrBodyHash  = errors.New("body does not match its SHA-256")
)

// Authentication are the texts of the five headers, all required.
type Authentication struct {
	Signature   string
	Key         string
	Timestamp   string // Unix seconds
	SignMethod  string
	SignVersion string
}

// ReadAuthentication takes the headers out of a http.Header. The result holds
// what was there even if there is an error, for NotAllowed to show. ErrHeader
// names the first header that is missing, comes twice or has a wrong form.
func ReadAuthentication(header map[string][]string) (Authentication, error) {
	var a Authentication
	var failure error
	for _, part := range []struct {
		name  string
		value *string
		good  func(string) bool
	}{
		{HeaderSignature, &a.Signature, func(text string) bool { return len(text) == signatureLength }},
		{HeaderKey, &a.Key, func(text string) bool { return isVisible(text, maxKey) }},
		{HeaderTimestamp, &a.Timestamp, func(text string) bool { return isDigits(text) && len(text) <= maxTimestamp }},
		{HeaderSignMethod, &a.SignMethod, func(text string) bool { return text == SignMethod }},
		{HeaderSignVersion, &a.SignVersion, func(text string) bool { return text == SignVersion }},
	} {
		values := header[part.name]
		if len(values) > 0 {
			*part.value = values[0]
		}
		if failure == nil && (len(values) != 1 || !part.good(values[0])) {
			failure = fmt.Errorf("%w: %s", ErrHeader, part.name)
		}
	}
	return a, failure
}

// Set writes the five headers.
func (a Authentication) Set(header map[string][]string) {
	header[HeaderSignature] = []string{a.Signature}
	header[HeaderKey] = []string{a.Key}
	header[HeaderTimestamp] = []string{a.Timestamp}
	header[HeaderSignMethod] = []string{a.SignMethod}
	header[HeaderSignVersion] = []string{a.SignVersion}
}

// CheckTime returns ErrTimestamp unless the timestamp is at most MaxSkew away
// from now.
func (a Authentication) CheckTime(now time.Time) error {
	seconds, err := strconv.ParseInt(a.Timestamp, 10, 64)
	// Far ones are sorted out by number, as time.Duration holds 292 years only.
	if err != nil || seconds < now.Unix()-int64(MaxSkew/time.Second) || seconds > now.Unix()+int64(MaxSkew/time.Second) {
		return ErrTimestamp
	}
	return nil
}

// CheckBody compares the body with the text of HeaderBodySHA256, hexadecimal
// in either case. It returns ErrBodyHash.
func CheckBody(body []byte, sha256Hex string) error {
	want, err := hex.DecodeString(sha256Hex)
	if err != nil {
		return ErrBodyHash
	}
	got := sha256.Sum256(body)
	if subtle.ConstantTimeCompare(got[:], want) != 1 {
		return ErrBodyHash
	}
	return nil
}

// isVisible reports whether text has 1 to limit characters, all visible ASCII.
func isVisible(text string, limit int) bool {
	if text == "" || len(text) > limit {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}
