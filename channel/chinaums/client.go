package chinaums

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

const (
	// maxAnswer bounds an answer's body, which has some kilobytes.
	maxAnswer   = 1 << 20
	contentType = "application/json; charset=utf-8"
	userAgent   = "refundry"
)

var (
	errAnswerSignature = errors.New("the answer is signed, and the signature does not verify")
	errTooLong         = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
)

// answer is what came of one call.
type answer struct {
	wire.Answer
	status int // of HTTP, 0 where there was no answer
	sent   refund.Sent
	// problem says why the answer is none, or is not to be believed.
	problem error
}

// call signs and makes a request, and reads the answer.
func (c *connector) call(ctx context.Context, op wire.Operation, fields wire.Message) (a answer) {
	message := c.own.Message(c.now(), fields)
	target, authorization := op.Path, ""
	if c.legacy {
		message, target = c.own.Legacy(op.MsgType, message), wire.PathLegacy
	}
	body := message.Body()
	if !c.legacy {
		nonce, err := wire.NewNonce(c.random)
		if err != nil {
			return answer{problem: err}
		}
		signed := wire.Authorize(c.appID, c.appKey, nonce, body, c.now())
		authorization = signed.String()
		message = c.shown(op, message, signed)
	}
	sum := sha256.Sum256(append([]byte("POST "+target+"\n"), body...))
	a.sent = refund.Sent{Digest: hex.EncodeToString(sum[:]), Shown: message, Request: channel.RedactedRequest(http.MethodPost, target, body)}
	if err := c.post(ctx, target, authorization, body, &a); err != nil {
		a.problem = err
	}
	a.sent.UpstreamRequestID = a.SeqID
	return a
}

// shown is what was sent by the names of the older messages, under which dialects
// show it: on the open platform the operation is a path, the source an appId and
// the signature a header's.
func (c *connector) shown(op wire.Operation, sent wire.Message, signed wire.Authorization) wire.Message {
	out := maps.Clone(sent)
	out[wire.FieldMsgType], out[wire.FieldMsgSrc], out[wire.FieldSign] = op.MsgType, c.own.MsgSrc, signed.Signature
	if c.own.MsgSrc == "" {
		out[wire.FieldMsgSrc] = c.appID
	}
	return out
}

// post sends a body and reads the answer into a.
func (c *connector) post(ctx context.Context, target, authorization string, body []byte, a *answer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", bare(err))
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	if authorization != "" {
		request.Header.Set(wire.HeaderAuthorization, authorization)
	}
	client := c.calls
	if strings.HasPrefix(strings.ToLower(c.base), "http:") {
		client = c.plainCalls
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: %w", bare(err))
	}
	defer func() { _ = response.Body.Close() }()
	a.status = response.StatusCode
	got, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("the answer broke off: %w", bare(err))
	case len(got) > maxAnswer:
		return errTooLong
	}
	a.sent.Answer = channel.RedactedAnswer(a.status, got)
	if a.Answer, err = wire.DecodeAnswer(got); err != nil {
		return err
	}
	return c.verify(response.Header, got)
}

// verify checks the signature of an answer that has one. None is documented, so
// that an answer without one is not refused.
func (c *connector) verify(header http.Header, body []byte) error {
	if c.legacy {
		fields, signature, err := wire.Signed(body)
		if err == nil && signature != "" && fields.Verify(c.own.Key) != nil {
			return errAnswerSignature
		}
		return err
	}
	value := header.Get(wire.HeaderAuthorization)
	if value == "" {
		return nil
	}
	signed, err := wire.ParseAuthorization(value)
	if err != nil || !signed.Verify(c.appKey, body) {
		return errAnswerSignature
	}
	return nil
}

// bare takes the address off an error of package http: an error does not repeat
// what the account says.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
