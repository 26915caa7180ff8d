// Command wechatpaygo drives the official Go client of WeChat Pay v3,
// unmodified, against `refundry serve --demo` with only the host changed. Run
// by ../client_test.go, which says where the service and its demo folder are:
//
//	REFUNDRY_URL=http://127.0.0.1:8080 REFUNDRY_DEMO_DIR=./refundry-data/demo go run .
//
// This client verifies each answer under the key that it asked for, decodes
// strictly (times, integers, no key of a kind that it doesn't expect), and
// downloads platform certificates by itself. It exits 1 at the first thing
// that is not as it must be.
package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/downloader"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

// patience: what has not come until then will not come.
const patience = 3 * time.Minute

// demo is what the demo merchant's demo.json holds of WeChat Pay.
type demo struct {
	dir       string
	base      *url.URL
	WeChatPay struct {
		MchID          string `json:"mchid"`
		SpMchID        string `json:"sp_mchid"`
		SubMchID       string `json:"sub_mchid"`
		APIv3Key       string `json:"apiv3_key"`
		MerchantSerial string `json:"merchant_serial"`
		PlatformSerial string `json:"platform_serial"`
		PublicKeyID    string `json:"platform_public_key_id"`
	} `json:"wechatpay"`
	Native struct {
		Key string `json:"key"`
	} `json:"native"`
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	d, err := load()
	if err == nil {
		err = d.all(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func load() (*demo, error) {
	d := &demo{dir: os.Getenv("REFUNDRY_DEMO_DIR")}
	text, err := os.ReadFile(filepath.Join(d.dir, "demo.json"))
	if err != nil {
		return nil, err
	}
	if d.base, err = url.Parse(os.Getenv("REFUNDRY_URL")); err != nil {
		return nil, err
	}
	return d, json.Unmarshal(text, d)
}

// RoundTrip is the changed host: all else leaves as the client signed it.
func (d *demo) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = d.base.Scheme, d.base.Host, d.base.Host
	return http.DefaultTransport.RoundTrip(r)
}

func (d *demo) key() (*rsa.PrivateKey, error) {
	return utils.LoadPrivateKeyWithPath(filepath.Join(d.dir, "merchant_key.pem"))
}

// byPublicKey is a client that verifies with the WeChat Pay public key.
func (d *demo) byPublicKey(ctx context.Context, mchID string) (*core.Client, error) {
	key, err := d.key()
	if err != nil {
		return nil, err
	}
	public, err := utils.LoadPublicKeyWithPath(filepath.Join(d.dir, "platform_pub.pem"))
	if err != nil {
		return nil, err
	}
	return core.NewClient(ctx, option.WithHTTPClient(&http.Client{Transport: d}),
		option.WithWechatPayPublicKeyAuthCipher(mchID, d.WeChatPay.MerchantSerial, key, d.WeChatPay.PublicKeyID, public))
}

// byCertificate is a client that downloads the platform's certificates first,
// and again whenever its manager is told to. It knows no platform key before.
func (d *demo) byCertificate(ctx context.Context, mchID string) (*core.Client, *downloader.CertificateDownloaderMgr, error) {
	key, err := d.key()
	if err != nil {
		return nil, nil, err
	}
	redirected := option.WithHTTPClient(&http.Client{Transport: d})
	first, err := core.NewClient(ctx, option.WithMerchantCredential(mchID, d.WeChatPay.MerchantSerial, key), option.WithoutValidator(), redirected)
	if err != nil {
		return nil, nil, err
	}
	manager := downloader.NewCertificateDownloaderMgr(ctx)
	if err := manager.RegisterDownloaderWithClient(ctx, first, mchID, d.WeChatPay.APIv3Key); err != nil {
		return nil, nil, fmt.Errorf("download certificates: %w", err)
	}
	client, err := core.NewClient(ctx, redirected, option.WithWechatPayAutoAuthCipherUsingDownloaderMgr(mchID, d.WeChatPay.MerchantSerial, key, manager))
	return client, manager, err
}

// order registers a paid order over the native API and gives its number.
func (d *demo) order(total int64, identity string) (string, error) {
	number := fmt.Sprintf("G%d", time.Now().UnixNano())
	body := fmt.Sprintf(`{"order_no":%q,"amount":%d,"currency":"CNY","channel":"wx","paid_at":%q,"transaction_id":"42%s","received_account":"支付用户零钱",
		"funds_account":"BASIC","coupons":[{"id":"109519","scope":"GLOBAL","type":"CASH","amount":100}],"fee":6,"identities":{"wechatpay":{%s,"out_trade_no":%q}}}`,
		number, total, time.Now().UTC().Format(time.RFC3339), number, identity, number)
	request, err := http.NewRequest(http.MethodPost, d.base.String()+"/refundry/v1/charges", bytes.NewBufferString(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+d.Native.Key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("register order: %s", answer.Status)
	}
	return number, nil
}
