package chinaums

import (
	"strconv"
	"time"

	"github.com/refundry/refundry/money"
)

// Channel is the name of ChinaUMS as a channel.
const Channel = "chinaums"

// Fields of a request for a refund.
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
}

// Refund is the signed request for a refund in the older form. Without a
// communication key it has no signature. MD5, which counts where nothing is
// named, is not named.
func (a Account) Refund(r Refund) Message {
	message := Message{
		FieldMsgType: MessageRefund, FieldRequestTimestamp: r.SentAt.In(shanghai).Format(time.DateTime),
		FieldMsgSrc: a.MsgSrc, FieldMID: a.MID, FieldTID: a.TID, FieldInstMID: a.InstMID,
		FieldMerOrderID: r.MerOrderID, FieldRefundOrderID: r.RefundOrderID, FieldRefundAmount: strconv.FormatInt(int64(r.Amount), 10),
	}
	if a.SignType != "" && a.SignType != MD5 {
		message[FieldSignType] = a.SignType
	}
	if a.Key != "" {
		message[FieldSign] = message.Sign(a.SignType, a.Key)
	}
	return message
}
