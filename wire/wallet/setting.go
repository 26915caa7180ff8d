package wallet

import "strings"

// Names of a wallet's settings, as they are kept with its identity. All are
// optional; a value that is not named here counts as the default.
const (
	// SettingReply is ReplyBare (default) or ReplyWrapped: the form of results
	// of plain requests (L6-8).
	SettingReply = "wallet.reply"
	// SettingCurrencyStyle is a CurrencyStyle, StylePage by default (L2.4-6).
	SettingCurrencyStyle = "wallet.currency_style"
	// SettingRefundIDPrefix begins the ids of refunds, DefaultRefundIDPrefix by
	// default (L6-11).
	SettingRefundIDPrefix = "wallet.refund_id_prefix"
	// SettingPlain is SettingOn or SettingOff: whether those of the wallet's
	// API keys that have no mark of their own may send plain requests (L6-3).
	// By default those of test mode may.
	SettingPlain = "wallet.plain"
	// SettingBlock and SettingReviewed are SettingOn or SettingOff: a wallet
	// that is locked, or not approved yet, takes no writes (L2.6-6 and L2.6-7).
	// By default it is approved and not locked.
	SettingBlock    = "wallet.block"
	SettingReviewed = "wallet.reviewed"
	// SettingAppID is the wallet object's appid.
	SettingAppID = "wallet.appid"
	// SettingShowSign is SettingOn or SettingOff (default): whether the extra
	// of a refund shows the signature of the message upstream (L2.5-10).
	SettingShowSign = "wallet.show_sign"
)

// Values of settings.
const (
	ReplyBare    = "bare"
	ReplyWrapped = "wrapped"
	SettingOn    = "on"
	SettingOff   = "off"
)

// DefaultRefundIDPrefix is what the core's refund ids begin with.
const DefaultRefundIDPrefix = "re_"

// maxPrefix keeps a refund's id within what ids may be long.
const maxPrefix = 16

// RefundIDPrefix reads the setting; one that is longer than 16 characters, or
// of others than letters, digits, _ and -, counts as the default.
func RefundIDPrefix(settings map[string]string) string {
	prefix := settings[SettingRefundIDPrefix]
	if len(prefix) > maxPrefix || !isRefundOrder(prefix) {
		return DefaultRefundIDPrefix
	}
	return prefix
}

// RefundID puts a core's refund id into the wallet's form.
func RefundID(id, prefix string) string {
	return prefix + strings.TrimPrefix(id, DefaultRefundIDPrefix)
}

// CoreRefundID undoes RefundID. An id that begins with the default prefix is
// good too: the setting may have been changed since the id was given out. ok is
// false for a text that can be no refund's id.
func CoreRefundID(id, prefix string) (core string, ok bool) {
	if tail, has := strings.CutPrefix(id, prefix); has {
		return DefaultRefundIDPrefix + tail, true
	}
	return id, strings.HasPrefix(id, DefaultRefundIDPrefix)
}
