package wechatpay

import (
	"crypto/rand"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// getCertificates is GET /v3/certificates (W1.4-1 and W1.4-10): while a
// certificate is replaced, the old one and the new one. The list is signed with
// the one that the request names, else with the oldest: the Go client checks
// every download after the first against the certificates that it has, and
// whoever has any has that one. It never is signed with a public key.
//
// A merchant that has only the public key gets NOT_FOUND, the one code that the
// Java client bears here; the Go client fails on an empty list too.
func (d *Dialect) getCertificates(c *call) (any, error) {
	switch kind := c.r.URL.Query().Get("algorithm_type"); kind {
	case "", "RSA", "ALL":
	case "SM2":
		return nil, &wire.Error{Code: wire.CodeNotFound, Message: wire.MessageNoCertificate}
	default:
		return nil, &wire.ParamError{Field: "algorithm_type", Value: shown(kind), Issue: "must be RSA, SM2 or ALL", Location: wire.LocationQuery}
	}
	if len(c.account.certificates) == 0 {
		return nil, &wire.Error{Code: wire.CodeNotFound, Message: wire.MessageNoCertificate}
	}
	c.signer = c.account.certificateSigner(c.r.Header.Get(wire.HeaderSerial))
	var list wire.CertificateList
	for _, one := range c.account.certificates {
		nonce, err := wire.NewSealNonce(rand.Reader)
		if err != nil {
			return nil, refund.Wrap(err, "list certificates")
		}
		sealed, err := wire.SealCertificate(c.account.apiV3Key(), nonce, one.certificate)
		if err != nil {
			return nil, refund.Wrap(err, "list certificates")
		}
		list.Data = append(list.Data, sealed)
	}
	return list, nil
}

// certificateSigner is the certificate that is named, else the oldest.
func (a *account) certificateSigner(named string) wire.Signer {
	for _, one := range a.certificates {
		if wire.SameSerial(named, one.signer.Serial) {
			return one.signer
		}
	}
	return a.certificates[0].signer
}
