package chinaums

import (
	"crypto/hmac"
	"crypto/md5" // what legacy messages are signed with
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/wire/exactjson"
)

// maxSkew is how far a caller's clock may be off. The contract does not say; half an
// hour is far above what machines that keep their clock differ by.
const maxSkew = 30 * time.Minute

// maxNonce is the longest nonce of a header.
const maxNonce = 128

// headerForm is the header of the open platform. Blanks behind the commas may be left
// out.
var headerForm = regexp.MustCompile(`^OPEN-BODY-SIG AppId="([^"]*)", *Timestamp="([0-9]{14})", *Nonce="([^"]*)", *Signature="([^"]*)"$`)

// openSignature is the signature of a request of the open platform.
func openSignature(appID, appKey, timestamp, nonce string, body []byte) string {
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(appKey))
	_, _ = mac.Write([]byte(appID + timestamp + nonce + hex.EncodeToString(sum[:])))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// openProblem is what is wrong with a request's header, as an errCode and a text; "" for
// nothing.
func (s *Side) openProblem(c *channelsim.Call) (code, text string) {
	parts := headerForm.FindStringSubmatch(c.Header.Get("Authorization"))
	if parts == nil {
		return codeBadSign, "Authorization is not OPEN-BODY-SIG"
	}
	appID, timestamp, nonce, signature := parts[1], parts[2], parts[3], parts[4]
	at, err := time.ParseInLocation("20060102150405", timestamp, beijing)
	want := openSignature(s.appID, s.appKey, timestamp, nonce, c.Body)
	switch {
	case appID != s.appID:
		return codeBadSign, "AppId is not known"
	case nonce == "" || len(nonce) > maxNonce:
		return codeBadSign, "Nonce has 1 to 128 characters"
	case !hmac.Equal([]byte(signature), []byte(want)):
		return codeBadSign, "Signature does not match"
	case err != nil || c.At.Sub(at).Abs() > maxSkew:
		return codeBadTime, "Timestamp is not the time in Beijing"
	}
	return "", ""
}

// signedText is what a legacy signature is over, before the key: all fields but sign
// that are not empty, by name, nested ones as they were sent.
func signedText(fields map[string]string, without ...string) string {
	var names []string
next:
	for name, value := range fields {
		if value == "" {
			continue
		}
		for _, one := range append(without, "sign") {
			if name == one {
				continue next
			}
		}
		names = append(names, name)
	}
	sort.Strings(names)
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name+"="+fields[name])
	}
	return strings.Join(pairs, "&")
}

// legacySignature signs a text with the communication key: by MD5 unless signType is
// SHA256, in the letters that the contract's samples have.
func legacySignature(text, key, signType string) string {
	if signType == signSHA256 {
		sum := sha256.Sum256([]byte(text + key))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(text + key))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// Words of signType.
const (
	signMD5    = "MD5"
	signSHA256 = "SHA256"
)

// legacyProblem is what is wrong with a legacy message.
func (s *Side) legacyProblem(fields map[string]string) (code, text string) {
	signType := fields["signType"]
	switch {
	case fields["msgSrc"] != s.msgSrc:
		return "INVALID_MSGSRC", "msgSrc is not known"
	case signType != "" && signType != signMD5 && signType != signSHA256:
		return codeBadSign, "signType is MD5 or SHA256"
	case !strings.EqualFold(fields["sign"], legacySignature(signedText(fields), s.communicationKey, signType)):
		return codeBadSign, "sign does not match"
	}
	return "", ""
}

// fieldsOf reads an object's members as texts: strings as they are, numbers by their
// digits, what is nested as it was sent. null is as if it were absent.
func fieldsOf(object exactjson.Value) map[string]string {
	fields := make(map[string]string, len(object.Members))
	for _, member := range object.Members {
		switch member.Value.Kind {
		case exactjson.Null:
		case exactjson.Array, exactjson.Object:
			fields[member.Name] = string(member.Value.Raw)
		default:
			fields[member.Name] = member.Value.Text
		}
	}
	return fields
}
