package chargefile

import (
	"regexp"
	"strings"
)

// scientific is how spreadsheets and programs show a number that is too long
// for them: 4.20001E+27, in some countries with a comma.
var scientific = regexp.MustCompile(`^\d+([.,]\d+)?[eE][+-]\d{1,3}$|^\d[.,]\d+[eE]\d{1,3}$`)

const (
	// exactDigits are the digits of a number that a spreadsheet keeps; the
	// others become zeros.
	exactDigits = 15
	// channelDigits is how long WeChat Pay's and Alipay's numbers are.
	channelDigits = 28
	// unlikelyZeros is how many zeros behind exactDigits a number may hardly
	// end with by chance: a number of a shop's own that ends with one or two
	// is as likely right.
	unlikelyZeros = 5
)

// Rounded reports whether a text that should be a number's digits is what was
// left of them in a spreadsheet, or in a program that took it for a number.
// Two such numbers may be one text, and the right number another, so that one
// payment would become two, or two one.
func Rounded(text string) bool { return rounded(text, unlikelyZeros) }

// RoundedTransaction is Rounded for a channel's own number of a payment. Of a
// channel whose numbers have 28 digits, any that ends with zeros only behind
// the fifteenth digit was rounded.
func RoundedTransaction(text, channel string) bool {
	zeros := unlikelyZeros
	for _, long := range []string{"wx", "wechat", "alipay"} {
		if strings.HasPrefix(channel, long) && len(text) <= channelDigits {
			zeros = 1
		}
	}
	return rounded(text, zeros)
}

func rounded(text string, zeros int) bool {
	if scientific.MatchString(text) {
		return true
	}
	return len(text) >= exactDigits+zeros && strings.Trim(text, "0123456789") == "" && strings.Trim(text[exactDigits:], "0") == "" && text[0] != '0'
}
