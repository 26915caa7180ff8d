package wechatpay_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

const certificates = "/v3/certificates"

// The key that the request names signs the answer (W1.3-6 and W1.3-13), for
// direct merchants and service providers, and errors too.
func TestTheKeyThatTheRequestNamesSignsTheAnswer(t *testing.T) {
	s := dialecttest.Start(t)
	for _, mchID := range []string{direct, partner} {
		c := demo(t, s, mchID)
		for name, header := range map[string]struct{ named, want string }{
			"the public key":                {c.publicKeyID, c.publicKeyID},
			"the certificate":               {c.platformSerial, c.platformSerial},
			"the certificate in lower case": {strings.ToLower(c.platformSerial), c.platformSerial},
			"none, as PHP":                  {"", c.platformSerial},
		} {
			var headers []string
			if header.named != "" {
				headers = []string{wire.HeaderSerial, header.named}
			}
			answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, "/v3/nowhere", "", headers...))
			if signature := c.verify(t, answer, body); signature.Serial != header.want || answer.StatusCode != 404 {
				t.Errorf("%s, %s: %d signed by %s", mchID, name, answer.StatusCode, signature.Serial)
			}
		}
	}
}

// Java sends an empty Wechatpay-Serial with its certificate download, and the
// Go client verifies each download by the certificates that it has.
func TestCertificatesAreSealedForTheMerchantAndSignedByACertificate(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for name, headers := range map[string][]string{
		"without a name":         nil,
		"Java's empty one":       {wire.HeaderSerial, ""},
		"naming the public key":  {wire.HeaderSerial, c.publicKeyID},
		"naming the certificate": {wire.HeaderSerial, c.platformSerial},
	} {
		answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, certificates+"?algorithm_type=RSA", "", headers...))
		if signature := c.verify(t, answer, body); signature.Serial != c.platformSerial {
			t.Errorf("%s: signed by %s", name, signature.Serial)
		}
		keys, err := wire.OpenCertificates(exact(t, body), demoKey)
		if err != nil || len(keys) != 1 || !keys[c.platformSerial].Equal(c.keys[c.platformSerial]) {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
		sealed, _ := exact(t, body).Get("data")
		encrypted, _ := sealed.Items[0].Get("encrypt_certificate")
		nonce, _ := encrypted.Get("nonce")
		data, _ := encrypted.Get("associated_data")
		if len(nonce.Text) != 12 || data.Text != "certificate" {
			t.Errorf("%s: nonce %q and associated data %q break clients", name, nonce.Text, data.Text)
		}
	}
	c.get(t, certificates+"?algorithm_type=SM2", 404)
	c.get(t, certificates+"?algorithm_type=X", 400)
}

// A merchant that was moved to public keys has no certificate any more: the
// Java client bears only NOT_FOUND there.
func TestAMerchantWithThePublicKeyAlone(t *testing.T) {
	s := dialecttest.Start(t)
	var kept merchant.Identity
	fresh := s.Merchant(t, "moved", merchant.Test, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect == merchant.WeChatPay {
				delete(f.Identities[n].Public, merchant.PlatformCertPEM)
			}
		}
	})
	kept, _ = fresh.Identity(merchant.WeChatPay)
	c := clientOf(t, s.URL, kept)
	body := c.get(t, certificates, 404)
	if decoded(t, body)["code"] != "NOT_FOUND" {
		t.Errorf("answered %s", body)
	}
	answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, "/v3/nowhere", ""))
	if signature := c.verify(t, answer, body); signature.Serial != c.publicKeyID {
		t.Errorf("signed by %s", signature.Serial)
	}
	// The certificate's serial is none of its keys any more.
	answer, _ = dialecttest.Do(t, c.request(t, http.MethodGet, certificates, "", wire.HeaderSerial, c.platformSerial))
	if answer.StatusCode != 400 {
		t.Errorf("answered %d", answer.StatusCode)
	}
}

// What does not verify is 401 SIGN_ERROR, and not signed: whoever it is.
func TestWhatDoesNotVerifyIsASignError(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	good := func() *http.Request { return c.request(t, http.MethodGet, certificates, "") }
	changed := func(change func(*client)) *http.Request {
		other := c
		change(&other)
		return other.request(t, http.MethodGet, certificates, "")
	}
	replaced := func(old, with string) *http.Request {
		r := good()
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
		return r
	}
	without := good()
	without.Header.Del("Authorization")
	body := c.request(t, http.MethodPost, refundPath, `{"a":1}`)
	body = dialecttest.Request(t, http.MethodPost, s.URL+refundPath, `{"a":2}`, "Authorization", body.Header.Get("Authorization"))
	method := dialecttest.Request(t, http.MethodDelete, s.URL+certificates, "", "Authorization", good().Header.Get("Authorization"))
	for name, r := range map[string]*http.Request{
		"no header":                 without,
		"another scheme":            replaced("WECHATPAY2-SHA256-RSA2048", "WECHATPAY2-SM2-WITH-SM3"),
		"a missing attribute":       replaced("nonce_str", "nonce"),
		"an unknown mchid":          changed(func(o *client) { o.mchID = "1999999999" }),
		"another merchant's serial": changed(func(o *client) { o.serial = strings.Repeat("A", 40) }),
		"a clock that is slow":      changed(func(o *client) { o.now = func() time.Time { return time.Now().Add(-301 * time.Second) } }),
		"a clock that is fast":      changed(func(o *client) { o.now = func() time.Time { return time.Now().Add(302 * time.Second) } }),
		"another target":            c.signedAs(t, http.MethodGet, certificates, certificates+"?a=1", ""),
		"another body":              body,
		"another method":            method,
		"a signature that is none":  replaced(`signature="`, `signature="AAAA`),
		"a probe of the platform":   replaced(`signature="`, `signature="WECHATPAY/SIGNTEST/`),
	} {
		answer, text := dialecttest.Do(t, r)
		if answer.StatusCode != 401 || decoded(t, text)["code"] != "SIGN_ERROR" {
			t.Errorf("%s: answered %d %s", name, answer.StatusCode, text)
		}
		if answer.Header.Get(wire.HeaderSignature) != "" {
			t.Errorf("%s: the answer is signed", name)
		}
	}
	if answer, _ := dialecttest.Do(t, good()); answer.StatusCode != 200 {
		t.Errorf("the good one answered %d", answer.StatusCode)
	}
}

// The detail shows what should have been signed, as it was observed.
func TestASignatureThatDoesNotMatchIsExplained(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	_, text := dialecttest.Do(t, c.signedAs(t, http.MethodGet, certificates, certificates+"?x=y", ""))
	detail := decoded(t, text)["detail"].(map[string]any)
	information := detail["sign_information"].(map[string]any)
	if detail["field"] != "signature" || detail["location"] != "authorization" || information["url"] != certificates+"?x=y" || information["method"] != "GET" {
		t.Errorf("answered %s", text)
	}
}

// The words that were recorded (W1.2-18).
func TestAClockThatIsWrongIsToldSo(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	c.now = func() time.Time { return time.Now().Add(-10 * time.Minute) }
	answer, text := dialecttest.Do(t, c.request(t, http.MethodGet, certificates, ""))
	if got := told(t, answer.StatusCode, text); got != "401 SIGN_ERROR Http头Authorization中的timestamp与发起请求的时间不得超过5分钟" {
		t.Errorf("told %q", got)
	}
}

// A proxy may write the whole address on the request line: what was signed is
// the part behind the host.
func TestAnAbsoluteRequestTargetIsSignedWithoutItsHost(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	target := certificates + "?algorithm_type=RSA"
	authorization := c.request(t, http.MethodGet, target, "").Header.Get("Authorization")
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(awaitTime)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(connection, "GET http://pay.example%s HTTP/1.1\r\nHost: pay.example\r\nAuthorization: %s\r\nConnection: close\r\n\r\n", target, authorization); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(connection)
	if lines.Scan(); lines.Text() != "HTTP/1.1 200 OK" {
		t.Errorf("answered %s", lines.Text())
	}
}

// Both ends of the tolerance still pass (W1.2-17).
func TestAClockWithinFiveMinutesPasses(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for _, skew := range []time.Duration{-295 * time.Second, 295 * time.Second} {
		other := c
		other.now = func() time.Time { return time.Now().Add(skew) }
		if answer, text := dialecttest.Do(t, other.request(t, http.MethodGet, certificates, "")); answer.StatusCode != 200 {
			t.Errorf("%s off: answered %d %s", skew, answer.StatusCode, text)
		}
	}
}

// A merchant's certificate is replaced without a gap: both are known meanwhile.
func TestTwoCertificatesOfAMerchantAreGoodAtOnce(t *testing.T) {
	s := dialecttest.Start(t)
	var first, second merchant.Identity
	s.Merchant(t, "donor", merchant.Test, func(f *merchant.Fresh) { second, _ = f.Identity(merchant.WeChatPay) })
	s.Merchant(t, "renewing", merchant.Test, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect == merchant.WeChatPay {
				f.Identities[n].Public[merchant.MerchantCertPEM] += second.Public[merchant.MerchantCertPEM]
			}
		}
		first, _ = f.Identity(merchant.WeChatPay)
	})
	c := clientOf(t, s.URL, first)
	answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, certificates, ""))
	if answer.StatusCode != 200 {
		t.Errorf("the old one: %d %s", answer.StatusCode, body)
	}
	renewed := clientOf(t, s.URL, second)
	renewed.mchID = c.mchID
	if answer, body = dialecttest.Do(t, renewed.request(t, http.MethodGet, certificates, "")); answer.StatusCode != 200 {
		t.Errorf("the new one: %d %s", answer.StatusCode, body)
	}
}

// The bytes that every client is built to expect in an answer.
func TestHeadersOfAnswers(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, certificates, "", "Accept-Encoding", "gzip"))
	// Go's reader canonicalises names; the letter case on the wire is looked
	// at in TestLetterCaseOfHeadersOnTheWire.
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Wechatpay-Signature-Type": wire.Scheme, "Content-Encoding": "",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if answer.ContentLength != int64(len(body)) {
		t.Errorf("Content-Length is %d of %d", answer.ContentLength, len(body))
	}
	if _, err := base64.StdEncoding.DecodeString(answer.Header.Get(wire.HeaderSignature)); err != nil {
		t.Error(err)
	}
}
