package wallet

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// headers sets what every answer has.
func (c *call) headers() {
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Request-Id", c.requestID)
}

// answer sends a result with 200: wrapped where the request was sealed or the
// wallet wants it, else the bare object of the published page (L6-6 to L6-8).
func (d *Dialect) answer(c *call, object any) error {
	if c.keys != nil || c.is(wire.SettingReply, wire.ReplyWrapped) {
		object = wire.Success(object)
	}
	body, err := d.encode(c, object)
	if err != nil {
		return c.x.Lost(err, "render answer")
	}
	c.send(http.StatusOK, body)
	return nil
}

// fail answers with the wrapper, as the table in errors.go says.
func (d *Dialect) fail(c *call, err error) {
	var param *wire.ParamError
	if errors.As(err, &param) {
		d.refuse(c, param.Code.Status(), wire.Failure(param.Code, param.Error()))
		return
	}
	core := refund.As(err)
	if core == nil {
		core = refund.Wrap(err, "answer a wallet request")
	}
	row, ok := answers[core.Kind]
	if !ok {
		row = answers[refund.KindInternal]
	}
	status := row.status
	if status == 0 {
		status = row.code.Status()
	}
	if status >= http.StatusInternalServerError {
		d.Log.Error("request failed", "request_id", c.requestID, "path", c.r.URL.Path, "error", err)
	}
	d.Damaged.Note(c.r.Context(), c.caller.Merchant.ID, core)
	d.refuse(c, status, wire.Failure(row.code, row.tell(core)))
}

// refuse tells a failure. One that can't be sealed gets no answer.
func (d *Dialect) refuse(c *call, status int, failure any) {
	body, err := d.encode(c, failure)
	if err != nil {
		d.Log.Error("answer could not be sealed", "request_id", c.requestID, "error", err)
		panic(http.ErrAbortHandler)
	}
	c.send(status, body)
}

func (c *call) send(status int, body []byte) {
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the caller may be gone
}

// encode writes an object down, and seals it for a caller who sealed.
func (d *Dialect) encode(c *call, object any) ([]byte, error) {
	body, err := wire.Marshal(object)
	if err != nil || c.keys == nil {
		return body, err
	}
	nonce, err := wire.NewNonce(d.Random)
	if err != nil {
		return nil, err
	}
	envelope, err := wire.Seal(body, nonce, *c.keys)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(envelope)
}
