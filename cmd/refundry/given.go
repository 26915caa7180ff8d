package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// describes is the tag of flags that describe and choose nothing, such as a
// reason. They may be empty, which is as if they were left out.
const describes = "describes"

// checkGiven refuses an argument that is given and empty, or has blanks around
// it. A shell's empty variable would otherwise mean what a missing flag means,
// which is often everything.
func checkGiven(args []string, flags []*kong.Flag) error {
	for at := 0; at < len(args); at++ {
		name, value, joined := strings.Cut(args[at], "=")
		switch {
		case args[at] == "--":
			for _, argument := range args[at+1:] {
				if err := wellGiven("an argument", argument); err != nil {
					return err
				}
			}
			return nil
		case !strings.HasPrefix(args[at], "--"):
			name, value = "an argument", args[at]
		case !joined:
			flag := flagNamed(flags, name)
			if flag == nil || flag.IsBool() || at+1 == len(args) {
				continue
			}
			at++
			value = args[at]
		}
		flag := flagNamed(flags, name)
		if flag != nil && flag.Tag.Has(describes) {
			continue
		}
		if err := wellGiven(name, value); err != nil {
			return err
		}
		if flag != nil && flag.IsSlice() && slices.Contains(strings.Split(value, ","), "") {
			return usageError{fmt.Sprintf("%s has an empty element in %q (hint: look where its parts come from)", name, value)}
		}
	}
	return nil
}

func flagNamed(flags []*kong.Flag, name string) *kong.Flag {
	at := slices.IndexFunc(flags, func(f *kong.Flag) bool { return "--"+f.Name == name })
	if at < 0 {
		return nil
	}
	return flags[at]
}

// wellGiven refuses a value that is empty or has blanks or control characters
// around it: a file with Windows line ends leaves a carriage return behind a
// value, and so a database's name becomes another's. The value itself may be
// a secret and is not shown.
func wellGiven(name, value string) error {
	if value == "" {
		return usageError{name + " is given, but empty (hint: leave it out, or look where its value comes from)"}
	}
	runes := []rune(value)
	for _, end := range []struct {
		verb string
		r    rune
	}{{"begins", runes[0]}, {"ends", runes[len(runes)-1]}} {
		if unicode.IsSpace(end.r) || unicode.IsControl(end.r) || end.r == '\ufeff' || end.r == '\u200b' {
			return usageError{fmt.Sprintf("%s %s with the character %U (hint: take blanks and line ends away)", name, end.verb, end.r)}
		}
	}
	return nil
}

// checkVariables is checkGiven for environment variables; empty ones count as
// not set.
func checkVariables() error {
	for _, variable := range slices.Sorted(maps.Values(settings())) {
		if value := os.Getenv(variable); value != "" {
			if err := wellGiven(variable, value); err != nil {
				return err
			}
		}
	}
	return nil
}
