package chinaums

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// maxNotice bounds a notice, which has some kilobytes. Nothing of it is ever
// unpacked.
const maxNotice = 64 << 10

// Why a notice is not taken, where no other error says it.
var (
	errOther    = errors.New("the notice is of another merchant's payment")
	errEncoding = errors.New("the notice is compressed")
	errLong     = fmt.Errorf("the notice has more than %d bytes", maxNotice)
	errNoKey    = errors.New("the account has no communication key to verify notices with (hint: account set --secret " + secretCommunicationKey + "=@FILE)")
)

// Receive implements channel.Receiver. What a notice says of a refund is not
// believed: MD5 signs it, and its fields are documented poorly. It is a hint to ask.
func (*Driver) Receive(a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply, error) {
	notified, err := receive(a, r)
	return notified, reply, err
}

func receive(a channel.Account, r *http.Request) ([]channel.Notified, error) {
	message, err := readNotice(r)
	if err != nil {
		return nil, err
	}
	if err := verify(a, message); err != nil {
		return nil, err
	}
	if message[wire.FieldMID] != a.Settings[settingMID] {
		return nil, errOther
	}
	number, order := message[wire.FieldRefundOrderID], message[wire.FieldMerOrderID]
	if bill := message[wire.FieldBillNo]; bill != "" {
		order = bill
	}
	if number == "" && message[wire.FieldRefundAmount] == "" && message["billStatus"] != wire.BillRefund {
		return nil, nil // it is of a payment
	}
	return []channel.Notified{{
		Text:    fmt.Sprintf("notice %s: refund %s of order %s, %s%s", message[wire.FieldNotifyID], number, order, message["status"], message["billStatus"]),
		Noticed: refund.Noticed{Number: number, OrderNo: order, Hint: true},
	}}, nil
}

func readNotice(r *http.Request) (wire.Message, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errEncoding
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxNotice+1))
	switch {
	case err != nil:
		return nil, wire.ErrNotice
	case len(body) > maxNotice:
		return nil, errLong
	}
	return wire.ParseNotice(body)
}

// verify checks a notice with the communication key, or with one before it that
// still lives.
func verify(a channel.Account, message wire.Message) error {
	key := a.Secrets[secretCommunicationKey]
	err := message.Verify(key)
	for _, earlier := range a.Previous {
		if err == nil {
			return nil
		}
		err = message.Verify(earlier.Secrets[secretCommunicationKey])
	}
	if err != nil && key == "" {
		return errNoKey
	}
	return err
}

// reply is the answer to a notice: whatever is not SUCCESS is sent again for a day.
func reply(problem error) channel.Answer {
	switch {
	case problem == nil:
		return text(http.StatusOK, wire.NoticeTaken)
	case isRefusal(problem):
		return text(http.StatusBadRequest, wire.NoticeRefused)
	}
	return text(http.StatusInternalServerError, wire.NoticeRefused)
}

// isRefusal reports whether a notice was not taken as the platform's, rather than
// not kept.
func isRefusal(problem error) bool {
	for _, known := range []error{errOther, errEncoding, errLong, errNoKey, wire.ErrNotice, wire.ErrSignature} {
		if errors.Is(problem, known) {
			return true
		}
	}
	return false
}

// Refuse implements channel.Receiver.
func (*Driver) Refuse(status int) channel.Answer { return text(status, wire.NoticeRefused) }

func text(status int, body string) channel.Answer {
	return channel.Answer{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(body)}
}
