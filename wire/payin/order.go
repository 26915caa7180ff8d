package payin

import "encoding/json"

// Values of an order's status (Y3.4-13). The page of order.detail lists
// pending, paid, closed and expired only.
const (
	OrderPending = "pending"
	OrderDoing   = "doing"
	OrderPaid    = "paid"
	OrderClosed  = "closed"
	OrderError   = "error"
	OrderLocked  = "locked"
	OrderExpired = "expired"
)

// Values of an order's refundStatus (Y3.4-20).
const (
	RefundsNone       = "none"
	RefundsFail       = "fail"
	RefundsProcessing = "processing"
	RefundsPartial    = "partial"
	RefundsFull       = "full"
)

// RefundStatus returns an order's refundStatus (Y7.4-10 and Y7.4-11): any open
// refund is processing, else what was given back decides, else how the last
// attempt ended. Amounts are in minor units.
func RefundStatus(open bool, refunded, paid int64, lastFailed bool) string {
	switch {
	case open:
		return RefundsProcessing
	case refunded > 0 && refunded >= paid:
		return RefundsFull
	case refunded > 0:
		return RefundsPartial
	case lastFailed:
		return RefundsFail
	}
	return RefundsNone
}

// Order is the answer of merchant.addOrder and order.detail (Y3.4-13). Amounts
// are numbers made by Number, and 0 when left out. RefundTimes counts every
// refund of the order, failed ones too.
//
// Products, Customer and PayerInfo are JSON as text inside a string, made by
// Nested, and null when nothing is known.
type Order struct {
	Amount               json.Number `json:"amount"`
	Tip                  json.Number `json:"tip"`
	TaxAmount            json.Number `json:"taxAmount"`
	RefundAmount         json.Number `json:"refundAmount"`
	ID                   string      `json:"id"`
	ClientID             string      `json:"clientId"`
	ClientIP             string      `json:"clientIp"`
	MerchantID           string      `json:"merchantId"`
	Products             *string     `json:"products"`
	Customer             *string     `json:"customer"`
	Status               string      `json:"status"`
	Ticket               string      `json:"ticket"`
	Name                 string      `json:"name"`
	MerchantOrderID      string      `json:"merchantOrderId"`
	NotificationURL      *string     `json:"notificationURL"`
	NeedTax              bool        `json:"needTax"`
	Currency             string      `json:"currency"`
	PaidAt               *Time       `json:"paidAt"`
	ClosedAt             *Time       `json:"closedAt"`
	ExpiredAt            *Time       `json:"expiredAt"`
	PayerInfo            *string     `json:"payerInfo"`
	RefundStatus         string      `json:"refundStatus"`
	RefundTimes          int64       `json:"refundTimes"`
	SuccessPaymentMethod *string     `json:"successPaymentMethod"`
	CreatedAt            Time        `json:"createdAt"`
	UpdatedAt            Time        `json:"updatedAt"`
}

// Nested returns JSON as the text of a string, nil for nothing.
func Nested(raw json.RawMessage) *string {
	if len(raw) == 0 {
		return nil
	}
	text := string(raw)
	return &text
}

// Values of a transaction's type and result (Y3.4-22 and Y3.4-23). The second
// result is spelt so on the page.
const (
	TransactionPayment = "payment"
	TransactionRefund  = "refund"

	ResultApproved          = "Approved"
	ResultDeclinedRetirable = "Declined_Retirable"
	ResultDeclinedNoRetry   = "Declined_NoRetry"
	ResultNotYet            = "Not_Yet"
	ResultAborted           = "Aborted"
)

// Transaction is the answer of transaction.detailForMerchant (Y3.4-21): the
// members that concern a payment or a refund. Fees of the platform and its
// agents are left out.
type Transaction struct {
	Amount                 json.Number `json:"amount"`
	ID                     string      `json:"id"`
	OrderID                string      `json:"orderId"`
	ClientID               string      `json:"clientId"`
	MerchantID             string      `json:"merchantId"`
	ClientIP               string      `json:"clientIp"`
	Result                 string      `json:"result"`
	CompletedAt            *Time       `json:"completedAt"`
	Type                   string      `json:"type"`
	PaymentMethod          string      `json:"paymentMethod"`
	Currency               string      `json:"currency"`
	PayerDigest            *string     `json:"payerDigest"`
	SuccessfullyNotifiedAt *Time       `json:"successfullyNotifiedAt"`
	NotificationTimes      int64       `json:"notificationTimes"`
	LastNotifiedAt         *Time       `json:"lastNotifiedAt"`
	CreatedAt              Time        `json:"createdAt"`
	UpdatedAt              Time        `json:"updatedAt"`
}

// Merchant is the answer of merchant.detail: the members of its page that a
// refund service can know; papers, addresses and fees are left out. Status is
// enabled or disabled, Currencies joined by commas under the page's name for
// them.
type Merchant struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Status          string `json:"status"`
	NameEnglish     string `json:"name_en"`
	Currencies      string `json:"currencys"`
	StatementStatus string `json:"statementStatus"`
	CreatedAt       Time   `json:"createdAt"`
	UpdatedAt       Time   `json:"updatedAt"`
}

// Values of a merchant's status and statementStatus.
const (
	MerchantEnabled  = "enabled"
	MerchantDisabled = "disabled"
	StatementDaily   = "daily"
	StatementHand    = "hand"
)
