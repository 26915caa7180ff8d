package alipay_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/exactjson"
)

// rsaSHA256 signs without our own code.
func rsaSHA256(t *testing.T, key *rsa.PrivateKey, message string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(message))
	raw, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// FuzzNotice holds for any form: what is signed by a formula of our own here is taken,
// and nothing that differs by a parameter.
func FuzzNotice(f *testing.F) {
	key := privateKey(f, "alipay_key.pem")
	own := keys(f)
	f.Add(read(f, "notice.txt"), "refund_fee", "0.01")
	f.Add("sign_type=RSA2&a=&b=%26%3D", "a", "1")
	f.Fuzz(func(t *testing.T, body, name, value string) {
		p, err := alipay.ReadNotice([]byte(body))
		if err != nil {
			return
		}
		p["sign_type"] = "RSA2"
		var pairs []string
		for k, v := range p {
			if k != "sign" && k != "sign_type" && v != "" {
				pairs = append(pairs, k)
			}
		}
		sort.Strings(pairs)
		for n, k := range pairs {
			pairs[n] = k + "=" + p[k]
		}
		p["sign"] = rsaSHA256(t, key, strings.Join(pairs, "&"))
		if err := own.VerifyNotice(p); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if err := own.VerifyMessage(p); err != nil {
			t.Fatalf("%q as a message: %v", body, err)
		}
		_, _ = alipay.DecodeTradeNotice(p)
		_, _ = alipay.DecodeDepositBack(p)
		before := p.Canonical("sign", "sign_type")
		if p[name] = value; p.Canonical("sign", "sign_type") != before && own.VerifyNotice(p) == nil {
			t.Fatalf("%q was opened by another signature after %q = %q", body, name, value)
		}
	})
}

// FuzzAnswer holds for any node: its signature is over its bytes, whatever they are,
// and no decoder breaks.
func FuzzAnswer(f *testing.F) {
	key := privateKey(f, "alipay_key.pem")
	own := keys(f)
	f.Add(read(f, "node.txt"), 0)
	f.Add(`{"refund_status" : "REFUND_SUCCESS","refund_amount":1.0}`, 3)
	f.Fuzz(func(t *testing.T, text string, at int) {
		text = strings.TrimSpace(text)
		body := `{"alipay_trade_refund_response":` + text + `,"sign":"` + rsaSHA256(t, key, text) + `"}`
		a, err := alipay.ReadAnswer([]byte(body), alipay.MethodRefund, exactjson.Limits{})
		if err != nil || a.IsError {
			return
		}
		if string(a.Node.Raw) == text {
			if err := own.Verify(a); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			changed := bytes.Clone(a.Node.Raw)
			changed[uint(at)%uint(len(changed))] ^= 1
			a.Node.Raw = changed
			if own.Verify(a) == nil {
				t.Fatalf("%q was opened by another signature", changed)
			}
		}
		_, _ = alipay.DecodeRefund(a.Node)
		_, _ = alipay.DecodeRefundQuery(a.Node)
		_, _ = alipay.DecodeTrade(a.Node)
	})
}

// FuzzTexts holds for any text: an amount or a time that is read is written as one of
// the same value, and any parameters are decoded from a form as they were.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"88.80", "0.05", "2026-11-29 09:05:03", "2026-11-29 09:05:03.5", "a b&c=d+e%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if fen, err := alipay.ParseYuan(text); err == nil {
			if again, err := alipay.ParseYuan(alipay.FormatYuan(fen)); err != nil || again != fen || fen < 0 {
				t.Errorf("%q is %d, and again %d, %v", text, fen, again, err)
			}
		}
		if at, err := alipay.ParseTime(text); err == nil {
			if again, err := alipay.ParseTime(alipay.FormatTime(at)); err != nil || !again.Equal(at.Truncate(time.Second)) {
				t.Errorf("%q is %s, and again %s, %v", text, at, again, err)
			}
		}
		p := alipay.Params{"a": text, "b": "x"}
		values, err := url.ParseQuery(p.Encode())
		if err != nil || values.Get("a") != text || p.Canonical("b") != map[bool]string{true: "", false: "a=" + text}[text == ""] {
			t.Errorf("%q: %v, %v", text, values, err)
		}
	})
}

// FuzzBill holds for any lines in a bill: they are read or refused, and every row has
// an amount above 0 and a trade.
func FuzzBill(f *testing.F) {
	f.Add([]byte(billTitles + billPaid + billBack))
	f.Add([]byte("a,\"b\n\""))
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, err := readBill(archive(t, file))
		if err != nil {
			return
		}
		for _, row := range rows {
			if row.Amount <= 0 || row.TradeNo == "" || row.DoneAt.IsZero() {
				t.Errorf("%q has %+v", file, row)
			}
		}
	})
}
