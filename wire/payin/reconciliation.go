package payin

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/refundry/refundry/money"
)

// Values of Trans_Type and Order_Status (Y6-8 and Y6-9).
const (
	TransTypePayment    = "P"
	TransTypeRefund     = "R"
	TransTypeChargeback = "C"

	OrderStatusSuccess    = "S"
	OrderStatusFailed     = "F"
	OrderStatusInProgress = "P"
)

// DefaultSession is the session of a merchant that has one file a day.
const DefaultSession = 1

// maxSession is the last session of a day: 01 to 09.
const maxSession = 9

// reconciliationColumns is the header line of the file.
var reconciliationColumns = []string{
	"Merchant_ID", "Order_ID", "Merchant_Order_ID", "Order_Create_Time", "Order_Complete_Time",
	"Amount", "Currency", "Trans_Type", "Order_Status", "Ori_Order_ID", "Ori_Order_Amount", "Ori_Order_Currency",
}

// ReconciliationRow is a transaction of the daily file (Y6-5). Only
// transactions that have ended are listed.
type ReconciliationRow struct {
	MerchantID      string
	OrderID         string // a refund's row carries the refund's id
	MerchantOrderID string // a refund's row carries merchantRefundId
	CreatedAt       time.Time
	CompletedAt     time.Time // zero leaves the column empty
	Amount          money.Amount
	TransType       string
	Status          string
	// OriginalOrderID and OriginalAmount are the payment's that a refund or
	// chargeback belongs to; both are empty on the row of a payment.
	OriginalOrderID string
	OriginalAmount  money.Amount
}

// WriteReconciliation writes the daily file: CSV with commas and \n, UTF-8,
// empty columns kept, header first. Amounts have all decimals of their
// currency. walk calls each for every row. It fails as w and walk do.
func WriteReconciliation(w io.Writer, walk func(each func(ReconciliationRow) error) error) error {
	writer := csv.NewWriter(w)
	if err := writer.Write(reconciliationColumns); err != nil {
		return fmt.Errorf("write reconciliation: %w", err)
	}
	err := walk(func(row ReconciliationRow) error { return writer.Write(row.columns()) })
	if err != nil {
		return fmt.Errorf("write reconciliation: %w", err)
	}
	writer.Flush()
	if err := writer.Error(); err != nil {
		return fmt.Errorf("write reconciliation: %w", err)
	}
	return nil
}

func (row ReconciliationRow) columns() []string {
	amount, currency := decimal(row.Amount)
	originalAmount, originalCurrency := decimal(row.OriginalAmount)
	return []string{
		row.MerchantID, row.OrderID, row.MerchantOrderID, fileTime(row.CreatedAt), fileTime(row.CompletedAt),
		amount, currency, row.TransType, row.Status, row.OriginalOrderID, originalAmount, originalCurrency,
	}
}

// decimal returns both columns of an amount, empty for the zero Amount.
func decimal(amount money.Amount) (text, currency string) {
	if amount.Currency == "" {
		return "", ""
	}
	return money.Format(amount.Minor, amount.Currency), string(amount.Currency)
}

// fileTime writes a time as 2023-01-23 13:33:28(GMT+3), "" for the zero time.
func fileTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(Riyadh).Format("2006-01-02 15:04:05") + "(GMT+3)"
}

// ReconciliationDay is what a day of the file covers: from the first moment of
// a date in GMT+3, which counts, to the first of the next, which doesn't. date
// is yyyy-MM-dd; ok is false for any other text.
func ReconciliationDay(date string) (from, to time.Time, ok bool) {
	from, err := time.ParseInLocation(time.DateOnly, date, Riyadh)
	if err != nil {
		return time.Time{}, time.Time{}, false
	}
	return from, from.AddDate(0, 0, 1), true
}

// ReconciliationPath is where the original's server keeps the file of a date:
// {yyyy-MM-dd}/GCCRECO_{merchant}_{yyyy-MM-dd}_{session}.csv. A session outside
// 1 to 9 is taken for DefaultSession.
func ReconciliationPath(merchantID, date string, session int) string {
	if session < 1 || session > maxSession {
		session = DefaultSession
	}
	return date + "/GCCRECO_" + merchantID + "_" + date + "_0" + strconv.Itoa(session) + ".csv"
}

// ReconciliationReady is when the file of a date is made: 01:00 GMT+3 of the
// next day.
func ReconciliationReady(to time.Time) time.Time { return to.Add(time.Hour) }
