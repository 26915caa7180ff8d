package bench

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/wire/payin"
	"github.com/refundry/refundry/wire/pemkey"
	"github.com/refundry/refundry/wire/wechatpay"
)

// Credentials are what a merchant's programs call with, in the form that
// refundry merchant add --json prints and that the demo has in demo.json.
type Credentials struct {
	Native struct {
		Key string `json:"key"`
	} `json:"native"`
	PingPP struct {
		App string `json:"app"`
		Key string `json:"key"`
	} `json:"pingpp"`
	Wallet struct {
		WalletID string `json:"wallet_id"`
		APIKey   string `json:"api_key"`
	} `json:"wallet"`
	Payin struct {
		MerchantID string `json:"merchant_id"`
		ClientKey  string `json:"client_key"`
		Secret     string `json:"secret"`
	} `json:"payin"`
	WeChatPay struct {
		MchID          string `json:"mchid"`
		MerchantSerial string `json:"merchant_serial"`
		MerchantKey    string `json:"merchant_key"` // PEM
	} `json:"wechatpay"`
}

// ReadCredentials reads a file of that form.
func ReadCredentials(file string) (c Credentials, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read credentials: %w", err)
	}
	return c, nil
}

// The dialects' names.
const (
	dialectPingPP = "pingpp"
	dialectNative = "native"
	dialectWallet = "wallet"
	dialectPayin  = "payin"
	dialectWeChat = "wechatpay"
)

// Dialects are those that a load can be made in.
func Dialects() []string {
	return []string{dialectPingPP, dialectNative, dialectWallet, dialectPayin, dialectWeChat}
}

// charge is a charge by its names in the dialects. Ping++ and the wallet know it
// by ID.
type charge struct {
	ID, OrderNo, PayinOrder string
}

// speaker writes the requests of one dialect.
type speaker interface {
	// refund is a request for a refund; number is the merchant's own, unique.
	refund(c charge, number string) (call, error)
	// answered is what the refund is found again by: an id of the answer, or
	// number where the answer repeats it; "" if the answer names none.
	answered(body []byte, number string) string
}

// call is a request before it is written.
type call struct {
	method, path, body string
	headers            [][2]string
}

// text is the call as it goes over the wire.
func (c call) text(host string) []byte {
	w := &strings.Builder{}
	fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\nUser-Agent: refundry-bench\r\n", c.method, c.path, host)
	for _, header := range c.headers {
		fmt.Fprintf(w, "%s: %s\r\n", header[0], header[1])
	}
	if c.method != http.MethodGet {
		fmt.Fprintf(w, "Content-Length: %d\r\n", len(c.body))
	}
	return []byte(w.String() + "\r\n" + c.body)
}

// speak returns the speaker of a dialect.
func (o Options) speak() (speaker, error) {
	switch o.Dialect {
	case dialectPingPP:
		return pingppSpeaker{o.Key, o.Repeatable}, nil
	case dialectNative:
		return nativeSpeaker{o.Key, o.Repeatable}, nil
	case dialectWallet:
		return walletSpeaker{o.Key, o.Credentials.Wallet.WalletID}, nil
	case dialectPayin:
		return payinSpeaker{o.Key, o.Credentials.Payin.Secret}, nil
	case dialectWeChat:
		key, err := pemkey.ParseRSAPrivateKey(o.Credentials.WeChatPay.MerchantKey)
		if err != nil {
			return nil, fmt.Errorf("read the WeChat Pay merchant's key: %w", err)
		}
		return weChatSpeaker{o.Credentials.WeChatPay.MchID, wechatpay.Signer{Serial: o.Credentials.WeChatPay.MerchantSerial, Key: key}}, nil
	}
	return nil, fmt.Errorf("dialect %q is none of %s", o.Dialect, strings.Join(Dialects(), ", "))
}

// key is a dialect's API key, and what else it needs is there.
func (c Credentials) key(dialect string) (string, error) {
	needed := map[string][]string{
		dialectPingPP: {c.PingPP.Key},
		dialectNative: {c.Native.Key},
		dialectWallet: {c.Wallet.APIKey, c.Wallet.WalletID},
		dialectPayin:  {c.Payin.ClientKey, c.Payin.Secret, c.Payin.MerchantID},
		dialectWeChat: {c.WeChatPay.MchID, c.WeChatPay.MerchantSerial, c.WeChatPay.MerchantKey},
	}[dialect]
	if slices.Contains(needed, "") {
		return "", fmt.Errorf("the credentials have not all that %s needs", dialect)
	}
	return needed[0], nil
}

// What each request has beside its own: what is measured is until the refund is on
// disk, not the channel's outcome.
var notWaiting = [2]string{"Prefer", "wait=0"}

func bearer(key string) [2]string { return [2]string{"Authorization", "Bearer " + key} }

func contentType(text string) [2]string { return [2]string{"Content-Type", text} }

var contentJSON = contentType("application/json")

// repeatable adds an idempotency key.
func repeatable(headers [][2]string, number string, yes bool) [][2]string {
	if yes {
		headers = append(headers, [2]string{"Idempotency-Key", number})
	}
	return headers
}

type pingppSpeaker struct {
	key        string
	repeatable bool
}

func (s pingppSpeaker) refund(c charge, number string) (call, error) {
	return call{
		http.MethodPost, "/v1/charges/" + url.PathEscape(c.ID) + "/refunds", fmt.Sprintf("amount=%d&description=bench", amount),
		repeatable([][2]string{bearer(s.key), contentType("application/x-www-form-urlencoded"), notWaiting}, number, s.repeatable),
	}, nil
}

func (pingppSpeaker) answered(body []byte, _ string) string { return member(body, "id") }

type nativeSpeaker struct {
	key        string
	repeatable bool
}

func (s nativeSpeaker) refund(c charge, number string) (call, error) {
	return call{
		http.MethodPost, "/refundry/v1/refunds", fmt.Sprintf(`{"charge":%q,"amount":%d,"reason":"bench"}`, c.ID, amount),
		repeatable([][2]string{bearer(s.key), contentJSON, notWaiting}, number, s.repeatable),
	}, nil
}

func (nativeSpeaker) answered(body []byte, _ string) string { return member(body, "id") }

type walletSpeaker struct{ key, walletID string }

func (s walletSpeaker) refund(c charge, number string) (call, error) {
	return call{
		http.MethodPost, "/wallet/" + url.PathEscape(s.walletID) + "/refund",
		fmt.Sprintf(`{"charges_id":%q,"client_ip":"127.0.0.1","amount":%d,"description":"bench","extra":{"refund_order":%q}}`, c.ID, amount, number),
		[][2]string{{"X-API-KEY", s.key}, contentJSON, notWaiting},
	}, nil
}

// answered: the wallet's answers have an id of a form of their own, and no number.
func (walletSpeaker) answered(body []byte, number string) string {
	if member(body, "id") == "" {
		return ""
	}
	return number
}

type payinSpeaker struct{ key, secret string }

func (s payinSpeaker) refund(c charge, number string) (call, error) {
	uri := payin.CreateRefund.Path(c.PayinOrder)
	header := make(http.Header)
	payin.Authenticate(s.key, s.secret, payin.CreateRefund, uri, time.Now()).Set(header)
	out := call{
		http.MethodPost, payin.Prefix + uri, fmt.Sprintf(`{"amount":"%d.%02d","reason":"bench","merchantRefundId":%q}`, amount/100, amount%100, number),
		[][2]string{contentJSON, notWaiting},
	}
	for _, name := range []string{payin.HeaderKey, payin.HeaderTimestamp, payin.HeaderSignMethod, payin.HeaderSignVersion, payin.HeaderSignature} {
		out.headers = append(out.headers, [2]string{name, header.Get(name)})
	}
	return out, nil
}

func (payinSpeaker) answered(body []byte, number string) string { return echoed(body, number) }

type weChatSpeaker struct {
	mchID  string
	signer wechatpay.Signer
}

func (s weChatSpeaker) refund(c charge, number string) (call, error) {
	nonce, err := wechatpay.NewNonce(rand.Reader)
	if err != nil {
		return call{}, err
	}
	out := call{
		http.MethodPost, "/v3/refund/domestic/refunds",
		fmt.Sprintf(`{"out_trade_no":%q,"out_refund_no":%q,"reason":"bench","amount":{"refund":%d,"total":%d,"currency":"CNY"}}`, c.OrderNo, number, amount, paid),
		[][2]string{contentJSON, notWaiting},
	}
	authorization, err := s.signer.Authorize(s.mchID, out.method, out.path, []byte(out.body), nonce, time.Now())
	out.headers = append(out.headers, [2]string{"Authorization", authorization.String()})
	return out, err
}

func (weChatSpeaker) answered(body []byte, number string) string { return echoed(body, number) }

// echoed is the number if the answer has it.
func echoed(body []byte, number string) string {
	if strings.Contains(string(body), `"`+number+`"`) {
		return number
	}
	return ""
}
