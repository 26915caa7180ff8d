package alipay_test

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

// content has the members in the order in which openssl signed them.
var content = struct {
	OutTradeNo   string      `json:"out_trade_no"`
	RefundAmount alipay.Yuan `json:"refund_amount"`
	OutRequestNo string      `json:"out_request_no"`
	RefundReason string      `json:"refund_reason"`
}{"20150320010101001", 5, "HZ01RF001", "正常退款 a&b=c+d<e>"}

func TestARequestIsSignedAsOpensslSignsIt(t *testing.T) {
	r := alipay.Request{
		AppID: "2014072300007148", Method: alipay.MethodRefund, At: time.Date(2026, 11, 29, 1, 5, 3, 999, time.UTC), AppCertSN: "A", RootCertSN: "R",
		NotifyURL: "https://shop.example/notify/alipay/alipay_1", Content: content,
	}
	p, err := r.Sign(privateKey(t, "app_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(read(t, "request.txt"), p.Canonical("sign")); diff != "" {
		t.Errorf("signed text (-want +got)\n%s", diff)
	}
	if p["sign"] != read(t, "request.sig") {
		t.Errorf("signature %s", p["sign"])
	}
	decoded, err := url.ParseQuery(p.Encode())
	if err != nil || decoded.Get("biz_content") != p["biz_content"] || decoded.Get("timestamp") != "2026-11-29 09:05:03" || decoded.Has("app_auth_token") {
		t.Errorf("form %v, %v", decoded, err)
	}
}

func TestAnAnswerIsVerifiedOverItsBytesAsReceived(t *testing.T) {
	body := read(t, "answer.json")
	certificates, err := pemkey.ParseRSACertificates(read(t, "alipay_cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	certificate := certificates[0]
	a, err := alipay.ReadAnswer([]byte(body), alipay.MethodRefund, exactjson.Limits{})
	if err != nil || string(a.Node.Raw) != read(t, "node.txt") || a.CertSN != alipay.CertSN(certificate) {
		t.Fatalf("%+v, %v", a, err)
	}
	byCertificate := alipay.Keys{a.CertSN: keys(t)[""]}
	for name, k := range map[string]alipay.Keys{"key mode": keys(t), "certificate mode": byCertificate} {
		if err := k.Verify(a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	own := &privateKey(t, "app_key.pem").PublicKey
	for name, one := range map[string]struct {
		keys alipay.Keys
		body string
		want error
	}{
		"another key": {alipay.Keys{"": own}, body, alipay.ErrUnknownCertificate},
		"another key, where no certificate is named": {alipay.Keys{"": own}, strings.Replace(body, "alipay_cert_sn", "cert_sn", 1), pemkey.ErrSignature},
		"another certificate of that name":           {alipay.Keys{a.CertSN: own}, body, pemkey.ErrSignature},
		"a certificate that is not known":            {alipay.Keys{"00": keys(t)[""]}, body, alipay.ErrUnknownCertificate},
		"no signature":                               {keys(t), strings.Replace(body, `"sign"`, `"sing"`, 1), alipay.ErrUnsigned},
		"an amount that was changed":                 {byCertificate, strings.Replace(body, "88.80", "88.81", 1), pemkey.ErrSignature},
		"a number that was written again":            {byCertificate, strings.Replace(body, "88.80", "88.8", 1), pemkey.ErrSignature},
		"an escape that was taken out":               {byCertificate, strings.Replace(body, `\/`, `/`, 1), pemkey.ErrSignature},
		"a blank that was taken out":                 {byCertificate, strings.Replace(body, `{ "code"`, `{"code"`, 1), pemkey.ErrSignature},
		"a signature of other base64 for its bytes":  {byCertificate, strings.Replace(body, `=="}`, `="}`, 1), pemkey.ErrSignature},
	} {
		a, err := alipay.ReadAnswer([]byte(one.body), alipay.MethodRefund, exactjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := one.keys.Verify(a); !errors.Is(err, one.want) {
			t.Errorf("%s: %v, want %v", name, err, one.want)
		}
	}
}

func TestAnAnswerThatCantBeReadSaysSo(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":               "",
		"half":                  read(t, "answer.json")[:200],
		"a page":                "<html></html>",
		"another method's":      `{"alipay_trade_query_response":{},"sign":"x"}`,
		"a node that is a text": `{"alipay_trade_refund_response":"{}","sign":"x"}`,
		"two nodes of the name": `{"alipay_trade_refund_response":{},"alipay_trade_refund_response":{},"sign":"x"}`,
	} {
		if a, err := alipay.ReadAnswer([]byte(body), alipay.MethodRefund, exactjson.Limits{}); !errors.Is(err, alipay.ErrAnswer) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	a, err := alipay.ReadAnswer([]byte(`{"error_response":{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id","sub_msg":"无效的AppID参数"}}`), alipay.MethodRefund, exactjson.Limits{})
	status := alipay.StatusOf(a.Node)
	if err != nil || !a.IsError || status.SubCode != "isv.invalid-app-id" || status.Error() != "isv.invalid-app-id: 无效的AppID参数" || status.OK() {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestCertificatesAreNamedAsOpensslPrintsThem(t *testing.T) {
	for name, want := range map[string]string{"app_cert.pem": "dec4f803a05ab75cc99b56dd98f71a0e", "alipay_cert.pem": "e19be776316cceb038910d299d05f2c0"} {
		certificates, err := pemkey.ParseRSACertificates(read(t, name))
		if err != nil || alipay.CertSN(certificates[0]) != want {
			t.Errorf("%s: %v, %v", name, certificates, err)
		}
	}
	// The root file has a certificate with another algorithm between the two that count.
	roots, err := alipay.ParseRoots(read(t, "root_cert.pem"))
	if err != nil || roots.SN != "b986032630f897dc88a5a42c12f101cc_24f8823956865df346797e818a4e2dcf" {
		t.Errorf("%s, %v", roots.SN, err)
	}
	for _, text := range []string{"", read(t, "alipay_public.pem"), "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"} {
		if roots, err := alipay.ParseRoots(text); !errors.Is(err, pemkey.ErrKey) {
			t.Errorf("%q has roots: %v, %v", text, roots.SN, err)
		}
	}
}

func TestADownloadedCertificateCountsWhereAKnownIssuerHasSignedIt(t *testing.T) {
	all, err := pemkey.ParseRSACertificates(read(t, "alipay_cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	own, issuers := alipay.SplitChain(all)
	if len(own) != 1 || len(issuers) != 1 || alipay.CertSN(own[0]) != "e19be776316cceb038910d299d05f2c0" {
		t.Fatalf("%d certificates, %d issuers", len(own), len(issuers))
	}
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	open := func(text string) *x509.Certificate {
		t.Helper()
		first := pemkey.Split(text)[0]
		certificate, _, err := pemkey.ParseRSACertificate(first)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := alipay.OpenCertificate(base64.StdEncoding.EncodeToString([]byte(text)), alipay.CertSN(certificate))
		if err != nil || !opened.Equal(certificate) {
			t.Fatal(err)
		}
		return opened
	}
	if err := alipay.CheckIssued(open(read(t, "next_cert.pem")), issuers, at); err != nil {
		t.Error(err)
	}
	selfSigned, err := pemkey.SelfSign(privateKey(t, "app_key.pem"), "Test Certification Authority Class 2 R1", at, at.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		certificate *x509.Certificate
		issuers     []*x509.Certificate
		at          time.Time
	}{
		"one that an app has signed":   {open(read(t, "forged_cert.pem")), issuers, at},
		"one that has signed itself":   {selfSigned, issuers, at},
		"one whose life has ended":     {open(read(t, "next_cert.pem")), issuers, at.AddDate(40, 0, 0)},
		"one of which no issuer known": {open(read(t, "next_cert.pem")), nil, at},
	} {
		if err := alipay.CheckIssued(one.certificate, one.issuers, one.at); !errors.Is(err, alipay.ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, content := range map[string]string{
		"another serial number":     encoded(read(t, "app_cert.pem")),
		"PEM that is not in base64": read(t, "next_cert.pem"),
		"base64 of nothing":         "",
		"a key":                     encoded(read(t, "alipay_public.pem")),
	} {
		if _, err := alipay.OpenCertificate(content, "e19be776316cceb038910d299d05f2c0"); !errors.Is(err, alipay.ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
