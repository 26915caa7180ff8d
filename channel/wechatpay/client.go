package wechatpay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

const (
	// maxAnswer bounds an answer's body; a refund with all its coupons and goods has
	// some kilobytes.
	maxAnswer = 1 << 20
	// maxRequestID bounds what is kept of the platform's name for a call.
	maxRequestID = 128

	contentType = "application/json"
	userAgent   = "refundry" // the platform may refuse a request without one
)

// answer is what came of one call.
type answer struct {
	status int
	body   []byte
	sent   refund.Sent
	// retryAfter is what the platform asked for, 0 for nothing.
	retryAfter time.Duration
	// problem says why the answer is none, or is not to be believed.
	problem error
}

// value reads a verified answer's body.
func (a answer) value() (exactjson.Value, error) {
	value, err := exactjson.Decode(a.body, exactjson.Limits{})
	if err != nil {
		return value, fmt.Errorf("%w: %w", wire.ErrAnswer, err)
	}
	return value, nil
}

// call signs and makes a request, and verifies the answer.
func (c *connector) call(ctx context.Context, method, target string, body []byte) (a answer) {
	response, sent, err := c.send(ctx, c.calls, method, target, body)
	a.sent = sent
	if err != nil {
		a.problem = err
		return a
	}
	defer func() { _ = response.Body.Close() }()
	a.status = response.StatusCode
	a.sent.UpstreamRequestID = requestID(response.Header)
	a.retryAfter = retryAfter(response.Header)
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		a.problem = fmt.Errorf("the answer broke off: %w", egress.Bare(err))
	case len(a.body) > maxAnswer:
		a.body, a.problem = nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	default:
		a.sent.Answer = channel.RedactedAnswer(a.status, a.body)
		a.problem = c.verify(response.Header, a.body)
	}
	return a
}

// verify checks an answer's signature over the bytes as they came.
func (c *connector) verify(header http.Header, body []byte) error {
	signature, err := wire.ReadAnswerSignature(header)
	if err == nil {
		err = c.keys.Verify(signature, body, c.now())
	}
	switch {
	case errors.Is(err, wire.ErrUnknownSerial):
		return fmt.Errorf("the answer is signed by %s, which is not among the account's platform keys", signature.Serial)
	case err != nil:
		return fmt.Errorf("the answer does not verify: %w", err)
	}
	return nil
}

// send signs and sends a request, to the backup address where the first could not be
// connected to, so that nothing was sent. The response's body is for the caller to
// close.
func (c *connector) send(ctx context.Context, clients egress.Pair, method, target string, body []byte) (*http.Response, refund.Sent, error) {
	response, sent, err := c.sendTo(ctx, clients, c.base, method, target, body)
	var broken *net.OpError
	if c.backup != "" && errors.As(err, &broken) && broken.Op == "dial" && ctx.Err() == nil {
		return c.sendTo(ctx, clients, c.backup, method, target, body)
	}
	return response, sent, err
}

func (c *connector) sendTo(ctx context.Context, clients egress.Pair, base, method, target string, body []byte) (*http.Response, refund.Sent, error) {
	request, err := http.NewRequestWithContext(ctx, method, base+target, bytes.NewReader(body))
	if err != nil {
		return nil, refund.Sent{}, fmt.Errorf("make request: %w", egress.Bare(err))
	}
	// What is signed is the request line as it goes out, base_url's path included.
	if err := c.authorize(request, body); err != nil {
		return nil, refund.Sent{}, err
	}
	sum := sha256.Sum256(append([]byte(method+" "+request.URL.RequestURI()+"\n"), body...))
	sent := refund.Sent{Digest: hex.EncodeToString(sum[:]), Request: channel.RedactedRequest(method, request.URL.RequestURI(), body)}
	response, err := clients.For(base).Do(request)
	if err != nil {
		return nil, sent, fmt.Errorf("no answer: %w", egress.Bare(err))
	}
	return response, sent, nil
}

func (c *connector) authorize(request *http.Request, body []byte) error {
	nonce, err := wire.NewNonce(c.random)
	if err != nil {
		return err
	}
	authorization, err := c.signer.Authorize(c.mchID, request.Method, request.URL.RequestURI(), body, nonce, c.now())
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	request.Header.Set("Authorization", authorization.String())
	request.Header.Set("Accept", contentType)
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set(wire.HeaderSerial, c.platform.named)
	if len(body) > 0 {
		request.Header.Set("Content-Type", contentType)
	}
	return nil
}

func requestID(header http.Header) string {
	id := header.Get(wire.HeaderRequestID)
	return id[:min(len(id), maxRequestID)]
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
