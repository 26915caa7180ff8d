package payin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// Parameters of a notification's address. The token is ours: Payin keeps what the
// configured address has.
const (
	paramOrderID  = "_orderId"
	paramType     = "_type"
	paramRefundID = "_refundId"
	paramToken    = "token"
)

// Why a notification is not taken.
var (
	errNotice  = errors.New("the notification can't be read")
	errToken   = errors.New("the notification's token is not the account's")
	errNoToken = errors.New("the account has no notify_token, and Payin signs no notification (hint: set one, and end the address at Payin with ?token=...)")
)

// Receive implements channel.Receiver. A notification is a GET without a signature
// that names an order; whoever knows the account's token can send one, so that it
// is a hint and nothing more. Payin's own names no refund: then there is nothing to
// ask about at once, and the refund is asked about in its time.
func (d *Driver) Receive(a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply, error) {
	query := r.URL.Query()
	order := query.Get(paramOrderID)
	reply := func(problem error) channel.Answer { return answered(order, problem) }
	if r.Method != http.MethodGet || hasBody(r) {
		return nil, reply, errNotice
	}
	if err := checkToken(a, query[paramToken]); err != nil {
		return nil, reply, err
	}
	kind := query.Get(paramType)
	if !isPathID(order) || kind != wire.NotifyPayment && kind != wire.NotifyRefund {
		return nil, reply, errNotice
	}
	id := query.Get(paramRefundID)
	if kind == wire.NotifyPayment || id == "" {
		return nil, reply, nil
	}
	if of, _, ok := wire.SplitRefundID(id); !ok || of != order {
		return nil, reply, errNotice
	}
	return []channel.Notified{{
		Text: fmt.Sprintf("notification of refund %s of order %s", id, order),
		Noticed: refund.Noticed{
			TransactionID: order, Hint: true, Outcome: refund.Outcome{ChannelRefundID: id},
		},
	}}, reply, nil
}

func hasBody(r *http.Request) bool {
	if r.Body == nil {
		return false
	}
	n, _ := r.Body.Read(make([]byte, 1))
	return n > 0
}

// checkToken compares a notification's token with the account's, and with those
// before a rotation.
func checkToken(a channel.Account, given []string) error {
	tokens := []string{a.Secrets[secretNotifyToken]}
	for _, earlier := range a.Previous {
		tokens = append(tokens, earlier.Secrets[secretNotifyToken])
	}
	known, right := false, false
	for _, token := range tokens {
		if token == "" {
			continue
		}
		known = true
		want := sha256.Sum256([]byte(token))
		for _, one := range given {
			got := sha256.Sum256([]byte(one))
			right = subtle.ConstantTimeCompare(got[:], want[:]) == 1 || right
		}
	}
	switch {
	case !known:
		return errNoToken
	case !right || len(given) != 1:
		return errToken
	}
	return nil
}

// answered is the answer to a notification: only COMPLETED and the order's id has
// Payin send no more.
func answered(order string, problem error) channel.Answer {
	switch {
	case problem == nil:
		return channel.Answer{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte(wire.CompletedAnswer(order))}
	case errors.Is(problem, errNotice):
		return failure(wire.CodeBadRequest.Status())
	case errors.Is(problem, errToken), errors.Is(problem, errNoToken):
		return failure(wire.CodeNotAllowed.Status())
	}
	return failure(wire.CodeInternalError.Status())
}

// Refuse implements channel.Receiver.
func (*Driver) Refuse(status int) channel.Answer { return failure(status) }

// refusals are the codes that go with the statuses of refused notifications.
var refusals = map[int]wire.Code{
	http.StatusBadRequest: wire.CodeBadRequest, http.StatusUnauthorized: wire.CodeNotAllowed, http.StatusNotFound: wire.CodeNotFound,
	http.StatusServiceUnavailable: wire.CodeChannelUnavailable,
}

func failure(status int) channel.Answer {
	code, ok := refusals[status]
	if !ok {
		code = wire.CodeInternalError
	}
	body, _ := wire.Marshal(wire.Error{Code: code, Message: http.StatusText(status)}) // two texts are always written
	return channel.Answer{Status: status, ContentType: contentType, Body: body}
}
