package payin

import (
	"net/http"
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/payin"
)

// call is one request on its way through the dialect.
type call struct {
	x         *dialect.Exchange
	w         http.ResponseWriter
	r         *http.Request
	requestID string
	// target is the path and query of the request line, as received.
	target string
	// seen are the six values of the signature as the server sees them.
	seen     wire.Signed
	caller   merchant.Caller
	identity merchant.Identity
	id       string // of the path, decoded
	body     []byte
	// bodyFault is why the body could not be read; it is told after what comes
	// before it in the order of checks.
	bodyFault *refund.Error
}

func open(x *dialect.Exchange) *call {
	c := &call{x: x, w: x.W, r: x.R, requestID: x.RequestID, target: x.R.RequestURI}
	if !strings.HasPrefix(c.target, "/") {
		c.target = x.R.URL.RequestURI() // the absolute form, which proxies send
	}
	c.headers()
	return c
}

// admit checks headers, time, key and signature, in this order (Y7.3-1 to
// Y7.3-5); order and body are the operation's own.
func (d *Dialect) admit(c *call, found route) error {
	if err := d.authenticate(c); err != nil {
		return err
	}
	if found.handle == nil {
		return refund.Errorf(refund.KindNotFound, "", "%s is not served: payments are made elsewhere", found.operation)
	}
	if !c.caller.Key.May(found.scope) {
		return refund.Errorf(refund.KindForbidden, "", "the key may not call %s", found.operation)
	}
	if c.id = c.r.PathValue("id"); !wire.IsPossiblePathID(c.id) {
		return refund.Errorf(refund.KindNotFound, "", "%s", noSuchObject)
	}
	return nil
}

func (d *Dialect) handle(c *call, found route) error {
	object, err := found.handle(d, c)
	if err != nil {
		return err
	}
	return d.answer(c, object)
}

// authenticate checks headers, time, key, signature, and the body's hash where
// one was sent or is demanded, in this order. Each failure is the same 401.
func (d *Dialect) authenticate(c *call) error {
	a, err := wire.ReadAuthentication(c.r.Header)
	c.seen = wire.Seen(a, c.r.Method, c.target)
	if err == nil {
		err = a.CheckTime(d.Now())
	}
	if err != nil {
		return unauthenticated(err)
	}
	ctx := c.r.Context()
	if c.caller, err = d.Directory.Caller(ctx, merchant.Payin, a.Key); err != nil {
		return err
	}
	if _, c.identity, err = d.Directory.Identity(ctx, merchant.Payin, c.caller.Key.Identity); err != nil {
		return err
	}
	if err := c.verify(a.Signature); err != nil {
		return unauthenticated(err)
	}
	return c.readBody()
}

// verify holds the signature against the client's secrets: its own, else its
// merchant's; while one is changed there are several, with blanks between
// them. Without any nothing is right, for anyone can sign with an empty one.
func (c *call) verify(signature string) error {
	secrets := c.caller.Key.Secrets[merchant.ClientSecret]
	if secrets == "" {
		secrets = c.identity.Secrets[merchant.ClientSecret]
	}
	err := wire.ErrSignature
	for _, secret := range strings.Fields(secrets) {
		if err = c.seen.Verify(secret, c.target, signature); err == nil {
			return nil
		}
	}
	return err
}

// readBody reads the body and holds it against its hash: the signature does not
// cover it (Y7.5-11).
func (c *call) readBody() error {
	c.body, c.bodyFault = dialect.ReadBody(c.w, c.r)
	if c.bodyFault != nil {
		return nil
	}
	hashes := c.r.Header.Values(wire.HeaderBodySHA256)
	switch {
	case len(hashes) == 0 && c.r.Method == http.MethodPost && c.needsHash(), len(hashes) > 1:
		return unauthenticated(wire.ErrBodyHash)
	case len(hashes) == 1:
		if err := wire.CheckBody(c.body, hashes[0]); err != nil {
			return unauthenticated(err)
		}
	}
	return nil
}

// object decodes the body as JSON.
func (c *call) object() (exactjson.Value, error) {
	if c.bodyFault != nil {
		return exactjson.Value{}, c.bodyFault
	}
	value, err := exactjson.Decode(c.body, exactjson.Limits{})
	if err != nil {
		return exactjson.Value{}, refund.Errorf(refund.KindInvalid, "", "the body is not JSON: %s", err)
	}
	return value, nil
}

// needsHash reports whether the client, or all of its merchant's, must send the
// body's hash.
func (c *call) needsHash() bool {
	return c.on(wire.SwitchRequireBodySHA256) || c.caller.Key.Public[wire.SwitchRequireBodySHA256] == wire.SwitchOn
}

// on reports whether one of the merchant's switches is on.
func (c *call) on(name string) bool { return c.identity.Public[name] == wire.SwitchOn }

// options are the merchant's switches for reading amounts.
func (c *call) options() wire.Options {
	return wire.Options{AcceptNumberAmount: c.on(wire.SwitchNumberAmount)}
}

func unauthenticated(cause error) *refund.Error {
	e := refund.Errorf(refund.KindUnauthenticated, "", "no access")
	e.Cause = cause
	return e
}
