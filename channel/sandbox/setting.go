package sandbox

import (
	"errors"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/chinaums"
)

// The settings of a sandbox account: the account at ChinaUMS that the sandbox
// plays for charges of that route. What is not set is the account of ChinaUMS'
// own documents.
const (
	SettingMsgSrc   = "chinaums_msg_src"
	SettingMID      = "chinaums_mid"
	SettingTID      = "chinaums_tid"
	SettingInstMID  = "chinaums_inst_mid"
	SettingSignType = "chinaums_sign_type"
	// SecretMessageKey is the communication key that signs the messages.
	SecretMessageKey = "chinaums_communication_key"
)

// Settings implements channel.Driver.
func (*Sandbox) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: SettingMsgSrc, Default: chinaums.TestMsgSrc, Meaning: "msgSrc of the ChinaUMS account that the sandbox plays", Check: visible},
		{Name: SettingMID, Default: chinaums.TestMID, Meaning: "its mid", Check: visible},
		{Name: SettingTID, Default: chinaums.TestTID, Meaning: "its tid", Check: visible},
		{Name: SettingInstMID, Default: chinaums.TestInstMID, Meaning: "its instMid", Check: visible},
		{Name: SettingSignType, Default: chinaums.MD5, Meaning: "the digest of its signatures, MD5 or SHA256", Check: signType},
		{Name: SecretMessageKey, Secret: true, Meaning: "the communication key of its signatures; default that of ChinaUMS' documents"},
	}
}

// maxSetting bounds a setting, in characters.
const maxSetting = 64

func visible(value string) error {
	if len(value) > maxSetting || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("must be at most 64 visible ASCII characters")
	}
	return nil
}

func signType(value string) error {
	if value != chinaums.MD5 && value != chinaums.SHA256 {
		return errors.New("must be MD5 or SHA256")
	}
	return nil
}
