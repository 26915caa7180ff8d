package chinaums

import (
	"crypto/md5" // not ours to choose: ChinaUMS signs with it unless a message says SHA256
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// Fields of messages that are not only a caller's.
const (
	// FieldSign holds the signature and is no part of what is signed.
	FieldSign = "sign"
	// FieldSignType names the digest. Like every other field it is signed;
	// public code disagrees, but the rule excepts sign alone.
	FieldSignType = "signType"
)

// Values of signType. Any other, and none, counts as MD5.
const (
	MD5    = "MD5"
	SHA256 = "SHA256"
)

// The account that ChinaUMS' own documents use in their examples, and the
// communication key that goes with it. They open nothing.
const (
	TestMsgSrc  = "WWW.TEST.COM"
	TestMID     = "898340149000005"
	TestTID     = "88880001"
	TestInstMID = "YUEDANDEFAULT"
	TestKey     = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"
)

// Message is a message's fields: amounts as digits, objects and lists as the
// JSON text that is sent.
type Message map[string]string

// Canonical is the text that is signed: name=value of every field that has a
// value, but for the signature, in the order of the names' bytes, joined by &.
// Values stand as they are, not escaped for an address.
func (m Message) Canonical() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if value := m[name]; value != "" && name != FieldSign {
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

// Sign returns the signature under the communication key, which follows the
// canonical text without a sign between them: hexadecimal digits, for MD5 in
// capitals and for SHA256 in small letters, as the samples have them. Whoever
// compares must not go by the letters' case.
func (m Message) Sign(signType, key string) string {
	text := []byte(m.Canonical() + key)
	if signType == SHA256 {
		digest := sha256.Sum256(text)
		return hex.EncodeToString(digest[:])
	}
	digest := md5.Sum(text)
	return strings.ToUpper(hex.EncodeToString(digest[:]))
}
