package tidy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHouse holds every file of the repository against every rule.
func TestHouse(t *testing.T) {
	root := repository(t)
	files, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d files below %s: the search itself is broken", len(files), root)
	}
	for _, found := range Check(files) {
		t.Error(found)
	}
}

// repository is the folder with our go.mod, wherever the test runs.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}

// source parses one file that is only in memory.
func source(t *testing.T, name, text string) File {
	t.Helper()
	file, err := Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// expect runs a rule and compares its findings, each given as "file:line".
func expect(t *testing.T, rule Rule, files []File, want ...string) {
	t.Helper()
	places := map[string]int{}
	for _, found := range rule(files) {
		places[fmt.Sprintf("%s:%d", found.File, found.Line)]++
		t.Log(found)
	}
	for _, place := range want {
		places[place]--
	}
	for place, count := range places {
		if count != 0 {
			t.Errorf("%s: %+d findings against what was expected", place, count)
		}
	}
}

func TestCheckRunsEveryRule(t *testing.T) {
	broken := source(t, "money/util/broken.go", `package util

import (
	"time"
	_ "`+module+`/store"
)

var a = float64(time.Now().Unix())
var q = "SELECT * FROM x"

func long() {`+strings.Repeat("\n", 500)+`}
`)
	others := []File{
		source(t, "ledger/account.go", "package ledger\n\n// Section 2 has it.\nvar a = 1\n"),
		source(t, "store/charge.go", "package store\nvar s = f(\"DELETE FROM charges\")\n"),
		source(t, "refund/errors.go", "package refund\nconst KindA Kind = \"a\"\n"),
		source(t, "dialect/acme/errors.go", "package acme\n"),
		source(t, "dialect/acme/names.go", "package acme\nimport \""+module+"/merchant\"\nvar a = merchant.Payin\n"),
	}
	seen := map[string]bool{}
	for _, found := range Check(append(others, broken)) {
		seen[found.Rule] = true
	}
	if len(seen) != len(Rules) {
		t.Errorf("%d rules spoke, want all %d: %v", len(seen), len(Rules), seen)
	}
}

func TestLoadPassesOverWhatIsNotOurs(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                     "module x\n",
		"money/money.go":             "package money\n",
		"money/testdata/bad.go":      "not Go at all",
		"e2e/node_modules/x/bad.go":  "not Go at all",
		".bin/bad.go":                "not Go at all",
		"another/go.mod":             "module y\n",
		"another/bad.go":             "not Go at all",
		"money/money.txt":            "not Go at all",
		"store/storetest/storage.go": "package storetest\n",
	} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files[0].Path != "money/money.go" || files[1].Path != "store/storetest/storage.go" {
		t.Errorf("loaded %v", files)
	}
}
