package pingpp

import (
	"encoding/base64"
	"strings"
)

// maxKeyLength bounds what is taken for a key. Real ones have 32 characters;
// the rest is room for tests and wrong keys that deserve a proper 401.
const maxKeyLength = 128

// Key takes the API key out of an Authorization header: the user part of Basic,
// whose password is ignored, or the token of Bearer (P0-2: both styles name the
// same account). The scheme's case does not matter. ok is false when the header
// has another scheme or bad base64, or when the key is empty, has more than 128
// characters or characters that are not visible ASCII.
func Key(header string) (key string, ok bool) {
	scheme, credentials, found := strings.Cut(strings.Trim(header, " \t"), " ")
	if !found {
		return "", false
	}
	credentials = strings.Trim(credentials, " \t")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		key = credentials
	case strings.EqualFold(scheme, "Basic"):
		key, ok = basicUser(credentials)
		if !ok {
			return "", false
		}
	default:
		return "", false
	}
	if !isVisible(key, maxKeyLength) {
		return "", false
	}
	return key, true
}

// basicUser decodes Basic credentials. A missing colon or missing padding is
// forgiven, as hand-made clients forget both and the key stays unambiguous.
func basicUser(credentials string) (string, bool) {
	encoded := strings.TrimRight(credentials, "=")
	// A password may be there, yet nobody needs one longer than a key.
	if len(encoded) > base64.RawStdEncoding.EncodedLen(2*maxKeyLength) {
		return "", false
	}
	decoded, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	user, _, _ := strings.Cut(string(decoded), ":")
	return user, true
}

// isVisible reports whether text has 1 to limit characters, all visible ASCII.
func isVisible(text string, limit int) bool {
	if text == "" || len(text) > limit {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
