package pingpp

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestDescriptionLimitsOfThePage(t *testing.T) {
	tests := []struct {
		name, channel string
		limit         TextLimit
	}{
		{"most channels take 255 characters", "wx", TextLimit{Characters, 255}},
		{"cmb_wallet takes 99 bytes", "cmb_wallet", TextLimit{Bytes, 99}},
		{"cmb_pc_qr takes 99 bytes", "cmb_pc_qr", TextLimit{Bytes, 99}},
		{"jdpay_wap takes 128 bytes", "jdpay_wap", TextLimit{Bytes, 128}},
		{"jdpay is ordinary", "jdpay", TextLimit{Characters, 255}},
		{"paypal takes 30 bytes", "paypal", TextLimit{Bytes, 30}},
		{"coolcredit takes 100 characters", "coolcredit", TextLimit{Characters, 100}},
		{"an unknown channel is ordinary", "fuiou_new", TextLimit{Characters, 255}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel, _ := ChannelNamed(test.channel)
			if channel.Description != test.limit {
				t.Errorf("got %+v, want %+v", channel.Description, test.limit)
			}
			unit := "款" // three bytes, one character
			fits := test.limit.Max
			if test.limit.Unit == Bytes {
				fits /= len(unit)
			}
			if !test.limit.Allows(strings.Repeat(unit, fits)) {
				t.Errorf("%d characters of Chinese were refused", fits)
			}
			if test.limit.Allows(strings.Repeat(unit, fits+1)) {
				t.Errorf("%d characters of Chinese were accepted", fits+1)
			}
		})
	}
}

func TestPeculiaritiesBelongToTheChannelsThatThePageNames(t *testing.T) {
	tests := []struct {
		name     string
		has      func(Channel) bool
		channels string
	}{
		{
			"funding_source is for WeChat and QQ", func(c Channel) bool { return c.FundingSource },
			"qpay qpay_pub wx wx_lite wx_pub wx_pub_qr wx_pub_scan wx_wap",
		},
		{
			"hide_reason is for six WeChat channels", func(c Channel) bool { return c.HideReason },
			"wx wx_lite wx_pub wx_pub_qr wx_pub_scan wx_wap",
		},
		{
			"split_fund_info is for three cross-border channels", func(c Channel) bool { return c.SplitFundInfo },
			"cb_alipay cb_alipay_pc_direct cb_alipay_wap",
		},
		{
			"rate and refund_amount are for two cross-border channels", func(c Channel) bool { return c.ExchangeRate },
			"cb_alipay_qr cb_alipay_scan",
		},
		{
			"quick payment inside an app is refunded in full only", func(c Channel) bool { return c.FullRefundOnly },
			"cnp_f cnp_u",
		},
		{
			"Alipay gives three months", func(c Channel) bool { return c.RefundWindowMonths == 3 },
			"alipay alipay_lite alipay_pc_direct alipay_qr alipay_scan alipay_wap " +
				"cb_alipay cb_alipay_pc_direct cb_alipay_qr cb_alipay_scan cb_alipay_wap",
		},
		{
			"WeChat gives a year", func(c Channel) bool { return c.RefundWindowMonths == 12 },
			"cb_wx cb_wx_pub cb_wx_pub_qr cb_wx_pub_scan wx wx_lite wx_pub wx_pub_qr wx_pub_scan wx_wap",
		},
		{
			"nobody else has a window but one month",
			func(c Channel) bool { return !slices.Contains([]int{1, 3, 12}, c.RefundWindowMonths) }, "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, name := range slices.Sorted(maps.Keys(peculiarities)) {
				if channel, _ := ChannelNamed(name); test.has(channel) {
					got = append(got, name)
				}
			}
			if joined := strings.Join(got, " "); joined != test.channels {
				t.Errorf("got %s, want %s", joined, test.channels)
			}
		})
	}
}

func TestOrderNumbersOfChannels(t *testing.T) {
	tests := []struct {
		name, channel string
		minimum       int
		maximum       int
		dash          bool // whether other characters than letters and digits pass
	}{
		{"Alipay", "alipay", 1, 64, false},
		{"WeChat in an app", "wx", 2, 32, true},
		{"other WeChat", "wx_pub", 1, 32, true},
		{"PayPal", "paypal", 1, 32, true},
		{"coolcredit", "coolcredit", 1, 32, true},
		{"Baidu", "bfb", 1, 20, true},
		{"UnionPay", "upacp", 8, 40, false},
		{"Yeepay", "yeepay_wap", 1, 50, true},
		{"JD", "jdpay_wap", 1, 30, true},
		{"QQ", "qpay", 1, 30, true},
		{"CCB", "ccb_pay", 1, 30, true},
		{"China Mobile", "cmpay", 1, 50, true},
		{"resellers", "isv_scan", 8, 32, true},
		{"CMB", "cmb_wallet", 6, 32, true},
		{"unknown", "new_channel", 1, 64, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel, _ := ChannelNamed(test.channel)
			for length := range 70 {
				want := length >= test.minimum && length <= test.maximum
				if got := channel.OrderNo.Allows(strings.Repeat("7", length)); got != want {
					t.Errorf("%d digits: got %v, want %v", length, got, want)
				}
			}
			if got := channel.OrderNo.Allows("20160101-aB"); got != test.dash {
				t.Errorf("with a dash: got %v, want %v", got, test.dash)
			}
		})
	}
	if wallet, _ := ChannelNamed("cmb_wallet"); !wallet.OrderNo.UniqueWithinDay {
		t.Error("cmb_wallet's numbers are unique within the day only")
	}
}

func TestChannelsKeepTheirNamesAndAreKnownOrNot(t *testing.T) {
	for name, want := range map[string]bool{"wx": true, "custom": true, "unionpay": false, "": false, "WX": false} {
		channel, known := ChannelNamed(name)
		if channel.Name != name || known != want {
			t.Errorf("%q: got %q, %v, want %v", name, channel.Name, known, want)
		}
	}
	unionpay, _ := ChannelNamed("upacp")
	yeepay, _ := ChannelNamed("yeepay_wap")
	ordinary, _ := ChannelNamed("wx")
	if unionpay.Subject != (TextLimit{Bytes, 32}) || ordinary.Subject != (TextLimit{Characters, 32}) {
		t.Errorf("subjects: %+v, %+v", unionpay.Subject, ordinary.Subject)
	}
	if yeepay.Body != (TextLimit{Characters, 100}) || ordinary.Body != (TextLimit{Characters, 128}) {
		t.Errorf("bodies: %+v, %+v", yeepay.Body, ordinary.Body)
	}
	if Bytes.String() != "bytes" || Characters.String() != "characters" {
		t.Error("units have lost their names")
	}
}
