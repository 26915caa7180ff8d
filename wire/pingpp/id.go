package pingpp

import "strings"

// Prefixes of ids (P2.1-1) and of API keys (P1.5-1). Letters in ids are mixed
// case, and the case counts.
const (
	PrefixCharge  = "ch_"
	PrefixRefund  = "re_"
	PrefixEvent   = "evt_"
	PrefixApp     = "app_"
	PrefixRequest = "iar_"
	PrefixTestKey = "sk_test_"
	PrefixLiveKey = "sk_live_"
)

// Lengths of what follows the prefixes, in characters.
const (
	idTailLength     = 24
	appTailLength    = 16
	maxIDLength      = 64
	maskLength       = 25
	orderLength      = 19
	minBatchIDLength = 18
	maxBatchIDLength = 19
)

// IsPossibleID reports whether text can be looked up at all: 1 to 64 visible
// ASCII characters. Use it for ids in requests, where an unknown one must get
// "not found" and not a complaint about its form; the validators below describe
// the ids that the service makes.
func IsPossibleID(text string) bool { return isVisible(text, maxIDLength) }

// IsChargeID reports whether id is ch_ and 24 letters or digits.
func IsChargeID(id string) bool { return hasShape(id, PrefixCharge, idTailLength) }

// IsRefundID reports whether id is re_ and 24 letters or digits.
func IsRefundID(id string) bool { return hasShape(id, PrefixRefund, idTailLength) }

// IsRefundOrderNo reports whether text is a refund's own order_no: its id
// without the prefix, 24 letters or digits.
func IsRefundOrderNo(text string) bool { return hasShape(text, "", idTailLength) }

// IsEventID reports whether id is evt_ and 24 letters or digits, or evt_ and
// digits alone, as the newer ones are; 64 characters at most.
func IsEventID(id string) bool {
	if hasShape(id, PrefixEvent, idTailLength) {
		return true
	}
	digits, found := strings.CutPrefix(id, PrefixEvent)
	return found && len(id) <= maxIDLength && isDigits(digits)
}

// IsAppID reports whether id is app_ and 16 letters or digits.
func IsAppID(id string) bool { return hasShape(id, PrefixApp, appTailLength) }

// IsRequestID reports whether id is iar_ and 23 or 24 letters or digits.
func IsRequestID(id string) bool {
	return hasShape(id, PrefixRequest, idTailLength) || hasShape(id, PrefixRequest, idTailLength-1)
}

// IsBatchRefundID reports whether id has 18 or 19 digits and begins with 15.
func IsBatchRefundID(id string) bool {
	return len(id) >= minBatchIDLength && len(id) <= maxBatchIDLength &&
		strings.HasPrefix(id, "15") && isDigits(id)
}

// IsOrderID reports whether id has 19 digits and begins with 20.
func IsOrderID(id string) bool {
	return len(id) == orderLength && strings.HasPrefix(id, "20") && isDigits(id)
}

// IsKey reports whether key is sk_test_ or sk_live_ and 24 letters or digits. A
// key that we make must have this shape: the Node client recognises a key given
// per call only by its 32 characters.
func IsKey(key string) bool {
	return hasShape(key, PrefixTestKey, idTailLength) || hasShape(key, PrefixLiveKey, idTailLength)
}

// MaskKey hides a key for messages: its prefix if that is a known one, and 25
// asterisks, as recorded (P4.3-1). The count never follows the key's length, so
// it tells nothing about the key.
func MaskKey(key string) string {
	mask := strings.Repeat("*", maskLength)
	for _, prefix := range []string{PrefixTestKey, PrefixLiveKey} {
		if strings.HasPrefix(key, prefix) {
			return prefix + mask
		}
	}
	return mask
}

func hasShape(text, prefix string, tailLength int) bool {
	tail, found := strings.CutPrefix(text, prefix)
	return found && len(tail) == tailLength && isAlphanumeric(tail)
}

func isAlphanumeric(text string) bool {
	for i := range len(text) {
		lower := text[i] | 0x20 // folds ASCII letters; digits keep their value
		if (lower < 'a' || lower > 'z') && !isDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

func isDigits(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

func isDigit(character byte) bool { return character >= '0' && character <= '9' }
