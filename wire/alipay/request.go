package alipay

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// The methods that are called.
const (
	MethodRefund      = "alipay.trade.refund"
	MethodRefundQuery = "alipay.trade.fastpay.refund.query"
	MethodTradeQuery  = "alipay.trade.query"
	MethodBill        = "alipay.data.dataservice.bill.downloadurl.query"
	MethodCertificate = "alipay.open.app.alipaycert.download"
)

// ContentType is that of a request. The charset belongs to it: without one the
// gateway reads texts as GBK.
const ContentType = "application/x-www-form-urlencoded;charset=utf-8"

// SignType is the only one that is used, SHA256withRSA.
const SignType = "RSA2"

// Names of parameters that signatures treat apart.
const (
	paramSign     = "sign"
	paramSignType = "sign_type"
	paramCertSN   = "alipay_cert_sn"
)

// Params are the decoded parameters of a request or notice.
type Params map[string]string

// Canonical is the text that a signature is over: parameters that are not empty,
// sorted by name, as name=value joined by &, without those that are named (A1-1).
func (p Params) Canonical(without ...string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if p[name] == "" || slices.Contains(without, name) {
			continue
		}
		if text.Len() > 0 {
			text.WriteByte('&')
		}
		text.WriteString(name + "=" + p[name])
	}
	return text.String()
}

// Encode is the form body, sorted by name.
func (p Params) Encode() string {
	values := make(url.Values, len(p))
	for name, value := range p {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values.Encode()
}

// Request is one call. What is absent is "".
type Request struct {
	AppID, Method string
	At            time.Time
	// AppAuthToken is a merchant's who authorized a service provider's app.
	AppAuthToken string
	// AppCertSN and RootCertSN are there in certificate mode.
	AppCertSN, RootCertSN string
	NotifyURL             string
	// Content marshals as biz_content. It has documented members only: the platform
	// warns of failed and double refunds after others.
	Content any
}

// Sign makes a request's parameters with their signature, which is over sign_type
// too.
func (r Request) Sign(key *rsa.PrivateKey) (Params, error) {
	content, err := Marshal(r.Content)
	if err != nil {
		return nil, err
	}
	p := Params{
		"app_id": r.AppID, "method": r.Method, "format": "JSON", "charset": "utf-8", paramSignType: SignType, "timestamp": FormatTime(r.At),
		"version": "1.0", "app_auth_token": r.AppAuthToken, "app_cert_sn": r.AppCertSN, "alipay_root_cert_sn": r.RootCertSN,
		"notify_url": r.NotifyURL, "biz_content": string(content),
	}
	signature, err := pemkey.SignSHA256(key, []byte(p.Canonical(paramSign)))
	if err != nil {
		return nil, err
	}
	p[paramSign] = signature
	return p, nil
}

// Marshal writes JSON as the platform's own clients do, without HTML's escapes.
func Marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
