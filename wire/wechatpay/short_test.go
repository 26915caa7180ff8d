package wechatpay

import (
	"bytes"
	"testing"
)

// However a text is cut into pieces, it is written as if it were one.
func TestAShortWriterKeepsCharactersWhole(t *testing.T) {
	text := []byte("a苹果🍎é🍎🍎\n")
	want := DropLongCharacters(text)
	for first := range len(text) + 1 {
		for second := first; second <= len(text); second++ {
			var out bytes.Buffer
			w := NewShortWriter(&out)
			for _, piece := range [][]byte{text[:first], text[first:second], text[second:]} {
				if n, err := w.Write(piece); n != len(piece) || err != nil {
					t.Fatal(n, err)
				}
			}
			if err := w.Close(); err != nil || !bytes.Equal(out.Bytes(), want) {
				t.Errorf("cut at %d and %d: %q, %v", first, second, out.Bytes(), err)
			}
		}
	}
	w := NewShortWriter(failing{})
	if _, err := w.Write(text); err == nil || w.Err() == nil || w.Close() == nil {
		t.Error("nobody noticed that nothing was written")
	}
}
