package wechatpay

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rsaSHA256 signs without our own code.
func rsaSHA256(t *testing.T, key *rsa.PrivateKey, lines ...string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	raw, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// FuzzVerifyRequest holds for any request: what a client signs by a formula of
// our own here is taken, and the signature opens nothing that differs.
func FuzzVerifyRequest(f *testing.F) {
	key := privateKey(f, "merchant_key.pem")
	f.Add("POST", "/v3/refund/domestic/refunds", "N", `{"a":1}`)
	f.Add("GET", "/v3/refund/domestic/refunds/r%7C1*%40?sub_mchid=1", "593BEC0C", "")
	f.Fuzz(func(t *testing.T, method, target, nonce, body string) {
		const stamp = "1700000000"
		a := Authorization{MchID: "1", Nonce: nonce, Timestamp: stamp, Serial: "A", Signature: rsaSHA256(t, key, method, target, stamp, nonce, body)}
		if err := VerifyRequest(&key.PublicKey, a, method, target, []byte(body)); err != nil {
			t.Fatalf("%q %q %q %q: %v", method, target, nonce, body, err)
		}
		for name, open := range map[string]func() error{
			"another method":    func() error { return VerifyRequest(&key.PublicKey, a, method+"X", target, []byte(body)) },
			"another target":    func() error { return VerifyRequest(&key.PublicKey, a, method, target+"x", []byte(body)) },
			"a longer body":     func() error { return VerifyRequest(&key.PublicKey, a, method, target, []byte(body+"\n")) },
			"an unnamed target": func() error { return VerifyRequest(&key.PublicKey, a, method, "", []byte(target+"\n"+body)) },
		} {
			if name == "an unnamed target" && target == "" {
				continue
			}
			if open() == nil {
				t.Fatalf("%s was opened by the signature of %q %q %q", name, method, target, body)
			}
		}
	})
}

// FuzzSignedAnswer holds for any body: our answer verifies by a formula of our
// own here, within five minutes and no longer.
func FuzzSignedAnswer(f *testing.F) {
	key := privateKey(f, "platform_key.pem")
	f.Add(`{"data":[]}`, "N", int64(0))
	f.Add("", "593BEC0C930BF1AFEB40B4A08C8FB242", int64(301))
	f.Fuzz(func(t *testing.T, body, nonce string, skew int64) {
		stamp := strconv.FormatInt(signedAt.Unix(), 10)
		a := AnswerSignature{stamp, nonce, "A1", rsaSHA256(t, key, stamp, nonce, body)}
		keys := PlatformKeys{NormalSerial("A1"): &key.PublicKey}
		skew %= 1000
		err := keys.Verify(a, []byte(body), signedAt.Add(time.Duration(skew)*time.Second))
		if in := skew >= -300 && skew <= 300; (err == nil) != in {
			t.Fatalf("%d s off: %v", skew, err)
		}
		if keys.Verify(a, []byte(body+" "), signedAt) == nil {
			t.Fatalf("%q was opened by another signature", body)
		}
	})
}

// FuzzSeal holds for any text: what is sealed opens by the standard library
// alone and by ourselves, and not after a change.
func FuzzSeal(f *testing.F) {
	f.Add([]byte(`{"refund_status":"SUCCESS"}`), "refund", []byte("61f9c719728a"), 5)
	f.Add([]byte{}, "", []byte{0}, 0)
	f.Fuzz(func(t *testing.T, plain []byte, about string, random []byte, at int) {
		random = append(random, make([]byte, sealNonceSize)...)
		nonce := string(random[:sealNonceSize])
		sealed, err := Seal(testAPIv3Key, nonce, about, plain)
		if err != nil {
			return // a nonce that JSON could not carry, or too long a text
		}
		block, err := aes.NewCipher([]byte(testAPIv3Key))
		if err != nil {
			t.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(sealed.Ciphertext)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := gcm.Open(nil, []byte(nonce), raw, []byte(about))
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opens elsewhere as %q, %v", opened, err)
		}
		if again, err := sealed.Open(testAPIv3Key); err != nil || !bytes.Equal(again, plain) {
			t.Fatalf("opens as %q, %v", again, err)
		}
		raw[uint(at)%uint(len(raw))] ^= 1
		sealed.Ciphertext = base64.StdEncoding.EncodeToString(raw)
		if again, err := sealed.Open(testAPIv3Key); err == nil {
			t.Fatalf("opens after a change as %q", again)
		}
	})
}

// FuzzTexts holds for any text: what is taken as an address, a number or a time
// is one that others would take for the same.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"https://a.example:8/hook", "r|1*@", "2015-05-20T13:29:35+08:00", "http://[::1]/", "T12345"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if IsNotifyURL(text) {
			parsed, err := url.ParseRequestURI(text)
			if err != nil || parsed.Hostname() == "" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
				t.Errorf("took the address %q: %+v, %v", text, parsed, err)
			}
		}
		if number, err := PathNumber("out_refund_no", text); err == nil && (number != text || !IsOutRefundNo(text)) {
			t.Errorf("%q is the number %q", text, number)
		}
		if at, err := ParseTime(text); err == nil {
			if again, err := ParseTime(Time(at).String()); err != nil || !again.Equal(at.Truncate(time.Second)) {
				// Years of five digits can't be written.
				if year := at.In(Beijing).Year(); year >= 0 && year <= 9999 {
					t.Errorf("%q is %s, and again %s, %v", text, at, again, err)
				}
			}
		}
	})
}

// FuzzTradeBill holds for any texts and amounts: what is written reads the same,
// but for line ends and backquotes, which a bill can't hold.
func FuzzTradeBill(f *testing.F) {
	f.Add("T12345", "商品", int64(1000), int64(-6))
	f.Add("`,`", "a\r\nb", int64(-1<<63), int64(1<<63-1))
	f.Fuzz(func(t *testing.T, number, goods string, amount, fee int64) {
		if strings.ContainsAny(number+goods, "\r\n`") {
			return // each is written as something else
		}
		row := exampleRows()[0]
		row.OutTradeNo, row.GoodsName, row.Settlement, row.FeeMilliFen = number, goods, amount, fee
		var file bytes.Buffer
		bill := NewTradeBill(&file, BillAll)
		bill.Add(row)
		if err := bill.Close(); err != nil {
			return
		}
		var rows []TradeRow
		if _, err := ReadTradeBill(&file, func(row TradeRow) error { rows = append(rows, row); return nil }); err != nil || len(rows) != 1 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if got := rows[0]; got.OutTradeNo != number || got.GoodsName != goods || got.Settlement != amount || got.FeeMilliFen != fee {
			t.Fatalf("%+v reads as %+v", row, got)
		}
	})
}
