package pingpp

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// headers sets what every answer has.
func (c *call) headers() {
	h := c.w.Header()
	h.Set("Content-Type", "application/json;charset=utf-8")
	h.Set("Cache-Control", "no-cache, no-store")
	h.Set("Request-Id", c.requestID)
	// The Node client writes its body only when a socket connects, so on a
	// connection that is kept alive it would wait for ever (P7-9).
	if strings.Contains(c.r.Header.Get("User-Agent"), "NodeBindings") {
		h.Set("Connection", "close")
	}
}

// answer sends an object with 200.
func (d *Dialect) answer(c *call, object any) error {
	body, err := wire.Marshal(object)
	if err != nil {
		return c.x.Lost(err, "render answer")
	}
	d.send(c, http.StatusOK, body)
	return nil
}

// fail answers with the envelope, as the table in errors.go says.
func (d *Dialect) fail(c *call, err error) {
	var problem *flaw
	if errors.As(err, &problem) {
		d.refuse(c, problem.status(), problem.tell(c.locale))
		return
	}
	core := refund.As(err)
	if core == nil {
		core = refund.Wrap(err, "answer a Ping++ request")
	}
	row, ok := answers[core.Kind]
	if !ok {
		row = answers[refund.KindInternal]
	}
	if row.status == closeConnection {
		// Nothing can be said that is true: any 4xx says "not accepted", a 5xx
		// makes the Java client send the refund once more (P1.8-1), and it may
		// be on disk. A broken connection is what a client knows as "outcome
		// unknown, retrieve".
		d.Log.Error("outcome of a refund request is unknown", "request_id", c.requestID, "error", err)
		panic(http.ErrAbortHandler)
	}
	if row.status >= http.StatusInternalServerError {
		d.Log.Error("request failed", "request_id", c.requestID, "path", c.r.URL.Path, "error", err)
	}
	d.Damaged.Note(c.r.Context(), c.caller.Merchant.ID, core)
	d.refuse(c, row.status, row.tell(c, core))
}

func (d *Dialect) refuse(c *call, status int, e wire.Error) {
	body, err := wire.Marshal(wire.ErrorEnvelope{Error: e})
	if err != nil {
		panic(http.ErrAbortHandler) // four strings always have a JSON text
	}
	d.send(c, status, body)
}

// send prints, signs and writes a body.
func (d *Dialect) send(c *call, status int, compact []byte) {
	body := wire.Indented(compact)
	// Recorded answers with 2xx and 400 were signed, and the one with 401 was
	// not (P1.7-1). An answer that can't be signed is still the truth: it is
	// sent as it is. Before the caller is known it is signed, too.
	if (status == http.StatusOK || status == http.StatusBadRequest) && !c.caller.Merchant.Settings.UnsignedAnswers {
		if signature, err := d.signBody(c, body); err == nil {
			c.w.Header().Set(wire.HeaderSignature, signature)
		} else {
			d.Log.Error("answer could not be signed", "request_id", c.requestID, "error", err)
		}
	}
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the caller may be gone
}

func (d *Dialect) signBody(c *call, body []byte) (string, error) {
	key, err := d.Directory.PlatformKey(c.r.Context(), merchant.PingPP)
	if err != nil {
		return "", err
	}
	private, err := d.privateKey(key)
	if err != nil {
		return "", err
	}
	return pemkey.SignSHA256(private, body)
}
