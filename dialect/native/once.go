package native

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// once handles a write: with an Idempotency-Key it is done at most once. A
// repeat is answered with what it made, as that is now, 200. Refunds are not
// among these calls: their keys are claimed by the intake.
func (d *Dialect) once(c *call, found route) error {
	key, fault := dialect.IdempotencyKey(c.r)
	if fault != nil {
		return fault
	}
	if key == "" {
		return found.handle(c)
	}
	text, fault := dialect.ReadBody(c.w, c.r)
	if fault != nil {
		return fault
	}
	body, err := parse(text)
	if err != nil {
		return err
	}
	c.read = text
	content := body.top
	if found.content != nil {
		content = found.content(c, content)
	}
	w := c.named(key, found.Method, dialect.WriteContent(content))
	c.hold = true // what is answered leaves when the record is on disk
	err = dialect.Once(c.ctx, d.s.Writes, w, func(w *refund.Write) error {
		c.keyed = w
		return found.handle(c)
	}, func(kept refund.Write) error {
		c.keyed, c.held = nil, nil
		return found.again(c, kept)
	})
	c.hold = false
	if err != nil {
		return err
	}
	c.write(c.held.status, c.held.contentType, c.held.body)
	return nil
}

// withoutPassword is a body as the content of a repeat: a user's password is no part
// of it.
func withoutPassword(_ *call, body exactjson.Value) exactjson.Value {
	body.Members = slices.DeleteFunc(slices.Clone(body.Members), func(m exactjson.Member) bool { return m.Name == "password" })
	return body
}

// withSecretsKeyed is a body as the content of a repeat: the texts in its secrets
// count under a key that is stored nowhere, the API key of the call.
func withSecretsKeyed(c *call, body exactjson.Value) exactjson.Value {
	body.Members = slices.Clone(body.Members)
	for n := range body.Members {
		m := &body.Members[n]
		if m.Name == "secrets" {
			mac := hmac.New(sha256.New, []byte(c.bearer()))
			_, _ = mac.Write([]byte(dialect.WriteContent(m.Value)))
			m.Value = exactjson.Value{Kind: exactjson.String, Text: hex.EncodeToString(mac.Sum(nil))}
		}
	}
	return body
}

// named is the request as a write with a key. What its address names is what
// it changes, unless it makes something new.
func (c *call) named(key, method, content string) *refund.Write {
	return &refund.Write{
		MerchantID: c.merchantID(), Key: key, Content: content, Made: c.r.PathValue("id"),
		Call: "native " + method + " " + strings.TrimPrefix(c.r.URL.Path, version),
	}
}

// reply is an answer that has not left.
type reply struct {
	status      int
	contentType string
	body        []byte
}

// The answers to repeats.

func (d *Dialect) againCharge(c *call, w refund.Write) error {
	charge, err := d.s.Reader.Charge(c.ctx, c.merchantID(), w.Made)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, registeredAnswer{answerCharge(d.s.Dialects, charge), warnings(refund.Registered{Charge: charge, Again: true})})
}

func (d *Dialect) againRefund(c *call, _ refund.Write) error {
	r, err := c.refund()
	if err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

// againCanceled: a withdrawal that waits for the channel's word is answered as
// the first time.
func (d *Dialect) againCanceled(c *call, _ refund.Write) error {
	r, err := c.refund()
	if err != nil {
		return err
	}
	charge, err := d.s.Reader.Charge(c.ctx, c.merchantID(), r.ChargeID)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !r.State.Final() {
		status = http.StatusAccepted
	}
	return c.json(status, answerRefund(r, charge.Detail.Coupons))
}

func (d *Dialect) againEndpoint(c *call, w refund.Write) error {
	e, err := c.endpointNamed(w.Made)
	if err != nil {
		return err
	}
	return d.answerEndpoint(c, http.StatusOK, e, w.Secret)
}

func (d *Dialect) againDelivery(c *call, w refund.Write) error {
	r, err := d.s.Deliveries.Delivery(c.ctx, c.merchantID(), w.Made)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerDelivery(r))
}

func (d *Dialect) againKey(c *call, w refund.Write) error {
	keys, err := d.s.Merchants.Keys(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.ID == w.Made {
			return c.json(http.StatusOK, answerKey(k).tell(w.Secret))
		}
	}
	return refund.Errorf(refund.KindNotFound, "id", "there is no such key")
}

func (d *Dialect) againAccount(c *call, w refund.Write) error {
	return d.answerAccount(c, http.StatusOK, w.Made)
}

func (d *Dialect) againSettings(c *call, _ refund.Write) error {
	return c.json(http.StatusOK, answerSettings(d.s.Dialects, c.caller.Merchant.Settings))
}

func (d *Dialect) againIdentity(c *call, _ refund.Write) error {
	identities, err := d.s.Directory.Identities(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	for _, i := range identities {
		if i.Dialect == c.r.PathValue("dialect") && i.Name == c.r.PathValue("name") {
			return c.json(http.StatusOK, answerIdentity(i.Showing(d.now())))
		}
	}
	return refund.Errorf(refund.KindNotFound, "name", "the merchant has no such identity")
}
