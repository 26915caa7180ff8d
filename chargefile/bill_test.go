package chargefile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/chargefile"
)

// weChatBill is a bill of type ALL of a direct merchant, as WeChat Pay lets it
// be downloaded: a row of a payment with coupons, a payment and its refunds.
const weChatBill = "\ufeff交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n" +
	"`2026-11-01 16:33:45,`wx1,`1900009191,`0,`,`4200000000202611010000000001,`T1,`o1,`JSAPI,`SUCCESS,`OTHERS,`CNY,`9.00,`1.00,`0,`0,`0.00,`0.00,`,`,`商品,一\"件,`,`0.05400,`0.60%,`10.00,`0.00,`\r\n" +
	"`2026-11-01 16:34:45,`wx1,`1900009191,`0,`,`4200000000202611010000000002,`T2,`o1,`NATIVE,`SUCCESS,`OTHERS,`CNY,`10.00,`0.00,`0,`0,`0.00,`0.00,`,`,`商品,`,`0.06000,`0.60%,`10.00,`0.00,`\r\n" +
	"`2026-11-01 17:34:45,`wx1,`1900009191,`0,`,`4200000000202611010000000002,`T2,`o1,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50000000000000000000000001,`R1,`3.00,`0.00,`ORIGINAL,`SUCCESS,`商品,`,`-0.02000,`0.60%,`0.00,`3.00,`\r\n" +
	"`2026-11-01 17:35:45,`wx1,`1900009191,`0,`,`4200000000202611010000000002,`T2,`o1,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50000000000000000000000002,`R2,`1.00,`0.00,`ORIGINAL,`PROCESSING,`商品,`,`0.00000,`0.60%,`0.00,`1.50,`\r\n" +
	"`2026-11-01 17:36:45,`wx1,`1900009191,`0,`,`4200000000202611010000000002,`T2,`o1,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50000000000000000000000003,`R3,`1.00,`0.00,`ORIGINAL,`FAIL,`商品,`,`0.00000,`0.60%,`0.00,`1.00,`\r\n" +
	"`2026-11-01 17:37:45,`wx1,`1900009191,`0,`,`4200000000202610310000000009,`T9,`o1,`APP,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50000000000000000000000004,`R4,`1.00,`0.00,`ORIGINAL,`SUCCESS,`商品,`,`0.00000,`0.60%,`0.00,`1.00,`\r\n" +
	"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n" +
	"`6,`19.00,`6.00,`0.00,`0.09400,`20.00,`6.50\r\n"

var weChatLines = []string{
	`2 {"amount":1000,"channel":"wx_pub","coupons":[{"amount":100,"id":"bill-cash","scope":"GLOBAL","type":"CASH"},{"amount":100,"id":"bill-nocash","scope":"GLOBAL","type":"NOCASH"}],"currency":"CNY","order_no":"T1","paid_at":"2026-11-01T08:33:45Z","transaction_id":"4200000000202611010000000001"}`,
	`3 {"already_refunded":450,"amount":1000,"channel":"wx_pub_qr","currency":"CNY","fee":6,"order_no":"T2","paid_at":"2026-11-01T08:34:45Z","transaction_id":"4200000000202611010000000002"}`,
	"4 passed: a refund, counted as already_refunded of its payment",
	"5 passed: a refund, counted as already_refunded of its payment",
	"6 passed: a refund that failed",
	"7 rejected: a refund of payment 4200000000202610310000000009, which is not in this file (hint: join the bills of both days, or register the payment with already_refunded)",
	"8 passed: a title or a total",
	"9 passed: a title or a total",
}

func TestABillOfWeChatPay(t *testing.T) {
	if diff := cmp.Diff(weChatLines, read(t, weChatBill, chargefile.Options{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(weChatLines, read(t, gbk(strings.TrimPrefix(weChatBill, "\ufeff")), chargefile.Options{})); diff != "" {
		t.Errorf("in GBK (-want +got)\n%s", diff)
	}
	// Saved again by a spreadsheet: quotes around a text with commas, rows of
	// one width.
	saved := strings.Replace(weChatBill, "`商品,一\"件", "\"`商品,一\"\"件\"", 1)
	saved = strings.Replace(saved, "`6.50\r\n", "`6.50"+strings.Repeat(",", 20)+"\r\n", 1)
	if diff := cmp.Diff(weChatLines, read(t, saved, chargefile.Options{})); diff != "" {
		t.Errorf("saved by a spreadsheet (-want +got)\n%s", diff)
	}
	// A day's bill and the next one's, joined.
	got := read(t, weChatBill+weChatBill, chargefile.Options{})
	if len(got) != 17 || !strings.Contains(got[1], `"already_refunded":900`) || got[8] != "10 passed: a title or a total" {
		t.Errorf("joined: %q", got)
	}
}

func TestABillOfAPartnerNamesItsSubMerchant(t *testing.T) {
	file := strings.ReplaceAll(weChatBill, "`1900009191,`0,", "`1900000100,`1900000109,")
	got := read(t, file, chargefile.Options{NamesWeChat: true, Channel: "wx"})
	if !strings.Contains(got[1], `"identities":{"wechatpay":{"mchid":"1900000100","sub_mchid":"1900000109"}}`) || !strings.Contains(got[1], `"channel":"wx"`) {
		t.Errorf("got %s", got[1])
	}
}

func TestABillCantBeAPipe(t *testing.T) {
	if _, err := chargefile.New(strings.NewReader(weChatBill), chargefile.Options{}); err == nil || !strings.Contains(err.Error(), "pipe") {
		t.Errorf("got %v", err)
	}
}

// alipayBill is a bill of kind trade, as Alipay packs it: GBK, tabs as padding.
const alipayBill = "#支付宝业务明细查询\r\n#账号：[20881021111111110156]\r\n#起始日期：[2026年11月01日 00:00:00]   终止日期：[2026年11月02日 00:00:00]\r\n#----------------------------------------业务明细列表----------------------------------------\r\n" +
	"支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\r\n" +
	"2026110122001001000000000001\t,T1\t\t,交易\t,商品\t,2026-11-01 10:00:00,2026-11-01 10:00:05,\t,\t,\t,\t,*明(a***@b.com)\t,12.50,12.50,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,\t,-0.08,0.00,\t\r\n" +
	"2026110122001001000000000001\t,T1\t\t,退款\t,商品\t,2026-11-01 11:00:00,2026-11-01 11:00:05,\t,\t,\t,\t,*明(a***@b.com)\t,-2.50,-2.50,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,R1\t,0.02,0.00,\t\r\n" +
	"#--------------------------------------业务明细列表结束--------------------------------------\r\n" +
	"#交易合计：1笔，商家实收共12.50元，商家优惠共0.00元\r\n#退款合计：1笔，商家实收退款共-2.50元，商家优惠退款共0.00元\r\n#导出时间：[2026年11月02日 09:00:00]\r\n"

func TestABillOfAlipay(t *testing.T) {
	want := []string{
		"1 passed: a title", "2 passed: a title", "3 passed: a title", "4 passed: a title",
		`6 {"already_refunded":250,"amount":1250,"channel":"alipay","currency":"CNY","fee":8,"order_no":"T1","paid_at":"2026-11-01T02:00:05Z","transaction_id":"2026110122001001000000000001"}`,
		"7 passed: a refund, counted as already_refunded of its payment",
		"8 passed: a title or a total", "9 passed: a title or a total", "10 passed: a title or a total", "11 passed: a title or a total",
	}
	if diff := cmp.Diff(want, read(t, gbk(alipayBill), chargefile.Options{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want, read(t, alipayBill, chargefile.Options{})); diff != "" {
		t.Errorf("in UTF-8 (-want +got)\n%s", diff)
	}
}

func TestARowOfABillThatIsNotUnderstoodIsRejected(t *testing.T) {
	for old, change := range map[string][2]string{
		"`SUCCESS,`OTHERS":              {"`USERPAYING,`OTHERS", "交易状态"},
		"`JSAPI":                        {"`FACEPAY", "交易类型: no channel is known"},
		"`10.00,`0.00,`\r\n":            {"`10.005,`0.00,`\r\n", "订单金额"},
		"`2026-11-01 16:33:45":          {"`16:33:45", "交易时间"},
		"`1.50,":                        {"`x,", "申请退款金额"},
		"`4200000000202611010000000001": {"`", "微信订单号"},
	} {
		got := strings.Join(read(t, strings.Replace(weChatBill, old, change[0], 1), chargefile.Options{}), "\n")
		if !strings.Contains(got, " rejected: "+change[1]) {
			t.Errorf("%s: %s", change[0], got)
		}
	}
	// Nor is the payment of a refund that is not understood: too much could
	// be refunded of it.
	lines := read(t, strings.Replace(weChatBill, "`1.50,", "`x,", 1), chargefile.Options{})
	if lines[1] != "3 rejected: a refund of this payment in the same file can't be read" {
		t.Errorf("the payment of a broken refund: %s", lines[1])
	}
	got := strings.Join(read(t, strings.Replace(alipayBill, "-2.50", "2.50", 1), chargefile.Options{}), "\n")
	if !strings.Contains(got, "7 rejected: 订单金额(元)") {
		t.Errorf("a refund of a positive amount: %s", got)
	}
}
