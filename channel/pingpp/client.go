package pingpp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/pingpp"
)

const (
	// maxAnswer bounds an answer's body: a page of refunds with full metadata has
	// some hundred kilobytes.
	maxAnswer = 1 << 20

	contentType = "application/json; charset=UTF-8"
	userAgent   = "refundry"
)

// answer is what came of one call.
type answer struct {
	status int
	value  exactjson.Value
	sent   refund.Sent
	// problem says why the answer is none, or is not to be believed.
	problem error
}

// call makes a request, signed where the account has a key, and reads the answer.
// target is the path and query.
func (c *connector) call(ctx context.Context, method, target string, body []byte) (a answer) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+target, bytes.NewReader(body))
	if err != nil {
		a.problem = fmt.Errorf("make request: %w", egress.Bare(err))
		return a
	}
	if a.problem = c.authorize(request, body); a.problem != nil {
		return a
	}
	sum := sha256.Sum256(append([]byte(method+" "+request.URL.RequestURI()+"\n"), body...))
	a.sent = refund.Sent{Digest: hex.EncodeToString(sum[:]), Request: channel.RedactedRequest(method, request.URL.RequestURI(), body)}
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
		a.problem = c.verify(a.status, response.Header.Get(wire.HeaderSignature), text)
	}
	if a.problem == nil {
		if a.value, err = exactjson.Decode(text, exactjson.Limits{Bytes: maxAnswer}); err != nil {
			a.problem = fmt.Errorf("%w: %w", wire.ErrAnswer, err)
		}
	}
	return a
}

// authorize signs what goes out: the request line, base_url's path included.
func (c *connector) authorize(request *http.Request, body []byte) error {
	timestamp := strconv.FormatInt(c.now().Unix(), 10)
	h := request.Header
	h.Set("Authorization", "Bearer "+c.apiKey)
	h.Set("User-Agent", userAgent)
	h.Set("Accept-Language", "zh-CN")
	h.Set(wire.HeaderRequestTimestamp, timestamp)
	if len(body) > 0 {
		h.Set("Content-Type", contentType)
	}
	if c.signer == nil {
		return nil
	}
	signature, err := wire.SignRequest(c.signer, body, request.URL.RequestURI(), timestamp)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	h.Set(wire.HeaderRequestSignature, signature)
	return nil
}

// verify checks an answer's signature over the bytes as they came, where the
// account has Ping++'s key. Ping++ signs answers with 200 and 400, and not those
// that a wrong key gets; what is signed is always verified.
func (c *connector) verify(status int, signature string, body []byte) error {
	if len(c.keys) == 0 || signature == "" && status != http.StatusOK && status != http.StatusBadRequest {
		return nil
	}
	if err := wire.VerifyAnswer(c.keys, body, signature); err != nil {
		return fmt.Errorf("the answer does not verify: %w", err)
	}
	return nil
}

// pageSize is the most refunds that a page of every generation of the API has.
const pageSize = "20"

// refundsTarget is a page of a charge's refunds; after is the id that it begins
// behind, "" for the newest.
func refundsTarget(charge, after string) string {
	query := url.Values{"limit": {pageSize}}
	if after != "" {
		query.Set("starting_after", after)
	}
	return wire.RefundsPath(charge) + "?" + query.Encode()
}

func refundTarget(charge, id string) string {
	return wire.RefundsPath(charge) + "/" + url.PathEscape(id)
}

func chargeTarget(charge string) string { return wire.ChargesPath() + "/" + url.PathEscape(charge) }
