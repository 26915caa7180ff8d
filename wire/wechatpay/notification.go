package wechatpay

import (
	"fmt"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
)

// Values of a notification's event_type (W2.4-2 and W2.4-13). Nothing is sent
// for a refund that is still processing.
const (
	EventSuccess  = "REFUND.SUCCESS"
	EventAbnormal = "REFUND.ABNORMAL"
	EventClosed   = "REFUND.CLOSED"
)

// Fixed texts of a notification.
const (
	resourceType = "encrypt-resource"
	// refundResource is original_type, and the associated data, which is
	// always sent: the Java client needs it, even empty.
	refundResource = "refund"
)

// events gives event_type and summary by refund_status.
var events = map[string]struct{ kind, summary string }{
	StatusSuccess:  {EventSuccess, "退款成功"},
	StatusAbnormal: {EventAbnormal, "退款异常"},
	StatusClosed:   {EventClosed, "退款关闭"},
}

// EventType is the event_type of a refund's status; ok is false for PROCESSING,
// of which nobody is notified.
func EventType(status string) (kind string, ok bool) {
	event, ok := events[status]
	return event.kind, ok
}

// Notification is the body of a refund notification. Sign it like an answer
// (W1.5-1).
type Notification struct {
	ID           string   `json:"id"`
	CreateTime   Time     `json:"create_time"`
	EventType    string   `json:"event_type"`
	Summary      string   `json:"summary"`
	ResourceType string   `json:"resource_type"`
	Resource     Resource `json:"resource"`
}

// Resource is the sealed notice of a notification.
type Resource struct {
	OriginalType   string `json:"original_type"`
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"`
}

// Notice is what a resource holds when it is opened. A direct merchant's has
// MchID, a partner's SpMchID and SubMchID. The state is called refund_status
// here, unlike in the refund object, and the amount has four members only.
type Notice struct {
	MchID               string       `json:"mchid,omitempty"`
	SpMchID             string       `json:"sp_mchid,omitempty"`
	SubMchID            string       `json:"sub_mchid,omitempty"`
	TransactionID       string       `json:"transaction_id"`
	OutTradeNo          string       `json:"out_trade_no"`
	RefundID            string       `json:"refund_id"`
	OutRefundNo         string       `json:"out_refund_no"`
	RefundStatus        string       `json:"refund_status"`
	SuccessTime         *Time        `json:"success_time,omitempty"`
	UserReceivedAccount string       `json:"user_received_account"`
	Amount              NoticeAmount `json:"amount"`
}

// NoticeAmount is a notice's amount, in fen.
type NoticeAmount struct {
	Total       int64 `json:"total"`
	Refund      int64 `json:"refund"`
	PayerTotal  int64 `json:"payer_total"`
	PayerRefund int64 `json:"payer_refund"`
}

// NewNotice takes out of a refund what a notice tells.
func NewNotice(refund Refund) Notice {
	notice := Notice{
		TransactionID: refund.TransactionID, OutTradeNo: refund.OutTradeNo, RefundID: refund.RefundID, OutRefundNo: refund.OutRefundNo,
		RefundStatus: refund.Status, UserReceivedAccount: refund.UserReceivedAccount,
		Amount: NoticeAmount{refund.Amount.Total, refund.Amount.Refund, refund.Amount.PayerTotal, refund.Amount.PayerRefund},
	}
	if refund.Status == StatusSuccess {
		notice.SuccessTime = refund.SuccessTime
	}
	return notice
}

// SealNotice makes the notification of a notice. id has at most 36 characters;
// nonce is one of NewSealNonce. It fails like Seal, and with ErrSealed for a
// status of which nobody is notified.
func SealNotice(notice Notice, id string, at time.Time, apiV3Key, nonce string) (Notification, error) {
	event, ok := events[notice.RefundStatus]
	if !ok {
		return Notification{}, fmt.Errorf("seal notice: %w: no event for status %q", ErrSealed, notice.RefundStatus)
	}
	plaintext, err := Marshal(notice)
	if err != nil {
		return Notification{}, fmt.Errorf("seal notice: %w", err)
	}
	sealed, err := Seal(apiV3Key, nonce, refundResource, plaintext)
	if err != nil {
		return Notification{}, fmt.Errorf("seal notice: %w", err)
	}
	return Notification{
		ID: id, CreateTime: Time(at), EventType: event.kind, Summary: event.summary, ResourceType: resourceType,
		Resource: Resource{refundResource, sealed.Algorithm, sealed.Ciphertext, sealed.AssociatedData, sealed.Nonce},
	}, nil
}

// NotificationID makes an id such as EV-2018022511223320873: the time in
// Beijing and five digits, the last of random.
func NotificationID(at time.Time, random uint32) string {
	return fmt.Sprintf("EV-%s%05d", at.In(Beijing).Format("20060102150405"), random%100_000)
}

// OpenNotification reads a notification as a receiver, after its signature was
// verified. event_type and the notice's refund_status must agree: the first
// stands outside of what is sealed. Errors are ErrAnswer, and those of
// Sealed.Open.
func OpenNotification(body exactjson.Value, apiV3Key string) (Notification, Notice, error) {
	r := newAnswerReader(body)
	n := Notification{
		ID: r.text("id", rule{required: true, min: 1}), CreateTime: Time(r.moment("create_time", true)), EventType: r.text("event_type", rule{required: true}),
		Summary: r.text("summary", rule{}), ResourceType: r.text("resource_type", rule{}),
	}
	r.child("resource", true, func(r *reader) {
		n.Resource = Resource{
			r.text("original_type", rule{}), r.text("algorithm", rule{required: true}), r.text("ciphertext", rule{required: true}),
			r.text("associated_data", rule{}), r.text("nonce", rule{required: true}),
		}
	})
	if err := answerError(r); err != nil {
		return Notification{}, Notice{}, err
	}
	plaintext, err := Sealed{n.Resource.Algorithm, n.Resource.Ciphertext, n.Resource.AssociatedData, n.Resource.Nonce}.Open(apiV3Key)
	if err != nil {
		return Notification{}, Notice{}, fmt.Errorf("open notification %s: %w", n.ID, err)
	}
	inner, err := exactjson.Decode(plaintext, exactjson.Limits{})
	if err != nil {
		return Notification{}, Notice{}, fmt.Errorf("open notification %s: %w: %w", n.ID, ErrAnswer, err)
	}
	notice, err := decodeNotice(inner)
	if err == nil && events[notice.RefundStatus].kind != n.EventType {
		err = fmt.Errorf("%w: event %s with status %s", ErrAnswer, n.EventType, notice.RefundStatus)
	}
	if err != nil {
		return Notification{}, Notice{}, fmt.Errorf("open notification %s: %w", n.ID, err)
	}
	return n, notice, nil
}

func decodeNotice(body exactjson.Value) (Notice, error) {
	r := newAnswerReader(body)
	must := rule{required: true, min: 1, max: MaxOutRefundNo}
	notice := Notice{
		MchID: r.text("mchid", rule{}), SpMchID: r.text("sp_mchid", rule{}), SubMchID: r.text("sub_mchid", rule{}),
		TransactionID: r.text("transaction_id", must), OutTradeNo: r.text("out_trade_no", must),
		RefundID: r.text("refund_id", must), OutRefundNo: r.text("out_refund_no", must), RefundStatus: r.text("refund_status", must),
		UserReceivedAccount: r.text("user_received_account", rule{}),
	}
	if at := r.moment("success_time", false); !at.IsZero() {
		success := Time(at)
		notice.SuccessTime = &success
	}
	r.child("amount", true, func(r *reader) {
		notice.Amount = NoticeAmount{
			r.integer("total", true, 1), r.integer("refund", true, 1),
			r.integer("payer_total", true, 0), r.integer("payer_refund", true, 0),
		}
	})
	if err := answerError(r); err != nil {
		return Notice{}, err
	}
	return notice, nil
}

// Taken reports whether a receiver's HTTP status ends a notification: 200 or
// 204; a body is not looked at.
func Taken(status int) bool { return status == 200 || status == 204 }

// NotificationTimeout is how long a receiver may take to answer.
const NotificationTimeout = 5 * time.Second

// NotificationRetries is how many times a notification is sent again.
const NotificationRetries = 15

// NotificationRetryDelays are the pauses before each of the retries, 24 hours
// and 4 minutes in all. There is no promise that a notification arrives.
func NotificationRetryDelays() [NotificationRetries]time.Duration {
	return [NotificationRetries]time.Duration{
		15 * time.Second, 15 * time.Second, 30 * time.Second,
		3 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 30 * time.Minute, 30 * time.Minute, 60 * time.Minute,
		3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
	}
}
