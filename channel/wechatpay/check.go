package wechatpay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// checkNumber is asked about by Check: no refund of ours has such a number, which
// has less than 24 characters.
const checkNumber = "refundry-check"

// expiresSoon is how long before a certificate's end Check says so.
const expiresSoon = 30 * 24 * time.Hour

// Check implements channel.Connector: it asks for a refund that is not there, which
// proves the merchant's key and number and the platform's key, and for the
// platform's certificates, which prove the APIv3 key. Each finding has the name of
// the setting at fault.
func (c *connector) Check(ctx context.Context) []channel.Check {
	asked := c.checkCall(ctx)
	found := append(c.checkLives(), asked...)
	if !slices.ContainsFunc(asked, func(one channel.Check) bool { return one.Err != nil }) {
		found = append(found, c.checkCertificates(ctx)...)
	}
	return onceEach(found)
}

// onceEach joins what was found of the same setting.
func onceEach(found []channel.Check) (out []channel.Check) {
	for _, one := range found {
		at := slices.IndexFunc(out, func(other channel.Check) bool { return other.Name == one.Name })
		switch {
		case at < 0:
			out = append(out, one)
		case out[at].Err == nil:
			out[at].Err = one.Err
		}
	}
	return out
}

// checkLives looks at how long certificates live.
func (c *connector) checkLives() (found []channel.Check) {
	if c.certificate != nil {
		err := pemkey.CheckValid(c.certificate, c.now())
		if err == nil && c.certificate.NotAfter.Before(c.now().Add(expiresSoon)) {
			err = fmt.Errorf("the certificate expires at %s", c.certificate.NotAfter.UTC().Format(time.RFC3339))
		}
		if err != nil {
			err = fmt.Errorf("%w (hint: request a new API certificate on WeChat Pay's pages, then account rotate)", err)
		}
		found = append(found, channel.Check{Name: settingMerchantCertificate, Err: err})
	}
	if len(c.platform.certificates) > 0 {
		err := pemkey.CheckValid(newest(c.platform.certificates), c.now())
		if err != nil {
			err = fmt.Errorf("%w (hint: download the platform's new certificate, or move to its public key)", err)
		}
		found = append(found, channel.Check{Name: settingPlatformCertificate, Err: err})
	}
	return found
}

// checkCall makes the harmless call.
func (c *connector) checkCall(ctx context.Context) []channel.Check {
	a := c.call(ctx, http.MethodGet, wire.RefundTarget(checkNumber, c.subMchID), nil)
	fault := wire.DecodeError(a.status, a.body)
	switch {
	case a.status == 0:
		return []channel.Check{{Name: settingBaseURL, Err: fmt.Errorf("%w (hint: is the address right, and may it be called? --egress-allow lists private networks)", a.problem)}}
	case fault.Code == wire.CodeSign:
		return []channel.Check{{Name: settingBaseURL}, {Name: secretMerchantKey, Err: fmt.Errorf(
			"WeChat Pay refuses the signature: %s (hint: %s, %s and the merchant's number belong together, and this machine's clock is at most 5 minutes off)",
			fault.Message, secretMerchantKey, settingMerchantSerial)}}
	case a.problem != nil:
		return []channel.Check{{Name: settingBaseURL}, {Name: nameOfKey(c.platform.named), Err: fmt.Errorf(
			"%w (hint: the answer had HTTP %d and %q; the platform's key must be the one that WeChat Pay's pages show)", a.problem, a.status, fault.Code)}}
	}
	found := []channel.Check{{Name: settingBaseURL}, {Name: secretMerchantKey}, {Name: nameOfKey(c.platform.named)}}
	name := settingMchID
	if c.partner {
		name = settingSubMchID
	}
	switch {
	case fault.Code == wire.CodeResourceNotExists, c.partner && c.subMchID == "" && fault.Code == wire.CodeParam:
		return append(found, channel.Check{Name: name})
	}
	return append(found, channel.Check{Name: name, Err: fmt.Errorf("%w (hint: may the merchant refund through the API?)", fault)})
}

// checkCertificates proves the APIv3 key where the platform has certificates for
// the merchant. They are opened by that key, so that they need no signature.
func (c *connector) checkCertificates(ctx context.Context) []channel.Check {
	a := c.call(ctx, http.MethodGet, wire.PathCertificates, nil)
	if a.status != http.StatusOK {
		return nil // a merchant who has moved to the public key has none
	}
	value, err := a.value()
	if err != nil {
		return nil
	}
	keys, err := wire.OpenCertificates(value, c.apiV3Key)
	switch {
	case errors.Is(err, wire.ErrNoCertificate):
		return nil
	case err != nil:
		return []channel.Check{{Name: secretAPIv3Key, Err: fmt.Errorf("the platform's certificates do not open with it: %w (hint: set the key that WeChat Pay's pages hold)", err)}}
	}
	found := []channel.Check{{Name: secretAPIv3Key}}
	if len(c.platform.certificates) == 0 {
		return found
	}
	for serial := range keys {
		if c.keys[serial] == nil {
			return append(found, channel.Check{Name: settingPlatformCertificate, Err: fmt.Errorf(
				"WeChat Pay has a certificate %s, which is not set (hint: add it before WeChat Pay signs with it)", serial)})
		}
	}
	return found
}
