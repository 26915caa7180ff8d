package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// encoding is a JSON encoder with what it writes to.
type encoding struct {
	into    bytes.Buffer
	encoder *json.Encoder
}

// maxKept bounds the memory of an encoder that is used again, in bytes.
const maxKept = 16 << 10

// encodings are kept: a row has several texts, and each would grow a buffer anew.
var encodings = sync.Pool{New: func() any {
	e := &encoding{}
	e.encoder = json.NewEncoder(&e.into)
	e.encoder.SetEscapeHTML(false)
	return e
}}

// jsonText is how a column holds a value: compact, and with <, > and & as they
// are, because they go out again as they came.
func jsonText(value any) (string, error) {
	e := encodings.Get().(*encoding)
	e.into.Reset()
	err := e.encoder.Encode(value)
	text := string(bytes.TrimSuffix(e.into.Bytes(), []byte("\n")))
	if e.into.Cap() <= maxKept {
		encodings.Put(e)
	}
	if err != nil {
		return "", err
	}
	return text, nil
}

// contentsText is jsonText of contents, which every request has: without reflection.
func contentsText(contents []refund.Content) string {
	out := []byte{'['}
	for n, content := range contents {
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		for m, name := range slices.Sorted(maps.Keys(content)) {
			if m > 0 {
				out = append(out, ',')
			}
			out = append(exactjson.AppendString(out, name), ':')
			out = exactjson.AppendString(out, content[name])
		}
		out = append(out, '}')
	}
	return string(append(out, ']'))
}

// fromJSON reads a column; the empty object and list are distinguished cheaply.
func fromJSON(text string, into any) error {
	if text == "{}" || text == "[]" || text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// flatObject reads the object at the beginning of a text: one as jsonText writes it,
// of texts without escapes and whole numbers. member takes each. false: it has another
// form, or member does not know one; json must read it then. The values are parts of
// the text.
func flatObject(text string, member func(name, value string, number bool) bool) (rest string, ok bool) {
	if !strings.HasPrefix(text, "{") {
		return "", false
	}
	for {
		var name, value string
		number := false
		if name, text, ok = plainText(text[1:]); !ok || !strings.HasPrefix(text, ":") {
			return "", false
		}
		if text = text[1:]; strings.HasPrefix(text, `"`) {
			value, text, ok = plainText(text)
		} else {
			number = true
			end := strings.IndexAny(text, ",}")
			value, text, ok = text[:max(0, end)], text[max(0, end):], end > 0
		}
		if !ok || !member(name, value, number) || text == "" {
			return "", false
		}
		if text[0] == '}' {
			return text[1:], true
		}
		if text[0] != ',' {
			return "", false
		}
	}
}

// plainText reads the text in quotes at the beginning, if nothing in it is escaped.
func plainText(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", false
	}
	ascii := true
	for at := 1; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			value = text[1:at]
			return value, text[at+1:], ascii || utf8.ValidString(value)
		case c == '\\' || c < ' ':
			return "", "", false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", "", false
}

// wholeNumber reads a number as json does; false for what is none, or not in its
// shortest form.
func wholeNumber(text string) (money.Minor, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return money.Minor(n), err == nil && strconv.FormatInt(n, 10) == text
}

// aliasesOf reads a column of a charge's aliases.
func aliasesOf(text string) (aliases []refund.Alias, err error) {
	if found, ok := flatAliases(text); ok {
		return found, nil
	}
	err = fromJSON(text, &aliases)
	return aliases, err
}

func flatAliases(text string) ([]refund.Alias, bool) {
	if !strings.HasPrefix(text, "[{") {
		return nil, false
	}
	aliases := make([]refund.Alias, 0, strings.Count(text, "{"))
	for {
		var a refund.Alias
		rest, ok := flatObject(text[1:], func(name, value string, number bool) bool {
			switch {
			case number:
				return false
			case name == "dialect":
				a.Dialect = value
			case name == "identity":
				a.Identity = value
			case name == "sub":
				a.Sub = value
			case name == "name":
				a.Name = value
			default:
				return false
			}
			return true
		})
		if !ok || rest == "" {
			return nil, false
		}
		aliases = append(aliases, a)
		switch text = rest; {
		case text == "]":
			return aliases, true
		case text[0] != ',':
			return nil, false
		}
	}
}

// askerOf reads a column that says who asked for a refund.
func askerOf(text string) (by refund.Asker, err error) {
	rest, ok := flatObject(text, func(name, value string, number bool) bool {
		switch {
		case number:
			return false
		case name == "key":
			by.Key = value
		case name == "dialect":
			by.Dialect = value
		case name == "identity":
			by.Identity = value
		case name == "address":
			by.Address = value
		case name == "request_id":
			by.RequestID = value
		default:
			return false
		}
		return true
	})
	if ok && rest == "" {
		return by, nil
	}
	by = refund.Asker{}
	err = fromJSON(text, &by)
	return by, err
}

// partsOf reads a column of a refund's parts.
func partsOf(text string) (parts refund.Parts, err error) {
	rest, ok := flatObject(text, func(name, value string, number bool) bool {
		minor, whole := wholeNumber(value)
		switch {
		case !number || !whole:
			return false
		case name == "payer":
			parts.Payer = minor
		case name == "fee":
			parts.Fee = &minor
		default:
			return false
		}
		return true
	})
	if ok && rest == "" {
		return parts, nil
	}
	parts = refund.Parts{}
	err = fromJSON(text, &parts)
	return parts, err
}
