package pingpp

import (
	"crypto/rsa"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// Settings of an app's Alipay channels, by the names of the channels'
// parameters (P3.3-27): version "1" is the old gateway, where a refund needs
// the merchant's payment password unless the second is "true".
const (
	SettingAlipayVersion          = "alipay_version"
	SettingAlipayRefundNoPassword = "alipay_refund_nopwd"

	AlipayVersion1 = "1"
	AlipayVersion2 = "2"
)

// passwordChannels are those of Alipay's old gateway.
var passwordChannels = []string{"alipay", "alipay_wap", "alipay_pc_direct"}

// NeedsPassword reports whether refunds of a channel wait for the merchant's
// payment password under an app's settings.
func NeedsPassword(channel string, settings map[string]string) bool {
	return slices.Contains(passwordChannels, channel) &&
		settings[SettingAlipayVersion] == AlipayVersion1 && settings[SettingAlipayRefundNoPassword] != "true"
}

const (
	alipayGateway = "https://mapi.alipay.com/gateway.do"
	// alipayPartner plays the merchant's number at Alipay in the sandbox, 16
	// digits as theirs.
	alipayPartner = "2088000000000000"
	// maxAlipayReason is Alipay's own limit of a reason, in characters.
	maxAlipayReason = 256
)

// PasswordRefund is one refund that an address lets a merchant confirm.
type PasswordRefund struct {
	TransactionNo string // Alipay's number of the payment
	Amount        string // yuan with two decimals
	Description   string
}

// detail is the refund in the form of detail_data, whose separators a text
// must not hold.
func (r PasswordRefund) detail() string {
	description := []rune(strings.Map(func(c rune) rune {
		if strings.ContainsRune("^|$#", c) {
			return ' '
		}
		return c
	}, r.Description))
	return r.TransactionNo + "^" + r.Amount + "^" + string(description[:min(len(description), maxAlipayReason)])
}

// PasswordAddress is where a merchant enters the password for refunds, all of
// them at once (P3.3-31). It is good for one day in Beijing: At is a time of
// that day, shown to the second. Number is behind the day in batch_no: 3 to 24
// letters or digits. NotifyURL is told by Alipay. The parameters are in the
// order of the published example, with RSA-SHA1 over them as that gateway
// wants.
type PasswordAddress struct {
	At        time.Time
	Number    string
	NotifyURL string
	Refunds   []PasswordRefund
}

// Sign returns the address, signed. Everything that is no letter or digit is
// percent-encoded, so that no colon is left behind the scheme.
func (a PasswordAddress) Sign(key *rsa.PrivateKey) (string, error) {
	at := a.At.In(beijing)
	details := make([]string, len(a.Refunds))
	for n, r := range a.Refunds {
		details[n] = r.detail()
	}
	pairs := [][2]string{
		{"service", "refund_fastpay_by_platform_pwd"},
		{"_input_charset", "utf-8"},
		{"partner", alipayPartner},
		{"notify_url", a.NotifyURL},
		{"seller_user_id", alipayPartner},
		{"refund_date", at.Format("2006-01-02 15:04:05")},
		{"batch_no", at.Format("20060102") + a.Number},
		{"batch_num", strconv.Itoa(len(a.Refunds))},
		{"detail_data", strings.Join(details, "#")},
	}
	signature, err := signAlipay(key, pairs)
	if err != nil {
		return "", err
	}
	pairs = append(pairs, [2]string{"sign", signature}, [2]string{"sign_type", "RSA"})
	query := make([]string, len(pairs))
	for n, pair := range pairs {
		query[n] = pair[0] + "=" + url.QueryEscape(pair[1])
	}
	return alipayGateway + "?" + strings.Join(query, "&"), nil
}

// signAlipay signs the parameters, sorted by name and not encoded.
func signAlipay(key *rsa.PrivateKey, pairs [][2]string) (string, error) {
	sorted := slices.Clone(pairs)
	slices.SortFunc(sorted, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	lines := make([]string, len(sorted))
	for n, pair := range sorted {
		lines[n] = pair[0] + "=" + pair[1]
	}
	return pemkey.SignSHA1(key, []byte(strings.Join(lines, "&")))
}
