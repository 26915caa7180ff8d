package pingpp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// maxNotice bounds a webhook; one with a charge and its newest refunds has some
// kilobytes.
const maxNotice = 256 << 10

// Why a webhook is not taken, where no other error says it.
var (
	errNotice   = errors.New("the webhook can't be read")
	errOther    = errors.New("the webhook is another app's")
	errMode     = errors.New("the webhook is of the other mode, test or live")
	errNoKey    = errors.New("the account has no platform_public_key, so that no webhook verifies (hint: set the public key that Ping++'s dashboard shows)")
	errEncoding = errors.New("the webhook is compressed")
	errLong     = fmt.Errorf("the webhook has more than %d bytes", maxNotice)
)

// Receive implements channel.Receiver: the signature is verified over the body as
// it came, and only then is anything read. Events about anything but refunds are
// taken and say nothing.
func (d *Driver) Receive(a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply, error) {
	body, err := readNotice(r)
	if err != nil {
		return nil, reply, err
	}
	keys := platformKeys(a)
	if len(keys) == 0 {
		return nil, reply, errNoKey
	}
	if err := wire.VerifyAnswer(keys, body, r.Header.Get(wire.HeaderSignature)); err != nil {
		return nil, reply, err
	}
	value, err := exactjson.Decode(body, exactjson.Limits{Bytes: maxNotice})
	if err != nil {
		return nil, reply, errNotice
	}
	own, err := readCredentials(a)
	if err != nil {
		return nil, reply, fmt.Errorf("read the account: %w", err)
	}
	event, object, err := wire.DecodeEvent(value)
	switch {
	case err != nil:
		return nil, reply, err
	case event.Livemode != own.live:
		return nil, reply, errMode
	case event.Type != wire.EventRefundSucceeded && event.Type != wire.EventRefundFailed:
		return nil, reply, nil
	}
	got, err := wire.DecodeRefund(object)
	switch {
	case err != nil:
		return nil, reply, err
	case got.App != "" && got.App != own.app:
		return nil, reply, errOther
	}
	return []channel.Notified{notified(event, got)}, reply, nil
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

// notified is what a webhook says. One key signs the webhooks of all of Ping++'s
// merchants, and anyone's may be sent to an account's address: a number of ours in
// the metadata is therefore a hint, and the refund is asked about. One that is none
// of ours is believed where it names one of our charges by Ping++'s own id, which
// nobody else's refund can; by the merchant's order number only where it also names
// the app.
func notified(event wire.Event, got wire.Refund) channel.Notified {
	amount := money.Minor(got.Amount)
	n := channel.Notified{
		Text: fmt.Sprintf("%s %s: refund %s of %d of charge %s", event.Type, event.ID, got.ID, got.Amount, got.Charge),
		Noticed: refund.Noticed{
			Number: wire.MetadataText(got.Metadata, numberKey), TransactionID: got.Charge, Currency: money.Currency(strings.ToUpper(got.Currency)), MadeAt: madeAt(got),
			Outcome: refund.Outcome{Kind: kindOf(got), ChannelRefundID: got.ID, Amount: &amount, SucceededAt: succeededAt(got)},
		},
	}
	n.Hint = n.Number != "" || n.Outcome.Kind != refund.OutcomeDone
	if got.App != "" {
		n.OrderNo = got.ChargeOrderNo
	}
	return n
}

// reply is the answer to a webhook: any status but 2xx has it sent again.
func reply(problem error) channel.Answer {
	switch {
	case problem == nil:
		return channel.Answer{Status: http.StatusOK, ContentType: "text/plain", Body: []byte("success")}
	case isRefusal(problem):
		return failure(http.StatusBadRequest)
	}
	return failure(http.StatusInternalServerError)
}

// isRefusal reports whether a webhook was not taken as Ping++'s, rather than not
// kept.
func isRefusal(problem error) bool {
	for _, known := range []error{
		errNotice, errOther, errMode, errNoKey, errEncoding, errLong, wire.ErrAnswer, wire.ErrSignatureMissing, pemkey.ErrSignature,
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
	return channel.Answer{Status: status, ContentType: "text/plain", Body: []byte("fail")}
}
