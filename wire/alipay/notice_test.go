package alipay_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/pemkey"
)

func TestATradeNoticeIsVerifiedWithoutSignAndSignType(t *testing.T) {
	p, err := alipay.ReadNotice([]byte(read(t, "notice.txt")))
	if err != nil || p.IsMessage() {
		t.Fatal(p, err)
	}
	if err := keys(t).VerifyNotice(p); err != nil {
		t.Error(err)
	}
	n, err := alipay.DecodeTradeNotice(p)
	fee := int64(8880)
	want := alipay.TradeNotice{
		ID: "91722adff935e8cfa58b3aabf4dead6ibe", AppID: "2014072300007148", At: time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC),
		TradeNo: "2013112011001004330000121536", OutTradeNo: "6823789339978248", OutBizNo: "HZ01RF001", Status: alipay.TradeSuccess, RefundFee: &fee,
		RefundAt: time.Date(2026, 11, 29, 8, 59, 59, 123_000_000, time.UTC),
	}
	if diff := cmp.Diff(want, n, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	p["alipay_cert_sn"] = "e19be776316cceb038910d299d05f2c0"
	if err := keys(t).VerifyNotice(p); err != nil {
		t.Errorf("with the certificate's name: %v", err)
	}
	for name, change := range map[string]alipay.Params{
		"another amount":                  {"refund_fee": "88.81"},
		"another refund":                  {"out_biz_no": "HZ01RF002"},
		"a parameter that was left empty": {"buyer_id": "2088"},
		"a new parameter":                 {"x": "y"},
		"another signature type":          {"sign_type": "RSA"},
		"no signature":                    {"sign": ""},
	} {
		changed := alipay.Params{}
		for k, v := range p {
			changed[k] = v
		}
		for k, v := range change {
			changed[k] = v
		}
		if err := keys(t).VerifyNotice(changed); !errors.Is(err, pemkey.ErrSignature) && !errors.Is(err, alipay.ErrUnsigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMessageIsVerifiedInBothForms(t *testing.T) {
	for _, name := range []string{"message_without_type.txt", "message_with_type.txt"} {
		p, err := alipay.ReadNotice([]byte(read(t, name)))
		if err != nil || !p.IsMessage() {
			t.Fatal(p, err)
		}
		if err := keys(t).VerifyMessage(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		m, err := alipay.DecodeDepositBack(p)
		if err != nil || m.OutRequestNo != "HZ01RF001" || m.Status != alipay.DepositBackFailed || !m.At.Equal(time.UnixMilli(1795942800000)) {
			t.Errorf("%+v, %v", m, err)
		}
		p["version"] = "1.0"
		if err := keys(t).VerifyMessage(p); !errors.Is(err, pemkey.ErrSignature) {
			t.Errorf("%s, changed: %v", name, err)
		}
	}
	// A notice has one form alone.
	p, err := alipay.ReadNotice([]byte(read(t, "message_with_type.txt")))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys(t).VerifyNotice(p); !errors.Is(err, pemkey.ErrSignature) {
		t.Errorf("taken as a notice: %v", err)
	}
}

func TestANoticeThatCantBeReadSaysSo(t *testing.T) {
	notice, message := read(t, "notice.txt"), read(t, "message_with_type.txt")
	for name, body := range map[string]string{
		"a parameter that comes twice": notice + "&trade_no=2",
		"a broken escape":              notice + "&a=%G0",
		"another charset":              strings.Replace(notice, "charset=utf-8", "charset=GBK", 1),
		"too long":                     notice + "&a=" + strings.Repeat("a", alipay.MaxNotice),
	} {
		if _, err := alipay.ReadNotice([]byte(body)); !errors.Is(err, alipay.ErrNotice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"another type":       strings.Replace(notice, "trade_status_sync", "mobile", 1),
		"a time that is not": strings.Replace(notice, "17%3A00%3A00", "17h", 1),
		"no time":            strings.Replace(notice, "notify_time", "time", 1),
		"a broken amount":    strings.Replace(notice, "88.80", "88.8e1", 1),
	} {
		p, err := alipay.ReadNotice([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := alipay.DecodeTradeNotice(p); !errors.Is(err, alipay.ErrNotice) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	for name, body := range map[string]string{
		"another method":       strings.Replace(message, "depositback", "other", 1),
		"seconds":              strings.Replace(message, "1795942800000", "1795942800", 1),
		"a status that is not": strings.Replace(message, "%22F%22", "%22P%22", 1),
		"no refund":            strings.Replace(message, "out_request_no", "request_no", 1),
		"broken JSON":          strings.Replace(message, "%7D", "", 1),
	} {
		p, err := alipay.ReadNotice([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := alipay.DecodeDepositBack(p); !errors.Is(err, alipay.ErrNotice) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}
