package wechatpay

import "strings"

// PublicKeyIDPrefix begins the id of a WeChat Pay public key, the scheme that
// replaces platform certificates (W1.1-2).
const PublicKeyIDPrefix = "PUB_KEY_ID_"

// NormalSerial is the form in which serial numbers and public key ids are
// stored and looked up: upper case, no zeros in front. One client derives its
// number from the certificate in lower case, the others send what somebody
// typed (W1.2-12).
func NormalSerial(serial string) string {
	return strings.TrimLeft(strings.ToUpper(serial), "0")
}

// SameSerial compares two serial numbers or public key ids.
func SameSerial(a, b string) bool { return a != "" && NormalSerial(a) == NormalSerial(b) }

// IsPublicKeyID reports whether text is PUB_KEY_ID_ and digits. Their number is
// not enforced: 28 to 32 were seen.
func IsPublicKeyID(text string) bool {
	digits, found := strings.CutPrefix(text, PublicKeyIDPrefix)
	return found && isDigits(digits) && len(text) <= maxSerial
}
