package bench

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A table whose preparation fails, or is interrupted, says so and leaves no folder.
func TestATableThatCanNotBePreparedLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	for at := folder; at != os.TempDir() && len(at) > 1; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil { // user postgres walks through it
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", folder)
	opts, err := TableOptions{Own: OwnOptions{Program: filepath.Join(folder, "nothing"), Name: "refundry"}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if m, err := newMeasurer(t.Context(), opts, nil); m != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, %v", m, err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
