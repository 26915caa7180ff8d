package secret

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzOpen holds for any text: nothing opens that was not sealed, and what was
// sealed opens in its own row alone.
func FuzzOpen(f *testing.F) {
	keyring, err := New(bytes.Repeat([]byte{7}, MasterBytes))
	if err != nil {
		f.Fatal(err)
	}
	const plain = "what nobody may see"
	sealed := keyring.Seal([]byte(plain), "identity", "secrets", "1")
	f.Add(sealed, "identity", "1")
	f.Add(sealed[:len(sealed)-1], "identity", "1")
	f.Add("v1."+keyring.ID()+".", "", "")
	f.Add("v1..", "identity", "1")
	f.Fuzz(func(t *testing.T, text, table, row string) {
		opened, err := keyring.Open(text, table, "secrets", row)
		if err == nil && (string(opened) != plain || table != "identity" || row != "1") {
			t.Fatalf("%q opens as %q in row %q of %q", text, opened, row, table)
		}
		if err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrOtherKey) {
			t.Fatalf("%q: %v", text, err)
		}
		again := keyring.Seal([]byte(text), table, "secrets", row)
		if back, err := keyring.Open(again, table, "secrets", row); err != nil || string(back) != text {
			t.Fatalf("%q comes back as %q, %v", text, back, err)
		}
		if _, err := keyring.Open(again, table, "secrets", row+"x"); err == nil {
			t.Fatalf("what stands in row %q opens in another", row)
		}
		if _, err := keyring.Open(again, table+"secrets", "", row); err == nil {
			t.Fatalf("what stands in table %q opens in another", table)
		}
	})
}
