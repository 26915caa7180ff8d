package merchant

import (
	"fmt"
	"slices"
	"strings"
)

// Forms of settings that several dialects and drivers have.

// OneOf takes one of some words.
func OneOf(words ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(words, value) {
			return fmt.Errorf("must be one of %s, or empty", strings.Join(words, ", "))
		}
		return nil
	}
}

// Visible takes 1 to limit visible ASCII characters without blanks: what turns
// up in addresses, headers and files.
func Visible(limit int) func(string) error {
	return func(value string) error {
		if value == "" || len(value) > limit || strings.IndexFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
			return fmt.Errorf("must be at most %d visible ASCII characters", limit)
		}
		return nil
	}
}

// Digits takes from least to most digits.
func Digits(least, most int) func(string) error {
	return func(value string) error {
		if len(value) < least || len(value) > most || strings.Trim(value, "0123456789") != "" {
			return fmt.Errorf("must be %d to %d digits", least, most)
		}
		return nil
	}
}
