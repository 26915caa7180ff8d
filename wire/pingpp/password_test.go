package pingpp

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestWhichRefundsNeedAPassword(t *testing.T) {
	old := map[string]string{SettingAlipayVersion: "1"}
	tests := []struct {
		name     string
		channel  string
		settings map[string]string
		want     bool
	}{
		{"the old gateway", "alipay", old, true},
		{"its page for phones", "alipay_wap", old, true},
		{"its page for computers, without the option", "alipay_pc_direct", map[string]string{SettingAlipayVersion: "1", SettingAlipayRefundNoPassword: "false"}, true},
		{"the old gateway with the option", "alipay", map[string]string{SettingAlipayVersion: "1", SettingAlipayRefundNoPassword: "true"}, false},
		{"the new gateway", "alipay", map[string]string{SettingAlipayVersion: "2"}, false},
		{"no setting", "alipay", nil, false},
		{"a code that is shown", "alipay_qr", old, false},
		{"a code that is scanned", "alipay_scan", old, false},
		{"the cross-border channel", "cb_alipay", old, false},
		{"WeChat", "wx", old, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := NeedsPassword(test.channel, test.settings); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestThePasswordAddress(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	address, err := PasswordAddress{
		At:     time.Date(2026, 11, 24, 16, 0, 5, 0, time.UTC), // the 25th in Beijing
		Number: "y1u944PmfnrTHyvnL0nD0iD1", NotifyURL: "http://127.0.0.1:8080/notify/charges/ch_1/refunds/re_1",
		Refunds: []PasswordRefund{
			{"2026112522001", "1.00", "a^b|c$d#e: 退款 " + strings.Repeat("x", 300)},
			{"2026112522002", "0.05", "d"},
		},
	}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "https://mapi.alipay.com/gateway.do?service=refund_fastpay_by_platform_pwd&_input_charset=utf-8&partner=2088000000000000" +
		"&notify_url=http%3A%2F%2F127.0.0.1%3A8080%2Fnotify%2Fcharges%2Fch_1%2Frefunds%2Fre_1&seller_user_id=2088000000000000" +
		"&refund_date=2026-11-25+00%3A00%3A05&batch_no=20261125y1u944PmfnrTHyvnL0nD0iD1&batch_num=2&detail_data=2026112522001%5E1.00%5Ea+b+c+d+e%3A+"
	if !strings.HasPrefix(address, begin) || !strings.HasSuffix(address, "&sign_type=RSA") {
		t.Fatalf("address %s", address)
	}
	// Programs that cut at every colon keep two pieces: the scheme's is the only one.
	if strings.Count(address, ":") != 1 || strings.Contains(WaitOperation(address)[len(WaitOperationPrefix):], " ") {
		t.Errorf("the address would be cut: %s", address)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	details := strings.Split(query.Get("detail_data"), "#")
	if len(details) != 2 || details[1] != "2026112522002^0.05^d" || len([]rune(strings.Split(details[0], "^")[2])) != 256 {
		t.Errorf("detail_data %q", details)
	}
	var signed []string
	for _, name := range []string{"_input_charset", "batch_no", "batch_num", "detail_data", "notify_url", "partner", "refund_date", "seller_user_id", "service"} {
		signed = append(signed, name+"="+query.Get(name))
	}
	digest := sha1.Sum([]byte(strings.Join(signed, "&")))
	signature, err := base64.StdEncoding.DecodeString(query.Get("sign"))
	if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA1, digest[:], signature) != nil {
		t.Errorf("sign %q: %v", query.Get("sign"), err)
	}
	if _, err := (PasswordAddress{}).Sign(nil); err == nil {
		t.Error("signed without a key")
	}
}
