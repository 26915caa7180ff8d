package chinaums

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/exactjson"
)

// Channel is the name of ChinaUMS as a channel.
const Channel = "chinaums"

// Fields of requests.
const (
	FieldMsgType          = "msgType"
	FieldRequestTimestamp = "requestTimestamp"
	FieldMsgSrc           = "msgSrc"
	FieldMID              = "mid"
	FieldTID              = "tid"
	FieldInstMID          = "instMid"
	FieldMerOrderID       = "merOrderId"    // of the payment
	FieldRefundOrderID    = "refundOrderId" // different for each refund
	FieldRefundAmount     = "refundAmount"  // fen, in digits
	FieldRefundDesc       = "refundDesc"
	FieldBillNo           = "billNo"
	FieldBillDate         = "billDate"
	FieldPlatformAmount   = "platformAmount" // fen, in digits
	FieldSubOrders        = "subOrders"      // a JSON array
)

// MessageRefund is the msgType of a refund.
const MessageRefund = "refund"

// shanghai is the time zone of all times.
var shanghai = time.FixedZone("UTC+8", 8*60*60)

// Account is an account at ChinaUMS.
type Account struct {
	MsgSrc, MID, TID, InstMID string
	// SignType is MD5 or SHA256, and Key the communication key that signs.
	SignType, Key string
}

// Refund is what a request for a refund says.
type Refund struct {
	SentAt                    time.Time
	MerOrderID, RefundOrderID string
	Amount                    money.Minor
	// BillDate, yyyy-MM-dd, is set for the refund of a bill: MerOrderID is its
	// number then.
	BillDate    string
	Description string
	// SubOrders is what sub-merchants give back of a payment that was split;
	// PlatformAmount is the platform's own part, and is sent with them alone.
	SubOrders      []SubOrder
	PlatformAmount money.Minor
}

// SubOrder is a sub-merchant's part of a refund.
type SubOrder struct {
	MID           string `json:"mid"`
	MerOrderID    string `json:"merOrderId,omitempty"`
	RefundOrderID string `json:"refundOrderId"`
	TotalAmount   string `json:"totalAmount"` // fen, in digits
}

// Digits writes an amount as requests have it.
func Digits(amount money.Minor) string { return strconv.FormatInt(int64(amount), 10) }

// Message is a request with what all of them have.
func (a Account) Message(sentAt time.Time, fields Message) Message {
	m := maps.Clone(fields)
	m[FieldRequestTimestamp] = sentAt.In(shanghai).Format(time.DateTime)
	m[FieldMID], m[FieldTID], m[FieldInstMID] = a.MID, a.TID, a.InstMID
	return m
}

// Legacy is a request in the older form, which is signed in itself. Without a
// communication key it has no signature. MD5, which counts where nothing is named,
// is not named.
func (a Account) Legacy(msgType string, m Message) Message {
	m = maps.Clone(m)
	m[FieldMsgType], m[FieldMsgSrc] = msgType, a.MsgSrc
	if a.SignType != "" && a.SignType != MD5 {
		m[FieldSignType] = a.SignType
	}
	if a.Key != "" {
		m[FieldSign] = m.Sign(a.SignType, a.Key)
	}
	return m
}

// Refund is the signed request for a refund of an order in the older form.
func (a Account) Refund(r Refund) Message {
	return a.Legacy(MessageRefund, a.Message(r.SentAt, r.Fields()))
}

// Fields are those of a request for a refund alone.
func (r Refund) Fields() Message {
	m := Message{FieldRefundOrderID: r.RefundOrderID, FieldRefundAmount: Digits(r.Amount)}
	if r.BillDate != "" {
		m[FieldBillNo], m[FieldBillDate] = r.MerOrderID, r.BillDate
	} else {
		m[FieldMerOrderID] = r.MerOrderID
	}
	if r.Description != "" {
		m[FieldRefundDesc] = r.Description
	}
	if len(r.SubOrders) > 0 {
		list, _ := json.Marshal(r.SubOrders) // four texts are always written
		m[FieldSubOrders], m[FieldPlatformAmount] = string(list), Digits(r.PlatformAmount)
	}
	return m
}

// Body is the message as JSON: its fields in the order of their names, and what is
// JSON itself exactly as it is signed.
func (m Message) Body() []byte {
	body := []byte{'{'}
	for n, name := range slices.Sorted(maps.Keys(m)) {
		if n > 0 {
			body = append(body, ',')
		}
		body = append(exactjson.AppendString(body, name), ':')
		if nestedInBodies[name] {
			body = append(body, m[name]...)
			continue
		}
		body = exactjson.AppendString(body, m[name])
	}
	return append(body, '}')
}

// Date is the day of a time in Beijing, yyyy-MM-dd.
func Date(t time.Time) string { return t.In(shanghai).Format(time.DateOnly) }

// Stamp is a time in Beijing in the fourteen digits that order numbers have.
func Stamp(t time.Time) string { return t.In(shanghai).Format(stampLayout) }
