package strictclienttest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Pair is one parameter. Value is a string, int, bool, nil, Map or List.
type Pair struct {
	Name  string
	Value any
}

// Map is an object whose members keep their order.
type Map []Pair

// List is an array.
type List []any

// flavour is how a language's library writes JSON.
type flavour struct {
	html      bool // < > & as \u00XX: Go, Java
	gson      bool // also = and ': Java
	ascii     bool // what is not ASCII as \uXXXX: Python, PHP's WeChat client
	slash     bool // / as \/: PHP's WeChat client
	spaced    bool // a blank after , and : : Python
	indented  bool // two blanks a level: C#
	emptyList bool // an empty map as []: PHP
	newline   bool // ends in a newline: Go's WeChat client
}

func (f flavour) encode(value any) []byte {
	var text strings.Builder
	f.write(&text, value, 0)
	if f.newline {
		text.WriteByte('\n')
	}
	return []byte(text.String())
}

func (f flavour) write(text *strings.Builder, value any, level int) {
	switch value := value.(type) {
	case nil:
		text.WriteString("null")
	case string:
		f.writeString(text, value)
	case int:
		text.WriteString(strconv.Itoa(value))
	case bool:
		text.WriteString(strconv.FormatBool(value))
	case Map:
		if len(value) == 0 && f.emptyList {
			text.WriteString("[]")
			return
		}
		f.writeAll(text, "{}", len(value), level, func(n int) {
			f.writeString(text, value[n].Name)
			text.WriteByte(':')
			if f.spaced || f.indented {
				text.WriteByte(' ')
			}
			f.write(text, value[n].Value, level+1)
		})
	case List:
		f.writeAll(text, "[]", len(value), level, func(n int) { f.write(text, value[n], level+1) })
	default:
		panic(fmt.Sprintf("no JSON for %T", value))
	}
}

// writeAll writes brackets around count pieces with what stands between them.
func (f flavour) writeAll(text *strings.Builder, brackets string, count, level int, piece func(n int)) {
	text.WriteByte(brackets[0])
	for n := range count {
		switch {
		case n > 0 && f.spaced:
			text.WriteString(", ")
		case n > 0:
			text.WriteByte(',')
		}
		if f.indented {
			text.WriteString("\n" + strings.Repeat("  ", level+1))
		}
		piece(n)
	}
	if f.indented && count > 0 {
		text.WriteString("\n" + strings.Repeat("  ", level))
	}
	text.WriteByte(brackets[1])
}

func (f flavour) writeString(text *strings.Builder, value string) {
	text.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\' || r == '/' && f.slash:
			text.WriteByte('\\')
			text.WriteRune(r)
		case r == '\n':
			text.WriteString(`\n`)
		case r < ' ', f.html && strings.ContainsRune("<>&\u2028\u2029", r), f.gson && (r == '=' || r == '\''):
			fmt.Fprintf(text, `\u%04x`, r)
		case r > 0x7e && f.ascii:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(text, `\u%04x`, unit)
			}
		default:
			text.WriteRune(r)
		}
	}
	text.WriteByte('"')
}

// query is how a language writes parameters into an address.
type query struct {
	// rawBrackets leaves [ and ] as they are: Ruby.
	rawBrackets bool
	// indexed writes a[0]=v and not a[]=v: Java, C#.
	indexed bool
	// capital writes True and False: Python, C#.
	capital bool
	// always appends ? even without parameters: Node.
	always bool
}

// encode returns the query with its question mark, or "".
func (q query) encode(params Map) string {
	var pairs []string
	for _, pair := range params {
		pairs = append(pairs, q.flat(q.escape(pair.Name), pair.Value)...)
	}
	if len(pairs) == 0 && !q.always {
		return ""
	}
	return "?" + strings.Join(pairs, "&")
}

// flat returns name=value for each leaf below a value.
func (q query) flat(name string, value any) []string {
	var pairs []string
	switch value := value.(type) {
	case Map:
		for _, pair := range value {
			pairs = append(pairs, q.flat(name+q.bracket(pair.Name), pair.Value)...)
		}
	case List:
		for n, item := range value {
			index := ""
			if q.indexed {
				index = strconv.Itoa(n)
			}
			pairs = append(pairs, q.flat(name+q.bracket(index), item)...)
		}
	case bool:
		text := strconv.FormatBool(value)
		if q.capital {
			text = strings.ToUpper(text[:1]) + text[1:]
		}
		pairs = append(pairs, name+"="+text)
	default:
		pairs = append(pairs, name+"="+q.escape(fmt.Sprint(value)))
	}
	return pairs
}

func (q query) bracket(name string) string {
	if q.rawBrackets {
		return "[" + q.escape(name) + "]"
	}
	return "%5B" + q.escape(name) + "%5D"
}

// escape percent-encodes as a query's libraries do, a blank as +.
func (query) escape(text string) string {
	var out strings.Builder
	for n := range len(text) {
		switch c := text[n]; {
		case plain(c, "-_.~"):
			out.WriteByte(c)
		case c == ' ':
			out.WriteByte('+')
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// escapePath percent-encodes all but letters, digits and those of keep.
func escapePath(text, keep string) string {
	var out strings.Builder
	for n := range len(text) {
		if c := text[n]; plain(c, keep) {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func plain(c byte, keep string) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte(keep, c) >= 0
}
