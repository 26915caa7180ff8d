package exactjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// number reads a number literal: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (p *parser) number() (string, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return "", p.fail(p.at, ErrSyntax)
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return "", p.fail(p.at, ErrSyntax)
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return "", p.fail(p.at, ErrSyntax)
		}
	}
	if p.at-start > p.limits.NumberBytes {
		return "", p.fail(start, ErrTooLarge)
	}
	return string(p.data[start:p.at]), nil
}

// digits skips digits and says whether there was one.
func (p *parser) digits() bool {
	start := p.at
	for p.at < len(p.data) && p.data[p.at]-'0' <= 9 {
		p.at++
	}
	return p.at > start
}

// text reads a string with its quotes and decodes it. The text is a copy, so
// that keeping a short one does not keep a whole body in memory.
func (p *parser) text() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return string(p.data[start : p.at-1]), nil
		case c == '\\':
			return p.escapedText(start)
		case c < ' ':
			return "", p.control(c)
		}
		p.at++
	}
	return "", p.fail(p.at, ErrSyntax)
}

// escapedText goes on where text met the first backslash.
func (p *parser) escapedText(start int) (string, error) {
	decoded := append(make([]byte, 0, 64), p.data[start:p.at]...)
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return string(decoded), nil
		case c == '\\':
			var err error
			if decoded, err = p.escape(decoded); err != nil {
				return "", err
			}
		case c < ' ':
			return "", p.control(c)
		default:
			decoded = append(decoded, c)
			p.at++
		}
	}
	return "", p.fail(p.at, ErrSyntax)
}

// control refuses a control character that stands in a string unescaped.
func (p *parser) control(c byte) error {
	if c == 0 {
		return p.fail(p.at, ErrForbiddenCharacter)
	}
	return p.fail(p.at, ErrSyntax)
}

// escape reads what a backslash begins and appends what it stands for.
func (p *parser) escape(decoded []byte) ([]byte, error) {
	start := p.at
	if start+1 == len(p.data) {
		return nil, p.fail(len(p.data), ErrSyntax)
	}
	p.at += 2
	switch c := p.data[start+1]; c {
	case '"', '\\', '/':
		return append(decoded, c), nil
	case 'b':
		return append(decoded, '\b'), nil
	case 'f':
		return append(decoded, '\f'), nil
	case 'n':
		return append(decoded, '\n'), nil
	case 'r':
		return append(decoded, '\r'), nil
	case 't':
		return append(decoded, '\t'), nil
	case 'u':
		p.at = start
		return p.unicodeEscape(decoded)
	}
	return nil, p.fail(start, ErrSyntax)
}

// unicodeEscape reads \uXXXX, or two of them if the first is a high surrogate.
func (p *parser) unicodeEscape(decoded []byte) ([]byte, error) {
	start := p.at
	r, ok := p.codeUnit()
	if !ok {
		return nil, p.fail(start, ErrSyntax)
	}
	if utf16.IsSurrogate(r) {
		// A low half alone, or a high one without a low one behind it, has no
		// UTF-8; encoding/json would put U+FFFD there without a word.
		low, _ := p.codeUnit()
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return nil, p.fail(start, ErrForbiddenCharacter)
		}
	}
	if r == 0 {
		return nil, p.fail(start, ErrForbiddenCharacter)
	}
	return utf8.AppendRune(decoded, r), nil
}

// codeUnit reads one \uXXXX. It returns 0 and false, and stays, if there is none.
func (p *parser) codeUnit() (rune, bool) {
	const length = len(`\uXXXX`)
	if p.at+length > len(p.data) || p.data[p.at] != '\\' || p.data[p.at+1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range p.data[p.at+2 : p.at+length] {
		switch {
		case '0' <= c && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	p.at += length
	return unit, true
}
