package payin

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// The settings and secrets of an account.
const (
	settingMerchantID    = "merchant_id"
	settingThreeDecimals = "three_decimals"
	settingStatementURL  = "statement_url"
	settingBaseURL       = "base_url"

	secretKey            = "client_key"
	secretSecret         = "client_secret"
	secretNotifyToken    = "notify_token"
	secretStatementToken = "statement_token"
)

// Limits of settings, in characters.
const (
	maxMerchantID = 40
	maxKey        = 128
	maxSecret     = 256
	minToken      = 16
	maxToken      = 256
)

// Places in a statement_url.
const (
	placeDate     = "{date}"
	placeMerchant = "{merchant}"
)

// Settings implements channel.Driver.
func (*Driver) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: settingMerchantID, Whose: true, Required: true, Meaning: "the merchant's id, M and 6 digits", Check: merchant.Visible(maxMerchantID)},
		{Name: secretKey, Secret: true, Required: true, Meaning: "the client's key, 32 characters", Check: merchant.Visible(maxKey)},
		{Name: secretSecret, Secret: true, Required: true, Meaning: "the client's secret, which signs requests", Check: merchant.Visible(maxSecret)},
		{Name: settingBaseURL, Whose: true, Required: true, Meaning: "where Payin is called, as its agreement says, without /api_v1", Check: isBaseURL},
		{Name: secretNotifyToken, Secret: true, Meaning: "16 characters or more that end the address of notifications, ?token=...; without it no notification is taken, for Payin signs none", Check: isToken},
		{Name: settingStatementURL, Meaning: "where the daily reconciliation file is fetched by https, with {date} and {merchant} in it", Check: isStatementURL},
		{Name: secretStatementToken, Secret: true, Meaning: "the bearer token that the file is fetched with", Check: merchant.Visible(maxToken)},
		{Name: settingThreeDecimals, Meaning: "true where Payin takes a third decimal of KWD, BHD and OMR; its documents have two", Check: merchant.OneOf(wire.SwitchOn)},
	}
}

func isBaseURL(value string) error {
	if strings.HasSuffix(strings.TrimRight(value, "/"), wire.Prefix) {
		return errors.New("ends before " + wire.Prefix)
	}
	return egress.CheckBase(value)
}

func isToken(value string) error {
	if err := merchant.Visible(maxToken)(value); err != nil {
		return err
	}
	if len(value) < minToken || url.QueryEscape(value) != value {
		return errors.New("must have 16 characters or more, letters and digits")
	}
	return nil
}

// everywhere makes the check of an address one of its form alone.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func isStatementURL(value string) error {
	if !strings.Contains(value, placeDate) {
		return errors.New("must have {date} in it")
	}
	return egress.Check(strings.NewReplacer(placeDate, "2026-11-22", placeMerchant, "M948164").Replace(value), everywhere)
}

// credentials are an account's settings and secrets, read.
type credentials struct {
	merchantID, key, secret string
	base                    string // of all addresses, without a slash at its end
	threeDecimals           bool
	statementURL            string // "" for none
	statementToken          string
}

// invalid is the error for a setting.
func invalid(name, format string, args ...any) error {
	return refund.Errorf(refund.KindInvalid, name, format, args...)
}

func readCredentials(a channel.Account) (credentials, error) {
	c := credentials{
		merchantID: a.Settings[settingMerchantID], key: a.Secrets[secretKey], secret: a.Secrets[secretSecret],
		base: strings.TrimRight(a.Settings[settingBaseURL], "/"), threeDecimals: a.Settings[settingThreeDecimals] == wire.SwitchOn,
		statementURL: a.Settings[settingStatementURL], statementToken: a.Secrets[secretStatementToken],
	}
	if err := merchant.Visible(maxMerchantID)(c.merchantID); err != nil {
		return credentials{}, invalid(settingMerchantID, "%v", err)
	}
	for name, value := range map[string]string{secretKey: c.key, secretSecret: c.secret} {
		if value == "" {
			return credentials{}, invalid(name, "is required")
		}
	}
	if err := isBaseURL(c.base); err != nil {
		return credentials{}, invalid(settingBaseURL, "%v", err)
	}
	switch at := placeOf(c.base); {
	case at == merchant.Live && a.Mode == merchant.Test:
		return credentials{}, invalid(settingBaseURL, "must be another for a test merchant: refunds there are real")
	case at == merchant.Test && a.Mode == merchant.Live:
		return credentials{}, invalid(settingBaseURL, "is Payin's sandbox, and the merchant is live (hint: its refunds would move no money)")
	}
	if c.statementURL != "" {
		if err := isStatementURL(c.statementURL); err != nil {
			return credentials{}, invalid(settingStatementURL, "%v", err)
		}
	}
	return c, nil
}

// payinHosts are below which Payin itself answers; its sandboxes' names say so.
var payinHosts = []string{"sgate.sa", "gcc-pay.com"}

const sandboxPrefix = "sandbox."

// placeOf is the mode of an address of Payin's own, "" for any other.
func placeOf(address string) merchant.Mode {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	own := slices.ContainsFunc(payinHosts, func(name string) bool { return host == name || strings.HasSuffix(host, "."+name) })
	switch {
	case own && strings.HasPrefix(host, sandboxPrefix):
		return merchant.Test
	case own:
		return merchant.Live
	}
	return ""
}
