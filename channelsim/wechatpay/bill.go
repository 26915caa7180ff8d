package wechatpay

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha1" // the hash that bills have
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

const pathBillFile = "/v3/billdownload/file"

const (
	// billLife is how long a download's address is good.
	billLife = 5 * time.Minute
	// billHour is when the bill of the day before is made.
	billHour = 9
	// billMonths is how far back bills go.
	billMonths = 3
)

// download is a bill that was asked for.
type download struct {
	file    []byte
	zipped  bool
	expires time.Time
}

// tradeBill makes a day's bill and says where it is.
func (s *Side) tradeBill(c *channelsim.Call) channelsim.Answer {
	date, kind := c.Query.Get("bill_date"), cmp.Or(c.Query.Get("bill_type"), "ALL")
	day, err := time.ParseInLocation(time.DateOnly, date, beijing)
	switch {
	case err != nil:
		return badParam("bill_date", date, "must be a day such as 2026-11-29", "query")
	case !slices.Contains([]string{"ALL", "REFUND"}, kind):
		return badParam("bill_type", kind, "the simulator has ALL and REFUND", "query")
	}
	if early := c.Begin(channelsim.StepBill, date); early != nil {
		return *early
	}
	now := c.Books.Now().In(beijing)
	switch {
	case now.Before(day.AddDate(0, 0, 1)):
		return fail(http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单不存在")
	case now.Before(day.AddDate(0, 0, 1).Add(billHour * time.Hour)):
		return fail(http.StatusBadRequest, "STATEMENT_CREATING", "账单生成中")
	case day.Before(now.AddDate(0, -billMonths, 0)):
		return against("bill_date is more than three months ago")
	}
	rows := c.BillRows(day)
	sub := c.Query.Get("sub_mchid")
	rows = slices.DeleteFunc(rows, func(r channelsim.Refund) bool {
		return sub != "" && c.Books.Payment(r.TransactionID).Attributes[attributeSub] != sub
	})
	if len(rows) == 0 {
		return fail(http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单不存在")
	}
	file := s.file(c.Books, rows, kind == "REFUND")
	token := rand.Text()
	s.downloads[token] = download{file, c.Query.Get("tar_type") == "GZIP", c.At.Add(billLife)}
	sum := sha1.Sum(file)
	return answer(http.StatusOK, map[string]string{
		"hash_type": "SHA1", "hash_value": hex.EncodeToString(sum[:]), "download_url": s.base + pathBillFile + "?token=" + token,
	})
}

// billFile is the file, once. It is not signed.
func (s *Side) billFile(c *channelsim.Call) channelsim.Answer {
	token := c.Query.Get("token")
	found, ok := s.downloads[token]
	if early := c.Begin(channelsim.StepBill, "file "+token); early != nil {
		return *early
	}
	if !ok || c.At.After(found.expires) {
		delete(s.downloads, token)
		return against("the download address has expired")
	}
	if who, ok := c.Caller.(*caller); ok {
		who.unsigned = true
	}
	a := channelsim.Answer{Status: http.StatusOK, Body: found.file}
	a.Set("Content-Type", "text/plain")
	if found.zipped {
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		_, _ = zip.Write(found.file)
		_ = zip.Close() // into memory
		a.Body = packed.Bytes()
		a.Set("Content-Type", "application/x-gzip")
	}
	return a
}

// Bill implements channelsim.Side: the bill of refunds.
func (s *Side) Bill(books *channelsim.Books, _ time.Time, rows []channelsim.Refund) (contentType string, body []byte) {
	return "text/plain", s.file(books, rows, true)
}

const (
	billColumns = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
	refundTimes = "退款申请时间,退款成功时间,"
	moreColumns = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n"
	billSummary = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
)

// billStates are the words of a bill, which are those of the API before this one.
var billStates = map[channelsim.State]string{
	channelsim.Processing: "PROCESSING", channelsim.Succeeded: "SUCCESS", channelsim.Failed: "FAIL",
	channelsim.Abnormal: "CHANGE", channelsim.Returned: "FAIL",
}

// file writes a trade bill of refunds; refunds says whether it is the bill of refunds
// alone, which has two columns more.
func (s *Side) file(books *channelsim.Books, rows []channelsim.Refund, refunds bool) []byte {
	var text strings.Builder
	text.WriteString("\ufeff" + billColumns)
	if refunds {
		text.WriteString(refundTimes)
	}
	text.WriteString(moreColumns)
	var settled, requested, funded money.Minor
	for _, r := range rows {
		p := books.Payment(r.TransactionID)
		made := s.partsOf(books, p, r)
		cash := made.refundedBy(p, "CASH")
		settlement := r.Amount - made.refundedBy(p, "NOCASH")
		settled, requested, funded = settled+settlement, requested+r.Amount, funded+cash
		fields := []string{
			billTime(r.CreatedAt), "wxsim0000000000001", s.mchID, cmp.Or(p.Attributes[attributeSub], "0"), "", p.TransactionID, p.Number,
			"oSimulatedPayer00000000001", cmp.Or(p.Attributes[attributeTrade], "JSAPI"), "REFUND", "OTHERS", "CNY", "0.00", "0.00",
		}
		if refunds {
			fields = append(fields, billTime(r.CreatedAt), billTime(r.SucceededAt))
		}
		fields = append(fields, r.ID, r.Number, yuan(settlement), yuan(cash), cmp.Or(r.Attributes[attributeChannel], "ORIGINAL"), billStates[r.State],
			"simulated", "", "0.00000", "0.60%", "0.00", yuan(r.Amount), "")
		text.WriteString("`" + strings.Join(fields, ",`") + "\r\n")
	}
	text.WriteString(billSummary)
	fmt.Fprintf(&text, "`%d,`0.00,`%s,`%s,`0.00000,`0.00,`%s\r\n", len(rows), yuan(settled), yuan(funded), yuan(requested))
	return []byte(text.String())
}

func billTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(beijing).Format("2006-01-02 15:04:05")
}

func yuan(fen money.Minor) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }
