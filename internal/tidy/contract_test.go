package tidy

import (
	"maps"
	"path"
	"slices"
	"testing"
)

// TestRuleTables holds docs/rules against the tests that they name, and logs
// the count for each contract: go test ./internal/tidy -run RuleTables -v.
func TestRuleTables(t *testing.T) {
	root := repository(t)
	files, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	rules, found, err := LoadContractRules(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) == 0 {
		t.Fatal("no rule below docs/rules: the search itself is broken")
	}
	for _, finding := range append(found, CheckContractRules(root, rules, files)...) {
		t.Error(finding)
	}
	held, open, references := map[string]int{}, map[string]int{}, map[string]map[string]bool{}
	for _, rule := range rules {
		name := path.Base(rule.File)
		if references[name] == nil {
			references[name] = map[string]bool{}
		}
		for _, test := range rule.Tests {
			references[name][test] = true
		}
		if rule.Reason != "" {
			open[name]++
			continue
		}
		held[name]++
	}
	for _, name := range slices.Sorted(maps.Keys(references)) {
		t.Logf("%s: %d rules held by %d tests, %d not held", name, held[name], len(references[name]), open[name])
	}
}

func TestContractRules(t *testing.T) {
	tests := []struct {
		name, row string
		broken    bool
	}{
		{"a rule with two tests", "| P1.2-1 | must be so | a/b.TestX; a/b.TestX/one case |", false},
		{"a rule that is not held", "| P1.2-1 | must be so | not held: unknown |", false},
		{"a pipe in a cell", `| P1.2-1 | accepts r\|1 | a/b.TestX |`, false},
		{"a subtest with a slash in its name", "| P1.2-1 | must be so | a/b.TestX/GET /v1 |", false},
		{"subtests in each other", "| P1.2-1 | must be so | a/b.TestX/one case/another |", false},
		{"a test that is gone", "| P1.2-1 | must be so | a/b.TestGone |", true},
		{"a subtest that is gone", "| P1.2-1 | must be so | a/b.TestX/gone |", true},
		{"a subtest in a subtest that is gone", "| P1.2-1 | must be so | a/b.TestX/one case/gone |", true},
		{"a test of another package", "| P1.2-1 | must be so | a/c.TestX |", true},
		{"no test at all", "| P1.2-1 | must be so | |", true},
		{"no test's name", "| P1.2-1 | must be so | see above |", true},
		{"no number", "| P | must be so | a/b.TestX |", true},
		{"a column too many", "| P1.2-1 | must | be so | a/b.TestX |", true},
	}
	files := []File{source(t, "a/b/b_test.go", "package b\n\nfunc TestX(t *testing.T) { use(\"one case\", `another`, \"GET /v1\") }\n")}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules, found := ContractRules("docs/rules/b.md", []byte("# Title\n| rule | what | held by |\n| --- | --- | --- |\n"+test.row+"\n"))
			found = append(found, CheckContractRules(t.TempDir(), rules, files)...)
			if (len(found) > 0) != test.broken {
				t.Errorf("found %v", found)
			}
		})
	}
	t.Run("a number that is taken", func(t *testing.T) {
		rules, _ := ContractRules("docs/rules/b.md", []byte(tests[0].row+"\n"+tests[1].row+"\n"))
		if found := CheckContractRules(t.TempDir(), rules, files); len(found) != 1 || found[0].Line != 2 {
			t.Errorf("found %v", found)
		}
	})
}
