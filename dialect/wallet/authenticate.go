package wallet

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/wallet"
)

// authenticate finds whose key it is and opens the envelope, if the body is
// one; what is in it is the body from then on. An envelope that can't be opened
// is an unknown caller, and answered in plain form (L1.1-12 and L1.1-13).
func (d *Dialect) authenticate(c *call) error {
	key := c.r.Header.Get(wire.HeaderKey)
	if key == "" {
		return refund.Errorf(refund.KindUnauthenticated, "", "%s", wire.CodeKeyRequired.Name())
	}
	ctx := c.r.Context()
	var err error
	if c.caller, err = d.Directory.Caller(ctx, merchant.Wallet, key); err != nil {
		if fault := refund.As(err); fault != nil && fault.Param == dialect.ParamAddress {
			// The code for what is forbidden is about the wallet.
			return refund.Errorf(refund.KindUnauthenticated, fault.Param, "%s", fault.Detail)
		}
		return err
	}
	if _, c.identity, err = d.Directory.Identity(ctx, merchant.Wallet, c.caller.Key.Identity); err != nil {
		return err
	}
	body, tooLarge := dialect.ReadBody(c.w, c.r)
	if tooLarge != nil {
		c.bodyFault = tooLarge
		return c.checkPlain()
	}
	c.read(body)
	unopened := refund.Errorf(refund.KindUnauthenticated, "", "the envelope can't be opened")
	switch {
	case c.bodyFault != nil && wire.LooksSealed(body):
		return unopened
	case c.bodyFault != nil || !wire.IsEnvelope(c.body):
		return c.checkPlain()
	}
	plaintext, err := c.open(d.now())
	if err != nil {
		return unopened
	}
	// The plaintext of a request without a body is random bytes.
	if c.body = (exactjson.Value{}); c.r.Method == http.MethodPost {
		c.read(plaintext)
	}
	return nil
}

// open opens the envelope that the body is, and keeps the keys for the answer.
// While the platform's key is replaced a caller may seal to the old one or to
// the new one, and can open only what is sealed with that one.
func (c *call) open(now time.Time) ([]byte, error) {
	envelope, err := wire.ReadEnvelope(c.body)
	if err != nil {
		return nil, err
	}
	peer, err := wire.ParseKey(c.identity.Public[merchant.MerchantPublicKey])
	if err != nil {
		return nil, err
	}
	err = errors.New("the platform has no key")
	for _, key := range c.identity.Platform() {
		if key.Retired(now) {
			continue
		}
		var secret *[wire.KeySize]byte
		if secret, err = wire.ParseKey(key.PrivatePEM); err != nil {
			return nil, err
		}
		keys := wire.Keys{Secret: secret, Peer: peer}
		var plaintext []byte
		if plaintext, err = wire.Open(envelope, keys); err == nil {
			c.keys = &keys
			return plaintext, nil
		}
	}
	return nil, err
}

// read decodes a body. What is no JSON at all does not exist for this API;
// JSON that is not taken, such as one with a name twice or with a text of broken
// UTF-8, has a parameter at fault.
func (c *call) read(body []byte) {
	value, err := exactjson.Decode(body, exactjson.Limits{})
	c.body = value
	switch {
	case err == nil && value.Kind == exactjson.Absent:
		c.bodyFault = &wire.ParamError{Code: wire.CodeBodyNotExist, Text: "the body is missing"}
	case err == nil:
	case errors.Is(err, exactjson.ErrSyntax), errors.Is(err, exactjson.ErrTrailingData), errors.Is(err, exactjson.ErrUTF8) && !json.Valid(body):
		c.bodyFault = &wire.ParamError{Code: wire.CodeBodyNotExist, Text: "the body is not JSON: " + err.Error()}
	default:
		c.bodyFault = &wire.ParamError{Code: wire.CodeParam, Text: "the body is refused: " + err.Error()}
	}
}

// checkPlain: plain requests are for keys that may send them, and only where
// nobody listens: over TLS, or from the same machine (L6-3 to L6-5).
func (c *call) checkPlain() error {
	if !c.mayBePlain() {
		return refund.Errorf(refund.KindUnauthenticated, "", "this key takes sealed requests only")
	}
	address, err := netip.ParseAddr(dialect.RemoteAddress(c.r))
	if c.r.TLS == nil && (err != nil || !address.IsLoopback()) {
		return refund.Errorf(refund.KindUnauthenticated, "", "plain requests are taken over TLS only")
	}
	return nil
}

// mayBePlain goes by the key's own mark, else by its wallet's, else by the
// mode: keys of test mode may.
func (c *call) mayBePlain() bool {
	for _, mark := range []string{c.caller.Key.Plain, c.identity.Public[wire.SettingPlain]} {
		if mark == wire.SettingOn || mark == wire.SettingOff {
			return mark == wire.SettingOn
		}
	}
	return c.caller.Merchant.Mode == merchant.Test
}

// isPossibleID reports whether a text of a path can be an id at all, and can be
// handed to the database.
func isPossibleID(id string) bool {
	return id != "" && len(id) <= 4*wire.MaxChargeID && utf8.RuneCountInString(id) <= wire.MaxChargeID &&
		utf8.ValidString(id) && !strings.ContainsRune(id, 0)
}
