package wechatpay

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// maxNotice bounds a notice, which has two kilobytes. Nothing of it is ever
// unpacked.
const maxNotice = 64 << 10

// Why a notice is not taken, where no other error says it.
var (
	errNotice   = errors.New("the notice can't be read")
	errOther    = errors.New("the notice is of another merchant's refund")
	errSums     = errors.New("the notice's amounts contradict each other")
	errEncoding = errors.New("the notice is compressed")
	errLong     = fmt.Errorf("the notice has more than %d bytes", maxNotice)
)

// Receive implements channel.Receiver: the signature is verified over the body as
// it came, and only then is anything read.
func (d *Driver) Receive(a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply, error) {
	notified, err := d.receive(a, r)
	if err != nil {
		return nil, reply, err
	}
	return []channel.Notified{notified}, reply, nil
}

func (d *Driver) receive(a channel.Account, r *http.Request) (channel.Notified, error) {
	body, err := readNotice(r)
	if err != nil {
		return channel.Notified{}, err
	}
	own, err := readOwner(a.Settings)
	if err != nil {
		return channel.Notified{}, fmt.Errorf("read the account: %w", err)
	}
	platform, err := readPlatform(a.Settings)
	if err != nil {
		return channel.Notified{}, fmt.Errorf("read the account: %w", err)
	}
	signature, err := wire.ReadAnswerSignature(r.Header)
	if err == nil {
		err = platformKeys(a, platform).Verify(signature, body, d.now())
	}
	if err != nil {
		return channel.Notified{}, err
	}
	value, err := exactjson.Decode(body, exactjson.Limits{Bytes: maxNotice})
	if err != nil {
		return channel.Notified{}, errNotice
	}
	n, notice, err := open(value, a)
	switch {
	case err != nil:
		return channel.Notified{}, err
	case !own.sees(notice.MchID, notice.SpMchID, notice.SubMchID):
		return channel.Notified{}, errOther
	case notice.Amount.Refund > notice.Amount.Total || notice.Amount.PayerRefund > notice.Amount.Refund || notice.Amount.PayerTotal > notice.Amount.Total:
		return channel.Notified{}, errSums
	}
	return notified(n, notice), nil
}

func readNotice(r *http.Request) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errEncoding
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxNotice+1))
	switch {
	case err != nil:
		return nil, errNotice
	case len(body) > maxNotice:
		return nil, errLong
	}
	return body, nil
}

// open decrypts a notice with the APIv3 key, or with one before it that still
// lives. The error is that of the key that is sent with now.
func open(value exactjson.Value, a channel.Account) (wire.Notification, wire.Notice, error) {
	n, notice, err := wire.OpenNotification(value, a.Secrets[secretAPIv3Key])
	for _, earlier := range a.Previous {
		if err == nil {
			break
		}
		if n2, notice2, err2 := wire.OpenNotification(value, earlier.Secrets[secretAPIv3Key]); err2 == nil {
			n, notice, err = n2, notice2, nil
		}
	}
	return n, notice, err
}

// sees reports whether a refund is one of the account's merchant, and in partner
// mode of its sub-merchant.
func (o owner) sees(mchID, spMchID, subMchID string) bool {
	if !o.partner {
		return mchID == o.mchID && spMchID == "" && subMchID == ""
	}
	return spMchID == o.mchID && subMchID != "" && (o.subMchID == "" || subMchID == o.subMchID)
}

func notified(n wire.Notification, notice wire.Notice) channel.Notified {
	amount := money.Minor(notice.Amount.Refund)
	o := refund.Outcome{
		Kind: states[notice.RefundStatus], ChannelRefundID: notice.RefundID, Amount: &amount, Landed: landed("", notice.UserReceivedAccount),
	}
	switch {
	case o.Kind == refund.OutcomeDone && notice.SuccessTime != nil:
		o.SucceededAt = time.Time(*notice.SuccessTime)
	case o.Kind != refund.OutcomeDone:
		o.Code, o.Message = notice.RefundStatus, endings[notice.RefundStatus]
	}
	return channel.Notified{
		Text: fmt.Sprintf("%s %s: refund %s (%s) of %d fen of order %s", n.EventType, n.ID, notice.OutRefundNo, notice.RefundID, notice.Amount.Refund, notice.TransactionID),
		Noticed: refund.Noticed{
			Number: notice.OutRefundNo, TransactionID: notice.TransactionID, OrderNo: notice.OutTradeNo, Currency: wire.Currency, Outcome: o,
		},
	}
}

// reply is the answer to a notice: the status decides whether it comes again.
func reply(problem error) channel.Answer {
	switch {
	case problem == nil:
		return channel.Answer{Status: http.StatusNoContent}
	case isRefusal(problem):
		return failure(http.StatusBadRequest)
	}
	return failure(http.StatusInternalServerError)
}

// isRefusal reports whether a notice was not taken as the platform's, rather than
// not kept.
func isRefusal(problem error) bool {
	for _, known := range []error{
		errNotice, errOther, errSums, errEncoding, errLong,
		wire.ErrAnswer, wire.ErrSealed, wire.ErrAnswerHeader, wire.ErrUnknownSerial, wire.ErrTimestamp, pemkey.ErrSignature,
	} {
		if errors.Is(problem, known) {
			return true
		}
	}
	return false
}

// Refuse implements channel.Receiver.
func (*Driver) Refuse(status int) channel.Answer { return failure(status) }

func failure(status int) channel.Answer {
	body, _ := wire.Marshal(wire.Error{Code: wire.CodeFail, Message: "失败"}) // two texts are always written
	return channel.Answer{Status: status, ContentType: contentType, Body: body}
}
