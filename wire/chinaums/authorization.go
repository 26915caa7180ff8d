package chinaums

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// HeaderAuthorization carries the signature of a request of the open platform,
// and of an answer where the platform signs it.
const HeaderAuthorization = "Authorization"

// Scheme is the open platform's for requests whose body is signed.
const Scheme = "OPEN-BODY-SIG"

// stampLayout is a time in the header, in Beijing.
const stampLayout = "20060102150405"

const (
	nonceSize = 16
	// maxAuthorization bounds a header: four values of at most 128 characters.
	maxAuthorization = 1024
)

// ErrAuthorization says that an Authorization header is not one of the open
// platform's.
var ErrAuthorization = errors.New("the Authorization header can't be read")

// Authorization is the header by which the open platform knows who signed a body.
type Authorization struct {
	AppID     string
	Timestamp string // yyyyMMddHHmmss, Beijing
	Nonce     string // at most 128 characters
	Signature string // base64
}

// NewNonce draws a nonce of 32 hexadecimal digits.
func NewNonce(random io.Reader) (string, error) {
	raw := make([]byte, nonceSize)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("draw nonce: %w", err)
	}
	return hex.EncodeToString(raw), nil
}

// Authorize signs a body exactly as it is sent.
func Authorize(appID, appKey, nonce string, body []byte, now time.Time) Authorization {
	a := Authorization{AppID: appID, Timestamp: now.In(shanghai).Format(stampLayout), Nonce: nonce}
	a.Signature = a.sign(appKey, body)
	return a
}

// sign is base64(HMAC-SHA256(appKey, appId + timestamp + nonce + hex(SHA256(body)))).
func (a Authorization) sign(appKey string, body []byte) string {
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(appKey))
	mac.Write([]byte(a.AppID + a.Timestamp + a.Nonce + hex.EncodeToString(sum[:])))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify reports whether the header signs the body under the key.
func (a Authorization) Verify(appKey string, body []byte) bool {
	return hmac.Equal([]byte(a.sign(appKey, body)), []byte(a.Signature))
}

// String is the header's value.
func (a Authorization) String() string {
	return fmt.Sprintf(`%s AppId="%s", Timestamp="%s", Nonce="%s", Signature="%s"`, Scheme, a.AppID, a.Timestamp, a.Nonce, a.Signature)
}

var attribute = regexp.MustCompile(`^(AppId|Timestamp|Nonce|Signature)="([^"]{1,128})"$`)

// ParseAuthorization reads a header's value. Blanks after the commas are optional.
// The error is ErrAuthorization.
func ParseAuthorization(header string) (Authorization, error) {
	rest, ok := strings.CutPrefix(header, Scheme+" ")
	if !ok || len(header) > maxAuthorization {
		return Authorization{}, ErrAuthorization
	}
	got := make(map[string]string)
	for part := range strings.SplitSeq(rest, ",") {
		pair := attribute.FindStringSubmatch(strings.TrimSpace(part))
		if pair == nil || got[pair[1]] != "" {
			return Authorization{}, ErrAuthorization
		}
		got[pair[1]] = pair[2]
	}
	if len(got) != 4 {
		return Authorization{}, ErrAuthorization
	}
	return Authorization{AppID: got["AppId"], Timestamp: got["Timestamp"], Nonce: got["Nonce"], Signature: got["Signature"]}, nil
}
