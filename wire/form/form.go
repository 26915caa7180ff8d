// Package form reads application/x-www-form-urlencoded bodies and query
// strings with brackets in their keys (a[b]=v, a[]=v, a[0][k]=v). Parse gives
// the pairs in the order they came; Nest makes of them the tree that exactjson
// makes of JSON, so that a dialect reads both with one piece of code.
//
// What each of Ping++'s clients sends is in docs/rules/pingpp.md (P1.3-1 to
// P1.3-21).
package form

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Pair is one key=value, both decoded. The brackets of the key are still in
// it: "metadata[color]".
type Pair struct {
	Key   string
	Value string
}

// Limits bound what Parse takes on. A field that is 0 (or less) stands for its
// default.
type Limits struct {
	// Bytes is the most bytes of the whole input, as it came.
	Bytes int
	// Pairs is the most pairs.
	Pairs int
	// Depth is how many maps and arrays may be in each other, the outermost
	// included: a=1 has depth 1, a[b]=1 has 2, a[][b]=1 has 3.
	Depth int
	// KeyBytes is the most bytes of one decoded key with its brackets.
	KeyBytes int
}

// The defaults of Limits.
const (
	// DefaultBytes and DefaultDepth are those of exactjson: a dialect should
	// not bear more in one encoding than in the other.
	DefaultBytes = 1 << 20
	DefaultDepth = 32
	// DefaultPairs is far above a request with full metadata.
	DefaultPairs = 1000
	// DefaultKeyBytes is above any key that the protocols allow.
	DefaultKeyBytes = 512
)

func (l Limits) withDefaults() Limits {
	for _, field := range []struct {
		value    *int
		standard int
	}{
		{&l.Bytes, DefaultBytes},
		{&l.Pairs, DefaultPairs},
		{&l.Depth, DefaultDepth},
		{&l.KeyBytes, DefaultKeyBytes},
	} {
		if *field.value <= 0 {
			*field.value = field.standard
		}
	}
	return l
}

// Parse reads a body or a query string (without its question mark) and gives
// its pairs in order. '+' and %20 are blanks; bytes that should have been
// percent-encoded (blanks, brackets, UTF-8, a second '=') are taken as they
// are, since curl -d sends them so. Empty pieces ("a=1&&") are skipped; "a"
// without '=' has an empty value.
//
// Errors are *Error with a Reason of this package, ErrConflict and
// ErrDuplicate excepted.
func Parse(raw []byte, limits Limits) ([]Pair, error) {
	limits = limits.withDefaults()
	if len(raw) > limits.Bytes {
		return nil, &Error{Reason: ErrTooLarge}
	}
	var pairs []Pair
	for piece := range bytes.SplitSeq(raw, []byte("&")) {
		if len(piece) == 0 {
			continue
		}
		position := len(pairs)
		if position == limits.Pairs {
			return nil, &Error{Pair: position, Reason: ErrTooManyPairs}
		}
		rawKey, rawValue, _ := bytes.Cut(piece, []byte("="))
		key, err := decode(rawKey)
		if err != nil {
			return nil, &Error{Pair: position, Reason: err}
		}
		if len(key) > limits.KeyBytes {
			return nil, &Error{Pair: position, Reason: ErrTooLarge}
		}
		path, err := splitKey(key)
		if err == nil && len(path) > limits.Depth {
			err = ErrTooDeep
		}
		if err != nil {
			return nil, &Error{Pair: position, Key: key, Reason: err}
		}
		value, err := decode(rawValue)
		if err != nil {
			return nil, &Error{Pair: position, Key: key, Reason: err}
		}
		pairs = append(pairs, Pair{Key: key, Value: value})
	}
	return pairs, nil
}

// decode undoes the percent-encoding and refuses what no text may hold.
func decode(raw []byte) (string, error) {
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '+':
			text = append(text, ' ')
		case '%':
			if i+2 >= len(raw) {
				return "", ErrEscape
			}
			high, low := hexDigit(raw[i+1]), hexDigit(raw[i+2])
			if high < 0 || low < 0 {
				return "", ErrEscape
			}
			text = append(text, byte(high<<4|low))
			i += 2
		default:
			text = append(text, c)
		}
	}
	if !utf8.Valid(text) {
		return "", ErrUTF8
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return "", ErrForbiddenCharacter
	}
	return string(text), nil
}

// hexDigit returns the value of a hexadecimal digit of either case, or -1.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// splitKey takes a key apart: "a[b][]" is "a", "b", "". Brackets must be
// closed, stand behind a name, have nothing between and behind them and none
// inside. Two empty ones in a row are refused, because SDKs never send them
// and nobody agrees which list the next value belongs to.
func splitKey(key string) ([]string, error) {
	name, rest := key, ""
	if open := strings.IndexByte(key, '['); open >= 0 {
		name, rest = key[:open], key[open:]
	}
	if name == "" || strings.Contains(name, "]") {
		return nil, ErrKey
	}
	path := []string{name}
	for rest != "" {
		segment, after, closed := strings.Cut(rest[1:], "]")
		if rest[0] != '[' || !closed || strings.Contains(segment, "[") || segment == "" && path[len(path)-1] == "" {
			return nil, ErrKey
		}
		path, rest = append(path, segment), after
	}
	return path, nil
}
