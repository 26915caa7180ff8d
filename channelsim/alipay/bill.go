package alipay

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

const (
	// billLife is how long a download's address is good.
	billLife = 30 * time.Second
	// billHour is when the bill of the day before is made.
	billHour = 9 * time.Hour
)

// download is a bill that was asked for.
type download struct {
	file    []byte
	expires time.Time
}

type billBiz struct {
	BillType string `json:"bill_type"`
	BillDate string `json:"bill_date"`
	SMID     string `json:"smid"`
}

type billAnswer struct {
	success
	Address string `json:"bill_download_url"`
}

var monthForm = regexp.MustCompile(`^\d{4}-\d{2}$`)

// billAddress is alipay.data.dataservice.bill.downloadurl.query.
func (s *Side) billAddress(c *channelsim.Call, biz string) channelsim.Answer {
	var in billBiz
	if err := read(biz, &in); err != nil {
		return refuse("INVAILID_ARGUMENTS", "入参不合法: "+err.Error())
	}
	day, err := time.ParseInLocation(time.DateOnly, in.BillDate, beijing)
	switch {
	case in.BillType != "trade":
		return refuse("TYPE_NOT_SUPPORTED", "账单类型不支持: the simulator has trade")
	case monthForm.MatchString(in.BillDate):
		return refuse("INVAILID_ARGUMENTS", "入参不合法: the simulator has bills of days")
	case err != nil:
		return refuse("INVAILID_ARGUMENTS", "入参不合法: bill_date")
	}
	if early := c.Begin(channelsim.StepBill, in.BillDate); early != nil {
		return *early
	}
	if c.Books.Now().Before(day.AddDate(0, 0, 1).Add(billHour)) {
		return refuse("BILL_NOT_EXIST", "账单不存在")
	}
	rows := c.BillRows(day)
	if !slices.ContainsFunc(rows, succeeded) {
		return refuse("NO_BILL_DATA", "无账单数据")
	}
	token := rand.Text()
	s.bills[token] = download{s.archive(c.Books, day, rows), c.At.Add(billLife)}
	return answer(billAnswer{success: ok, Address: s.base + pathBill + "?bizType=trade&downloadFileName=trade.zip&token=" + token})
}

// billFile is the file. Its address is all that is asked for.
func (s *Side) billFile(c *channelsim.Call) channelsim.Answer {
	token := c.Query.Get("token")
	if early := c.Begin(channelsim.StepBill, "file "+token); early != nil {
		return *early
	}
	found, there := s.bills[token]
	if !there || c.At.After(found.expires) {
		delete(s.bills, token)
		a := channelsim.Answer{Status: http.StatusForbidden, Body: []byte("the download address has expired\n")}
		a.Set("Content-Type", "text/plain")
		return a
	}
	a := channelsim.Answer{Status: http.StatusOK, Body: found.file}
	a.Set("Content-Type", "application/octet-stream")
	return a
}

// Bill implements channelsim.Side.
func (s *Side) Bill(books *channelsim.Books, day time.Time, rows []channelsim.Refund) (contentType string, body []byte) {
	return "application/zip", s.archive(books, day, rows)
}

// archive is a bill as it is downloaded: a table of the day and its sums, in GBK, with
// names in GBK too, which the archive does not mark as UTF-8.
func (s *Side) archive(books *channelsim.Books, day time.Time, rows []channelsim.Refund) []byte {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r channelsim.Refund) bool { return !succeeded(r) })
	var file bytes.Buffer
	packed := zip.NewWriter(&file)
	name := s.sellerID + "0156_" + day.Format("20060102") + "_业务明细"
	for _, one := range []struct{ name, text string }{{name + ".csv", s.table(books, day, rows)}, {name + "(汇总).csv", s.sums(day, rows)}} {
		entry, err := packed.CreateHeader(&zip.FileHeader{Name: gbk(one.name), NonUTF8: true, Method: zip.Deflate})
		if err == nil {
			_, _ = entry.Write([]byte(gbk(one.text))) // into memory
		}
	}
	_ = packed.Close() // likewise
	return file.Bytes()
}

func gbk(text string) string {
	out, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		return "?" // what merchants and payers wrote is not on these bills
	}
	return out
}

const billColumns = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）," +
	"支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"

// head is what a bill begins with.
func (s *Side) head(day time.Time, title string) string {
	const form = "2006年01月02日 15:04:05"
	return "#支付宝业务" + title + "查询\r\n#账号：[" + s.sellerID + "0156]\r\n#起始日期：[" + day.Format(form) + "]   终止日期：[" + day.AddDate(0, 0, 1).Format(form) + "]\r\n" +
		"#-----------------------------------------业务" + title + "列表----------------------------------------\r\n"
}

// table lists the refunds, with negative amounts. Every value has a tab behind it.
func (s *Side) table(books *channelsim.Books, day time.Time, rows []channelsim.Refund) string {
	var text strings.Builder
	text.WriteString(s.head(day, "明细") + billColumns + "\r\n")
	var sum money.Minor
	for _, r := range rows {
		p := books.Payment(r.TransactionID)
		back := "-" + yuan(r.Amount)
		sum += r.Amount
		fields := []string{
			p.TransactionID, p.Number, "退款", "simulated", stamp(p.PaidAt), stamp(r.SucceededAt), "", "", "", "", "*sim(sim***@example.com)", back, back,
			"0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00", r.Number, "0.00", "0.00", "",
		}
		text.WriteString(strings.Join(fields, "\t,") + "\t\r\n")
	}
	text.WriteString("#-----------------------------------------业务明细列表结束------------------------------------\r\n")
	fmt.Fprintf(&text, "#交易合计：0笔，商家实收共0.00元，商家优惠共0.00元\r\n#退款合计：%d笔，商家实收退款共-%s元，商家优惠退款共0.00元\r\n", len(rows), yuan(sum))
	text.WriteString("#导出时间：[" + day.AddDate(0, 0, 1).Add(billHour).Format("2006年01月02日 15:04:05") + "]\r\n")
	return text.String()
}

// sums is the second file, which has no row of its own.
func (s *Side) sums(day time.Time, rows []channelsim.Refund) string {
	var sum money.Minor
	for _, r := range rows {
		sum += r.Amount
	}
	return s.head(day, "汇总") + "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）\r\n" +
		fmt.Sprintf("合计\t,\t,0\t,%d\t,-%s\t,-%s\t,0.00\t,0.00\t,0.00\t,0.00\t,0.00\t,-%s\t\r\n", len(rows), yuan(sum), yuan(sum), yuan(sum)) +
		"#-----------------------------------------业务汇总列表结束------------------------------------\r\n"
}
