package wechatpay

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// call is one request on its way through the dialect.
type call struct {
	w         http.ResponseWriter
	r         *http.Request
	requestID string
	body      []byte // as it was sent: signatures are over these bytes
	// account is whose name the request bears; nil until it is known.
	account *account
	// signer signs the answer. Its key is nil until the request has verified:
	// before that, nothing is signed for whoever it is.
	signer wire.Signer
	serial string   // of the caller's certificate
	ids    []string // of the path
	// began says that an answer is on its way.
	began bool
}

// serve answers one request.
func (d *Dialect) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{w: w, r: r, requestID: "iar_" + refund.NewID(d.Now())}
	c.headers()
	// A fault is answered in the dialect's form too: plain text is an uncaught
	// error in the Java client (section 1.7).
	defer d.recoverTo(c)
	if err := d.authenticate(c); err != nil {
		d.fail(c, err)
		return
	}
	if err := d.run(c); err != nil {
		d.fail(c, err)
	}
}

func (d *Dialect) run(c *call) error {
	found, ids, allowed, missing := find(c.r)
	if missing != nil {
		if allowed != nil {
			c.w.Header().Set("Allow", strings.Join(allowed, ", "))
		}
		return missing
	}
	c.ids = ids
	if found.serve != nil {
		return found.serve(d, c)
	}
	object, err := found.handle(d, c)
	if err != nil {
		return err
	}
	return d.answer(c, object)
}

// recoverTo answers a panic with SYSTEM_ERROR: for a refund request its outcome
// is unknown then, which is what that code says.
func (d *Dialect) recoverTo(c *call) {
	problem := recover()
	if problem == nil {
		return
	}
	if err, ok := problem.(error); ok && errors.Is(err, http.ErrAbortHandler) || c.began {
		panic(http.ErrAbortHandler)
	}
	d.Log.Error("handler panicked", "request_id", c.requestID, "panic", fmt.Sprint(problem), "stack", string(debug.Stack()))
	d.fail(c, refund.Errorf(refund.KindInternal, "", "internal error"))
}

// object decodes the body.
func (c *call) object() (exactjson.Value, error) {
	value, err := exactjson.Decode(c.body, exactjson.Limits{})
	if err != nil {
		return exactjson.Value{}, &wire.ParamError{Issue: err.Error(), Location: wire.LocationBody}
	}
	return value, nil
}

// asker is who asked for a refund, as it is kept with it. The key that they
// asked with is their certificate's.
func (c *call) asker() refund.Asker {
	key := merchant.Key{ID: c.serial, Dialect: merchant.WeChatPay, Identity: c.account.mchID()}
	return dialect.Asker(merchant.Caller{Merchant: c.account.merchant, Key: key}, c.r, c.requestID)
}

func (c *call) merchantID() string { return c.account.merchant.ID }
