package payin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Riyadh is the platform's time zone, GMT+3 the whole year. Ids and the daily
// file use it; objects use UTC.
var Riyadh = time.FixedZone("GMT+3", 3*60*60)

// Lengths in ids, in digits (Y3.3-1).
const (
	merchantDigits  = 6
	clientDigits    = 7
	orderTimeDigits = 17
	// OrderRandomDigits follow the time in an order's id.
	OrderRandomDigits = 5
	maxCounterDigits  = 9
)

// maxID bounds what is looked up as an id; the longest known has 44.
const maxID = 64

// IsPossibleID reports whether text can be looked up at all: 1 to 64 visible
// ASCII characters. Ids of imported orders are opaque.
func IsPossibleID(text string) bool { return isVisible(text, maxID) }

// IsPossiblePathID is IsPossibleID for what a path may name besides: an id of a
// refund or transaction, which is an order's with a counter behind it.
func IsPossiblePathID(text string) bool { return isVisible(text, maxID+len("_R")+maxCounterDigits) }

// IsMerchantID reports whether id is M and 6 digits.
func IsMerchantID(id string) bool { return hasDigits(id, "M", merchantDigits) }

// IsClientID reports whether id is CLT and 7 digits.
func IsClientID(id string) bool { return hasDigits(id, "CLT", clientDigits) }

// IsOrderID reports whether id has the shape of those the service makes: a
// merchant id, T, and 22 digits.
func IsOrderID(id string) bool {
	merchant, rest, found := strings.Cut(id, "T")
	return found && IsMerchantID(merchant) && hasDigits(rest, "", orderTimeDigits+OrderRandomDigits)
}

// OrderID makes an order's id: merchant, T, local time to the millisecond, and
// five digits of the caller's choice, which are cut to their last five.
func OrderID(merchantID string, now time.Time, random uint32) string {
	local := now.In(Riyadh)
	return fmt.Sprintf("%sT%s%03d%05d", merchantID, local.Format("20060102150405"), local.Nanosecond()/1_000_000, random%100_000)
}

// RefundID is the id of an order's n-th attempt to refund, from 1. Failed
// attempts keep their number (Y7.4-12).
func RefundID(orderID string, n int64) string { return orderID + "_R" + strconv.FormatInt(n, 10) }

// TransactionID is the id of an order's n-th transaction, from 1; payments and
// refunds share the counter.
func TransactionID(orderID string, n int64) string { return orderID + "_" + strconv.FormatInt(n, 10) }

// SplitRefundID takes a refund's id apart. ok is false for any other text.
func SplitRefundID(id string) (orderID string, n int64, ok bool) {
	return splitCounter(id, "_R")
}

// SplitTransactionID takes a transaction's id apart. ok is false for any other
// text, a refund's id included.
func SplitTransactionID(id string) (orderID string, n int64, ok bool) {
	return splitCounter(id, "_")
}

func splitCounter(id, separator string) (orderID string, n int64, ok bool) {
	at := strings.LastIndex(id, separator)
	if at <= 0 {
		return "", 0, false
	}
	counter := id[at+len(separator):]
	// One number has one text, else two ids would mean one refund.
	if !isDigits(counter) || counter[0] == '0' || len(counter) > maxCounterDigits {
		return "", 0, false
	}
	n, err := strconv.ParseInt(counter, 10, 64)
	return id[:at], n, err == nil
}

func hasDigits(text, prefix string, count int) bool {
	digits, found := strings.CutPrefix(text, prefix)
	return found && len(digits) == count && isDigits(digits)
}
