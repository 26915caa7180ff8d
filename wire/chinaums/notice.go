package chinaums

import (
	"crypto/subtle"
	"errors"
	"net/url"
	"strings"
)

// The answers to a notification. Whatever is not NoticeTaken is sent again for a
// day.
const (
	NoticeTaken   = "SUCCESS"
	NoticeRefused = "FAILED"
)

// FieldNotifyID stays the same when a notification is sent again.
const FieldNotifyID = "notifyId"

// maxNoticeFields is above what any notification has, which is some forty.
const maxNoticeFields = 200

// Errors of notifications.
var (
	ErrNotice    = errors.New("the notification can't be read")
	ErrSignature = errors.New("the notification's signature does not verify")
)

// ParseNotice reads a notification's form. A field that is there twice is an
// error, because two readers would take two values. The error is ErrNotice.
func ParseNotice(body []byte) (Message, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) == 0 || len(form) > maxNoticeFields {
		return nil, ErrNotice
	}
	m := make(Message, len(form))
	for name, values := range form {
		if len(values) != 1 {
			return nil, ErrNotice
		}
		m[name] = values[0]
	}
	return m, nil
}

// Verify checks a message's own signature under a communication key. The rule
// excepts sign alone from what is signed, and public code leaves signType out too:
// either is taken. The error is ErrSignature.
func (m Message) Verify(key string) error {
	signType := m[FieldSignType]
	if key == "" || m[FieldSign] == "" || signType != "" && signType != MD5 && signType != SHA256 {
		return ErrSignature
	}
	if sameHex(m.Sign(signType, key), m[FieldSign]) {
		return nil
	}
	if signType != "" {
		without := make(Message, len(m))
		for name, value := range m {
			if name != FieldSignType {
				without[name] = value
			}
		}
		if sameHex(without.Sign(signType, key), m[FieldSign]) {
			return nil
		}
	}
	return ErrSignature
}

// sameHex compares hexadecimal digits, whose case differs between samples.
func sameHex(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(strings.ToLower(a)), []byte(strings.ToLower(b))) == 1
}
