package wechatpay

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/wire/exactjson"
)

// maxShownValue is how much of a refused value is repeated, in bytes.
const maxShownValue = 64

// reader takes members out of a JSON object and keeps the first complaint, so
// that a decoder reads like the table of its page. Absent and null are the same
// in it: the documents never send null, and a client that does means nothing.
type reader struct {
	object  exactjson.Value
	pointer string // of the object in the body: "" or "/amount"
	failure *ParamError
	// answer says that the platform wrote it: its texts are taken as they are.
	answer bool
}

// rule is what a text must be like. Lengths are in bytes, or in characters
// where characters is set.
type rule struct {
	required   bool
	min, max   int
	characters bool
	good       func(string) bool // nil: any
	issue      string            // what is told when good says no
	secret     bool              // the value is never repeated
}

// fail keeps a complaint about a member unless there is one already.
func (r *reader) fail(name string, value exactjson.Value, issue string) {
	if r.failure == nil {
		r.failure = &ParamError{Field: r.pointer + "/" + name, Value: shown(value), Issue: issue, Location: LocationBody}
	}
}

// shown is what of a value may be repeated: short texts and numbers.
func shown(value exactjson.Value) string {
	if len(value.Text) > maxShownValue {
		return ""
	}
	return value.Text
}

// get finds a member; a missing one that is required is a complaint.
func (r *reader) get(name string, required bool) (exactjson.Value, bool) {
	value, _ := r.object.Get(name)
	if value.Kind != exactjson.Absent && value.Kind != exactjson.Null {
		return value, true
	}
	if required {
		r.fail(name, value, "is required")
	}
	return value, false
}

// text reads a string, "" when it is absent.
func (r *reader) text(name string, want rule) string {
	value, ok := r.get(name, want.required)
	if !ok {
		return ""
	}
	told := value
	if want.secret {
		told = exactjson.Value{}
	}
	if value.Kind != exactjson.String {
		r.fail(name, told, "must be a string, not a "+value.Kind.String())
		return ""
	}
	length, unit := len(value.Text), " bytes"
	if want.characters {
		length, unit = utf8.RuneCountInString(value.Text), " characters"
	}
	switch {
	case length < want.min || want.max > 0 && length > want.max:
		r.fail(name, told, "must have "+strconv.Itoa(want.min)+" to "+strconv.Itoa(want.max)+unit)
	case want.good != nil && !want.good(value.Text):
		r.fail(name, told, want.issue)
	case !r.answer && hasLongCharacters(value.Text):
		r.fail(name, told, "must not have characters of 4 bytes")
	}
	return value.Text
}

// integer reads a whole number of at least least. A number with a dot or an
// exponent, or in quotes, is refused.
func (r *reader) integer(name string, required bool, least int64) int64 {
	value, ok := r.get(name, required)
	if !ok {
		return 0
	}
	number, err := strconv.ParseInt(value.Text, 10, 64)
	if value.Kind != exactjson.Number || err != nil {
		r.fail(name, value, "must be a whole number")
		return 0
	}
	if number < least {
		r.fail(name, value, "must be at least "+strconv.FormatInt(least, 10))
	}
	return number
}

// saturated is integer for a required member that may be any number: one that 64
// bits don't hold is math.MaxInt64, because it is well-formed and too much.
func (r *reader) saturated(name string, least int64) int64 {
	value, _ := r.object.Get(name)
	if value.Kind == exactjson.Number && strings.Trim(value.Text, "0123456789") == "" {
		if _, err := strconv.ParseInt(value.Text, 10, 64); errors.Is(err, strconv.ErrRange) {
			return math.MaxInt64
		}
	}
	return r.integer(name, true, least)
}

// child reads a member that is an object. Its complaints are kept here too.
func (r *reader) child(name string, required bool, read func(*reader)) {
	value, ok := r.get(name, required)
	if !ok {
		return
	}
	if value.Kind != exactjson.Object {
		r.fail(name, value, "must be an object, not a "+value.Kind.String())
		return
	}
	r.into(value, name, read)
}

// each reads a member that is an array of objects. It reports whether the
// member is there; null is not.
func (r *reader) each(name string, limit int, read func(*reader)) bool {
	value, ok := r.get(name, false)
	if !ok {
		return false
	}
	if value.Kind != exactjson.Array {
		r.fail(name, value, "must be an array, not a "+value.Kind.String())
		return false
	}
	if len(value.Items) > limit {
		r.fail(name, value, "must have at most "+strconv.Itoa(limit)+" elements")
		return false
	}
	for i, item := range value.Items {
		pointer := name + "/" + strconv.Itoa(i)
		if item.Kind != exactjson.Object {
			r.fail(pointer, item, "must be an object, not a "+item.Kind.String())
			return false
		}
		r.into(item, pointer, read)
	}
	return true
}

func (r *reader) into(object exactjson.Value, pointer string, read func(*reader)) {
	inner := reader{object: object, pointer: r.pointer + "/" + pointer, answer: r.answer}
	read(&inner)
	if r.failure == nil {
		r.failure = inner.failure
	}
}

// moment reads a time of RFC 3339, the zero time when it is absent. An empty
// text is refused, as by the Go client.
func (r *reader) moment(name string, required bool) time.Time {
	text := r.text(name, rule{required: required})
	if value, _ := r.object.Get(name); value.Kind != exactjson.String {
		return time.Time{}
	}
	t, err := ParseTime(text)
	if err != nil {
		r.fail(name, exactjson.Value{Text: text}, "must be a time of RFC 3339")
	}
	return t
}

// err returns the complaint as an error that is nil when there is none.
func (r *reader) err() error {
	if r.failure == nil {
		return nil
	}
	return r.failure
}

// newAnswerReader begins with the body of an answer or notification.
func newAnswerReader(body exactjson.Value) *reader {
	r := newReader(body)
	r.answer = true
	return r
}

// newReader begins with a body, which must be an object.
func newReader(body exactjson.Value) *reader {
	r := &reader{object: body}
	if body.Kind != exactjson.Object {
		r.failure = &ParamError{Issue: "the body must be a JSON object", Location: LocationBody}
	}
	return r
}

// DropLongCharacters takes characters of 4 bytes out of what is written: the
// protocol has only those of 1 to 3, and orders may come from elsewhere.
func DropLongCharacters(text []byte) []byte {
	const longest = 0xF0 // begins a character of 4 bytes
	if !slices.ContainsFunc(text, func(b byte) bool { return b >= longest }) {
		return text
	}
	return bytes.Map(func(c rune) rune {
		if c > 0xFFFF {
			return -1
		}
		return c
	}, text)
}

// ShortWriter takes characters of 4 bytes out of what is written to it, piece by
// piece.
type ShortWriter struct {
	w    io.Writer
	left []byte // the beginning of a character
	err  error  // the first
}

// NewShortWriter writes to w.
func NewShortWriter(w io.Writer) *ShortWriter { return &ShortWriter{w: w} }

// Write implements io.Writer. The end of text waits for the rest of its character.
func (s *ShortWriter) Write(text []byte) (int, error) {
	all := append(s.left, text...)
	end := len(all)
	for back := 1; back < utf8.UTFMax && back <= len(all); back++ {
		if start := len(all) - back; utf8.RuneStart(all[start]) {
			if !utf8.FullRune(all[start:]) {
				end = start
			}
			break
		}
	}
	s.left = append([]byte(nil), all[end:]...)
	s.write(all[:end])
	return len(text), s.err
}

func (s *ShortWriter) write(text []byte) {
	if s.err == nil && len(text) > 0 {
		_, s.err = s.w.Write(DropLongCharacters(text))
	}
}

// Err is the first error of a write.
func (s *ShortWriter) Err() error { return s.err }

// Close writes what is left, and returns the first error. It does not close w.
func (s *ShortWriter) Close() error {
	s.write(s.left)
	s.left = nil
	return s.err
}

// hasLongCharacters reports whether text has a character of 4 bytes of UTF-8:
// the platform takes only those of 1 to 3.
func hasLongCharacters(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c > 0xFFFF }) >= 0
}
