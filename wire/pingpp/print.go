package pingpp

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/wire/exactjson"
)

// indent is how recorded bodies are printed (P1.7-3); no client depends on it,
// and people read curl's output.
const indent = "    "

// Indented prints what Marshal wrote: the bytes are those of json.Indent, without its
// check whether they are JSON.
func Indented(compact []byte) []byte {
	out := make([]byte, 0, len(compact)+len(compact)/2+64)
	depth := 0
	for at := 0; at < len(compact); at++ {
		switch c := compact[at]; c {
		case '"':
			end := textEnd(compact, at)
			out = append(out, compact[at:end]...)
			at = end - 1
		case '{', '[':
			if at+1 < len(compact) && compact[at+1] == c+2 { // '}' and ']' come two after
				out = append(out, c, c+2)
				at++
				continue
			}
			depth++
			out = appendLine(append(out, c), depth)
		case '}', ']':
			depth--
			out = append(appendLine(out, depth), c)
		case ',':
			out = appendLine(append(out, c), depth)
		case ':':
			out = append(out, c, ' ')
		default:
			out = append(out, c)
		}
	}
	return out
}

// textEnd is behind the quote that ends the text at a place.
func textEnd(compact []byte, at int) int {
	for at++; at < len(compact) && compact[at] != '"'; at++ {
		if compact[at] == '\\' {
			at++
		}
	}
	return min(at+1, len(compact))
}

func appendLine(out []byte, depth int) []byte {
	out = append(out, '\n')
	for range depth {
		out = append(out, indent...)
	}
	return out
}

// printed is an object that writes itself as encoding/json would by its members' tags.
type printed interface {
	appendTo(out []byte) ([]byte, error)
}

// appendName writes a member's name, which nothing in must be escaped, behind the one
// before it.
func appendName(out []byte, name string) []byte {
	out = append(out, ',', '"')
	out = append(out, name...)
	return append(out, '"', ':')
}

func appendText(out []byte, name, value string) []byte {
	return appendString(appendName(out, name), value)
}

func appendTextOrNull(out []byte, name string, value *string) []byte {
	if value == nil {
		return append(appendName(out, name), "null"...)
	}
	return appendText(out, name, *value)
}

func appendNumber(out []byte, name string, value int64) []byte {
	return strconv.AppendInt(appendName(out, name), value, 10)
}

func appendNumberOrNull(out []byte, name string, value *int64) []byte {
	if value == nil {
		return append(appendName(out, name), "null"...)
	}
	return appendNumber(out, name, *value)
}

func appendTruth(out []byte, name string, value bool) []byte {
	return strconv.AppendBool(appendName(out, name), value)
}

// appendString writes a text as encoding/json does, which escapes more than JSON wants:
// the two line separators, and what is no UTF-8.
func appendString(out []byte, text string) []byte {
	if !utf8.ValidString(text) || strings.Contains(text, "\u2028") || strings.Contains(text, "\u2029") {
		if escaped, err := Marshal(text); err == nil {
			return append(out, escaped...)
		}
	}
	return exactjson.AppendString(out, text)
}

// appendRaw writes JSON, compact. It fails where that is none.
func appendRaw(out []byte, name string, raw json.RawMessage) ([]byte, error) {
	out = appendName(out, name)
	if string(raw) == "{}" {
		return append(out, raw...), nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, err
	}
	return append(out, compact.Bytes()...), nil
}
