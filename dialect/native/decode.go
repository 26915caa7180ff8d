package native

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// decoder reads one JSON object member by member and keeps the first fault
// from the left. A member that it does not know is a fault, since it is most
// likely a misspelt one that was meant to count.
type decoder struct {
	top   exactjson.Value
	fault *refund.Error
}

// member is what an object may have: a name, and what reads its value. The
// path, such as "coupons[0].amount", is what errors name.
type member struct {
	name     string
	required bool
	read     func(v exactjson.Value, path string)
}

func required(name string, read func(exactjson.Value, string)) member {
	return member{name: name, required: true, read: read}
}

func optional(name string, read func(exactjson.Value, string)) member {
	return member{name: name, read: read}
}

// byteOrderMark stands before what some programs save as UTF-8. RFC 8259 lets
// a reader of JSON pass over it.
var byteOrderMark = []byte("\ufeff")

// parse reads a body as JSON. An empty one stands for {}.
func parse(body []byte) (*decoder, error) {
	// A number may be as long as the body: what reads it says that it is too
	// large, and names the member.
	v, err := exactjson.Decode(bytes.TrimPrefix(body, byteOrderMark), exactjson.Limits{NumberBytes: dialect.MaxBody})
	var where *exactjson.Error
	switch {
	case errors.As(err, &where):
		return nil, refund.Errorf(refund.KindInvalid, "", "%s", where.Error())
	case err != nil:
		return nil, err
	case v.Kind == exactjson.Absent:
		v.Kind = exactjson.Object
	}
	return &decoder{top: v}, nil
}

// read reads the top object and gives the first fault.
func (d *decoder) read(members ...member) error {
	d.object(d.top, "", members)
	if d.fault != nil {
		return d.fault
	}
	return nil
}

func (d *decoder) refuse(path, format string, args ...any) {
	if d.fault == nil {
		d.fault = refuse(refund.KindInvalid, path, format, args...)
	}
}

// is refuses a value of another kind. null is never taken for "left out": a
// client's NaN turns into null, and a missing amount means everything.
func (d *decoder) is(v exactjson.Value, path string, kind exactjson.Kind) bool {
	if v.Kind != kind {
		d.refuse(path, "must be of type %s, not %s", kind, v.Kind)
	}
	return v.Kind == kind
}

func (d *decoder) object(v exactjson.Value, path string, members []member) {
	if !d.is(v, path, exactjson.Object) {
		return
	}
	if path != "" {
		path += "."
	}
	for _, given := range v.Members {
		found := false
		for _, m := range members {
			if m.name == given.Name {
				m.read(given.Value, path+m.name)
				found = true
			}
		}
		if !found {
			d.refuse(path+shown(given.Name), "is not known here")
		}
	}
	for _, m := range members {
		if _, has := v.Get(m.name); m.required && !has {
			d.refuse(path+m.name, "is required")
		}
	}
}

// maxShown bounds how much of a caller's own text an error repeats.
const maxShown = 64

func shown(text string) string {
	if utf8.RuneCountInString(text) <= maxShown {
		return text
	}
	return string([]rune(text)[:maxShown]) + "..."
}

// text reads a string of at most most characters.
func (d *decoder) text(to *string, most int) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.String) {
			return
		}
		if utf8.RuneCountInString(v.Text) > most {
			d.refuse(path, "must have at most %d characters", most)
			return
		}
		*to = v.Text
	}
}

// filled is text that is not empty.
func (d *decoder) filled(to *string, most int) func(exactjson.Value, string) {
	read := d.text(to, most)
	return func(v exactjson.Value, path string) {
		if v.Kind == exactjson.String && v.Text == "" {
			d.refuse(path, "must not be empty")
		}
		read(v, path)
	}
}

// name reads an id or number of someone else: visible ASCII without blanks,
// because it turns up in addresses, headers and files. It may be empty.
func (d *decoder) name(to *string, most int) func(exactjson.Value, string) {
	read := d.text(to, most)
	return func(v exactjson.Value, path string) {
		switch {
		case v.Kind == exactjson.Number:
			d.refuse(path, "must be of type string, not number (hint: write it in quotes; programs round numbers of many digits)")
		case v.Kind == exactjson.String && !visible(v.Text):
			d.refuse(path, "must be visible ASCII characters without blanks")
		}
		read(v, path)
	}
}

// filledName is a name that is not empty where it is given: an empty one would
// choose something else than was meant.
func (d *decoder) filledName(to *string, most int) func(exactjson.Value, string) {
	read := d.name(to, most)
	return func(v exactjson.Value, path string) {
		if v.Kind == exactjson.String && v.Text == "" {
			d.refuse(path, "must not be empty (hint: leave it out)")
		}
		read(v, path)
	}
}

func visible(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// minor reads an amount: a JSON number that is a whole number of minor units.
func (d *decoder) minor(to *money.Minor) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.Number) {
			return
		}
		m, err := money.ParseInteger(v.Text)
		if err != nil {
			d.refuse(path, "must be a whole number of minor units: %v", err)
			return
		}
		*to = m
	}
}

// refundAmount reads how much is to be refunded: absent is everything, and what
// 64 bits don't hold is more than that.
func (d *decoder) refundAmount(to **money.Minor) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if _, err := money.ParseInteger(v.Text); v.Kind == exactjson.Number && errors.Is(err, money.ErrOverflow) {
			beyond := refund.BeyondAll
			*to = &beyond
			return
		}
		d.maybeMinor(to)(v, path)
	}
}

// maybeMinor is minor for a member whose absence means something.
func (d *decoder) maybeMinor(to **money.Minor) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		m := new(money.Minor)
		d.minor(m)(v, path)
		*to = m
	}
}

// count reads a whole number from least to most.
func (d *decoder) count(to *int64, least, most int64) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.Number) {
			return
		}
		n, err := money.ParseInteger(v.Text)
		if err != nil || int64(n) < least || int64(n) > most {
			d.refuse(path, "must be a whole number from %d to %d", least, most)
			return
		}
		*to = int64(n)
	}
}

// oneOf reads one of some words.
func oneOf[T ~string](d *decoder, to *T, words ...T) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.String) {
			return
		}
		texts := make([]string, len(words))
		for n, word := range words {
			if v.Text == string(word) {
				*to = word
				return
			}
			texts[n] = string(word)
		}
		d.refuse(path, "must be one of %s", strings.Join(texts, ", "))
	}
}

// currency reads an upper-case ISO 4217 code.
func (d *decoder) currency(to *money.Currency) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.String) {
			return
		}
		*to = money.Currency(v.Text)
		if !to.Valid() {
			d.refuse(path, "must be an active ISO 4217 code in upper case")
		}
	}
}

// earliest is before anything that can still be refunded; a time before it is
// a mistake, such as seconds read as milliseconds.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// moment reads an RFC 3339 time of any zone.
func (d *decoder) moment(to *time.Time) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.String) {
			return
		}
		t, err := parseMoment(v.Text)
		if err != nil {
			d.refuse(path, "%v", err)
		}
		*to = t
	}
}

func parseMoment(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	// In UTC a year may have five digits, which RFC 3339 can't write.
	if t = t.UTC(); err != nil || t.Before(earliest) || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("must be an RFC 3339 time such as 2026-11-22T10:00:00Z, not before 2000")
	}
	return t.Truncate(time.Microsecond), nil
}

// list reads an array of at most most elements.
func (d *decoder) list(most int, each func(v exactjson.Value, path string)) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.Array) {
			return
		}
		if len(v.Items) > most {
			d.refuse(path, "must have at most %d elements", most)
			return
		}
		for n, item := range v.Items {
			each(item, fmt.Sprintf("%s[%d]", path, n))
		}
	}
}
