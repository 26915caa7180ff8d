package payin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/payin"
)

const (
	// maxAnswer bounds an answer's body; an order with its products has some
	// kilobytes.
	maxAnswer = 1 << 20

	contentType = "application/json"
	userAgent   = "refundry"
)

// answer is what came of one call.
type answer struct {
	status int
	value  exactjson.Value
	sent   refund.Sent
	// problem says why the answer is none, or can't be read.
	problem error
}

// call signs and makes a request for an object, and reads the answer.
func (c *connector) call(ctx context.Context, operation wire.Operation, id string, body []byte) (a answer) {
	uri := operation.Path(id)
	request, err := http.NewRequestWithContext(ctx, operation.Verb(), c.base+wire.Prefix+uri, bytes.NewReader(body))
	if err != nil {
		a.problem = fmt.Errorf("make request: %w", egress.Bare(err))
		return a
	}
	wire.Authenticate(c.key, c.secret, operation, uri, c.now()).Set(request.Header)
	request.Header.Set("User-Agent", userAgent)
	if len(body) > 0 {
		request.Header.Set("Content-Type", contentType)
		// The signature does not cover the body; a server that knows the header checks this.
		sum := sha256.Sum256(body)
		request.Header.Set(wire.HeaderBodySHA256, hex.EncodeToString(sum[:]))
	}
	sum := sha256.Sum256(append([]byte(request.Method+" "+uri+"\n"), body...))
	a.sent = refund.Sent{Digest: hex.EncodeToString(sum[:]), Request: channel.RedactedRequest(request.Method, uri, body)}
	response, err := c.calls.For(c.base).Do(request)
	if err != nil {
		a.problem = fmt.Errorf("no answer: %w", egress.Bare(err))
		return a
	}
	defer func() { _ = response.Body.Close() }()
	a.status = response.StatusCode
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		a.problem = fmt.Errorf("the answer broke off: %w", egress.Bare(err))
	case len(text) > maxAnswer:
		a.problem = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	default:
		a.sent.Answer = channel.RedactedAnswer(a.status, text)
		if a.value, err = exactjson.Decode(text, exactjson.Limits{Bytes: maxAnswer}); err != nil {
			a.problem = fmt.Errorf("%w: %w", wire.ErrAnswer, err)
		}
	}
	return a
}

// faulted is an answer of Payin's that is an error.
type faulted struct {
	status int
	fault  wire.Error
}

// Error is the status and Payin's words.
func (f *faulted) Error() string { return fmt.Sprintf("HTTP %d %v", f.status, f.fault) }

// failure is what is wrong with an answer that should be 2xx: a problem, or a
// *faulted.
func (a answer) failure() error {
	switch {
	case a.problem != nil && a.status != 0:
		return fmt.Errorf("HTTP %d, %w: %w", a.status, errUnreadable, a.problem)
	case a.problem != nil:
		return a.problem
	case a.status == http.StatusOK || a.status == http.StatusCreated:
		return nil
	}
	fault, err := wire.DecodeError(a.value)
	if err != nil {
		return fmt.Errorf("HTTP %d, %w: %w", a.status, errUnreadable, err)
	}
	return &faulted{a.status, fault}
}

// errUnreadable: there is an answer, and nobody may go by it.
var errUnreadable = errors.New("not readable")

// says reports whether an error is Payin's, with the code and the status that goes
// with it.
func says(err error, code wire.Code) bool {
	fault := (*faulted)(nil)
	return errors.As(err, &fault) && fault.fault.Code == code && fault.status == code.Status()
}

// unread is an outcome of which the answer says nothing.
func unread(sent refund.Sent, err error) refund.Outcome {
	o := refund.Outcome{Kind: refund.OutcomeUnknown, Code: "NO_ANSWER", Message: err.Error(), Sent: sent}
	switch fault := (*faulted)(nil); {
	case errors.As(err, &fault):
		o.Code = string(fault.fault.Code)
		if says(err, wire.CodeNotAllowed) {
			o.Alert = "Payin refuses the account's key, its signature or the clock with notAllowed (hint: refundry account check says why)"
		}
	case errors.Is(err, errUnreadable), errors.Is(err, wire.ErrAnswer):
		o.Code = "UNREADABLE"
	}
	return o
}

// isPathID reports whether an id stands in a path as it is: what is signed is the
// path as it goes out.
func isPathID(id string) bool {
	return wire.IsPossiblePathID(id) && strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-") == "" && id != "." && id != ".."
}

// order is an order's id at Payin: the payment's number at the channel, which may
// be the order's or its transaction's, or the name that the charge has in Payin's
// own API under the account's merchant. "" is none.
func (c *connector) order(transactionID string, charge refund.Charge) string {
	if id, _, ok := wire.SplitTransactionID(transactionID); ok && wire.IsOrderID(id) {
		return id
	}
	if wire.IsOrderID(transactionID) {
		return transactionID
	}
	for _, alias := range charge.Aliases {
		if alias.Dialect == Name && alias.Identity == c.merchantID && isPathID(alias.Name) {
			return alias.Name
		}
	}
	return ""
}

// errNoOrder: no name of the charge is one of Payin's.
var errNoOrder = errors.New("the charge has no order's id of Payin's (hint: its transaction_id, or its payin identity under the account's merchant, is M...T...)")
