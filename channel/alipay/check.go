package alipay

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	wire "github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/pemkey"
)

// checkNumber is asked about by Check: no trade of a merchant's has such a number.
const checkNumber = "refundry-check"

// expiresSoon is how long before a certificate's end Check says so.
const expiresSoon = 30 * 24 * time.Hour

// Check implements channel.Connector: it asks for a trade that is not there, which
// proves the gateway, the app, its key and Alipay's key. Each finding has the name of
// the setting at fault.
func (c *connector) Check(ctx context.Context) []channel.Check {
	found := c.checkLives()
	for _, one := range c.checkCall(ctx) {
		known := false
		for n := range found {
			if found[n].Name == one.Name {
				known, found[n].Err = true, errors.Join(found[n].Err, one.Err)
			}
		}
		if !known {
			found = append(found, one)
		}
	}
	return found
}

// checkLives looks at how long certificates live.
func (c *connector) checkLives() (found []channel.Check) {
	if c.appCertificate != nil {
		found = append(found, channel.Check{Name: settingAppCertificate, Err: c.checkLife(c.appCertificate, "make a new app certificate on Alipay's pages, then account rotate")})
	}
	if len(c.platform.certificates) > 0 {
		newest := c.platform.certificates[0]
		for _, one := range c.platform.certificates[1:] {
			if one.NotAfter.After(newest.NotAfter) {
				newest = one
			}
		}
		found = append(found, channel.Check{Name: settingAlipayCertificate, Err: c.checkLife(newest, "download Alipay's new certificate from its pages")})
	}
	return found
}

func (c *connector) checkLife(certificate *x509.Certificate, what string) error {
	err := pemkey.CheckValid(certificate, c.now())
	if err == nil && certificate.NotAfter.Before(c.now().Add(expiresSoon)) {
		err = fmt.Errorf("the certificate expires at %s", certificate.NotAfter.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return fmt.Errorf("%w (hint: %s)", err, what)
	}
	return nil
}

// blames are the settings that the gateway's words point to, by what their sub-codes
// contain. These words may not be signed: they are shown to a person and decide
// nothing.
var blames = []struct{ part, setting, hint string }{
	{"app-auth-token", secretAuthToken, "have the merchant authorize the app again"},
	{"app-id", settingAppID, "is it the app's id, and one of this gateway?"},
	{"app-cert", settingAppCertificate, "set the certificate that Alipay's pages hold for the app"},
	{"root-cert", settingRootCertificate, "download Alipay's root certificates from its pages"},
	{"signature", secretAppKey, "Alipay's pages must hold the public key that belongs to it"},
	{"timestamp", settingGateway, "set this machine's clock"},
}

// checkCall makes the harmless call.
func (c *connector) checkCall(ctx context.Context) []channel.Check {
	a := c.call(ctx, wire.MethodTradeQuery, wire.TradeQuery{OutTradeNo: checkNumber})
	status := wire.StatusOf(a.Node)
	if a.http == 0 || status.Code == "" {
		return []channel.Check{{Name: settingGateway, Err: fmt.Errorf("%w (hint: is the address right, and may it be called? --egress-allow lists private networks)", a.problem)}}
	}
	found := []channel.Check{{Name: settingGateway}}
	for _, one := range blames {
		if strings.Contains(status.SubCode, one.part) {
			return append(found, channel.Check{Name: one.setting, Err: fmt.Errorf("it is refused: %w (hint: %s)", status, one.hint)})
		}
	}
	if a.problem != nil {
		return append(found, channel.Check{Name: c.platform.verifier(), Err: fmt.Errorf(
			"%w (hint: it must be the key that Alipay's pages show for the app, and not the app's own; the answer says %w)", a.problem, status)})
	}
	found = append(found, channel.Check{Name: secretAppKey}, channel.Check{Name: c.platform.verifier()})
	switch {
	case status.SubCode == wire.SubTradeNotExist, status.OK():
		return append(found, channel.Check{Name: settingAppID})
	case status.Code == wire.CodeUnauthorized:
		return append(found, channel.Check{Name: secretAuthToken, Err: fmt.Errorf("%w (hint: have the merchant authorize the app again)", status)})
	}
	return append(found, channel.Check{Name: settingAppID, Err: fmt.Errorf("%w (hint: does the app's contract allow refunds through the API?)", status)})
}
