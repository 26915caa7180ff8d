package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/wire/payin"
	"github.com/refundry/refundry/wire/pemkey"
	"github.com/refundry/refundry/wire/wechatpay"
)

// demoDocument is what the demo reads of data/demo/demo.json.
type demoDocument struct {
	Wallet struct {
		WalletID string `json:"wallet_id"`
		APIKey   string `json:"api_key"`
	} `json:"wallet"`
	Payin struct {
		ClientKey string `json:"client_key"`
		Secret    string `json:"secret"`
	} `json:"payin"`
	WeChatPay struct {
		MchID          string `json:"mchid"`
		MerchantSerial string `json:"merchant_serial"`
	} `json:"wechatpay"`
}

// others refunds once through each of the other dialects.
func (h *house) others(ctx context.Context, d *demonstration) error {
	folder := filepath.Join(h.dir, "data", "demo")
	text, err := os.ReadFile(filepath.Join(folder, "demo.json"))
	if err != nil {
		return err
	}
	var demo demoDocument
	if err := json.Unmarshal(text, &demo); err != nil {
		return fmt.Errorf("read demo.json: %w", err)
	}
	wechat, err := demo.wechatRefund(folder)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		call  request
	}{
		{"WeChat Pay v3: 5.00 of an order of 10.00 that was paid with two coupons of 1.00. The call is signed with the merchant's key.", wechat},
		{"The wallet: the whole charge. It was routed through ChinaUMS, so extra tells what went upstream.", demo.walletRefund()},
		{"Payin: 1.35 of an order of 1000.00 SAR. The signature is over the headers.", demo.payinRefund()},
	} {
		if err := d.step(ctx, step.title, step.call, http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

func (demo demoDocument) wechatRefund(folder string) (request, error) {
	text, err := os.ReadFile(filepath.Join(folder, "merchant_key.pem"))
	if err != nil {
		return request{}, err
	}
	key, err := pemkey.ParseRSAPrivateKey(string(text))
	if err != nil {
		return request{}, err
	}
	nonce, err := wechatpay.NewNonce(rand.Reader)
	if err != nil {
		return request{}, err
	}
	r := request{
		method: http.MethodPost, path: "/v3/refund/domestic/refunds",
		json: `{"out_trade_no":"1217752501201407033233368018","out_refund_no":"1217752501201407033233368018R1","amount":{"refund":500,"total":1000,"currency":"CNY"}}`,
	}
	signer := wechatpay.Signer{Serial: demo.WeChatPay.MerchantSerial, Key: key}
	authorization, err := signer.Authorize(demo.WeChatPay.MchID, r.method, r.path, []byte(r.json), nonce, time.Now())
	if err != nil {
		return request{}, err
	}
	r.headers = [][2]string{{"Authorization", authorization.String()}}
	return r, nil
}

func (demo demoDocument) walletRefund() request {
	return request{
		method: http.MethodPost, path: "/wallet/" + demo.Wallet.WalletID + "/refund",
		json:    `{"charges_id":"11SF0c6d432eb7894cc3191ff20c12a5","client_ip":"127.0.0.1","amount":100}`,
		headers: [][2]string{{"X-API-KEY", demo.Wallet.APIKey}},
	}
}

func (demo demoDocument) payinRefund() request {
	const uri = "/orders/M948164T2023072607034709567189/refunds"
	header := make(http.Header)
	payin.Authenticate(demo.Payin.ClientKey, demo.Payin.Secret, payin.CreateRefund, uri, time.Now()).Set(header)
	r := request{method: http.MethodPost, path: payin.Prefix + uri, json: `{"amount":"1.35","reason":"refund reason","merchantRefundId":"R1"}`}
	for _, name := range []string{payin.HeaderKey, payin.HeaderTimestamp, payin.HeaderSignMethod, payin.HeaderSignVersion, payin.HeaderSignature} {
		r.headers = append(r.headers, [2]string{name, header.Get(name)})
	}
	return r
}
