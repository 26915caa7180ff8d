// Package deploy reads the files below deploy/ as their own tools do: Helm, Docker's
// parser, Compose and systemd. `make deploy-check` runs it.
package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's.
const root = "../.."

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settings are the environment variables that the program knows.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{"REFUNDRY_MASTER_KEY": true}
	sources, err := filepath.Glob(filepath.Join(root, "cmd/refundry/*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	tag := regexp.MustCompile(`env:"(REFUNDRY_[A-Z_]+)"`)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range tag.FindAllStringSubmatch(string(text), -1) {
			known[found[1]] = true
		}
	}
	return known
}

// checkSettings fails on a variable that looks like one of ours and is none: the
// program would only warn of it.
func checkSettings(t *testing.T, names []string) {
	t.Helper()
	known, ours := settings(t), 0
	for _, name := range names {
		if !strings.HasPrefix(name, "REFUNDRY_") {
			continue
		}
		ours++
		if !known[name] {
			t.Errorf("the program has no setting %s", name)
		}
	}
	if ours == 0 {
		t.Error("no setting was found")
	}
}
