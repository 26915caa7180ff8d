package wechatpay

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// contentType is of all answers but a bill's file. The Java client takes
// nothing else.
const contentType = "application/json; charset=utf-8"

// headers sets what every answer has. Request-ID is put into the map itself:
// Set would write Request-Id, which no client looks for.
func (c *call) headers() {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Language", "zh-CN")
	h.Set("Cache-Control", "no-cache, must-revalidate")
	h[wire.HeaderRequestID] = []string{c.requestID}
}

// answer sends an object with 200.
func (d *Dialect) answer(c *call, object any) error {
	body, err := marshal(object)
	if err != nil {
		return c.x.Lost(err, "render answer")
	}
	// A 2xx that can't be signed would be taken for forged. SYSTEM_ERROR says
	// what is true then: query, and repeat the same.
	if err := d.sign(c, body); err != nil {
		return c.x.Lost(err, "sign answer")
	}
	c.send(http.StatusOK, body)
	return nil
}

// marshal writes what an answer may hold: names of goods and accounts may have
// come through APIs that take longer characters.
func marshal(object any) ([]byte, error) {
	body, err := wire.Marshal(object)
	return wire.DropLongCharacters(body), err
}

// fail answers with code and message, as the table in errors.go says.
func (d *Dialect) fail(c *call, err error) {
	status, answer := told(err)
	if core := refund.As(err); core != nil && c.account != nil {
		d.Damaged.Note(c.r.Context(), c.merchantID(), core)
	}
	if status >= http.StatusInternalServerError {
		d.Log.Error("request failed", "request_id", c.requestID, "path", c.r.URL.Path, "error", err)
	}
	body, failure := marshal(answer)
	if failure != nil {
		panic(http.ErrAbortHandler) // an object of texts always has a JSON text
	}
	// Errors are signed as soon as the request itself has verified (1.3). One
	// that can't be signed is still the truth, and no client verifies it.
	if failure := d.sign(c, body); failure != nil {
		d.Log.Error("answer could not be signed", "request_id", c.requestID, "error", failure)
	}
	c.send(status, body)
}

// told returns status and body for an error.
func told(err error) (int, wire.Error) {
	var own *wire.Error
	var param *wire.ParamError
	switch {
	case errors.As(err, &own):
		return own.Code.Status(), *own
	case errors.As(err, &param):
		return http.StatusBadRequest, param.Answer()
	}
	core := refund.As(err)
	if core == nil {
		core = refund.Wrap(err, "answer a WeChat Pay request")
	}
	row, ok := answers[core.Kind]
	if !ok {
		row = answers[refund.KindInternal]
	}
	answer := row.tell(core)
	if row.status != 0 {
		return row.status, answer
	}
	return answer.Code.Status(), answer
}

// sign adds the signature's headers, unless the request did not verify.
func (d *Dialect) sign(c *call, body []byte) error {
	if c.signer.Key == nil {
		return nil
	}
	nonce, err := wire.NewNonce(rand.Reader)
	if err != nil {
		return err
	}
	signature, err := c.signer.SignAnswer(body, nonce, d.Now())
	if err != nil {
		return err
	}
	signature.Set(c.w.Header())
	return nil
}

// send writes exactly the bytes that were signed, with their length.
func (c *call) send(status int, body []byte) {
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the caller may be gone
}
