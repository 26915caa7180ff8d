package pingpp

import (
	"testing"
	"time"
)

func TestUntilWhenAPaidChargeIsReversible(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct{ name, channel, paid, until string }{
		{"WeChat's scan has seven days", "wx_pub_scan", "2026-11-24T08:00:00+08:00", "2026-12-01T08:00:00+08:00"},
		{"its cross-border sibling too", "cb_wx_pub_scan", "2026-11-24T08:00:00+08:00", "2026-12-01T08:00:00+08:00"},
		{"Alipay's scan has a day", "alipay_scan", "2026-11-24T08:00:00+08:00", "2026-11-25T08:00:00+08:00"},
		{"UnionPay's clearing day ends at 23:00", "upacp_scan", "2026-11-24T22:59:59+08:00", "2026-11-24T23:00:00+08:00"},
		{"and the next one begins then", "upacp_scan", "2026-11-24T23:00:00+08:00", "2026-11-25T23:00:00+08:00"},
		{"isv has the day of Beijing", "isv_qr", "2026-11-24T15:59:59Z", "2026-11-24T16:00:00Z"},
		{"which begins at 16:00 UTC", "isv_wap", "2026-11-24T16:00:00Z", "2026-11-25T16:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			until, ok := ReversibleUntil(test.channel, at(test.paid))
			if !ok || !until.Equal(at(test.until)) {
				t.Errorf("until %v, %t", until, ok)
			}
		})
	}
	for _, channel := range []string{"wx", "alipay", "upacp", "alipay_qr", "", "new"} {
		if _, ok := ReversibleUntil(channel, time.Now()); ok {
			t.Errorf("%q reverses paid charges", channel)
		}
	}
}
