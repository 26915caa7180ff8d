package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// pageWidth is where lines of JSON are broken, in characters.
const pageWidth = 110

// longText is a string that would fill lines without telling a person more
// than its beginning does, such as a key in PEM.
var longText = regexp.MustCompile(`"((?:[^"\\]|\\.){40})(?:[^"\\]|\\.){80,}"`)

// printer tells a story on a page of text.
type printer struct {
	out  io.Writer
	bold bool // headings stand out on a terminal
}

// terminal reports whether a person watches.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func (p printer) title(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.bold {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	_, _ = fmt.Fprintf(p.out, "\n%s\n", text)
}

func (p printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, "  "+format+"\n", args...)
}

// json shows a body with several members a line, because one a line would
// make the page three times as long.
func (p printer) json(body []byte) {
	for _, line := range wrapJSON(longText.ReplaceAll(body, []byte(`"$1..."`)), pageWidth) {
		p.line("%s", line)
	}
}

// wrapJSON breaks JSON into lines behind its commas. What is no JSON is given
// as it is.
func wrapJSON(body []byte, width int) []string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return []string{string(body)}
	}
	var lines []string
	line, depth := "", 0
	for _, part := range jsonParts(compact.String()) {
		if line != "" && utf8.RuneCountInString(line)+utf8.RuneCountInString(part) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line = strings.Repeat(" ", depth)
		}
		line += part
		depth += nesting(part)
	}
	return append(lines, strings.TrimRight(line, " "))
}

// jsonParts cuts compact JSON behind each comma that is no part of a string,
// and sets a blank behind commas and colons.
func jsonParts(text string) []string {
	var parts []string
	var part strings.Builder
	quoted, escaped := false, false
	for _, r := range text {
		part.WriteRune(r)
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == ':':
			part.WriteByte(' ')
		case r == ',':
			part.WriteByte(' ')
			parts = append(parts, part.String())
			part.Reset()
		}
	}
	return append(parts, part.String())
}

// nesting is how many more brackets a part opens than it closes.
func nesting(part string) int {
	depth, quoted, escaped := 0, false, false
	for _, r := range part {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '{', r == '[':
			depth++
		case r == '}', r == ']':
			depth--
		}
	}
	return depth
}
