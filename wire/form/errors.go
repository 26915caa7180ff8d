package form

import (
	"errors"
	"fmt"
)

// The reasons why Parse and Nest refuse an input; every error of this package
// is an *Error around one of them.
var (
	// ErrEscape: '%' without two hexadecimal digits behind it.
	ErrEscape = errors.New("malformed percent-encoding")
	// ErrUTF8: a decoded key or value is not valid UTF-8.
	ErrUTF8 = errors.New("not valid UTF-8")
	// ErrForbiddenCharacter: a decoded key or value holds U+0000.
	ErrForbiddenCharacter = errors.New("forbidden character")
	// ErrKey: a key without a name, or with brackets that don't fit together.
	ErrKey = errors.New("malformed key")
	// ErrConflict: one key as two shapes, like a=1&a[b]=2 or a[]=1&a[0]=2.
	ErrConflict = errors.New("key used in two ways")
	// ErrDuplicate: one key twice, where that makes no array: a[b]=1&a[b]=2.
	ErrDuplicate = errors.New("duplicate key")
	// ErrTooManyPairs: more pairs than Limits.Pairs.
	ErrTooManyPairs = errors.New("too many pairs")
	// ErrTooDeep: more brackets than Limits.Depth allows.
	ErrTooDeep = errors.New("key nested too deeply")
	// ErrTooLarge: the input or a key is longer than Limits allow.
	ErrTooLarge = errors.New("form too large")
)

// Error says which pair was refused and why.
type Error struct {
	// Pair is the position of the pair, from 0; empty pieces don't count.
	Pair int
	// Key is its decoded key, which is valid UTF-8 without U+0000 and at most
	// Limits.KeyBytes long; "" if the key itself could not be read or no
	// single pair is at fault.
	Key string
	// Reason is one of the Err variables of this package.
	Reason error
}

// Error returns the reason, the position and the key in quotes:
// `duplicate key at pair 3 "a[b]"`.
func (e *Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%v at pair %d", e.Reason, e.Pair)
	}
	return fmt.Sprintf("%v at pair %d %q", e.Reason, e.Pair, e.Key)
}

// Unwrap returns the reason, for errors.Is.
func (e *Error) Unwrap() error { return e.Reason }
