package wechatpay

import (
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// The kinds of bills, as they stand in download addresses.
const (
	billOfTrade = "trade"
	billOfFunds = "funds"
)

// tokenParts are what a download address says: the kind, the request's
// parameters, the file's hash and when the address ends.
const tokenParts = 4

// billURL is where the file is. The address holds everything that makes the
// file, signed with a key that every replica has: none keeps it. It ends after
// five minutes.
func (d *Dialect) billURL(c *call, kind string, query wire.BillQuery, hash string) string {
	base := strings.TrimSuffix(d.PublicURL, "/")
	if base == "" {
		base = "http://" + c.r.Host
		if c.r.TLS != nil {
			base = "https://" + c.r.Host
		}
	}
	expires := strconv.FormatInt(d.Now().Add(wire.BillURLLife).Unix(), 10)
	text := strings.Join([]string{kind, query.Values(kind == billOfTrade).Encode(), hash, expires}, " ")
	token := base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + c.account.tokenMAC(text)
	return base + wire.PathBillFile + "?token=" + token
}

// tokenMAC signs the text of a token for one account. It is another key than
// the one that signs answers, made from it.
func (a *account) tokenMAC(text string) string {
	key := sha256.Sum256([]byte("bill token " + a.identity.Secrets[merchant.PlatformKeyPEM]))
	mac := hmac.New(sha256.New, key[:])
	_, _ = mac.Write([]byte(a.identity.Name + "\n" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// downloadBill is GET /v3/billdownload/file: the file itself, not signed, for
// the merchant alone that asked for it. It must be this path: two clients skip
// the check of a signature for exactly it (W2.6-9).
func (d *Dialect) downloadBill(c *call) error {
	kind, query, hash, err := d.readToken(c)
	if err != nil {
		return err
	}
	file, err := d.bill(c, kind, query)
	if err != nil {
		return err
	}
	defer file.close()
	switch now, size, err := wire.BillHash(file.write); {
	case err != nil:
		return refund.Wrap(err, "make bill")
	case now != hash:
		// What is in the bill changed since the address was given: another one
		// has the hash of the new file.
		return noBill(wire.CodeStatementCreating)
	case query.Gzip:
		c.w.Header().Set("Content-Type", wire.ContentTypeGzip)
		c.w.WriteHeader(http.StatusOK)
		w := gzip.NewWriter(c.w)
		if err := file.write(w); err == nil { // else it lacks its end, by which its reader knows
			_ = w.Close() // the caller may be gone
		}
	default:
		c.w.Header().Set("Content-Type", wire.ContentTypeBill)
		c.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		c.w.WriteHeader(http.StatusOK)
		_ = file.write(c.w) // the caller may be gone
	}
	return nil
}

// readToken reads a download address. One of another account, and one that
// somebody changed, look the same.
func (d *Dialect) readToken(c *call) (kind string, query wire.BillQuery, hash string, err error) {
	invalid := &wire.ParamError{Field: "token", Issue: "is not one that this account got", Location: wire.LocationQuery}
	encoded, mac, _ := strings.Cut(c.r.URL.Query().Get("token"), ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !hmac.Equal([]byte(mac), []byte(c.account.tokenMAC(string(text)))) {
		return "", wire.BillQuery{}, "", invalid
	}
	parts := strings.Split(string(text), " ")
	if len(parts) != tokenParts {
		return "", wire.BillQuery{}, "", invalid
	}
	expires, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return "", wire.BillQuery{}, "", invalid
	}
	if !d.Now().Before(time.Unix(expires, 0)) {
		return "", wire.BillQuery{}, "", &wire.Error{Code: wire.CodeInvalidRequest, Message: "下载链接已过期，请重新申请账单"}
	}
	values, err := url.ParseQuery(parts[1])
	if err != nil {
		return "", wire.BillQuery{}, "", invalid
	}
	query, err = wire.ParseBillQuery(values)
	return parts[0], query, parts[2], err
}
