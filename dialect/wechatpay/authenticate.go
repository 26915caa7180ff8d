package wechatpay

import (
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// authenticate finds whose request it is and verifies its signature over the
// raw request target and the raw body (W1.2-5 and W1.2-11). Everything that is
// missing, unknown or wrong is SIGN_ERROR.
func (d *Dialect) authenticate(c *call) error {
	authorization, err := wire.ParseAuthorization(c.r.Header.Get("Authorization"))
	if err != nil {
		return signError(err.Error())
	}
	m, identity, err := d.Directory.Identity(c.r.Context(), merchant.WeChatPay, authorization.MchID)
	if err != nil {
		if refund.KindOf(err) == refund.KindUnauthenticated {
			return signError("商户号不存在或证书序列号与商户号不匹配")
		}
		return err
	}
	if m.Disabled() {
		return signError("商户号不存在或证书序列号与商户号不匹配")
	}
	found, err := d.account(m, identity)
	if err != nil {
		return err
	}
	// The number comes in either case: one client derives it from the
	// certificate, the others send what somebody typed.
	key := found.callers[wire.NormalSerial(authorization.Serial)]
	if key == nil {
		// Not distinguished from an unknown mchid: nobody may list them.
		return signError("商户号不存在或证书序列号与商户号不匹配")
	}
	if err := wire.CheckTime(authorization.Timestamp, d.Now()); err != nil {
		return signError(wire.MessageSkew)
	}
	body, tooLarge := dialect.ReadBody(c.w, c.r)
	if tooLarge != nil {
		return tooLarge
	}
	target := c.target()
	if wire.VerifyRequest(key, authorization, c.r.Method, target, body) != nil {
		return &wire.Error{
			Code: wire.CodeSign, Message: "错误的签名，验签失败",
			Detail: wire.NewSignDetail(authorization, c.r.Method, target, body),
		}
	}
	c.account, c.body, c.serial = found, body, authorization.Serial
	return d.chooseSigner(c)
}

// chooseSigner picks who signs the answer: the key that the request names, so
// that its caller can verify it (W1.3-6 and W1.3-12). One that names a key that
// we do not have is refused before anything happens: its caller would take
// every answer of ours for forged.
func (d *Dialect) chooseSigner(c *call) error {
	named := c.r.Header.Get(wire.HeaderSerial)
	signer, ok := wire.ChooseSigner(named, c.account.standard, c.account.signers...)
	c.signer = signer
	if !ok {
		return &wire.ParamError{Field: wire.HeaderSerial, Value: shown(named), Issue: "names no key of the platform", Location: locationHeader}
	}
	return nil
}

// target is the request target as it stood on the request line. Behind some
// proxies it is the absolute form, of which clients sign the part behind the
// host.
func (c *call) target() string {
	if strings.HasPrefix(c.r.RequestURI, "/") {
		return c.r.RequestURI
	}
	return c.r.URL.RequestURI()
}

func signError(message string) *wire.Error {
	return &wire.Error{Code: wire.CodeSign, Message: message}
}

// maxShown is how much of a refused text is repeated, in bytes.
const maxShown = 64

func shown(text string) string {
	if len(text) > maxShown {
		return ""
	}
	return text
}
