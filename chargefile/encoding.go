package chargefile

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// The encodings. GB18030 includes GBK and GB2312.
const (
	utf8Encoding    = "utf-8"
	gb18030Encoding = "gb18030"
	utf16LE         = "utf-16le"
	utf16BE         = "utf-16be"
)

// Encodings are the names of encodings that a file may be said to have.
func Encodings() []string { return []string{utf8Encoding, gb18030Encoding, utf16LE, utf16BE} }

const (
	// headBytes is how much of a file decides its encoding and format.
	headBytes = 1 << 20
	// mark is the byte order mark as UTF-8.
	mark = "\ufeff"
)

// notText recognizes files that are no text. What begins them is the same
// whatever made them.
func notText(head []byte) error {
	for _, known := range []struct{ magic, hint string }{
		{"PK\x03\x04", "a ZIP archive or an Excel workbook (hint: unpack the archive, or save the workbook as CSV UTF-8)"},
		{"\xd0\xcf\x11\xe0", "an old Excel workbook (hint: save it as CSV)"},
		{"\x1f\x8b", "compressed (hint: gunzip it first)"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return fmt.Errorf("the file is %s", known.hint)
		}
	}
	return nil
}

// physical is one line of the file as UTF-8.
type physical struct {
	number  int
	text    string
	problem string // why text can't be trusted
	ended   bool   // with a line end
}

// textLines decodes line by line: in UTF-8 and GB18030 a byte below 0x30,
// which every separator is, stands for itself alone. encoding is "" while
// there was no byte above 0x7f and no mark.
type textLines struct {
	lines    *Lines
	encoding string
}

// decodeLines decides the encoding by head, unless it is said, and returns
// the lines of in, and head as text.
func decodeLines(in io.Reader, head []byte, said string) (*textLines, string, error) {
	if said != "" && !slices.Contains(Encodings(), said) {
		return nil, "", fmt.Errorf("there is no encoding %q (hint: one of %s)", said, strings.Join(Encodings(), ", "))
	}
	t := &textLines{encoding: said}
	if said == "" {
		t.encoding = guessEncoding(head)
	}
	text := string(head)
	if t.encoding == utf16LE || t.encoding == utf16BE {
		endian := unicode.LittleEndian
		if t.encoding == utf16BE {
			endian = unicode.BigEndian
		}
		wide := unicode.UTF16(endian, unicode.IgnoreBOM)
		in = transform.NewReader(in, wide.NewDecoder())
		decoded, _ := wide.NewDecoder().Bytes(head[:len(head)&^1]) // what can't be decoded is replaced, not an error
		text = string(decoded)
	}
	end := byte('\n')
	if !strings.Contains(text, "\n") && strings.Contains(text, "\r") {
		end = '\r' // "CSV (Macintosh)"
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	t.lines = newLines(in, end)
	if t.encoding == gb18030Encoding {
		text, _ = simplifiedchinese.GB18030.NewDecoder().String(text) // as above
	}
	return t, strings.TrimPrefix(text, mark), nil
}

// guessEncoding looks for a mark, then for the zero bytes of UTF-16 without
// one, then for lines that are not UTF-8. A line of Chinese in GBK may happen
// to be UTF-8 of two bytes a character, but hardly of three: one that is shows
// that lines that are not UTF-8 are broken, and not GBK.
func guessEncoding(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte(mark)):
		return utf8Encoding
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return utf16LE
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return utf16BE
	}
	if first := head[:min(len(head), 64)&^1]; len(first) > 0 {
		var zeros [2]int
		for n, c := range first {
			if c == 0 {
				zeros[n%2]++
			}
		}
		switch half := len(first) / 2; {
		case zeros[1] > half/2 && zeros[0] == 0:
			return utf16LE
		case zeros[0] > half/2 && zeros[1] == 0:
			return utf16BE
		}
	}
	found := ""
	for line := range bytes.Lines(head) {
		switch of := lineEncoding(line); {
		case of == utf8Encoding && wideCharacter(line):
			return utf8Encoding
		case of == gb18030Encoding:
			found = of
		case found == "":
			found = of
		}
	}
	return found
}

// lineEncoding is what one line shows: "" for ASCII, and UTF-8 for what is
// neither, so that it is refused.
func lineEncoding(line []byte) string {
	switch {
	case bytes.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) < 0:
		return ""
	case utf8.Valid(line):
		return utf8Encoding
	}
	if _, ok := fromGB18030(line); ok {
		return gb18030Encoding
	}
	return utf8Encoding
}

func wideCharacter(line []byte) bool {
	return bytes.IndexFunc(line, func(r rune) bool { return r >= 0x800 && r != utf8.RuneError }) >= 0
}

func fromGB18030(line []byte) (string, bool) {
	text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(line)
	return string(text), err == nil && !bytes.ContainsRune(text, utf8.RuneError)
}

func (t *textLines) next() (physical, error) {
	raw, tooLong, err := t.lines.Next()
	if err != nil {
		return physical{}, err
	}
	line := physical{number: t.lines.Number(), ended: t.lines.Ended()}
	raw = bytes.TrimPrefix(raw, []byte(mark)) // in the middle too: files are joined
	if t.encoding == "" {
		t.encoding = lineEncoding(raw)
	}
	var ok bool
	if t.encoding == gb18030Encoding {
		line.text, ok = fromGB18030(raw)
	} else {
		// U+FFFD stands where UTF-16 could not be read.
		line.text, ok = strings.ToValidUTF8(string(raw), "\ufffd"), utf8.Valid(raw) && (t.encoding == utf8Encoding || t.encoding == "" || !bytes.ContainsRune(raw, utf8.RuneError))
	}
	switch {
	case tooLong:
		line.text, line.problem = "", fmt.Sprintf("the line has more than %d bytes", MaxLine)
	case !ok:
		// A replaced character would do harm: two order numbers could become one.
		line.problem = fmt.Sprintf("has bytes that are not %s (hint: save the file as UTF-8, or name its encoding with --encoding)", strings.ToUpper(t.encoding))
	}
	return line, nil
}
