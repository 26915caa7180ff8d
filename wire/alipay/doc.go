// Package alipay describes how the Alipay open platform's gateway looks to a
// merchant's server: signed form posts, answers signed over one node's bytes, in
// key mode and in certificate mode, trade notices, deposit-back messages, error
// codes and bills. It knows nothing of the rules of refunds, of storage or of HTTP
// routing. Ids in comments, such as A2-1, are those of docs/rules/alipay.md.
//
// Amounts are int64 fen, and on the wire texts in yuan with two decimals. Times on
// the wire are Beijing's, without a zone.
package alipay

import (
	"errors"
	"time"

	"github.com/refundry/refundry/money"
)

// The gateways. Their paths are part of the address.
const (
	Gateway        = "https://openapi.alipay.com/gateway.do"
	SandboxGateway = "https://openapi-sandbox.dl.alipaydev.com/gateway.do"
)

// Currency is the only one of these methods.
const Currency = "CNY"

// Limits of requests, in characters.
const (
	MaxTradeNo      = 64
	MaxOutRequestNo = 64
	MaxReason       = 256
	MaxAppID        = 32
	// MaxRoyalties bounds refund_royalty_parameters.
	MaxRoyalties = 20
)

// Rules of the platform's refunds.
const (
	// RefundMonths is how long after the trade it may be refunded, in calendar
	// months; a contract may say less.
	RefundMonths = 12
	// RefundSpacing is the least time between two refunds of a trade.
	RefundSpacing = 3 * time.Second
	// QueryAfter is the least time between a refund and the first question about it.
	QueryAfter = 10 * time.Second
)

// Beijing is the zone of all times.
var Beijing = time.FixedZone("UTC+8", 8*60*60)

// Errors about texts of the platform's.
var (
	ErrTime   = errors.New("not a time of the form 2006-01-02 15:04:05")
	ErrAmount = errors.New("not an amount in yuan with at most two decimals")
)

// FormatTime writes a time as the platform does.
func FormatTime(t time.Time) string { return t.In(Beijing).Format(time.DateTime) }

// ParseTime reads a time; a fraction of a second may follow. It returns ErrTime.
func ParseTime(text string) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateTime, text, Beijing)
	if err != nil {
		return time.Time{}, ErrTime
	}
	return t, nil
}

// FormatYuan writes an amount in fen as yuan with two decimals.
func FormatYuan(fen int64) string { return money.Format(money.Minor(fen), Currency) }

// ParseYuan reads an amount in yuan exactly, of which none is below 0. It returns
// ErrAmount.
func ParseYuan(text string) (int64, error) {
	fen, err := money.Parse(text, Currency)
	if err != nil {
		return 0, ErrAmount
	}
	return int64(fen), nil
}

// Yuan is an amount in fen that is written in yuan.
type Yuan int64

// MarshalJSON writes a text such as "1.00".
func (y Yuan) MarshalJSON() ([]byte, error) { return []byte(`"` + FormatYuan(int64(y)) + `"`), nil }
