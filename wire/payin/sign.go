package payin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signed are the six values of a signature (Y2-14). The body is not among them,
// nor is anything that happens once.
type Signed struct {
	Key         string
	Method      Operation
	SignMethod  string
	SignVersion string
	Timestamp   string
	// URI is the path without Prefix, as it was received, without the query.
	URI string
}

// Seen returns the values of a request as the server sees them. target is the
// path and query of the request line. An unknown operation is left empty.
func Seen(a Authentication, verb, target string) Signed {
	path, _, _ := strings.Cut(WithoutPrefix(target), "?")
	operation, _, _ := FindOperation(verb, path)
	return Signed{
		Key: a.Key, Method: operation, SignMethod: a.SignMethod, SignVersion: a.SignVersion,
		Timestamp: a.Timestamp, URI: path,
	}
}

// Authenticate makes the headers of a call to an operation. uri is the path
// without Prefix.
func Authenticate(key, secret string, operation Operation, uri string, now time.Time) Authentication {
	s := Signed{
		Key: key, Method: operation, SignMethod: SignMethod, SignVersion: SignVersion,
		Timestamp: strconv.FormatInt(now.Unix(), 10), URI: uri,
	}
	return Authentication{
		Signature: s.Sign(secret), Key: key, Timestamp: s.Timestamp, SignMethod: SignMethod, SignVersion: SignVersion,
	}
}

// Text is what is signed: the pairs in the order of their names, each value
// URL-encoded (Y2-14).
func (s Signed) Text() string { return s.text(escapers[0]) }

// Sign makes the signature in base64.
func (s Signed) Sign(secret string) string {
	return base64.StdEncoding.EncodeToString(mac(s.Text(), secret))
}

// Verify checks a signature in constant time. target is the path and query of
// the request line: a signature over path and query is accepted as well, for
// the documents don't say what becomes of a query (Y7.3-10). It returns
// ErrSignature.
func (s Signed) Verify(secret, target, signature string) error {
	got, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil || s.Method == "" {
		// Without an operation there is nothing that a client could have signed.
		return ErrSignature
	}
	uris := []string{s.URI}
	if _, query, ok := strings.Cut(target, "?"); ok {
		uris = append(uris, s.URI+"?"+query)
	}
	for _, uri := range uris {
		s.URI = uri
		var tried []string
		for _, escape := range escapers {
			text := s.text(escape)
			if slices.Contains(tried, text) {
				continue
			}
			tried = append(tried, text)
			if hmac.Equal(got, mac(text, secret)) {
				return nil
			}
		}
	}
	return ErrSignature
}

// RetransmissionWindow is how long a request without any number of its own is
// recognised by its Fingerprint (Y7.2-11).
const RetransmissionWindow = 10 * time.Minute

// Fingerprint tells retransmissions of a request that carries no number: the
// same key, timestamp, uri and body bytes give the same 64 hexadecimal digits.
// The signature alone would not do: two refunds of one order in one second have
// the same one, for the body is not signed.
func (s Signed) Fingerprint(body []byte) string {
	h := sha256.New()
	for _, part := range []string{s.Key, s.Timestamp, s.URI} {
		// Their length goes first, so that no two requests cut one text differently.
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

func (s Signed) text(escape func(string) string) string {
	var text strings.Builder
	for i, pair := range [...]struct{ name, value string }{
		{"key", s.Key},
		{"method", string(s.Method)},
		{"signMethod", s.SignMethod},
		{"signVersion", s.SignVersion},
		{"timestamp", s.Timestamp},
		{"uri", s.URI},
	} {
		if i > 0 {
			text.WriteByte('&')
		}
		text.WriteString(pair.name)
		text.WriteByte('=')
		text.WriteString(escape(pair.value))
	}
	return text.String()
}

func mac(text, secret string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// escapers are the four ways in which the documented recipes encode a value.
// They agree on every id that the service makes. Ids that were imported may
// hold a character on which they differ, and all four are unambiguous.
var escapers = [...]func(string) string{
	func(text string) string { return escape(text, "-_.~") },      // Python
	func(text string) string { return escape(text, "-_.!~*'()") }, // JavaScript's encodeURIComponent
	func(text string) string { return escape(text, "-_.") },       // PHP
	func(text string) string { return escape(text, "-_.*") },      // Java
}

// escape percent-encodes all bytes except letters, digits and those of keep. A
// blank never stands in a path, so that its two encodings don't matter.
func escape(text, keep string) string {
	const hexDigits = "0123456789ABCDEF"
	escaped := make([]byte, 0, len(text)+16)
	for i := range len(text) {
		c := text[i]
		if isAlphanumeric(c) || strings.IndexByte(keep, c) >= 0 {
			escaped = append(escaped, c)
		} else {
			escaped = append(escaped, '%', hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	return string(escaped)
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
