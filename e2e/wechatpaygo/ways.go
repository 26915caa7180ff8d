package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/jsapi"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

// oddNumber has everything that an out_refund_no may have and that clients
// escape in ways of their own.
const oddNumber = "|1*@_-"

// all goes each way once, and stops at the first that fails.
func (d *demo) all(ctx context.Context) error {
	direct, partner := fmt.Sprintf(`"mchid":%q`, d.WeChatPay.MchID), fmt.Sprintf(`"mchid":%q,"sub_mchid":%q`, d.WeChatPay.SpMchID, d.WeChatPay.SubMchID)
	public, err := d.byPublicKey(ctx, d.WeChatPay.MchID)
	if err != nil {
		return err
	}
	certified, manager, err := d.byCertificate(ctx, d.WeChatPay.MchID)
	if err != nil {
		return err
	}
	provider, err := d.byPublicKey(ctx, d.WeChatPay.SpMchID)
	if err != nil {
		return err
	}
	ways := []struct {
		name string
		way  func() error
	}{
		{"a refund whose answers the public key signs", func() error { return d.refund(ctx, public, direct, nil) }},
		{"a refund whose answers the certificate signs", func() error { return d.refund(ctx, certified, direct, nil) }},
		{"a service provider's refund", func() error { return d.refund(ctx, provider, partner, &d.WeChatPay.SubMchID) }},
		{"a later download verifies under the certificates of the first", func() error {
			manager.DownloadCertificates(ctx)
			if newest := manager.GetNewestCertificateSerial(ctx, d.WeChatPay.MchID); newest != d.WeChatPay.PlatformSerial {
				return fmt.Errorf("the newest certificate is %s", newest)
			}
			return d.refund(ctx, certified, direct, nil)
		}},
		{"what is refused", func() error { return d.refused(ctx, public, direct) }},
		{"an abnormal refund goes to a card", func() error { return d.abnormal(ctx, public, direct) }},
		{"a notification", func() error { return d.notified(ctx, public, direct) }},
	}
	for _, one := range ways {
		if err := one.way(); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		fmt.Println("ok:", one.name)
	}
	return nil
}

func asked(order, number string, sub *string, amount int64) refunddomestic.CreateRequest {
	return refunddomestic.CreateRequest{
		SubMchid: sub, OutTradeNo: &order, OutRefundNo: &number, Reason: core.String("<商品&已售完>"),
		Amount: &refunddomestic.AmountReq{Refund: &amount, Total: core.Int64(1000), Currency: core.String("CNY")},
	}
}

// refund creates one, repeats it, and asks until it has succeeded; then it
// looks at the order.
func (d *demo) refund(ctx context.Context, client *core.Client, identity string, sub *string) error {
	order, err := d.order(1000, identity)
	if err != nil {
		return err
	}
	service := refunddomestic.RefundsApiService{Client: client}
	request := asked(order, order+oddNumber, sub, 500)
	made, _, err := service.Create(ctx, request)
	if err != nil {
		return err
	}
	if again, _, err := service.Create(ctx, request); err != nil || *again.RefundId != *made.RefundId {
		return fmt.Errorf("the same again is %v, %w", again, err)
	}
	query := refunddomestic.QueryByOutRefundNoRequest{OutRefundNo: request.OutRefundNo, SubMchid: sub}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		now, _, err := service.QueryByOutRefundNo(ctx, query)
		switch {
		case err != nil:
			return err
		case *now.Status == refunddomestic.STATUS_SUCCESS:
			return succeeded(now, made)
		case time.Now().After(end):
			return fmt.Errorf("it is still %s", *now.Status)
		}
	}
}

// succeeded holds the object against the page's arithmetic: a coupon of 100 on
// 1000, of which half goes back.
func succeeded(now, made *refunddomestic.Refund) error {
	amount := now.Amount
	if *now.RefundId != *made.RefundId || now.SuccessTime == nil || *amount.PayerRefund != 450 || *amount.DiscountRefund != 50 || *amount.SettlementRefund != 500 {
		return fmt.Errorf("it has become %v", now)
	}
	if len(now.PromotionDetail) != 1 || *now.PromotionDetail[0].RefundAmount != 50 || *now.UserReceivedAccount != "支付用户零钱" {
		return fmt.Errorf("it gives back %v", now)
	}
	return nil
}

// refused asks for what can't be had; the client reads each error's code.
func (d *demo) refused(ctx context.Context, client *core.Client, identity string) error {
	order, err := d.order(1000, identity)
	if err != nil {
		return err
	}
	service := refunddomestic.RefundsApiService{Client: client}
	if _, _, err := service.Create(ctx, asked(order, order+"A", nil, 600)); err != nil {
		return err
	}
	for code, request := range map[string]refunddomestic.CreateRequest{
		"INVALID_REQUEST":     asked(order, order+"B", nil, 401),
		"PARAM_ERROR":         asked(order, order+"?", nil, 1),
		"RESOURCE_NOT_EXISTS": asked("NO_SUCH_ORDER", order+"C", nil, 1),
	} {
		if _, _, err := service.Create(ctx, request); !core.IsAPIError(err, code) {
			return fmt.Errorf("want %s, got %w", code, err)
		}
	}
	none := refunddomestic.QueryByOutRefundNoRequest{OutRefundNo: core.String("NO_SUCH_REFUND")}
	if _, _, err := service.QueryByOutRefundNo(ctx, none); !core.IsAPIError(err, "RESOURCE_NOT_EXISTS") {
		return fmt.Errorf("a query of nothing gives %w", err)
	}
	orders := jsapi.JsapiApiService{Client: client}
	found, _, err := orders.QueryOrderByOutTradeNo(ctx, jsapi.QueryOrderByOutTradeNoRequest{OutTradeNo: &order, Mchid: &d.WeChatPay.MchID})
	if err != nil || *found.TradeState != "REFUND" || *found.Amount.Total != 1000 {
		return fmt.Errorf("the order is %v, %w", found, err)
	}
	return nil
}

// abnormal sends a refund that the payer's account can't take to a card, whose
// number and holder this client encrypts.
func (d *demo) abnormal(ctx context.Context, client *core.Client, identity string) error {
	order, err := d.order(1000, identity)
	if err != nil {
		return err
	}
	service := refunddomestic.RefundsApiService{Client: client}
	made, _, err := service.Create(ctx, asked(order, order+"A", nil, 152)) // the sandbox's account that takes nothing
	if err != nil {
		return err
	}
	query := refunddomestic.QueryByOutRefundNoRequest{OutRefundNo: made.OutRefundNo}
	for end := time.Now().Add(patience); *made.Status != refunddomestic.STATUS_ABNORMAL; time.Sleep(50 * time.Millisecond) {
		if made, _, err = service.QueryByOutRefundNo(ctx, query); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("it is still %s", *made.Status)
		}
	}
	public, err := utils.LoadPublicKeyWithPath(filepath.Join(d.dir, "platform_pub.pem"))
	if err != nil {
		return err
	}
	body := map[string]string{"out_refund_no": *made.OutRefundNo, "type": "USER_BANK_CARD", "bank_type": "CMB_DEBIT"}
	for member, secret := range map[string]string{"bank_account": "6225880123450403", "real_name": "张三丰"} {
		if body[member], err = utils.EncryptOAEPWithPublicKey(secret, public); err != nil {
			return err
		}
	}
	path := "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds/" + *made.RefundId + "/apply-abnormal-refund"
	header := http.Header{"Wechatpay-Serial": {d.WeChatPay.PublicKeyID}}
	_, err = client.Request(ctx, http.MethodPost, path, header, url.Values{}, body, "application/json")
	return err
}

// notified receives the notification of a refund with the client's own handler,
// which verifies it by either key and opens it.
func (d *demo) notified(ctx context.Context, client *core.Client, identity string) error {
	_, manager, err := d.byCertificate(ctx, d.WeChatPay.MchID)
	if err != nil {
		return err
	}
	public, err := utils.LoadPublicKeyWithPath(filepath.Join(d.dir, "platform_pub.pem"))
	if err != nil {
		return err
	}
	verifier := verifiers.NewSHA256WithRSACombinedVerifier(manager.GetCertificateVisitor(d.WeChatPay.MchID), d.WeChatPay.PublicKeyID, *public)
	handler, err := notify.NewRSANotifyHandler(d.WeChatPay.APIv3Key, verifier)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	type notice struct {
		content map[string]any
		event   string
		err     error
	}
	notices := make(chan notice, 8)
	receiver := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := notice{content: map[string]any{}}
		parsed, err := handler.ParseNotifyRequest(r.Context(), r, &one.content)
		if one.err = err; err == nil {
			one.event = parsed.EventType
		}
		notices <- one
		w.WriteHeader(http.StatusNoContent)
	})}
	defer func() { _ = receiver.Close() }()
	go func() { _ = receiver.Serve(listener) }()
	order, err := d.order(1000, identity)
	if err != nil {
		return err
	}
	request := asked(order, order+"N", nil, 500)
	request.NotifyUrl = core.String("http://" + listener.Addr().String() + "/notice")
	service := refunddomestic.RefundsApiService{Client: client}
	if _, _, err := service.Create(ctx, request); err != nil {
		return err
	}
	select {
	case one := <-notices:
		if one.err != nil || one.event != "REFUND.SUCCESS" || one.content["out_refund_no"] != order+"N" {
			return fmt.Errorf("it says %v %v, %w", one.event, one.content, one.err)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("none came")
	}
}
