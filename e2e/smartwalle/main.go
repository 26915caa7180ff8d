// Command smartwalle drives an Alipay client that others wrote against a gateway: it
// refunds, asks, verifies notices, and names certificates. It fails where the client
// does not believe an answer.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/smartwalle/alipay/v3"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// run refunds and asks, or with "names" prints what certificates are called. It reads the lines of standard input: each is a notice as a form.
func run(ctx context.Context) error {
	client, err := newClient()
	if err != nil {
		return err
	}
	if len(os.Args) > 1 && os.Args[1] == "names" {
		values, err := client.URLValues(alipay.TradeQuery{OutTradeNo: "1"})
		fmt.Println(values.Get("app_cert_sn"), values.Get("alipay_root_cert_sn"))
		return err
	}
	back, err := client.TradeRefund(ctx, alipay.TradeRefund{
		OutTradeNo: os.Getenv("ALIPAY_ORDER"), RefundAmount: "0.50", OutRequestNo: "peer1", RefundReason: "坏了 a&b=c+d<e>",
	})
	if err != nil || back.Code != alipay.CodeSuccess || back.FundChange != "Y" || back.RefundFee != "0.50" {
		return fmt.Errorf("refund: %+v, %v", back, err)
	}
	asked, err := client.TradeFastPayRefundQuery(ctx, alipay.TradeFastPayRefundQuery{OutTradeNo: os.Getenv("ALIPAY_ORDER"), OutRequestNo: "peer1"})
	if err != nil || asked.RefundStatus != "REFUND_SUCCESS" || asked.RefundAmount != "0.50" {
		return fmt.Errorf("query: %+v, %v", asked, err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		values, err := url.ParseQuery(lines.Text())
		if err == nil {
			err = client.VerifySign(ctx, values)
		}
		if err != nil {
			return fmt.Errorf("notice: %w", err)
		}
	}
	return lines.Err()
}

func newClient() (*alipay.Client, error) {
	client, err := alipay.New(os.Getenv("ALIPAY_APP_ID"), os.Getenv("ALIPAY_APP_KEY"), true,
		alipay.WithProductionGateway(os.Getenv("ALIPAY_GATEWAY")), alipay.WithTimeLocation(time.FixedZone("", 8*60*60)))
	if err != nil {
		return nil, err
	}
	if key := os.Getenv("ALIPAY_PUBLIC_KEY"); key != "" {
		return client, client.LoadAliPayPublicKey(key)
	}
	for _, load := range []func() error{
		func() error { return client.LoadAppCertPublicKey(os.Getenv("ALIPAY_APP_CERT")) },
		func() error { return client.LoadAliPayRootCert(os.Getenv("ALIPAY_ROOT_CERT")) },
		func() error { return client.LoadAlipayCertPublicKey(os.Getenv("ALIPAY_CERT")) },
	} {
		if err := load(); err != nil {
			return nil, err
		}
	}
	return client, nil
}
