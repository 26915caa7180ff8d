package payin

import (
	"net/http"
	"strconv"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// retryAfterSeconds is what a busy answer asks to wait: the intake's queue is
// empty again within a second or so.
const retryAfterSeconds = "1"

// headers sets what every answer has.
func (c *call) headers() {
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Request-Id", c.requestID)
}

// answer sends an object with 200.
func (d *Dialect) answer(c *call, object any) error {
	body, err := wire.Marshal(object)
	if err != nil {
		return c.x.Lost(err, "render answer")
	}
	c.send(http.StatusOK, body)
	return nil
}

// fail answers with the body of an error (Y4-2), as the table in errors.go
// says.
func (d *Dialect) fail(c *call, err error) {
	core := refund.As(err)
	if core == nil {
		core = refund.Wrap(err, "answer a Payin request")
	}
	row, ok := answers[core.Kind]
	if !ok {
		row = answers[refund.KindInternal]
	}
	if row.code == closeConnection {
		// Nothing can be said that is true: any 4xx says "not accepted", a 5xx
		// may be taken for it, and the refund may be on disk.
		d.Log.Error("payin: outcome of a refund request is unknown", "request_id", c.requestID, "error", err)
		panic(http.ErrAbortHandler)
	}
	status := row.code.Status()
	if status >= http.StatusInternalServerError && core.Kind != refund.KindBusy && core.Kind != refund.KindUnavailable {
		d.Log.Error("payin: request failed", "request_id", c.requestID, "path", c.r.URL.Path, "error", err)
	}
	d.Damaged.Note(c.r.Context(), c.caller.Merchant.ID, core)
	told := wire.Error{Code: row.code, Message: row.tell(core)}
	switch core.Kind {
	case refund.KindUnauthenticated:
		told = wire.NotAllowed(c.seen)
	case refund.KindBusy, refund.KindUnavailable:
		c.w.Header().Set("Retry-After", retryAfterSeconds)
	}
	body, err := wire.Marshal(told)
	if err != nil {
		panic(http.ErrAbortHandler) // texts always have a JSON form
	}
	c.send(status, body)
}

func (c *call) send(status int, body []byte) {
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the caller may be gone
}
