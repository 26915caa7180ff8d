package pingpp

import "strings"

// Locale is the language of error messages.
type Locale string

// The two languages that the service answers in (P1.4-4).
const (
	Chinese Locale = "zh-CN"
	English Locale = "en"
)

const (
	// maxLanguages bounds how many entries of Accept-Language are looked at;
	// browsers send up to six.
	maxLanguages = 16
	// fullWeight is q=1 in thousandths, the finest step that q allows.
	fullWeight = 1000
)

// Language picks the language with the highest q in an Accept-Language header,
// the earlier one among equals. It is Chinese when the header is empty, or when
// it asks for neither Chinese nor English (P1.4-4).
func Language(acceptLanguage string) Locale {
	best, bestWeight := Chinese, 0
	for range maxLanguages {
		entry, rest, more := strings.Cut(acceptLanguage, ",")
		tag, parameters, _ := strings.Cut(entry, ";")
		primary, _, _ := strings.Cut(strings.TrimSpace(tag), "-")
		weight := weightThousandths(parameters)
		switch {
		case weight <= bestWeight:
		case strings.EqualFold(primary, "zh"):
			best, bestWeight = Chinese, weight
		case strings.EqualFold(primary, "en"):
			best, bestWeight = English, weight
		}
		if !more {
			break
		}
		acceptLanguage = rest
	}
	return best
}

// weightThousandths reads "q=0.8" as 800. No q is 1000; a broken one is 0, which
// drops the entry.
func weightThousandths(parameters string) int {
	parameters = strings.TrimSpace(parameters)
	if parameters == "" {
		return fullWeight
	}
	if len(parameters) < 3 || !strings.EqualFold(parameters[:2], "q=") {
		return 0
	}
	whole, fraction, _ := strings.Cut(parameters[2:], ".")
	if len(fraction) > 3 || fraction != "" && !isDigits(fraction) {
		return 0
	}
	switch whole {
	case "1":
		return fullWeight
	case "0":
		thousandths := 0
		for i := range 3 {
			thousandths *= 10
			if i < len(fraction) {
				thousandths += int(fraction[i] - '0')
			}
		}
		return thousandths
	default:
		return 0
	}
}
