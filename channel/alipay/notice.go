package alipay

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/pemkey"
)

// How far a notice's time may be from now. The platform sends one again for a day.
const (
	maxNoticeAge   = 48 * time.Hour
	maxNoticeAhead = 10 * time.Minute
)

// Why a notice is not taken, where no other error says it.
var (
	errOther    = errors.New("the notice is another app's or merchant's")
	errTime     = errors.New("the notice is too old, or of a time to come")
	errEncoding = errors.New("the notice is compressed")
)

// Receive implements channel.Receiver: trade notices, and the messages that come to the
// application gateway. Both are hints: the refund that they name is asked about.
func (d *Driver) Receive(a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply, error) {
	notified, err := d.receive(a, r)
	if err != nil {
		return nil, reply, err
	}
	return notified, reply, nil
}

func (d *Driver) receive(a channel.Account, r *http.Request) ([]channel.Notified, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errEncoding
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxNotice+1))
	if err != nil {
		return nil, wire.ErrNotice
	}
	params, err := wire.ReadNotice(body)
	if err != nil {
		return nil, err
	}
	platform, err := readPlatform(a.Settings)
	if err != nil {
		return nil, fmt.Errorf("read the account: %w", err)
	}
	keys := accountKeys(a, platform)
	if params.IsMessage() {
		if err := keys.VerifyMessage(params); err != nil {
			return nil, err
		}
		return d.message(a, params)
	}
	if err := keys.VerifyNotice(params); err != nil {
		return nil, err
	}
	return d.tradeNotice(a, params)
}

// tradeNotice reads a notice about a trade. One that is not about a refund says
// nothing to us.
func (d *Driver) tradeNotice(a channel.Account, params wire.Params) ([]channel.Notified, error) {
	n, err := wire.DecodeTradeNotice(params)
	if err != nil {
		return nil, err
	}
	if err := d.concerns(a, n.AppID, n.At); err != nil {
		return nil, err
	}
	if seller := params["seller_id"]; seller != "" && a.Settings[settingSellerID] != "" && seller != a.Settings[settingSellerID] {
		return nil, errOther
	}
	if n.RefundFee == nil && n.RefundAt.IsZero() && n.OutBizNo == "" {
		return nil, nil
	}
	text := fmt.Sprintf("notice %s: refund %s of trade %s, %s", n.ID, n.OutBizNo, n.TradeNo, n.Status)
	if n.RefundFee != nil {
		text += ", refunded so far " + wire.FormatYuan(*n.RefundFee)
	}
	return hint(n.OutBizNo, n.TradeNo, n.OutTradeNo, text), nil
}

// message reads a message about money on its way to a bank card.
func (d *Driver) message(a channel.Account, params wire.Params) ([]channel.Notified, error) {
	m, err := wire.DecodeDepositBack(params)
	if err != nil {
		return nil, err
	}
	if err := d.concerns(a, m.AppID, m.At); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("message %s: refund %s of trade %s: %s", m.ID, m.OutRequestNo, m.TradeNo, depositBacks[m.Status])
	return hint(m.OutRequestNo, m.TradeNo, m.OutTradeNo, text), nil
}

func hint(number, tradeNo, outTradeNo, text string) []channel.Notified {
	return []channel.Notified{{Text: text, Noticed: refund.Noticed{
		Number: number, TransactionID: tradeNo, OrderNo: outTradeNo, Hint: true, Outcome: refund.Outcome{Kind: refund.OutcomeUnknown},
	}}}
}

// concerns refuses a notice of another app and one that is too old to be sent now.
func (d *Driver) concerns(a channel.Account, appID string, at time.Time) error {
	now := d.now()
	switch {
	case appID != a.Settings[settingAppID]:
		return errOther
	case at.Before(now.Add(-maxNoticeAge)), at.After(now.Add(maxNoticeAhead)):
		return errTime
	}
	return nil
}

// reply is the answer to a notice: any text but "success" has it come again.
func reply(problem error) channel.Answer {
	switch {
	case problem == nil:
		return text(http.StatusOK, wire.NoticeTaken)
	case isRefusal(problem):
		return text(http.StatusBadRequest, wire.NoticeNotTaken)
	}
	return text(http.StatusInternalServerError, wire.NoticeNotTaken)
}

// isRefusal reports whether a notice was not taken as the platform's, rather than not
// kept.
func isRefusal(problem error) bool {
	for _, known := range []error{errOther, errTime, errEncoding, wire.ErrNotice, wire.ErrUnsigned, pemkey.ErrSignature} {
		if errors.Is(problem, known) {
			return true
		}
	}
	return false
}

// Refuse implements channel.Receiver.
func (*Driver) Refuse(status int) channel.Answer { return text(status, wire.NoticeNotTaken) }

func text(status int, body string) channel.Answer {
	return channel.Answer{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(body)}
}
