package wechatpay

import (
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/url"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
)

// Values of a bill's parameters (W2.6-2 to W2.6-6).
const (
	BillAll     = "ALL"
	BillSuccess = "SUCCESS"
	BillRefund  = "REFUND"
	// BillRecharge is of refunds of recharges; the SPECIAL ones are of merchants
	// to whom the platform opened bills of their own cut.
	BillRecharge       = "RECHARGE_REFUND"
	BillAllSpecial     = "ALL_SPECIAL"
	BillSuccessSpecial = "SUC_SPECIAL"
	BillRefundSpecial  = "REF_SPECIAL"

	AccountBasicFunds     = "BASIC"
	AccountOperationFunds = "OPERATION"
	AccountFees           = "FEES"

	TarGzip = "GZIP"
)

// Content types of a bill's download.
const (
	ContentTypeBill = "text/plain"
	ContentTypeGzip = "application/x-gzip"
)

// hashType is the only one; the hash is over the uncompressed file.
const hashType = "SHA1"

// Times of bills.
const (
	// BillURLLife is how long a download address is good.
	BillURLLife = 5 * time.Minute
	// billMonths is how far back bills can be had.
	billMonths = 3
	// billHour is when yesterday's bill is there, in Beijing. It is made from
	// 9:00 on; the documents say to fetch it after 10:00.
	billHour = 10
)

// BillAnswer is the answer of a bill request: where the file is, and its hash.
type BillAnswer struct {
	HashType    string `json:"hash_type"`
	HashValue   string `json:"hash_value"`
	DownloadURL string `json:"download_url"`
}

// NewBillAnswer makes the answer for an uncompressed file. The address must
// have PathBillFile for its path, on the service's own public address.
func NewBillAnswer(hash, downloadURL string) BillAnswer {
	return BillAnswer{HashType: hashType, HashValue: hash, DownloadURL: downloadURL}
}

// BillHash is the SHA-1 of an uncompressed file in lower-case hexadecimal, and its
// size in bytes, of the file that write writes.
func BillHash(write func(io.Writer) error) (hash string, size int64, err error) {
	sum := sha1.New()
	w := &countingWriter{w: sum}
	if err := write(w); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(sum.Sum(nil)), w.n, nil
}

// countingWriter counts what is written to w.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(text []byte) (int, error) {
	n, err := c.w.Write(text)
	c.n += int64(n)
	return n, err
}

// BillQuery are the parameters of a bill request.
type BillQuery struct {
	Date     time.Time // midnight in Beijing
	SubMchID string    // "" when absent
	Type     string    // of trade bills: ALL, SUCCESS, REFUND and four rare ones
	Account  string    // of fund-flow bills: BASIC, OPERATION or FEES
	Gzip     bool
}

// ParseBillQuery reads the parameters of either bill, filling in the defaults.
// Errors are *ParamError, in the order of the documents.
func ParseBillQuery(query url.Values) (BillQuery, error) {
	date := query.Get("bill_date")
	day, err := time.ParseInLocation(time.DateOnly, date, Beijing)
	if err != nil {
		return BillQuery{}, queryError("bill_date", date, "must be a date such as 2019-06-11")
	}
	q := BillQuery{Date: day, SubMchID: query.Get("sub_mchid"), Type: BillAll, Account: AccountBasicFunds}
	if q.SubMchID != "" && !IsMchID(q.SubMchID) {
		return BillQuery{}, queryError("sub_mchid", q.SubMchID, "must be digits")
	}
	if text := query.Get("bill_type"); text != "" {
		if q.Type = text; !oneOf(BillAll, BillSuccess, BillRefund, BillRecharge, BillAllSpecial, BillSuccessSpecial, BillRefundSpecial)(text) {
			return BillQuery{}, queryError("bill_type", text, "must be ALL, SUCCESS, REFUND, RECHARGE_REFUND, ALL_SPECIAL, SUC_SPECIAL or REF_SPECIAL")
		}
	}
	if text := query.Get("account_type"); text != "" {
		if q.Account = text; !oneOf(AccountBasicFunds, AccountOperationFunds, AccountFees)(text) {
			return BillQuery{}, queryError("account_type", text, "must be BASIC, OPERATION or FEES")
		}
	}
	if text := query.Get("tar_type"); text != "" {
		if q.Gzip = text == TarGzip; !q.Gzip {
			return BillQuery{}, queryError("tar_type", text, "must be GZIP")
		}
	}
	return q, nil
}

// ParseSubMerchantBillQuery reads the parameters of a partner's fund-flow bill
// of one sub-merchant, of which more are required than of others. Errors are
// *ParamError.
func ParseSubMerchantBillQuery(query url.Values) (BillQuery, error) {
	for _, name := range []string{"sub_mchid", "bill_date", "account_type", "algorithm"} {
		if query.Get(name) == "" {
			return BillQuery{}, queryError(name, "", "is required")
		}
	}
	q, err := ParseBillQuery(query)
	if algorithm := query.Get("algorithm"); err == nil && algorithm != Algorithm {
		err = queryError("algorithm", algorithm, "must be "+Algorithm)
	}
	return q, err
}

// Check reports whether the bill of the day can be had: "" if so, else the code to
// answer with. A day without anything in it is the caller's to know; it gets
// CodeNoStatement too.
func (q BillQuery) Check(now time.Time) Code {
	ready := q.Date.AddDate(0, 0, 1).Add(billHour * time.Hour)
	switch {
	case q.Date.Before(now.In(Beijing).AddDate(0, -billMonths, -1)) || q.Date.After(now):
		return CodeNoStatement
	case now.Before(ready):
		return CodeStatementCreating
	}
	return ""
}

// Values returns the parameters as a client sends them; forTrade leaves out what
// fund-flow bills alone have, and the other way round.
func (q BillQuery) Values(forTrade bool) url.Values {
	values := url.Values{"bill_date": {q.Date.In(Beijing).Format(time.DateOnly)}}
	if q.SubMchID != "" {
		values.Set("sub_mchid", q.SubMchID)
	}
	if forTrade && q.Type != "" {
		values.Set("bill_type", q.Type)
	}
	if !forTrade && q.Account != "" {
		values.Set("account_type", q.Account)
	}
	if q.Gzip {
		values.Set("tar_type", TarGzip)
	}
	return values
}

// DecodeBillAnswer reads the answer of a bill request as a client. Errors are
// ErrAnswer.
func DecodeBillAnswer(body exactjson.Value) (BillAnswer, error) {
	r := newAnswerReader(body)
	answer := BillAnswer{
		r.text("hash_type", rule{required: true, good: oneOf(hashType), issue: "must be SHA1"}),
		r.text("hash_value", rule{required: true, min: 2 * sha1.Size, max: 2 * sha1.Size}),
		r.text("download_url", rule{required: true, min: 1}),
	}
	return answer, answerError(r)
}

func queryError(field, value, issue string) error {
	return &ParamError{Field: field, Value: shown(exactjson.Value{Text: value}), Issue: issue, Location: LocationQuery}
}
