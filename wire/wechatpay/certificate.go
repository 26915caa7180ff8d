package wechatpay

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

// certificateData is the associated data of sealed certificates. It is always
// written: two clients read it without looking whether it is there.
const certificateData = "certificate"

// maxCertificates bounds a list that is read; the platform has two while it
// changes them.
const maxCertificates = 50

// ErrNoCertificate tells that a merchant's list is empty: it has been moved to
// public keys (W1.4-7).
var ErrNoCertificate = errors.New("the platform has no certificate for this merchant; use its public key")

// CertificateList is the answer of GET /v3/certificates (W1.4-1). Sign it with
// the certificate's key, never with a public key: clients check every download
// after the first against the certificates they have.
type CertificateList struct {
	Data []SealedCertificate `json:"data"`
}

// SealedCertificate is one platform certificate of the list.
type SealedCertificate struct {
	SerialNo      string             `json:"serial_no"`
	EffectiveTime Time               `json:"effective_time"`
	ExpireTime    Time               `json:"expire_time"`
	Encrypted     EncryptCertificate `json:"encrypt_certificate"`
}

// EncryptCertificate is the sealed PEM text of a certificate.
type EncryptCertificate struct {
	Algorithm      string `json:"algorithm"`
	Nonce          string `json:"nonce"`
	AssociatedData string `json:"associated_data"`
	Ciphertext     string `json:"ciphertext"`
}

// MarshalJSON writes data as [] when there is none.
func (list CertificateList) MarshalJSON() ([]byte, error) {
	if list.Data == nil {
		list.Data = []SealedCertificate{}
	}
	type plain CertificateList // drops this method, which would call itself
	return Marshal(plain(list))
}

// SealCertificate seals a platform certificate for a merchant. It fails like
// Seal.
func SealCertificate(apiV3Key, nonce string, certificate *x509.Certificate) (SealedCertificate, error) {
	sealed, err := Seal(apiV3Key, nonce, certificateData, []byte(pemkey.MarshalCertificate(certificate)))
	if err != nil {
		return SealedCertificate{}, fmt.Errorf("seal certificate: %w", err)
	}
	return SealedCertificate{
		SerialNo: pemkey.Serial(certificate), EffectiveTime: Time(certificate.NotBefore), ExpireTime: Time(certificate.NotAfter),
		Encrypted: EncryptCertificate{sealed.Algorithm, sealed.Nonce, sealed.AssociatedData, sealed.Ciphertext},
	}, nil
}

// OpenCertificates reads the answer of GET /v3/certificates as a client: the
// keys of all certificates by their serial numbers, which must be those of the
// certificates. An empty list is ErrNoCertificate; other errors are ErrAnswer
// and those of Sealed.Open and pemkey.ParseRSACertificate.
func OpenCertificates(body exactjson.Value, apiV3Key string) (PlatformKeys, error) {
	r := newAnswerReader(body)
	keys := PlatformKeys{}
	var failure error
	r.each("data", maxCertificates, func(r *reader) {
		serial := r.text("serial_no", rule{required: true, min: 1, max: maxSerial})
		var sealed Sealed
		r.child("encrypt_certificate", true, func(r *reader) {
			sealed = Sealed{
				r.text("algorithm", rule{required: true}), r.text("ciphertext", rule{required: true}),
				r.text("associated_data", rule{}), r.text("nonce", rule{required: true}),
			}
		})
		if failure != nil || r.failure != nil {
			return
		}
		failure = keys.add(serial, sealed, apiV3Key)
	})
	switch {
	case r.failure != nil:
		return nil, fmt.Errorf("%w: %w", ErrAnswer, r.failure)
	case failure != nil:
		return nil, failure
	case len(keys) == 0:
		return nil, ErrNoCertificate
	}
	return keys, nil
}

func (keys PlatformKeys) add(serial string, sealed Sealed, apiV3Key string) error {
	text, err := sealed.Open(apiV3Key)
	if err != nil {
		return fmt.Errorf("open certificate %s: %w", serial, err)
	}
	certificate, key, err := pemkey.ParseRSACertificate(string(text))
	if err != nil {
		return fmt.Errorf("open certificate %s: %w", serial, err)
	}
	if !SameSerial(serial, pemkey.Serial(certificate)) {
		return fmt.Errorf("open certificate %s: %w: it has number %s", serial, ErrAnswer, pemkey.Serial(certificate))
	}
	keys[NormalSerial(serial)] = key
	return nil
}
