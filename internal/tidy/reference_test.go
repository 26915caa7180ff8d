package tidy

import (
	"testing"
)

// TestReferences holds every comment and page against the files and rules that
// there are.
func TestReferences(t *testing.T) {
	root := repository(t)
	files, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := LoadContractRules(root)
	if err != nil {
		t.Fatal(err)
	}
	r, err := LoadRepository(root, rules)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.pages) < 10 || !r.paths["go.mod"] {
		t.Fatalf("found %d pages below %s: the search itself is broken", len(r.pages), root)
	}
	for _, found := range r.Check(files) {
		t.Error(found)
	}
}

func TestSection(t *testing.T) {
	expect(t, Section, []File{source(t, "refund/a.go", `// Package refund is told in section 3.
package refund

// A is what the page says (section
// 2.4), and in sections 1 and 2.
var A = 1 // § 5

// B has a cross section of 12 mm; RFC 9457 has sections, and so has "section 3".
var B = "section 3"

// C is rule W2.4-1, and RFC 3339, section 5.6.
var C = 1
`)}, "refund/a.go:1", "refund/a.go:4", "refund/a.go:5", "refund/a.go:6", "refund/a.go:8")
}

func TestCommentsAndPagesNameWhatIsThere(t *testing.T) {
	r := Repository{
		paths: map[string]bool{"docs/money.md": true, "docs/rules/payin.md": true, "refund/errors.go": true, "store/migration/00001_first.sql": true},
		bases: map[string]bool{"money.md": true, "payin.md": true, "errors.go": true, "00001_first.sql": true},
		rules: map[string]bool{"Y1-1": true, "W2.1a-30": true},
		pages: map[string]string{"docs/a.md": "See [money](money.md), `errors.go`, `dialect/acme/errors.go`.\nSee `gone.go` and [this](rules/gone.md), not https://x.example/a.md or /v1/openapi.yaml.\n"},
	}
	check := func(files []File) []Finding { return r.Check(files) }
	expect(t, check, []File{
		source(t, "refund/a.go", `package refund

// A is in docs/money.md, errors.go, refund/errors.go and migration/*.sql.
var A = 1

// B is in docs/gone.md, and
// in store/gone.go.
var B = 1 // Y1-1, W2.1a-30 and Y1-2
`),
		source(t, "store/a.go", `package store

// C is in migration/00001_first.sql.
var C = "docs/gone.md"
`),
	}, "refund/a.go:6", "refund/a.go:7", "refund/a.go:8", "docs/a.md:2", "docs/a.md:2")
}
