package wechatpay

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func exampleRows() []TradeRow {
	paid := time.Date(2019, 6, 11, 9, 30, 0, 0, Beijing)
	return []TradeRow{
		{
			At: paid, AppID: "wx1", MchID: "1900009191", TransactionID: "4200", OutTradeNo: "T12345", OpenID: "o", TradeType: TradeJSAPI, TradeState: BillStatePaid,
			BankType: "CMC", Currency: Currency, Settlement: 900, GoodsName: "苹果,梨`\r\n", Attach: "a", FeeMilliFen: 5400, Rate: "0.60%", Order: 1000,
		},
		{
			At: paid.Add(time.Hour), AppID: "wx1", MchID: "1900009191", SubMchID: "1900000109", TransactionID: "4200", OutTradeNo: "T12345", OpenID: "o", TradeType: TradeJSAPI,
			TradeState: BillStateRefund, BankType: "CMC", Currency: Currency, RefundAppliedAt: paid.Add(time.Hour), RefundID: "50", OutRefundNo: "R1",
			SettlementRefund: 450, CouponRefund: 50, RefundType: ChannelOriginal, RefundState: BillRefundProcessing, FeeMilliFen: -2705, Rate: "0.60%", RequestedRefund: 500,
		},
	}
}

const summaryTitles = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"

func writeTradeBill(t testing.TB, kind string, rows []TradeRow) string {
	t.Helper()
	var file strings.Builder
	bill := NewTradeBill(&file, kind)
	for _, row := range rows {
		bill.Add(row)
	}
	if err := bill.Close(); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

func TestTradeBillsOfEachType(t *testing.T) {
	rows := exampleRows()
	tests := []struct {
		kind    string
		columns int
		want    string
	}{
		{BillAll, 27, "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n" +
			"`2019-06-11 09:30:00,`wx1,`1900009191,`0,`,`4200,`T12345,`o,`JSAPI,`SUCCESS,`CMC,`CNY,`9.00,`0.00,`0,`0,`0.00,`0.00,`,`,`苹果,梨'\\r\\n,`a,`0.05400,`0.60%,`10.00,`0.00,`\r\n" +
			"`2019-06-11 10:30:00,`wx1,`1900009191,`1900000109,`,`4200,`T12345,`o,`JSAPI,`REFUND,`CMC,`CNY,`0.00,`0.00,`50,`R1,`4.50,`0.50,`ORIGINAL,`PROCESSING,`,`,`-0.02705,`0.60%,`0.00,`5.00,`\r\n"},
		{BillRefund, 29, "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n" +
			"`2019-06-11 09:30:00,`wx1,`1900009191,`0,`,`4200,`T12345,`o,`JSAPI,`SUCCESS,`CMC,`CNY,`9.00,`0.00,`,`,`0,`0,`0.00,`0.00,`,`,`苹果,梨'\\r\\n,`a,`0.05400,`0.60%,`10.00,`0.00,`\r\n" +
			"`2019-06-11 10:30:00,`wx1,`1900009191,`1900000109,`,`4200,`T12345,`o,`JSAPI,`REFUND,`CMC,`CNY,`0.00,`0.00,`2019-06-11 10:30:00,`,`50,`R1,`4.50,`0.50,`ORIGINAL,`PROCESSING,`,`,`-0.02705,`0.60%,`0.00,`5.00,`\r\n"},
		{BillSuccess, 20, "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注\r\n" +
			"`2019-06-11 09:30:00,`wx1,`1900009191,`0,`,`4200,`T12345,`o,`JSAPI,`SUCCESS,`CMC,`CNY,`9.00,`0.00,`苹果,梨'\\r\\n,`a,`0.05400,`0.60%,`10.00,`\r\n" +
			"`2019-06-11 10:30:00,`wx1,`1900009191,`1900000109,`,`4200,`T12345,`o,`JSAPI,`REFUND,`CMC,`CNY,`0.00,`0.00,`,`,`-0.02705,`0.60%,`0.00,`\r\n"},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			got := writeTradeBill(t, test.kind, rows)
			want := "\uFEFF" + test.want + summaryTitles + "`2,`9.00,`4.50,`0.50,`0.02695,`10.00,`5.00\r\n"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if titles, _, _ := strings.Cut(got, "\r\n"); strings.Count(titles, ",")+1 != test.columns {
				t.Errorf("%d columns", strings.Count(titles, ",")+1)
			}
		})
	}
}

func readTrade(file string) (rows []TradeRow, summary TradeSummary, err error) {
	summary, err = ReadTradeBill(strings.NewReader(file), func(row TradeRow) error {
		rows = append(rows, row)
		return nil
	})
	return rows, summary, err
}

func TestTradeBillsAreReadAsTheyWereWritten(t *testing.T) {
	rows := exampleRows()
	want := exampleRows()
	want[0].SubMchID, want[0].RefundID, want[0].OutRefundNo, want[0].GoodsName = BillNone, BillNone, BillNone, `苹果,梨'\r\n`
	file := writeTradeBill(t, BillRefund, rows)
	reversed := strings.NewReplacer("退款状态", "新", "交易状态", "退款状态").Replace(file) // an unknown column, and a known one elsewhere
	for name, text := range map[string]string{
		"as written": file, "without a BOM": strings.TrimPrefix(file, bom), "with bare line ends": strings.ReplaceAll(file, "\r\n", "\n"),
		"without the last line end": strings.TrimSuffix(file, "\r\n"),
	} {
		got, summary, err := readTrade(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
		if summary != (TradeSummary{2, 900, 450, 50, 2695, 1000, 500}) {
			t.Errorf("%s: %+v", name, summary)
		}
	}
	if got, _, err := readTrade(reversed); err != nil || got[1].RefundState != "REFUND" || got[1].TradeState != "" {
		t.Errorf("other columns: %+v, %v", got, err)
	}
	if got, summary, err := readTrade(writeTradeBill(t, BillAll, nil)); err != nil || got != nil || summary.Count != 0 {
		t.Errorf("an empty bill: %v %+v, %v", got, summary, err)
	}
	stop := errors.New("stop")
	if _, err := ReadTradeBill(strings.NewReader(file), func(TradeRow) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
}

func TestTradeBillsThatAreRefused(t *testing.T) {
	file := writeTradeBill(t, BillAll, exampleRows())
	lines := strings.SplitAfter(file, "\r\n")
	for name, text := range map[string]string{
		"nothing":                     "",
		"an error as JSON":            `{"code":"NO_STATEMENT_EXIST"}`,
		"cut off within the rows":     strings.Join(lines[:2], ""),
		"cut off before the sums":     strings.Join(lines[:4], ""),
		"a row is lost":               lines[0] + lines[2] + lines[3] + lines[4],
		"a value too few":             strings.Replace(file, ",`o", "", 1),
		"a value too many":            strings.Replace(file, ",`o", ",`o,`o", 1),
		"an amount with a comma":      strings.Replace(file, "`9.00", "`9,00", 1),
		"an amount of three decimals": strings.Replace(file, "`9.00", "`9.001", 1),
		"an amount with an exponent":  strings.Replace(file, "`9.00", "`9e2", 1),
		"a time of another form":      strings.Replace(file, "2019-06-11 09", "11.6.2019 09", 1),
		"a column twice":              strings.Replace(file, "退款状态", "退款类型", 1),
		"a line without end":          lines[0] + "`" + strings.Repeat("a", maxBillLine),
		"columns without end":         lines[0][:len(lines[0])-2] + strings.Repeat(",x", 100) + "\r\n" + strings.Join(lines[1:], ""),
		"sums without a title":        strings.Replace(file, summaryTitles, "x\r\n", 1),
	} {
		if _, _, err := readTrade(text); !errors.Is(err, ErrBill) {
			t.Errorf("%s: got %v, want ErrBill", name, err)
		}
	}
}

func TestFundFlowBills(t *testing.T) {
	at := time.Date(2019, 6, 11, 9, 30, 0, 0, Beijing)
	rows := []FlowRow{
		{at, "50", "F1", FlowRefund, FlowRefund, FlowOut, 450, 99550, "1900009191API", "质量,问题\n", "R1"},
		{at, "50", "F2", FlowFeeReturn, FlowRefund, FlowIn, 3, 99553, "system", "", "R1"},
	}
	var file strings.Builder
	bill := NewFlowBill(&file)
	for _, row := range rows {
		bill.Add(row)
	}
	if err := bill.Close(); err != nil {
		t.Fatal(err)
	}
	want := "\uFEFF记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n" +
		"`2019-06-11 09:30:00,`50,`F1,`退款,`退款,`支出,`4.50,`995.50,`1900009191API,`质量,问题\\n,`R1\r\n" +
		"`2019-06-11 09:30:00,`50,`F2,`退还交易手续费,`退款,`收入,`0.03,`995.53,`system,`,`R1\r\n" +
		"资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n" +
		"`2,`1,`0.03,`1,`4.50\r\n"
	if diff := cmp.Diff(want, file.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	rows[0].Note = `质量,问题\n`
	var got []FlowRow
	summary, err := ReadFlowBill(strings.NewReader(file.String()), func(row FlowRow) error {
		got = append(got, row)
		return nil
	})
	if diff := cmp.Diff(rows, got); err != nil || diff != "" || summary != (FlowSummary{2, 1, 3, 1, 450}) {
		t.Errorf("%+v, %v (-want +got)\n%s", summary, err, diff)
	}
	if _, err := ReadFlowBill(strings.NewReader(strings.Replace(file.String(), "`2,`1", "`3,`1", 1)), func(FlowRow) error { return nil }); !errors.Is(err, ErrBill) {
		t.Errorf("a row is lost: %v", err)
	}
}

func TestABillWhoseSumsDoNotFitIsAnError(t *testing.T) {
	trade, flow := NewTradeBill(io.Discard, BillAll), NewFlowBill(io.Discard)
	for n := range 3 {
		if n < 2 {
			if err := addTo(new(int64), int64(n)); err != nil {
				t.Fatal(err)
			}
		}
		trade.Add(TradeRow{Order: math.MaxInt64/2 + 1})
		flow.Add(FlowRow{Direction: FlowOut, Amount: math.MaxInt64/2 + 1})
	}
	if err := trade.Close(); !errors.Is(err, ErrSum) {
		t.Error(err)
	}
	if err := flow.Close(); !errors.Is(err, ErrSum) {
		t.Error(err)
	}
	low := int64(math.MinInt64 + 1)
	if err := addTo(&low, -2); !errors.Is(err, ErrSum) || low != math.MinInt64+1 {
		t.Errorf("%d, %v", low, err)
	}
}

// failing is a writer without room.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestABillThatCannotBeWrittenIsAnError(t *testing.T) {
	if NewTradeBill(failing{}, BillAll).Close() == nil || NewFlowBill(failing{}).Close() == nil {
		t.Error("nobody noticed")
	}
}

func TestBillAnswers(t *testing.T) {
	hash, size, err := BillHash(func(w io.Writer) error {
		_, err := io.WriteString(w, "abc")
		return err
	})
	if err != nil || size != 3 {
		t.Errorf("%d bytes, %v", size, err)
	}
	answer := NewBillAnswer(hash, "https://pay.example/v3/billdownload/file?token=x&y=1")
	const want = `{"hash_type":"SHA1","hash_value":"a9993e364706816aba3e25717850c26c9cd0d89d","download_url":"https://pay.example/v3/billdownload/file?token=x&y=1"}`
	if got := marshal(t, answer); got != want {
		t.Errorf("got %s", got)
	}
	if got, err := DecodeBillAnswer(decode(t, want)); err != nil || got != answer {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, body := range []string{`[]`, `{}`, strings.Replace(want, "SHA1", "MD5", 1), strings.Replace(want, "a9993e", "", 1)} {
		if _, err := DecodeBillAnswer(decode(t, body)); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestBillQueries(t *testing.T) {
	day := time.Date(2019, 6, 11, 0, 0, 0, 0, Beijing)
	for text, want := range map[string]BillQuery{
		"bill_date=2019-06-11": {Date: day, Type: "ALL", Account: "BASIC"},
		"bill_date=2019-06-11&sub_mchid=1900000109&bill_type=REFUND&tar_type=GZIP": {Date: day, SubMchID: "1900000109", Type: "REFUND", Account: "BASIC", Gzip: true},
		"bill_date=2019-06-11&account_type=FEES":                                   {Date: day, Type: "ALL", Account: "FEES"},
	} {
		query, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseBillQuery(query)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		for _, forTrade := range []bool{true, false} {
			again, err := ParseBillQuery(got.Values(forTrade))
			if err != nil || !again.Date.Equal(day) || again.SubMchID != want.SubMchID || again.Gzip != want.Gzip {
				t.Errorf("%s: sent as %v, read as %+v, %v", text, got.Values(forTrade), again, err)
			}
		}
	}
	for _, test := range []struct{ name, query, field, value string }{
		{"no date", "", "bill_date", ""},
		{"a date without dashes", "bill_date=20190611", "bill_date", "20190611"},
		{"a date that there is not", "bill_date=2019-02-30", "bill_date", "2019-02-30"},
		{"a sub-merchant in words", "bill_date=2019-06-11&sub_mchid=x", "sub_mchid", "x"},
		{"another type", "bill_date=2019-06-11&bill_type=all", "bill_type", "all"},
		{"another account", "bill_date=2019-06-11&account_type=ALL", "account_type", "ALL"},
		{"another compression", "bill_date=2019-06-11&tar_type=ZIP", "tar_type", "ZIP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			query, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseBillQuery(query)
			checkParam(t, err, test.field, test.value, LocationQuery)
		})
	}
}

func TestASubMerchantsBillNeedsMoreParameters(t *testing.T) {
	const good = "sub_mchid=1900000109&bill_date=2019-06-11&account_type=BASIC&algorithm=AEAD_AES_256_GCM"
	for _, test := range []struct{ name, query, field, value string }{
		{"all of them", good, "", ""},
		{"no sub-merchant", strings.Replace(good, "sub_mchid", "x", 1), "sub_mchid", ""},
		{"no date", strings.Replace(good, "bill_date", "x", 1), "bill_date", ""},
		{"no account", strings.Replace(good, "account_type", "x", 1), "account_type", ""},
		{"no algorithm", strings.Replace(good, "algorithm", "x", 1), "algorithm", ""},
		{"another algorithm", strings.Replace(good, "AEAD_AES_256_GCM", "SM4_GCM", 1), "algorithm", "SM4_GCM"},
		{"a date that is none", strings.Replace(good, "06-11", "06-31", 1), "bill_date", "2019-06-31"},
	} {
		t.Run(test.name, func(t *testing.T) {
			query, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseSubMerchantBillQuery(query)
			if test.field != "" {
				checkParam(t, err, test.field, test.value, LocationQuery)
			} else if err != nil || got.SubMchID != "1900000109" || got.Account != AccountBasicFunds {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestWhenABillCanBeHad(t *testing.T) {
	day := time.Date(2019, 6, 11, 0, 0, 0, 0, Beijing)
	for _, test := range []struct {
		name string
		now  time.Time
		want Code
	}{
		{"before the day", day.Add(-time.Hour), CodeNoStatement},
		{"on the day", day.Add(12 * time.Hour), CodeStatementCreating},
		{"the next morning", day.Add(33 * time.Hour), CodeStatementCreating},
		{"the next day at ten", day.Add(34 * time.Hour), ""},
		{"three months later", time.Date(2019, 9, 11, 12, 0, 0, 0, Beijing), ""},
		{"half a year later", time.Date(2019, 12, 11, 12, 0, 0, 0, Beijing), CodeNoStatement},
	} {
		if got := (BillQuery{Date: day}).Check(test.now); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	for status, want := range map[string]string{"SUCCESS": "SUCCESS", "CLOSED": "FAIL", "ABNORMAL": "CHANGE", "PROCESSING": "PROCESSING"} {
		if got := BillRefundState(status); got != want {
			t.Errorf("%s: got %s", status, got)
		}
	}
}

func TestDecimalsOfBills(t *testing.T) {
	for _, test := range []struct {
		value    int64
		decimals int
		text     string
	}{
		{0, 2, "0.00"},
		{5, 2, "0.05"},
		{-5, 2, "-0.05"},
		{1000, 2, "10.00"},
		{123456, 5, "1.23456"},
		{-1, 5, "-0.00001"},
		{7, 0, "7"},
		{9223372036854775807, 2, "92233720368547758.07"},
		{-9223372036854775808, 2, "-92233720368547758.08"},
	} {
		if got := formatDecimal(test.value, test.decimals); got != test.text {
			t.Errorf("%d: got %s", test.value, got)
		}
		if got, err := parseDecimal(test.text, test.decimals); err != nil || got != test.value {
			t.Errorf("%s: got %d, %v", test.text, got, err)
		}
	}
	for text, want := range map[string]int64{"10": 1000, "10.5": 1050, "007": 700} {
		if got, err := parseDecimal(text, 2); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", ".5", "5.", "1.234", "+1", "1e2", "--1", "1,0", "92233720368547758.08"} {
		if got, err := parseDecimal(text, 2); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func FuzzReadBills(f *testing.F) {
	f.Add([]byte(writeTradeBill(f, BillRefund, exampleRows())))
	f.Add([]byte("资金流水总笔数,收支类型\n`1,`收入\n资金流水总笔数\n`1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows []TradeRow
		_, err := ReadTradeBill(bytes.NewReader(data), func(row TradeRow) error {
			rows = append(rows, row)
			return nil
		})
		if err == nil {
			again, _, err := readTrade(writeTradeBill(t, BillRefund, rows))
			if err != nil || len(again) != len(rows) {
				t.Fatalf("%d rows became %d, %v", len(rows), len(again), err)
			}
		}
		if _, err := ReadFlowBill(bytes.NewReader(data), func(FlowRow) error { return nil }); err != nil && !errors.Is(err, ErrBill) {
			t.Fatal(err)
		}
	})
}

func FuzzParseBillQuery(f *testing.F) {
	f.Add("bill_date=2019-06-11&bill_type=ALL&tar_type=GZIP&account_type=BASIC&sub_mchid=1")
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if q, err := ParseBillQuery(query); err == nil && (q.Type == "" || q.Account == "" || q.Date.IsZero()) {
			t.Fatalf("taken: %+v", q)
		}
	})
}
