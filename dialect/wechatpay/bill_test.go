package wechatpay_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// travelling starts a service whose clock the test moves. It begins at a day's
// noon in Beijing.
func travelling(t *testing.T) (*dialecttest.Service, func(time.Duration), func() time.Time) {
	t.Helper()
	began := time.Date(2026, 11, 20, 12, 0, 0, 0, wire.Beijing)
	real := time.Now()
	var ahead atomic.Int64
	now := func() time.Time { return began.Add(time.Since(real) + time.Duration(ahead.Load())) }
	s := dialecttest.Start(t, func(o *service.Options) { o.Now = now })
	return s, func(by time.Duration) { ahead.Add(int64(by)) }, now
}

// download fetches a bill's file and checks its hash.
func (c client) download(t *testing.T, answer string) []byte {
	t.Helper()
	got, err := wire.DecodeBillAnswer(exact(t, answer))
	if err != nil {
		t.Fatal(err)
	}
	target, ours := strings.CutPrefix(got.DownloadURL, c.url)
	if !ours || !strings.HasPrefix(target, "/v3/billdownload/file?") {
		t.Fatalf("the address is %s", got.DownloadURL)
	}
	response, file := dialecttest.Do(t, c.request(t, http.MethodGet, target, ""))
	if response.StatusCode != 200 {
		t.Fatalf("answered %d %s", response.StatusCode, file)
	}
	plain := []byte(file)
	if response.Header.Get("Content-Type") == wire.ContentTypeGzip {
		r, err := gzip.NewReader(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	if sum := sha1.Sum(plain); hex.EncodeToString(sum[:]) != got.HashValue {
		t.Error("the file has another hash")
	}
	return plain
}

func TestTradeBills(t *testing.T) {
	s, ahead, now := travelling(t)
	c := demo(t, s, direct)
	c.now = now
	// A sub-merchant's order is in the service provider's bill alone.
	s.Charge(t, merchant.DemoID, 100, func(r *refund.Charge) {
		r.Detail.Subject = "苹果🍎"
		r.PaidAt, r.Aliases = now(), []refund.Alias{{Dialect: merchant.WeChatPay, Identity: partner, Sub: subMchID, Name: "SUB-ORDER"}}
	})
	c.post(t, refundPath, refundBody("R1", 500, ""), 200, "Prefer", "wait=5")
	c.post(t, refundPath, refundBody("R2", 51, ""), 200, "Prefer", "wait=5")
	c.post(t, refundPath, refundBody("R3", 52, ""), 200, "Prefer", "wait=5")
	day := now().In(wire.Beijing).Format(time.DateOnly)
	path := "/v3/bill/tradebill?bill_date=" + day
	if answer := decoded(t, c.get(t, path, 400)); answer["code"] != "STATEMENT_CREATING" {
		t.Errorf("today's: %v", answer)
	}
	ahead(22 * time.Hour)
	for kind, want := range map[string]string{
		"":                                "SUCCESS REFUND/SUCCESS REFUND/FAIL REFUND/CHANGE",
		"&bill_type=ALL&tar_type=GZIP":    "SUCCESS REFUND/SUCCESS REFUND/FAIL REFUND/CHANGE",
		"&bill_type=SUCCESS":              "SUCCESS",
		"&bill_type=REFUND&tar_type=GZIP": "REFUND/SUCCESS REFUND/FAIL REFUND/CHANGE",
	} {
		file := c.download(t, c.get(t, path+kind, 200))
		var rows []string
		var all []wire.TradeRow
		summary, err := wire.ReadTradeBill(bytes.NewReader(file), func(row wire.TradeRow) error {
			if row.OutTradeNo != demoOrder {
				return nil // another of the demo's charges
			}
			text := row.TradeState
			if row.RefundState != "" {
				text += "/" + row.RefundState
			}
			rows, all = append(rows, text), append(all, row)
			return nil
		})
		if got := strings.Join(rows, " "); err != nil || got != want {
			t.Errorf("%q: %q, %v", kind, got, err)
		}
		if kind != "" {
			continue
		}
		paid, back := all[0], all[1]
		if paid.MchID != direct || paid.OutTradeNo != demoOrder || paid.Order != 1000 || paid.Settlement != 900 || paid.Coupon != 200 || paid.FeeMilliFen != 6000 || paid.Rate != "0.60%" {
			t.Errorf("the payment is %+v", paid)
		}
		if back.OutRefundNo != "R1" || back.SettlementRefund != 450 || back.CouponRefund != 50 || back.RequestedRefund != 500 || back.FeeMilliFen != -3000 || back.Order != 0 {
			t.Errorf("the refund is %+v", back)
		}
		if summary.Count != 6 || summary.Order != 1200 || summary.RequestedRefund != 603 || summary.FeeMilliFen != 3000 {
			t.Errorf("the summary is %+v", summary)
		}
	}
	// The order belongs to the direct merchant's bill alone.
	p := demo(t, s, partner)
	p.now = now
	if file := c.download(t, c.get(t, path, 200)); !bytes.Contains(file, []byte(demoOrder)) {
		t.Error("the direct merchant's bill lacks its order")
	}
	if file := p.download(t, p.get(t, path, 200)); bytes.Contains(file, []byte(demoOrder)) || !bytes.Contains(file, []byte("`"+subMchID+",")) || !bytes.Contains(file, []byte("`苹果,")) {
		t.Errorf("the partner's bill is\n%s", file)
	}
	if answer := decoded(t, p.get(t, path+"&sub_mchid=1900000110", 400)); answer["code"] != "NO_STATEMENT_EXIST" {
		t.Errorf("of an unknown sub-merchant: %v", answer)
	}
	c.get(t, path+"&sub_mchid="+subMchID, 400)
	// Of what is not played here there are no bills, or they are not opened.
	for kind, want := range map[string]string{
		"RECHARGE_REFUND": "400 NO_STATEMENT_EXIST", "ALL_SPECIAL": "403 NO_AUTH", "SUC_SPECIAL": "403 NO_AUTH", "REF_SPECIAL": "403 NO_AUTH",
	} {
		answer, text := dialecttest.Do(t, c.request(t, http.MethodGet, path+"&bill_type="+kind, ""))
		if got := told(t, answer.StatusCode, text); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	ofOne := "/v3/bill/sub-merchant-fundflowbill?account_type=BASIC&algorithm=AEAD_AES_256_GCM&sub_mchid=" + subMchID + "&bill_date=" + day
	if answer := decoded(t, p.get(t, ofOne, 403)); answer["code"] != "NO_AUTH" {
		t.Errorf("of one sub-merchant: %v", answer)
	}
	if answer := decoded(t, p.get(t, strings.Replace(ofOne, "AEAD_AES_256_GCM", "SM4_GCM", 1), 400)); answer["code"] != "PARAM_ERROR" {
		t.Errorf("by another algorithm: %v", answer)
	}
}

// Behind a proxy that speaks TLS the request's own address is not the caller's:
// the operator says which it is.
func TestADownloadAddressBeginsWithThePublicOne(t *testing.T) {
	for public, want := range map[string]string{"https://pay.example": "https://pay.example", "https://pay.example:8443/": "https://pay.example:8443"} {
		began := time.Date(2026, 11, 20, 12, 0, 0, 0, wire.Beijing)
		s := dialecttest.Start(t, func(o *service.Options) {
			o.Now = func() time.Time { return began.Add(22 * time.Hour) }
			o.PublicURL = public
		})
		c := demo(t, s, direct)
		c.now = func() time.Time { return began.Add(22 * time.Hour) }
		s.Charge(t, merchant.DemoID, 1000, func(r *refund.Charge) { r.PaidAt = began })
		answer, err := wire.DecodeBillAnswer(exact(t, c.get(t, "/v3/bill/tradebill?bill_date=2026-11-20", 200)))
		if err != nil || !strings.HasPrefix(answer.DownloadURL, want+"/v3/billdownload/file?token=") {
			t.Errorf("%s: %s, %v", public, answer.DownloadURL, err)
		}
	}
}

func TestFundFlowBills(t *testing.T) {
	s, ahead, now := travelling(t)
	c := demo(t, s, direct)
	c.now = now
	c.post(t, refundPath, refundBody("R1", 500, `"reason":"坏了",`), 200, "Prefer", "wait=5")
	c.post(t, refundPath, refundBody("R2", 51, ""), 200, "Prefer", "wait=5")
	path := "/v3/bill/fundflowbill?bill_date=" + now().In(wire.Beijing).Format(time.DateOnly)
	ahead(22 * time.Hour)
	file := c.download(t, c.get(t, path, 200))
	var rows []string
	summary, err := wire.ReadFlowBill(bytes.NewReader(file), func(row wire.FlowRow) error {
		rows = append(rows, fmt.Sprintf("%s%s %d %s %s", row.Direction, row.Business, row.Amount, row.Voucher, row.Note))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(rows, "\n")
	for _, want := range []string{
		"收入交易 900 " + demoOrder, "支出扣除交易手续费 6 " + demoOrder, "支出退款 450 R1 坏了", "收入退还交易手续费 3 R1 坏了", "支出退款 46 R2", "收入退款关闭 46 R2",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if summary.InAmount-summary.OutAmount != 100+900-6+100-450+3 { // with the demo's other two charges
		t.Errorf("the day brought %d:\n%s", summary.InAmount-summary.OutAmount, all)
	}
	for _, account := range []string{"OPERATION", "FEES"} {
		if answer := decoded(t, c.get(t, path+"&account_type="+account, 400)); answer["code"] != "NO_STATEMENT_EXIST" {
			t.Errorf("%s: %v", account, answer)
		}
	}
}

// A download address is bound to its merchant, lasts five minutes, and can't be
// changed.
func TestADownloadAddressIsForOneMerchantAndFiveMinutes(t *testing.T) {
	s, ahead, now := travelling(t)
	c, p := demo(t, s, direct), demo(t, s, partner)
	c.now, p.now = now, now
	path := "/v3/bill/tradebill?bill_date=" + now().In(wire.Beijing).Format(time.DateOnly)
	ahead(22 * time.Hour)
	answer, err := wire.DecodeBillAnswer(exact(t, c.get(t, path, 200)))
	if err != nil {
		t.Fatal(err)
	}
	target := strings.TrimPrefix(answer.DownloadURL, c.url)
	for name, test := range map[string]struct {
		as     client
		target string
	}{
		"another account": {p, target}, "a longer one": {c, target + "x"}, "none": {c, "/v3/billdownload/file"},
		"another text": {c, strings.Replace(target, "token=", "token=A", 1)},
	} {
		// Said by the address alone: a bill that is empty is another error.
		if answer := decoded(t, test.as.get(t, test.target, 400)); answer["code"] != "PARAM_ERROR" {
			t.Errorf("%s: %v", name, answer)
		}
	}
	response, _ := dialecttest.Do(t, c.request(t, http.MethodGet, target, ""))
	if response.StatusCode != 200 || response.Header.Get(wire.HeaderSignature) != "" || response.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("answered %d as %s, signed %q", response.StatusCode, response.Header.Get("Content-Type"), response.Header.Get(wire.HeaderSignature))
	}
	ahead(6 * time.Minute)
	if answer := decoded(t, c.get(t, target, 400)); answer["code"] != "INVALID_REQUEST" {
		t.Errorf("six minutes later: %v", answer)
	}
}
