package wechatpay

import (
	"crypto/rsa"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// maxSignatureLength is the base64 of the largest key's signature.
const maxSignatureLength = (pemkey.MaxRSABits/8 + 2) / 3 * 4

// nonceLength is that of nonces we make, as most clients do.
const nonceLength = 32

// Signer signs for one side: Serial names its certificate or public key.
type Signer struct {
	Serial string
	Key    *rsa.PrivateKey
}

// RequestMessage is what a caller signs: five lines, each ended by \n, the last
// one too. target is the request target exactly as on the request line
// (http.Request.RequestURI), body the exact bytes, empty for GET (W1.2-4).
func RequestMessage(method, target, timestamp, nonce string, body []byte) []byte {
	return message(body, method, target, timestamp, nonce)
}

// AnswerMessage is what the platform signs, for answers and notifications. An
// empty body, as with 204, still has its line (W1.3-4).
func AnswerMessage(timestamp, nonce string, body []byte) []byte {
	return message(body, timestamp, nonce)
}

func message(body []byte, lines ...string) []byte {
	text := make([]byte, 0, len(body)+512)
	for _, line := range lines {
		text = append(append(text, line...), '\n')
	}
	return append(append(text, body...), '\n')
}

// Authorize signs a request of a merchant.
func (s Signer) Authorize(mchID, method, target string, body []byte, nonce string, now time.Time) (Authorization, error) {
	a := Authorization{MchID: mchID, Nonce: nonce, Timestamp: strconv.FormatInt(now.Unix(), 10), Serial: s.Serial}
	var err error
	a.Signature, err = pemkey.SignSHA256(s.Key, RequestMessage(method, target, a.Timestamp, nonce, body))
	return a, err
}

// VerifyRequest checks a request's signature over the raw request target and
// body. It returns pemkey.ErrSignature. How old the timestamp is, and whose the serial
// number is, are for the caller to check.
//
// The clients escape one and the same number in four ways, and each signs what
// it sends, one excepted: wechatpay-node-v3 signs the path as it was before its
// HTTP library escaped it. So the percent-decoded path is tried too, where
// DecodedTarget gives one (W1.2-9 and W1.2-10).
func VerifyRequest(key *rsa.PublicKey, a Authorization, method, target string, body []byte) error {
	err := pemkey.VerifySHA256(key, RequestMessage(method, target, a.Timestamp, a.Nonce, body), a.Signature)
	if decoded, ok := DecodedTarget(target); err != nil && ok {
		return pemkey.VerifySHA256(key, RequestMessage(method, decoded, a.Timestamp, a.Nonce, body), a.Signature)
	}
	return err
}

// DecodedTarget returns a request target with its path percent-decoded and its
// query untouched. ok is false when that changes nothing, and when the path
// hides anything but visible ASCII, or one of / ? # %: the lines of the signed
// text, or the path and the query, could then be cut in another way.
func DecodedTarget(target string) (decoded string, ok bool) {
	path, query, hasQuery := strings.Cut(target, "?")
	var text strings.Builder
	for rest := path; rest != ""; {
		before, after, escaped := strings.Cut(rest, "%")
		text.WriteString(before)
		if !escaped {
			break
		}
		if len(after) < 2 {
			return "", false
		}
		c, err := strconv.ParseUint(after[:2], 16, 8)
		if err != nil || c <= ' ' || c > '~' || strings.IndexByte("/?#%", byte(c)) >= 0 {
			return "", false
		}
		text.WriteByte(byte(c))
		rest, ok = after[2:], true
	}
	if hasQuery {
		text.WriteString("?" + query)
	}
	return text.String(), ok
}

// NewNonce draws a nonce of 32 letters and digits; random is
// crypto/rand.Reader outside tests.
func NewNonce(random io.Reader) (string, error) { return randomText(random, nonceLength) }

// randomText draws characters of an alphabet of 32, so that every byte gives
// each of them with the same chance.
func randomText(random io.Reader, length int) (string, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	text := make([]byte, length)
	if _, err := io.ReadFull(random, text); err != nil {
		return "", fmt.Errorf("draw nonce: %w", err)
	}
	for i, c := range text {
		text[i] = alphabet[c%byte(len(alphabet))]
	}
	return string(text), nil
}
