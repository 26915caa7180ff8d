package wechatpay

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Scheme is the authentication scheme, and the value of HeaderSignatureType.
const Scheme = "WECHATPAY2-SHA256-RSA2048"

// MaxSkew is how far a timestamp may be from the receiver's clock, both ways
// (W1.2-17).
const MaxSkew = 5 * time.Minute

// Limits of what is read from an Authorization header, in characters.
const (
	// maxAuthorization is far above the 500 that clients send.
	maxAuthorization = 4096
	// maxNonce bounds a nonce. Its length is not enforced: one client sends 10
	// to 13 characters, the others 32.
	maxNonce = 128
	// maxTimestamp is that of Unix seconds until the year 5138.
	maxTimestamp = 11
	maxMchID     = 32
	maxSerial    = 64
)

// What a request can be blamed for. All of them are answered by SIGN_ERROR.
var (
	ErrAuthorization = errors.New("Authorization header is missing or malformed")
	ErrTimestamp     = errors.New("timestamp is more than 5 minutes away from the clock")
)

// Authorization are the five attributes of a request's signature (W1.2-3).
type Authorization struct {
	MchID     string
	Nonce     string
	Timestamp string // Unix seconds
	Serial    string // of the caller's certificate, compare with SameSerial
	Signature string // base64
}

// ParseAuthorization reads the header. The attributes come in any order, and
// each client has its own; a blank behind a comma and a value without quotes
// are forgiven, an unknown attribute is ignored. Errors are ErrAuthorization
// with the attribute at fault.
func ParseAuthorization(header string) (Authorization, error) {
	if header == "" || len(header) > maxAuthorization {
		return Authorization{}, ErrAuthorization
	}
	scheme, rest, _ := strings.Cut(strings.Trim(header, " \t"), " ")
	if !strings.EqualFold(scheme, Scheme) {
		return Authorization{}, fmt.Errorf("%w: the scheme is not %s", ErrAuthorization, Scheme)
	}
	var a Authorization
	attributes := map[string]*string{
		"mchid": &a.MchID, "nonce_str": &a.Nonce, "timestamp": &a.Timestamp, "serial_no": &a.Serial, "signature": &a.Signature,
	}
	seen := map[string]bool{}
	// No value holds a comma: base64 has none, and nothing else may.
	for piece := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.Trim(piece, " \t"), "=")
		value, ok := unquote(value)
		if !found || !ok || seen[name] {
			return Authorization{}, fmt.Errorf("%w: attribute %q", ErrAuthorization, name)
		}
		seen[name] = true
		if target := attributes[name]; target != nil {
			*target = value
		}
	}
	return a, a.check()
}

// check finds an attribute that is missing or has a wrong form.
func (a Authorization) check() error {
	for _, attribute := range []struct {
		name string
		good bool
	}{
		{"mchid", isVisible(a.MchID, maxMchID)},
		{"serial_no", isVisible(a.Serial, maxSerial)},
		{"nonce_str", isVisible(a.Nonce, maxNonce)},
		{"timestamp", isDigits(a.Timestamp) && len(a.Timestamp) <= maxTimestamp},
		{"signature", isVisible(a.Signature, maxSignatureLength)},
	} {
		if !attribute.good {
			return fmt.Errorf("%w: attribute %q", ErrAuthorization, attribute.name)
		}
	}
	return nil
}

// String writes the header in the order in which the Go client does.
func (a Authorization) String() string {
	return Scheme + ` mchid="` + a.MchID + `",nonce_str="` + a.Nonce + `",timestamp="` + a.Timestamp +
		`",serial_no="` + a.Serial + `",signature="` + a.Signature + `"`
}

// CheckTime returns ErrTimestamp unless a timestamp, in Unix seconds, is at
// most MaxSkew away from now.
func CheckTime(timestamp string, now time.Time) error {
	const skew = int64(MaxSkew / time.Second)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	// Compared as numbers, since time.Duration holds 292 years only.
	if err != nil || seconds < now.Unix()-skew || seconds > now.Unix()+skew {
		return ErrTimestamp
	}
	return nil
}

// unquote takes the quotes off a value. A value without them must not hold any.
func unquote(value string) (string, bool) {
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		if value, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", false
		}
	}
	return value, !strings.ContainsAny(value, `"\`)
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
