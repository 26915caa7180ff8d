package alipay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/exactjson"
)

// maxAnswer bounds an answer's body; a refund with all its ways and vouchers has some
// kilobytes.
const maxAnswer = 1 << 20

const userAgent = "refundry"

// answer is what came of one call.
type answer struct {
	wire.Answer
	http int // 0 where there was no answer
	sent refund.Sent
	// problem says why the answer is none, or is not to be believed.
	problem error
}

// call makes a request and verifies the answer.
func (c *connector) call(ctx context.Context, method string, content any) answer {
	a := c.post(ctx, method, content)
	if a.problem == nil {
		if err := c.verify(ctx, a.Answer); err != nil {
			a.problem = fmt.Errorf("the answer does not verify: %w", err)
		}
	}
	return a
}

// post signs and makes a request and reads the answer, whose signature is for the
// caller to verify.
func (c *connector) post(ctx context.Context, method string, content any) (a answer) {
	request := wire.Request{
		AppID: c.appID, Method: method, At: c.now(), AppAuthToken: c.authToken, AppCertSN: c.appCertSN, RootCertSN: c.platform.roots.SN, Content: content,
	}
	if method == wire.MethodRefund {
		request.NotifyURL = c.notifyURL
	}
	params, err := request.Sign(c.key)
	if err != nil {
		a.problem = fmt.Errorf("sign request: %w", err)
		return a
	}
	body := params.Encode()
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway, strings.NewReader(body))
	if err != nil {
		a.problem = fmt.Errorf("make request: %w", bare(err))
		return a
	}
	out.Header.Set("Content-Type", wire.ContentType)
	out.Header.Set("User-Agent", userAgent)
	sum := sha256.Sum256([]byte(body))
	a.sent.Digest, a.sent.Request = hex.EncodeToString(sum[:]), channel.RedactedRequest(http.MethodPost, method, []byte(body))
	response, err := c.client(false, c.gateway).Do(out)
	if err != nil {
		a.problem = fmt.Errorf("no answer: %w", bare(err))
		return a
	}
	defer func() { _ = response.Body.Close() }()
	a.http = response.StatusCode
	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		a.problem = fmt.Errorf("the answer broke off: %w", bare(err))
	case len(read) > maxAnswer:
		a.problem = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	default:
		a.sent.Answer = channel.RedactedAnswer(a.http, read)
		a.Answer, a.problem = wire.ReadAnswer(read, method, exactjson.Limits{Bytes: maxAnswer})
		if a.problem == nil && a.http != http.StatusOK {
			a.problem = fmt.Errorf("the answer has HTTP %d", a.http)
		}
	}
	return a
}

// client is the one for an address.
func (d *Driver) client(bill bool, address string) *http.Client {
	plain := strings.HasPrefix(strings.ToLower(address), "http:")
	switch {
	case plain && bill:
		return d.plainBills
	case plain:
		return d.plainCalls
	case bill:
		return d.bills
	}
	return d.calls
}

// bare takes the address off an error of package http: an error does not repeat what
// the account says.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// failure is what is wrong with an answer that should be a success: a problem, or the
// platform's own wire.Status.
func (a answer) failure() error {
	if a.problem != nil {
		return a.problem
	}
	if status := wire.StatusOf(a.Node); !status.OK() {
		return status
	}
	return nil
}
