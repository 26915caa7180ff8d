package wechatpay

import (
	"cmp"
	"fmt"
	"maps"
	"time"

	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// makeAccounts makes a direct merchant and a service provider with one
// sub-merchant, or those of the two that are given. Both have the same key pairs,
// so that examples of either kind run with one set of files.
func makeAccounts(r merchant.Request) ([]merchant.Identity, error) {
	direct, partner, sub := r.Settings[settingMchID], r.Settings[settingSpMchID], r.Settings[settingSubMchID]
	switch {
	case partner == "" && sub != "":
		return nil, fmt.Errorf("%s goes with %s", settingSubMchID, settingSpMchID)
	case partner != "" && sub == "":
		return nil, fmt.Errorf("%s is required with %s", settingSubMchID, settingSpMchID)
	case direct == "" && partner == "":
		direct, partner, sub = newMchID(), newMchID(), newMchID()
	}
	public, secrets, err := keptOrNewKeys(cmp.Or(direct, partner), r)
	if err != nil {
		return nil, err
	}
	var made []merchant.Identity
	if direct != "" {
		made = append(made, merchant.Identity{Name: direct, Public: public, Secrets: secrets})
	}
	if partner != "" {
		made = append(made, merchant.Identity{Name: partner, Sub: sub, Public: public, Secrets: secrets})
	}
	return made, nil
}

func newMchID() string { return "19" + merchant.RandomDigits(mchIDDigits-2) }

// keptOrNewKeys takes the key pairs of an account that is there already, which are
// those of the merchant's others too, and makes new ones where none is.
func keptOrNewKeys(name string, r merchant.Request) (public, secrets map[string]string, err error) {
	for _, i := range r.Kept {
		if i.Public[merchant.PlatformCertPEM] != "" && i.Secrets[merchant.PlatformKeyPEM] != "" && i.Secrets[merchant.MerchantKeyPEM] != "" {
			return maps.Clone(i.Public), maps.Clone(i.Secrets), nil
		}
	}
	return newKeys(name, r)
}

func newKeys(name string, r merchant.Request) (public, secrets map[string]string, err error) {
	platform, err := merchant.NewPair(merchant.PlatformName, r.Now)
	if err != nil {
		return nil, nil, err
	}
	public = map[string]string{
		merchant.PlatformCertPEM: platform.Certificate, merchant.PlatformSerial: platform.Serial, merchant.PlatformPublicPEM: platform.Public,
		merchant.PlatformPublicKeyID: newPublicKeyID(name),
	}
	secrets = map[string]string{merchant.PlatformKeyPEM: platform.Private}
	if r.Secrets[merchant.APIv3Key] == "" {
		secrets[merchant.APIv3Key] = merchant.RandomLetters(apiV3KeyLength)
	}
	if r.Settings[merchant.MerchantCertPEM] != "" {
		return public, secrets, nil
	}
	own, err := merchant.NewPair("Merchant "+name, r.Now)
	if err != nil {
		return nil, nil, err
	}
	public[merchant.MerchantCertPEM], public[merchant.MerchantSerial], secrets[merchant.MerchantKeyPEM] = own.Certificate, own.Serial, own.Private
	return public, secrets, nil
}

// newPublicKeyID makes the id of a platform's public key.
func newPublicKeyID(mchID string) string {
	const form = "01"
	mchID = mchID[:min(len(mchID), publicKeyDigits-len(form))]
	if missing := publicKeyDigits - len(form) - len(mchID); missing > 0 {
		mchID += merchant.RandomDigits(missing)
	}
	return wire.PublicKeyIDPrefix + form + mchID
}

// makePlatformKey makes what takes the place of a platform key. A merchant that
// was moved to public keys is not moved back.
func makePlatformKey(before merchant.PlatformKey, shared string, now time.Time) (merchant.PlatformKey, error) {
	var made merchant.Pair
	var err error
	if shared == "" {
		made, err = merchant.NewPair(merchant.PlatformName, now)
	} else {
		made, err = merchant.PairFrom(shared, merchant.PlatformName, now)
	}
	if err != nil {
		return merchant.PlatformKey{}, err
	}
	key := merchant.PlatformKey{PublicPEM: made.Public, PrivatePEM: made.Private, CreatedAt: now}
	if before.CertificatePEM != "" {
		key.CertificatePEM = made.Certificate
	}
	if before.PublicKeyID != "" {
		key.PublicKeyID = newPublicKeyID(before.Identity)
	}
	return key, nil
}

// document is what a client is configured with: the members of demo.json, and
// the PEM texts for whom there are no files. The platform's private key is none
// of the merchant's.
type document struct {
	MchID               string `json:"mchid"`
	SpMchID             string `json:"sp_mchid"`
	SubMchID            string `json:"sub_mchid"`
	APIv3Key            string `json:"apiv3_key"`
	MerchantSerial      string `json:"merchant_serial"`
	PlatformSerial      string `json:"platform_serial"`
	PlatformPublicKeyID string `json:"platform_public_key_id"`
	MerchantKey         string `json:"merchant_key"`
	MerchantCert        string `json:"merchant_cert"`
	PlatformCert        string `json:"platform_cert"`
	PlatformPub         string `json:"platform_pub"`
}

func documentOf(identities []merchant.Identity, _ string) any {
	var d document
	for n, i := range identities {
		if n == 0 {
			d = document{
				APIv3Key: i.Secrets[merchant.APIv3Key], MerchantSerial: i.Public[merchant.MerchantSerial],
				PlatformSerial: i.Public[merchant.PlatformSerial], PlatformPublicKeyID: i.Public[merchant.PlatformPublicKeyID],
				MerchantKey: i.Secrets[merchant.MerchantKeyPEM], MerchantCert: i.Public[merchant.MerchantCertPEM],
				PlatformCert: i.Public[merchant.PlatformCertPEM], PlatformPub: i.Public[merchant.PlatformPublicPEM],
			}
		}
		if i.Sub == "" {
			d.MchID = i.Name
		} else {
			d.SpMchID, d.SubMchID = i.Name, i.Sub
		}
	}
	return d
}
