package alipay

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/pemkey"
)

// The settings and secrets of an account.
const (
	settingAppID             = "app_id"
	settingPublicKey         = "alipay_public_key"
	settingAppCertificate    = "app_certificate"
	settingAlipayCertificate = "alipay_certificate"
	settingRootCertificate   = "alipay_root_certificate"
	settingSellerID          = "seller_id"
	settingDepositBack       = "deposit_back_info"
	settingGateway           = "gateway"

	secretAppKey    = "app_private_key"
	secretAuthToken = "app_auth_token"
)

// Words of settings.
const (
	yes = "yes"
	no  = "no"
)

// maxAuthToken is above the 40 characters that tokens have.
const maxAuthToken = 128

// Settings implements channel.Driver.
func (*Driver) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: settingAppID, Whose: true, Required: true, Meaning: "the app's id", Check: merchant.Digits(1, wire.MaxAppID)},
		{Name: secretAppKey, Secret: true, Required: true, Meaning: "the app's private key (RSA2), PEM or base64", Check: isPrivateKey},
		{Name: settingPublicKey, Meaning: "Alipay's public key for the app, PEM or base64: key mode; not the app's own public key", Check: isPublicKey},
		{Name: settingAppCertificate, Meaning: "the app's certificate, PEM (appCertPublicKey_....crt): certificate mode", Check: isCertificate},
		{Name: settingAlipayCertificate, Meaning: "Alipay's certificate, PEM (alipayCertPublicKey_RSA2.crt): certificate mode", Check: areCertificates},
		{Name: settingRootCertificate, Meaning: "Alipay's root certificates, PEM (alipayRootCert.crt): certificate mode", Check: areRoots},
		{Name: secretAuthToken, Secret: true, Meaning: "the merchant's app_auth_token, where the app is a service provider's", Check: merchant.Visible(maxAuthToken)},
		{Name: settingSellerID, Meaning: "the merchant's own Alipay id, 2088 and 12 digits, to which shares of a payment are given back", Check: isUserID},
		{Name: settingDepositBack, Default: no, Meaning: "yes: refunds ask for a message when a bank has taken the money or sent it back; else no", Check: merchant.OneOf(yes, no)},
		{Name: settingGateway, Whose: true, Default: wire.Gateway, Meaning: "where Alipay is called", Check: isGateway},
	}
}

func isPrivateKey(value string) error {
	_, err := pemkey.ParseRSAPrivateKey(value, pemkey.Bare)
	return err
}

func isPublicKey(value string) error {
	_, err := pemkey.ParseRSAPublicKey(value, pemkey.Bare)
	return err
}

func isCertificate(value string) error {
	_, _, err := pemkey.ParseRSACertificate(value)
	return err
}

func areCertificates(value string) error {
	_, err := pemkey.ParseRSACertificates(value)
	return err
}

func areRoots(value string) error {
	_, err := wire.ParseRoots(value)
	return err
}

func isUserID(value string) error {
	if len(value) != 16 || !strings.HasPrefix(value, "2088") || strings.Trim(value, "0123456789") != "" {
		return errors.New("must be 2088 and 12 digits")
	}
	return nil
}

// everywhere makes the check of an address one of its form alone: which networks may
// be called is decided at each connection, by the process that calls.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func isGateway(value string) error {
	if err := egress.Check(value, everywhere); err != nil {
		return err
	}
	if u, err := url.Parse(value); err != nil || u.RawQuery != "" || u.ForceQuery {
		return errors.New("must be an address without a query")
	}
	return nil
}

// gateway is the address that is called.
func gateway(settings map[string]string) string {
	if value := settings[settingGateway]; value != "" {
		return value
	}
	return wire.Gateway
}

// Hosts of Alipay's: below the first real money is moved, below the second none.
var (
	liveHosts = []string{"alipay.com"}
	testHosts = []string{"alipaydev.com"}
)

// below reports whether an address is at one of the hosts, or below one.
func below(address string, hosts []string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return slices.ContainsFunc(hosts, func(known string) bool { return host == known || strings.HasSuffix(host, "."+known) })
}
