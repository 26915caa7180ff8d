package main

import (
	"io"
	"os"
)

// The colours, as terminals take them.
const (
	red   = "31"
	green = "32"
)

// paint colours a text for where it is written: always, never, or where that is a
// terminal that shows colours and NO_COLOR is not set (no-color.org).
func paint(when string, to io.Writer, color, text string) string {
	if when == "always" || when != "never" && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(to) {
		return "\x1b[" + color + "m" + text + "\x1b[0m"
	}
	return text
}

// isTerminal reports whether a person sees what is written there.
func isTerminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
