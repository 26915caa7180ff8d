package pingpp

import (
	"strings"
	"testing"
)

func TestRecordedErrorsToTheByte(t *testing.T) {
	tests := []struct {
		name  string
		error Error
		want  string
	}{
		{
			"a wrong key", Chinese.InvalidKey(sampleKey),
			`{"error":{"type":"invalid_request_error","message":"提供了无效的 API KEY: sk_test_*************************。"}}`,
		},
		{
			"an unknown charge", Chinese.NotFound(ObjectCharge, "ch_14ynXPmPqzb1SCCeXDX9yTOc"),
			`{"error":{"type":"invalid_request_error","message":"未找到 charge : ch_14ynXPmPqzb1SCCeXDX9yTOc。","param":"id"}}`,
		},
		{
			"an unknown refund", Chinese.NotFound(ObjectRefund, "re_Ouz5GSfv1Gm1S4WzTCaXXPSK"),
			`{"error":{"type":"invalid_request_error","message":"未找到 refund : re_Ouz5GSfv1Gm1S4WzTCaXXPSK。","param":"id"}}`,
		},
		{
			"a charge that was refunded in full", Chinese.FullyRefunded("4360de39f200172f", "ch_ubn9uDDezzXDizv9SKXXDiPO"),
			`{"error":{"type":"invalid_request_error","message":"不能对订单号 4360de39f200172f 发起退款，` +
				`因为已经全额退款了。Charge id: ch_ubn9uDDezzXDizv9SKXXDiPO。"}}`,
		},
		{
			"a charge of an order", Chinese.OrderCharge(),
			`{"error":{"type":"invalid_request_error","message":"请使用商品订单号进行操作。","code":"charge_request_invalid"}}`,
		},
		{
			"a refund after the window", Chinese.RefundTooLate("cnp_u"),
			`{"error":{"type":"invalid_request_error","message":"退款时间超出渠道 cnp_u 允许的最晚退款时间","param":"Refund_time"}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Marshal(ErrorEnvelope{Error: test.error})
			if err != nil || string(got) != test.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, test.want)
			}
		})
	}
}

func TestEnglishErrorsDifferInTheMessageAlone(t *testing.T) {
	errorsIn := func(locale Locale) []Error {
		return []Error{
			locale.InvalidKey(sampleKey), locale.NotFound(ObjectEvent, "evt_1"),
			locale.FullyRefunded("123456789", "ch_1"), locale.OrderCharge(), locale.RefundTooLate("wx"),
			{Message: locale.RefusedByChannel("wx", "NOTENOUGH")},
		}
	}
	named := []string{"sk_test_***", "evt_1", "ch_1", "", "wx", "NOTENOUGH"}
	chinese := errorsIn(Chinese)
	for i, english := range errorsIn(English) {
		for _, character := range english.Message {
			if character > '~' {
				t.Errorf("%q is not English", english.Message)
				break
			}
		}
		if !strings.Contains(english.Message, named[i]) || !strings.Contains(chinese[i].Message, named[i]) {
			t.Errorf("%q or %q does not name %s", english.Message, chinese[i].Message, named[i])
		}
		english.Message = chinese[i].Message
		if english != chinese[i] {
			t.Errorf("got %+v, want %+v", english, chinese[i])
		}
	}
}

func TestFailureMessages(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{
			"a refusal passes the channel's text on",
			Chinese.RefusedByChannel("wx_pub", "交易未结算资金不足，请使用可用余额退款"),
			"退款 wx_pub 已被支付渠道拒绝。来自渠道的信息：交易未结算资金不足，请使用可用余额退款",
		},
		{
			"an address follows the prefix after one space",
			WaitOperation("https://mapi.example/gateway.do?service=x"),
			"需要打开地址进行下一步退款操作: https://mapi.example/gateway.do?service=x",
		},
		{
			"colons in the query are encoded",
			WaitOperation("https://mapi.example/gateway.do?refund_date=2016-12-08+14:39:11"),
			"需要打开地址进行下一步退款操作: https://mapi.example/gateway.do?refund_date=2016-12-08+14%3A39%3A11",
		},
		{
			"an address without a query stays as it is",
			WaitOperation("https://mapi.example/pay"), "需要打开地址进行下一步退款操作: https://mapi.example/pay",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.got != test.want {
				t.Errorf("got %s, want %s", test.got, test.want)
			}
		})
	}
}

func TestLanguageOfTheAcceptLanguageHeader(t *testing.T) {
	tests := []struct {
		name, header string
		want         Locale
	}{
		{"no header is Chinese", "", Chinese},
		{"the clients' default is Chinese", "zh-CN", Chinese},
		{"English is English", "en", English},
		{"a region does not matter", "en-GB", English},
		{"case does not matter", "EN-us", English},
		{"the first of equals wins", "en,zh", English},
		{"a greater weight wins over the order", "en;q=0.8, zh-CN;q=0.9", Chinese},
		{"a finer weight wins", "zh;q=0.8,en;q=0.801", English},
		{"no weight is the greatest", "zh;q=0.999,en", English},
		{"weight zero is a refusal", "en;q=0", Chinese},
		{"a broken weight drops the entry", "en;q=high", Chinese},
		{"a weight above one drops the entry", "en;q=2", Chinese},
		{"too fine a weight drops the entry", "en;q=0.9999", Chinese},
		{"another parameter drops the entry", "en;level=1", Chinese},
		{"other languages are passed over", "fr-FR,de;q=0.9,en;q=0.1", English},
		{"only other languages is Chinese", "fr, *", Chinese},
		{"a word that begins alike is another language", "eng, enx-GB", Chinese},
		{"entries after the sixteenth are not read", strings.Repeat("fr,", 16) + "en", Chinese},
		{"the sixteenth entry is read", strings.Repeat("fr,", 15) + "en", English},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Language(test.header); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add("en;q=0.8, zh-CN;q=0.9")
	f.Add(";q=.,;,=")
	f.Fuzz(func(t *testing.T, header string) {
		if got := Language(header); got != Chinese && got != English {
			t.Errorf("%q: got %q", header, got)
		}
	})
}
