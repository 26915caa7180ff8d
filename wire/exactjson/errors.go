package exactjson

import (
	"errors"
	"strconv"
)

// The reasons why Decode refuses an input; every error of this package is an
// *Error around one of them.
var (
	// ErrSyntax: not JSON by RFC 8259 (a truncated input, too).
	ErrSyntax = errors.New("malformed JSON")
	// ErrTrailingData: something other than blanks after the value.
	ErrTrailingData = errors.New("data after the JSON value")
	// ErrDuplicateName: an object has two members of one name, also if they
	// are escaped differently.
	ErrDuplicateName = errors.New("duplicate name in JSON object")
	// ErrUTF8: the input is not valid UTF-8.
	ErrUTF8 = errors.New("JSON is not valid UTF-8")
	// ErrForbiddenCharacter: a string or name holds U+0000, which PostgreSQL
	// can't store, or half a surrogate pair, which UTF-8 can't.
	ErrForbiddenCharacter = errors.New("forbidden character in JSON string")
	// ErrTooDeep: more arrays and objects in each other than Limits.Depth.
	ErrTooDeep = errors.New("JSON nested too deeply")
	// ErrTooLarge: the input, a number or the count of values is above Limits.
	ErrTooLarge = errors.New("JSON too large")
)

// Error says where and why an input was refused. Its text holds nothing of the
// input.
type Error struct {
	// Offset is the position in the input, in bytes from 0, at which the
	// offending token, escape or byte begins; the length of the input if it
	// ends too early.
	Offset int
	// Reason is one of the Err variables of this package.
	Reason error
}

// Error returns the reason and the position: "malformed JSON at byte 12".
func (e *Error) Error() string {
	return e.Reason.Error() + " at byte " + strconv.Itoa(e.Offset)
}

// Unwrap returns the reason, for errors.Is.
func (e *Error) Unwrap() error { return e.Reason }
