package native

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

func TestACursorComesBackAsItWas(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC)
	got, ok := readCursor(*writeCursor(at, "ch_0VbvvQ4eiDX2GdsDHlN8mAnE"))
	if !ok || !got.CreatedAt.Equal(at) || got.ID != "ch_0VbvvQ4eiDX2GdsDHlN8mAnE" {
		t.Errorf("came back as %v, %t", got, ok)
	}
	for _, number := range []int64{0, 1, 1<<63 - 1} {
		if got, ok := readNumberCursor(feedMark, *writeNumberCursor(feedMark, number)); !ok || got != number {
			t.Errorf("%d came back as %d, %t", number, got, ok)
		}
	}
}

func TestWhatNoListGaveIsNoCursor(t *testing.T) {
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, text := range map[string]string{
		"empty":                     "",
		"no base64":                 "a b",
		"padded base64":             encoded("1.a") + "=",
		"no id":                     encoded("1."),
		"no dot":                    encoded("1"),
		"no time":                   encoded(".a"),
		"time 0":                    encoded("0.a"),
		"a negative time":           encoded("-1.a"),
		"a time beyond 64 bits":     encoded("9223372036854775808.a"),
		"an id with a NUL":          encoded("1.a\x00"),
		"an id that is too long":    encoded("1." + strings.Repeat("a", cursorID+1)),
		"an id that is not visible": encoded("1.a b"),
		"the feed's":                *writeNumberCursor(feedMark, 5),
	} {
		if at, ok := readCursor(text); ok {
			t.Errorf("%s: read as %v", name, at)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "a list's": *writeCursor(time.Now(), "x"), "negative": encoded("feed.-1"), "no number": encoded("feed."), "beyond 64 bits": encoded("feed.9223372036854775808"),
	} {
		if number, ok := readNumberCursor(feedMark, text); ok {
			t.Errorf("%s: read as %d", name, number)
		}
	}
}
