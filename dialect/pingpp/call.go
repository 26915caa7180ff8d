package pingpp

import (
	"crypto/rsa"
	"net/http"
	"strconv"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// maxClockSkew is how far a signed request's timestamp may be from our clock.
// The contract does not say; a transport retry repeats the first timestamp
// (P1.8-2), and merchants' clocks drift.
const maxClockSkew = 15 * time.Minute

// call is one request on its way through the dialect.
type call struct {
	x         *dialect.Exchange
	w         http.ResponseWriter
	r         *http.Request
	requestID string
	locale    wire.Locale
	key       string // as it came; shown masked
	caller    merchant.Caller
	body      []byte
	params    exactjson.Value // an object
	// charge is what the request is about once it is known, for the words of
	// errors.
	charge refund.Charge
}

func open(x *dialect.Exchange) *call {
	c := &call{x: x, w: x.W, r: x.R, requestID: x.RequestID, locale: wire.Language(x.R.Header.Get("Accept-Language"))}
	c.headers()
	return c
}

func (d *Dialect) handle(c *call, found route) error {
	object, err := found.handle(d, c)
	if err != nil {
		return err
	}
	return d.answer(c, object)
}

// authenticate finds whose key it is.
func (d *Dialect) authenticate(c *call) error {
	key, ok := wire.Key(c.r.Header.Get("Authorization"))
	if !ok {
		return refund.Errorf(refund.KindUnauthenticated, "", "no API key")
	}
	c.key = key
	caller, err := d.Directory.Caller(c.r.Context(), merchant.PingPP, key)
	if fault := refund.As(err); fault != nil && fault.Param == dialect.ParamAddress {
		// 403 is the rate limit to these clients, see answers.
		return refund.Errorf(refund.KindUnauthenticated, fault.Param, "%s", fault.Detail)
	}
	if err != nil {
		return err
	}
	c.caller = caller
	return nil
}

// read checks what the key may do and decodes the parameters: of the query for
// GET, of the body for POST. A POST's query holds at most the id that is in the
// path already (P3.3-1) and is ignored.
func (d *Dialect) read(c *call, found route) error {
	if !c.caller.Key.May(found.scope) {
		return refund.Errorf(refund.KindForbidden, "", "the key lacks the scope %s", found.scope)
	}
	if found.Method == http.MethodGet {
		params, err := decodeQuery(c.r.URL.RawQuery)
		c.params = params
		return err
	}
	body, tooLarge := dialect.ReadBody(c.w, c.r)
	if tooLarge != nil {
		return tooLarge
	}
	c.body = body
	if err := d.checkSignature(c, found.signed); err != nil {
		return err
	}
	params, err := decodeBody(body, c.r.Header.Get("Content-Type"))
	c.params = params
	return err
}

// checkSignature verifies a POST when the merchant switched that on, or has a
// key and calls what is always signed; else it is not checked (P1.6-7 and
// P1.6-8).
func (d *Dialect) checkSignature(c *call, always bool) error {
	settings := c.caller.Merchant.Settings
	if !settings.CheckSignatures && (!always || settings.RequestKey == "") {
		return nil
	}
	key, err := requestKey(settings.RequestKey)
	if err != nil {
		return refund.Wrap(err, "read the merchant's request key")
	}
	timestamp := c.r.Header.Get(wire.HeaderRequestTimestamp)
	err = wire.VerifyRequest(key, wire.SignedRequest{
		Body: c.body, Target: c.r.RequestURI, Timestamp: timestamp, Signature: c.r.Header.Get(wire.HeaderRequestSignature),
	})
	if err != nil {
		return &flaw{kind: refund.KindUnauthenticated, text: text{"请求签名无效。", "The request's signature is missing or wrong."}}
	}
	if timestamp == "" {
		return nil // the oldest signed clients send none
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if skew := d.Now().Sub(time.Unix(seconds, 0)); err != nil || skew > maxClockSkew || skew < -maxClockSkew {
		return &flaw{kind: refund.KindUnauthenticated, text: text{"请求时间戳超出允许的范围。", "The request's timestamp is too far from the server's clock."}}
	}
	return nil
}

// requestKey reads the first PEM block of a merchant's key. What follows it is
// refused when a key is set now, and was not always.
func requestKey(text string) (*rsa.PublicKey, error) {
	if blocks := pemkey.Split(text); len(blocks) > 0 {
		text = blocks[0]
	}
	return pemkey.ParseRSAPublicKey(text, pemkey.Long)
}

// chargeOfPath finds the charge that the path names by its name in this
// dialect. One without such a name is not found.
func (d *Dialect) chargeOfPath(c *call) (refund.Charge, error) {
	if !wire.IsPossibleID(c.r.PathValue("ch")) {
		return refund.Charge{}, refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
	}
	charge, err := d.Reader.ChargeByAlias(c.r.Context(), c.caller.Merchant.ID, merchant.PingPP, c.r.PathValue("ch"))
	if err != nil {
		return refund.Charge{}, err
	}
	c.charge = charge
	return charge, nil
}

func (c *call) live() bool { return c.caller.Merchant.Mode == merchant.Live }
