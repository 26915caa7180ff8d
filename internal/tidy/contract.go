package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ContractRule is one row of docs/rules/<dialect>.md: one thing that a
// contract demands, and the tests that fail when it is broken.
type ContractRule struct {
	// File and Line say where the row stands.
	File string
	Line int
	// ID is unique over all tables, such as P1.3-2.
	ID string
	// Text says what must be so.
	Text string
	// Tests are references such as dialect/pingpp.TestBodies/an empty array.
	// A rule that is knowingly not held has none, but a Reason.
	Tests  []string
	Reason string
}

// notHeld begins the last column of a rule that no test holds.
const notHeld = "not held: "

var ruleID = regexp.MustCompile(`^[A-Z][0-9]+(\.[0-9]+)*[a-z]?-[0-9]+[a-z]?$`)

// ContractRules reads one table file. What looks like a row and is none is a
// finding, so that a slip of the pen does not hide a rule.
func ContractRules(name string, text []byte) ([]ContractRule, []Finding) {
	var rules []ContractRule
	var found []Finding
	for i, row := range bytes.Split(text, []byte{'\n'}) {
		line := strings.TrimSpace(string(row))
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| rule |") {
			continue
		}
		// A pipe inside a cell is written \|, as everywhere in Markdown.
		line = strings.ReplaceAll(line, `\|`, "\x00")
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for at := range cells {
			cells[at] = strings.TrimSpace(strings.ReplaceAll(cells[at], "\x00", "|"))
		}
		rule := ContractRule{File: name, Line: i + 1}
		if len(cells) != 3 || !ruleID.MatchString(cells[0]) || cells[1] == "" || cells[2] == "" {
			found = append(found, rule.finding("is no row of rule, what must be so, held by: %q", row))
			continue
		}
		rule.ID, rule.Text = cells[0], cells[1]
		if reason, ok := strings.CutPrefix(cells[2], notHeld); ok {
			rule.Reason = reason
		} else {
			for _, test := range strings.Split(cells[2], "; ") {
				rule.Tests = append(rule.Tests, strings.Trim(strings.TrimSpace(test), "`"))
			}
		}
		rules = append(rules, rule)
	}
	return rules, found
}

func (r ContractRule) finding(format string, args ...any) Finding {
	return Finding{File: r.File, Line: r.Line, Rule: "contract rule", Text: fmt.Sprintf(format, args...)}
}

// CheckContractRules finds rules with a number that is taken, and rules whose
// tests do not exist: a table that names tests which are gone claims a
// protection that nobody has.
func CheckContractRules(root string, rules []ContractRule, files []File) []Finding {
	tests := map[string]*packageTests{}
	seen := map[string]bool{}
	var found []Finding
	for _, rule := range rules {
		if seen[rule.ID] {
			found = append(found, rule.finding("the number %s is taken", rule.ID))
		}
		seen[rule.ID] = true
		for _, reference := range rule.Tests {
			dir, rest, ok := cutReference(reference)
			if !ok {
				found = append(found, rule.finding("%q is not package/path.TestName/subtest", reference))
				continue
			}
			if tests[dir] == nil {
				tests[dir] = testsOf(root, dir, files)
			}
			name, sub, _ := strings.Cut(rest, "/")
			if !tests[dir].functions[name] {
				found = append(found, rule.finding("there is no test %s in %s", name, dir))
			} else if sub != "" && !tests[dir].has(sub) {
				found = append(found, rule.finding("%s: no test of the package has the name %q", reference, sub))
			}
		}
	}
	return found
}

// cutReference parts dialect/pingpp.TestX/case into folder and the rest.
func cutReference(reference string) (dir, test string, ok bool) {
	for _, prefix := range []string{".Test", ".Fuzz"} {
		if dir, rest, ok := strings.Cut(reference, prefix); ok {
			return dir, prefix[1:] + rest, true
		}
	}
	return "", "", false
}

// packageTests are the names that a package's tests may have.
type packageTests struct {
	functions map[string]bool
	// names are string literals of its test files and base names of its
	// testdata, from which names of subtests are made.
	names map[string]bool
}

// has reports whether a subtest can have this name: whole, or each part of it.
func (p *packageTests) has(sub string) bool {
	if p.names[sub] {
		return true
	}
	parts := strings.Split(sub, "/")
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(part string) bool { return !p.names[part] })
}

func testsOf(root, dir string, files []File) *packageTests {
	tests := &packageTests{functions: map[string]bool{}, names: map[string]bool{}}
	for _, file := range files {
		if file.dir() != dir || !file.test() {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if node.Recv == nil {
					tests.functions[node.Name.Name] = true
				}
			case *ast.BasicLit:
				if node.Kind == token.STRING {
					if text, err := strconv.Unquote(node.Value); err == nil {
						tests.names[text] = true
					}
				}
			}
			return true
		})
	}
	// A folder without testdata has no names there; that is all.
	_ = filepath.WalkDir(filepath.Join(root, filepath.FromSlash(dir), "testdata"), func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			base := filepath.Base(name)
			tests.names[strings.TrimSuffix(base, path.Ext(base))] = true
		}
		return nil
	})
	return tests
}

// LoadContractRules reads every table below docs/rules.
func LoadContractRules(root string) ([]ContractRule, []Finding, error) {
	names, err := filepath.Glob(filepath.Join(root, "docs", "rules", "*.md"))
	if err != nil {
		return nil, nil, fmt.Errorf("find rule tables: %w", err)
	}
	var rules []ContractRule
	var found []Finding
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("read rule table: %w", err)
		}
		more, broken := ContractRules("docs/rules/"+filepath.Base(name), text)
		rules, found = append(rules, more...), append(found, broken...)
	}
	return rules, found, nil
}
