package alipay_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/refundry/refundry/wire/alipay"
)

const (
	billTitles = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\r\n"
	billPaid   = "2026110122001001000000000001\t,T1\t\t,交易\t,商品\t,2026-11-01 10:00:00,2026-11-01 10:00:05,\t,\t,\t,\t,*明(a***@b.com)\t,12.50,12.50,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,\t,-0.08,0.00,\t\r\n"
	billBack   = "2026110122001001000000000001\t,T1\t\t,退款\t,\"商品, 一件\"\t,2026-11-01 11:00:00,2026-11-01 11:00:05,\t,\t,\t,\t,*明(a***@b.com)\t,-2.50,-2.50,0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,R1\t,0.02,0.00,\t\r\n"
	billHead   = "#支付宝业务明细查询\r\n#账号：[20881021111111110156]\r\n#----业务明细列表----\r\n"
	billFoot   = "#----业务明细列表结束----\r\n#退款合计：1笔，商家实收退款共-2.50元\r\n"
	billSums   = "#支付宝业务汇总查询\r\n门店编号,门店名称,交易订单总笔数,退款订单总笔数\r\n\t,\t,1,1\r\n"
)

func gbk(t testing.TB, text string) []byte {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// archive packs files as the platform does: their names are GBK and not marked as UTF-8.
func archive(t testing.TB, files ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for n, content := range files {
		file, err := w.CreateHeader(&zip.FileHeader{Name: string(gbk(t, fmt.Sprintf("20881021111111110156_20261101_业务明细%d.csv", n))), NonUTF8: true, Method: zip.Deflate})
		if err == nil {
			_, err = file.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readBill(data []byte) (rows []alipay.BillRow, err error) {
	err = alipay.ReadBill(bytes.NewReader(data), int64(len(data)), func(row alipay.BillRow) error { rows = append(rows, row); return nil })
	return rows, err
}

func TestABillIsReadByItsTitles(t *testing.T) {
	want := []alipay.BillRow{{TradeNo: "2026110122001001000000000001", OutTradeNo: "T1", RequestNo: "R1", Amount: 250, DoneAt: time.Date(2026, 11, 1, 3, 0, 5, 0, time.UTC)}}
	short := "备注,退款批次号/请求号,订单金额(元),完成时间,业务类型,商户订单号,支付宝交易号\r\n,R1,-2.50,2026-11-01 11:00:05,退款（全额）,T1,2026110122001001000000000001\r\n"
	for name, files := range map[string][][]byte{
		"as the platform packs it": {gbk(t, billSums), gbk(t, billHead+billTitles+billPaid+billBack+billFoot)},
		"with other columns":       {gbk(t, short)},
		"in two files":             {gbk(t, billHead+billTitles+billPaid+billFoot), gbk(t, billHead+billTitles+billBack+billFoot)},
	} {
		rows, err := readBill(archive(t, files...))
		if diff := cmp.Diff(want, rows, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
	quotes := strings.Replace(billTitles+billBack, `"商品, 一件"`, `"5"" pipe, 1`, 1)
	if rows, err := readBill(archive(t, gbk(t, quotes))); !errors.Is(err, alipay.ErrBill) {
		t.Errorf("a quote without an end and a comma: %v, %v", rows, err)
	}
	for _, name := range []string{`5" pipe`, `"5"" pipe, 1"`, `"`, `""`, `"a"b`} {
		if rows, err := readBill(archive(t, gbk(t, strings.Replace(billTitles+billBack, `"商品, 一件"`, name, 1)))); err != nil || len(rows) != 1 {
			t.Errorf("named %s: %v, %v", name, rows, err)
		}
	}
	if rows, err := readBill(archive(t, gbk(t, billHead+billTitles+billFoot))); err != nil || len(rows) != 0 {
		t.Errorf("a day without trades: %v, %v", rows, err)
	}
}

func TestABillThatIsNotWhatItShouldBeIsAnError(t *testing.T) {
	good := gbk(t, billHead+billTitles+billPaid+billBack+billFoot)
	packed := archive(t, good)
	changed := func(old, with string) []byte {
		return archive(t, gbk(t, strings.Replace(billTitles+billPaid+billBack, old, with, 1)))
	}
	damaged := bytes.Clone(packed)
	damaged[len(damaged)/3] ^= 0xff
	for name, data := range map[string][]byte{
		"nothing":                         nil,
		"no archive":                      good,
		"half an archive":                 packed[:len(packed)/2],
		"a damaged archive":               damaged,
		"the sums alone":                  archive(t, gbk(t, billSums)),
		"without the refunds' numbers":    changed("退款批次号/请求号", "券码"),
		"a title that comes twice":        changed("券名称", "完成时间"),
		"a refund above 0":                changed("-2.50", "2.50"),
		"a refund of nothing":             changed("-2.50", "-0.00"),
		"an amount with three decimals":   changed("-2.50", "-2.505"),
		"a kind that is not known":        changed("退款\t", "转账\t"),
		"a value too many":                changed("T1\t\t,退款", "T1\t\t,,退款"),
		"a time that is none":             changed("2026-11-01 11:00:05", "2026-11-01"),
		"no trade number":                 changed("2026110122001001000000000001\t,T1\t\t,退款", ",T1\t\t,退款"),
		"a line without an end":           archive(t, append(gbk(t, billTitles), bytes.Repeat([]byte("a"), 1<<20)...)),
		"more files than a bill can have": archive(t, make([][]byte, 65)...),
	} {
		if rows, err := readBill(data); !errors.Is(err, alipay.ErrBill) {
			t.Errorf("%s: %v, %v", name, rows, err)
		}
	}
	stop := errors.New("enough")
	if err := alipay.ReadBill(bytes.NewReader(packed), int64(len(packed)), func(alipay.BillRow) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("it went on: %v", err)
	}
}

// lines is an endless file that packs to nearly nothing.
type lines struct{ line []byte }

func (z lines) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], z.line)
	}
	return n, nil
}

func TestAnArchiveThatUnpacksToTooMuchIsAnError(t *testing.T) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	line := lines{append(bytes.Repeat([]byte("#"), 1023), '\n')}
	for n := range 2 {
		file, err := w.Create(fmt.Sprint(n))
		if err == nil {
			_, err = io.CopyN(file, line, alipay.MaxBillBytes/2+1024)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if rows, err := readBill(out.Bytes()); !errors.Is(err, alipay.ErrBill) || !strings.Contains(err.Error(), "unpacks") {
		t.Errorf("%d bytes: %v, %v", out.Len(), rows, err)
	}
}
