package wechatpay

import (
	"net/http"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// call is one request on its way through the dialect.
type call struct {
	x         *dialect.Exchange
	w         http.ResponseWriter
	r         *http.Request
	requestID string
	body      []byte // as it was sent: signatures are over these bytes
	// account is whose name the request bears; nil until it is known.
	account *account
	// signer signs the answer. Its key is nil until the request has verified:
	// before that, nothing is signed for whoever it is.
	signer wire.Signer
	serial string // of the caller's certificate
}

func open(x *dialect.Exchange) *call {
	c := &call{x: x, w: x.W, r: x.R, requestID: x.RequestID}
	c.headers()
	return c
}

func (d *Dialect) handle(c *call, found route) error {
	if found.serve != nil {
		return found.serve(d, c)
	}
	object, err := found.handle(d, c)
	if err != nil {
		return err
	}
	return d.answer(c, object)
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
