package chinaums

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// The settings and secrets of an account.
const (
	settingMode     = "mode"
	settingAppID    = "app_id"
	settingMsgSrc   = "msg_src"
	settingMsgSrcID = "msg_src_id"
	settingMID      = "mid"
	settingTID      = "tid"
	settingInstMID  = "inst_mid"
	settingInstMIDs = "inst_mids"
	settingSignType = "sign_type"
	settingBaseURL  = "base_url"

	secretAppKey           = "app_key"
	secretCommunicationKey = "communication_key"
)

// The modes.
const (
	modeOpen   = "open"
	modeLegacy = "legacy"
)

// testMsgSrcID is the source's number in ChinaUMS' own examples.
const testMsgSrcID = "3194"

const maxText = 128 // of a setting

// Settings implements channel.Driver.
func (*Driver) Settings() []merchant.Setting {
	text := merchant.Visible(maxText)
	return []merchant.Setting{
		{Name: settingMode, Whose: true, Default: modeOpen, Meaning: "open for the open platform, legacy for the older messages", Check: merchant.OneOf(modeOpen, modeLegacy)},
		{Name: settingAppID, Whose: true, Meaning: "the open platform's appId; required in the mode open", Check: text},
		{Name: secretAppKey, Secret: true, Meaning: "the open platform's appKey; required in the mode open", Check: text},
		{Name: secretCommunicationKey, Secret: true, Meaning: "the communication key, which verifies notices and signs the older messages; without it no notice is taken", Check: text},
		{Name: settingMsgSrc, Whose: true, Meaning: "the source, msgSrc; required in the mode legacy", Check: text},
		{Name: settingMsgSrcID, Whose: true, Meaning: "the source's number, four characters that order numbers begin with; default " + testMsgSrcID + " for a test merchant", Check: isMsgSrcID},
		{Name: settingMID, Whose: true, Required: true, Meaning: "the merchant's number, mid", Check: isMID},
		{Name: settingTID, Whose: true, Required: true, Meaning: "the terminal's number, tid", Check: isTID},
		{Name: settingInstMID, Whose: true, Required: true, Meaning: "the payments' kind, instMid, such as H5DEFAULT; " + wire.InstBill + " for bills that payers scan", Check: isInstMID},
		{Name: settingInstMIDs, Whose: true, Meaning: "another instMid for some channels of charges, such as wechat_qrcode=" + wire.InstBill + ",wx_lite=" + wire.InstMini, Check: areInstMIDs},
		{Name: settingSignType, Default: wire.MD5, Meaning: "the digest that signs the older messages, MD5 or SHA256", Check: merchant.OneOf(wire.MD5, wire.SHA256)},
		{Name: settingBaseURL, Whose: true, Meaning: "where ChinaUMS is called, without the path; default its address of the mode, and its test address for a test merchant", Check: isBaseURL},
	}
}

var (
	msgSrcIDForm = regexp.MustCompile(`^[0-9A-Z]{4}$`)
	midForm      = regexp.MustCompile(`^[0-9A-Za-z]{8,32}$`)
	tidForm      = regexp.MustCompile(`^[0-9A-Za-z]{8}$`)
	instMIDForm  = regexp.MustCompile(`^[0-9A-Z]{8,32}$`)
)

func matches(form *regexp.Regexp, issue string) func(string) error {
	return func(value string) error {
		if !form.MatchString(value) {
			return errors.New(issue)
		}
		return nil
	}
}

var (
	isMsgSrcID = matches(msgSrcIDForm, "must be four digits or capital letters")
	isMID      = matches(midForm, "must be 8 to 32 digits or letters, 15 as a rule")
	isTID      = matches(tidForm, "must be eight digits or letters")
	isInstMID  = matches(instMIDForm, "must be 8 to 32 capital letters or digits")
)

func areInstMIDs(value string) error {
	_, err := readInstMIDs(value)
	return err
}

// readInstMIDs reads name=instMid pairs with commas between them.
func readInstMIDs(value string) (map[string]string, error) {
	out := make(map[string]string)
	if value == "" {
		return out, nil
	}
	for pair := range strings.SplitSeq(value, ",") {
		name, inst, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || name == "" || !instMIDForm.MatchString(inst) || out[name] != "" {
			return nil, errors.New("must be pairs of a charge's channel and an instMid, such as wx_lite=MINIDEFAULT,wx_wap=H5DEFAULT")
		}
		out[name] = inst
	}
	return out, nil
}

// everywhere makes the check of an address one of its form alone: which networks
// may be called is decided at each connection, by the process that calls.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func isBaseURL(value string) error {
	if err := egress.Check(value, everywhere); err != nil {
		return err
	}
	if u, err := url.Parse(value); err != nil || u.RawQuery != "" || u.ForceQuery {
		return errors.New("must be an address without a query")
	}
	return nil
}

// liveHosts are where money moves; testHosts are ChinaUMS' own for tests.
var (
	liveHosts = []string{"api-mop.chinaums.com", "qr.chinaums.com"}
	testHosts = []string{"test-api-open.chinaums.com", "qr-test1.chinaums.com", "qr-test2.chinaums.com", "58.247.0.18"}
)

// base is what every address of an account begins with.
func base(a channel.Account) (string, error) {
	address := strings.TrimRight(a.Settings[settingBaseURL], "/")
	if address == "" {
		return defaults[a.Settings[settingMode] == modeLegacy][a.Mode == merchant.Test], nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", invalid(settingBaseURL, "must be an address")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	switch {
	case a.Mode == merchant.Test && slices.Contains(liveHosts, host):
		return "", invalid(settingBaseURL, "is where real money moves: a test merchant needs another, such as ChinaUMS' test address, which is the default")
	case a.Mode == merchant.Live && slices.Contains(testHosts, host):
		return "", invalid(settingBaseURL, "is ChinaUMS' test address, and the merchant is live")
	}
	return address, nil
}

// defaults are ChinaUMS' addresses: of the older messages, and for tests.
var defaults = map[bool]map[bool]string{
	false: {false: wire.HostOpen, true: wire.HostOpenTest},
	true:  {false: wire.HostLegacy, true: wire.HostLegacyTest},
}

// credentials are an account's settings and secrets, read.
type credentials struct {
	own      wire.Account
	legacy   bool
	appID    string
	appKey   string
	msgSrcID string
	instMIDs map[string]string
	base     string // without a slash at its end
}

// invalid is the error for a setting.
func invalid(name, format string, args ...any) error {
	return refund.Errorf(refund.KindInvalid, name, format, args...)
}

func readCredentials(a channel.Account) (credentials, error) {
	set, secret := a.Settings, a.Secrets
	c := credentials{
		own: wire.Account{
			MsgSrc: set[settingMsgSrc], MID: set[settingMID], TID: set[settingTID], InstMID: set[settingInstMID],
			SignType: set[settingSignType], Key: secret[secretCommunicationKey],
		},
		legacy: set[settingMode] == modeLegacy, appID: set[settingAppID], appKey: secret[secretAppKey], msgSrcID: set[settingMsgSrcID],
	}
	var err error
	if c.instMIDs, err = readInstMIDs(set[settingInstMIDs]); err != nil {
		return credentials{}, invalid(settingInstMIDs, "%v", err)
	}
	if c.base, err = base(a); err != nil {
		return credentials{}, err
	}
	if c.msgSrcID == "" && a.Mode == merchant.Test {
		c.msgSrcID = testMsgSrcID
	}
	return c, c.check(a.Mode)
}

// check holds the settings against the mode and against each other.
func (c credentials) check(mode merchant.Mode) error {
	for _, one := range []struct {
		name, value string
		needed      bool
		check       func(string) error
	}{
		{settingMID, c.own.MID, true, isMID},
		{settingTID, c.own.TID, true, isTID},
		{settingInstMID, c.own.InstMID, true, isInstMID},
		{settingMsgSrcID, c.msgSrcID, true, isMsgSrcID},
		{settingAppID, c.appID, !c.legacy, nil},
		{secretAppKey, c.appKey, !c.legacy, nil},
		{settingMsgSrc, c.own.MsgSrc, c.legacy, nil},
		{secretCommunicationKey, c.own.Key, c.legacy, nil},
	} {
		switch {
		case one.needed && one.value == "":
			return invalid(one.name, "is required")
		case one.check != nil && one.check(one.value) != nil:
			return invalid(one.name, "%v", one.check(one.value))
		}
	}
	if mode != merchant.Live {
		return nil
	}
	// What ChinaUMS prints in its documents is nobody's account.
	for name, example := range map[string]bool{
		settingMsgSrc: c.own.MsgSrc == wire.TestMsgSrc, settingMID: c.own.MID == wire.TestMID, secretCommunicationKey: c.own.Key == wire.TestKey,
	} {
		if example {
			return invalid(name, "is that of the examples in ChinaUMS' documents, and the merchant is live")
		}
	}
	return nil
}
