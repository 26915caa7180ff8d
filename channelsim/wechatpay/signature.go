package wechatpay

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
)

const scheme = "WECHATPAY2-SHA256-RSA2048"

// tolerance is how far the clocks of caller and platform may be apart.
const tolerance = 5 * time.Minute

// caller is whom Authenticate let in.
type caller struct{ unsigned bool }

var attribute = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)

// Authenticate implements channelsim.Side: the signature over the request as it came.
func (s *Side) Authenticate(c *channelsim.Call) *channelsim.Answer {
	if text := s.wrongSignature(c); text != "" {
		a := fail(http.StatusUnauthorized, "SIGN_ERROR", text)
		return &a
	}
	c.Caller = &caller{}
	return nil
}

func (s *Side) wrongSignature(c *channelsim.Call) string {
	name, rest, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if name != scheme {
		return "Authorization must begin with " + scheme
	}
	got := map[string]string{}
	for _, pair := range attribute.FindAllStringSubmatch(rest, -1) {
		got[pair[1]] = pair[2]
	}
	for _, field := range []string{"mchid", "nonce_str", "timestamp", "serial_no", "signature"} {
		if got[field] == "" {
			return "Authorization lacks " + field
		}
	}
	seconds, err := strconv.ParseInt(got["timestamp"], 10, 64)
	switch {
	case err != nil || c.At.Sub(time.Unix(seconds, 0)).Abs() > tolerance:
		return "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
	case got["mchid"] != s.mchID:
		return "mchid is not the account's"
	case !strings.EqualFold(got["serial_no"], s.merchantSerial):
		return "serial_no is not the merchant certificate's"
	}
	signature, err := base64.StdEncoding.DecodeString(got["signature"])
	if err != nil {
		return "signature is not base64"
	}
	for _, target := range targets(c.Target) {
		message := c.Method + "\n" + target + "\n" + got["timestamp"] + "\n" + got["nonce_str"] + "\n" + string(c.Body) + "\n"
		digest := sha256.Sum256([]byte(message))
		if rsa.VerifyPKCS1v15(s.merchant, crypto.SHA256, digest[:], signature) == nil {
			return ""
		}
	}
	return "sign not match"
}

// targets are what a caller may have signed: clients sign the whole path or, where they
// were made for the platform's own host, what follows the simulator's prefix. One
// client signs the path before it is escaped.
func targets(target string) []string {
	all := []string{target, "/" + Name + target}
	path, query, found := strings.Cut(target, "?")
	if plain, err := url.PathUnescape(path); err == nil && plain != path {
		if found {
			plain += "?" + query
		}
		all = append(all, plain, "/"+Name+plain)
	}
	return all
}

// Sign implements channelsim.Side. The key is the one that the caller names, or the
// default; a switch takes the other one.
func (s *Side) Sign(c *channelsim.Call, a *channelsim.Answer, wrong bool) {
	who, ok := c.Caller.(*caller)
	if !ok || who.unsigned {
		return
	}
	by := s.standing()
	switch c.Header.Get("Wechatpay-Serial") {
	case s.public.name:
		by = s.public
	case s.certificate.name:
		by = s.certificate
	}
	if c.Switched() {
		by = s.other(by)
	}
	for name, value := range by.headers(c.At, c.Header.Get("Authorization"), a.Body, wrong) {
		a.Set(name, value)
	}
	a.Header["Request-ID"] = []string{"08" + strings.ToUpper(fmt.Sprintf("%x", c.At.UnixNano()))}
}

// standing is the key of who names none.
func (s *Side) standing() signer {
	if s.byCertificate.Load() {
		return s.certificate
	}
	return s.public
}

func (s *Side) other(by signer) signer {
	if by.name == s.public.name {
		return s.certificate
	}
	return s.public
}

// headers are those of a signed body. The nonce is made of what the answer is to.
func (by signer) headers(at time.Time, to string, body []byte, wrong bool) map[string]string {
	nonce := fmt.Sprintf("%x", sha256.Sum256(append([]byte(to+at.String()), body...)))[:32]
	timestamp := strconv.FormatInt(at.Unix(), 10)
	digest := sha256.Sum256([]byte(timestamp + "\n" + nonce + "\n" + string(body) + "\n"))
	raw, err := rsa.SignPKCS1v15(nil, by.key, crypto.SHA256, digest[:])
	if err != nil {
		raw = nil // the key was checked: no size of it is too small
	}
	signature := base64.StdEncoding.EncodeToString(raw)
	if wrong {
		// The platform's own probes look so.
		const probe = "WECHATPAY/SIGNTEST/"
		signature = probe + signature[len(probe):]
	}
	return map[string]string{
		"Wechatpay-Timestamp": timestamp, "Wechatpay-Nonce": nonce, "Wechatpay-Serial": by.name,
		"Wechatpay-Signature": signature, "Wechatpay-Signature-Type": scheme,
	}
}
