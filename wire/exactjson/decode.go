package exactjson

import "unicode/utf8"

// Decode reads data as one JSON value (RFC 8259) with blanks around it. Any
// kind may be at the top; an input that is empty or only blanks gives the zero
// Value, of kind Absent, and no error. The caller decides which it takes.
//
// Errors are *Error. The first that is met from the left is reported, except
// that size and UTF-8 are checked before all else.
func Decode(data []byte, limits Limits) (Value, error) {
	p := parser{data: data, limits: limits.withDefaults()}
	if len(data) > p.limits.Bytes {
		return Value{}, &Error{p.limits.Bytes, ErrTooLarge}
	}
	if !utf8.Valid(data) {
		return Value{}, &Error{firstBroken(data), ErrUTF8}
	}
	p.skipBlanks()
	if p.at == len(data) {
		return Value{}, nil
	}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	p.skipBlanks()
	if p.at < len(data) {
		return Value{}, &Error{p.at, ErrTrailingData}
	}
	return v, nil
}

// firstBroken returns the position of the first byte that is not UTF-8.
func firstBroken(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// parser is at position at of data, which is valid UTF-8.
type parser struct {
	data   []byte
	at     int
	values int
	limits Limits
}

func (p *parser) fail(at int, reason error) error { return &Error{at, reason} }

// peek returns the byte at hand, and 0, which begins nothing in JSON, at the end.
func (p *parser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

func (p *parser) skipBlanks() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// value reads the value that begins at hand, inside depth open containers.
func (p *parser) value(depth int) (v Value, err error) {
	start := p.at
	if p.values++; p.values > p.limits.Values {
		return Value{}, p.fail(start, ErrTooLarge)
	}
	switch c := p.peek(); c {
	case '{', '[':
		if depth++; depth > p.limits.Depth {
			return Value{}, p.fail(start, ErrTooDeep)
		}
		if p.at++; c == '{' {
			v.Kind = Object
			v.Members, err = p.members(depth)
		} else {
			v.Kind = Array
			v.Items, err = p.items(depth)
		}
	case '"':
		v.Kind = String
		v.Text, err = p.text()
	case 't':
		v.Kind, v.Text, err = Bool, "true", p.word("true")
	case 'f':
		v.Kind, v.Text, err = Bool, "false", p.word("false")
	case 'n':
		v.Kind, err = Null, p.word("null")
	default:
		v.Kind = Number
		v.Text, err = p.number()
	}
	if err != nil {
		return Value{}, err
	}
	v.Raw = p.data[start:p.at:p.at]
	return v, nil
}

func (p *parser) word(word string) error {
	end := p.at + len(word)
	if end > len(p.data) || string(p.data[p.at:end]) != word {
		return p.fail(p.at, ErrSyntax)
	}
	p.at = end
	return nil
}

// items reads what follows a '[', with the ']'.
func (p *parser) items(depth int) ([]Value, error) {
	if p.skipBlanks(); p.peek() == ']' {
		p.at++
		return nil, nil
	}
	var items []Value
	for {
		p.skipBlanks()
		item, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if more, err := p.more(']'); !more {
			return items, err
		}
	}
}

// members reads what follows a '{', with the '}'.
func (p *parser) members(depth int) ([]Member, error) {
	if p.skipBlanks(); p.peek() == '}' {
		p.at++
		return nil, nil
	}
	var members []Member
	var seen names
	for {
		p.skipBlanks()
		start := p.at
		if p.peek() != '"' {
			return nil, p.fail(start, ErrSyntax)
		}
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if seen.has(members, name) {
			return nil, p.fail(start, ErrDuplicateName)
		}
		if p.skipBlanks(); p.peek() != ':' {
			return nil, p.fail(p.at, ErrSyntax)
		}
		p.at++
		p.skipBlanks()
		value, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		members = append(members, Member{name, value})
		if more, err := p.more('}'); !more {
			return members, err
		}
	}
}

// more reads the comma that announces another element, or the closing byte.
func (p *parser) more(closing byte) (bool, error) {
	p.skipBlanks()
	switch p.peek() {
	case ',':
		p.at++
		return true, nil
	case closing:
		p.at++
		return false, nil
	}
	return false, p.fail(p.at, ErrSyntax)
}

// names finds duplicates. Few names are compared one by one, which is fastest;
// from fewNames on a set is kept, so that many can't take quadratic time.
type names map[string]bool

const fewNames = 16

// has reports whether name is among the members, and notes it if not.
func (n *names) has(members []Member, name string) bool {
	if len(members) < fewNames {
		for i := range members {
			if members[i].Name == name {
				return true
			}
		}
		return false
	}
	if *n == nil {
		*n = make(names, 2*fewNames)
		for i := range members {
			(*n)[members[i].Name] = true
		}
	}
	if (*n)[name] {
		return true
	}
	(*n)[name] = true
	return false
}
