package tidy

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	// sectionNumber finds a reference to a numbered part of a page.
	sectionNumber = regexp.MustCompile(`(?:\b[Ss]ections? |§ ?)[0-9]`)
	// standard stands before a section of a page that everybody can open.
	standard = regexp.MustCompile(`RFC [0-9]+,? $`)
	// fileName finds a file of a kind that only the repository holds.
	fileName = regexp.MustCompile(`[\w.*<>{}/-]*\w\.(?:go|md|sql|yaml)\b`)
	// ruleName finds the id of a rule in docs/rules, by the letters of those
	// tables.
	ruleName = regexp.MustCompile(`\b[PWYLN][0-9]+(?:\.[0-9]+)*[a-z]?-[0-9]+[a-z]?\b`)
)

// Section finds comments that refer to numbered sections of pages. The pages
// that describe the contracts are not in the repository; what they demand is a
// row of docs/rules, whose id a reader can look up.
func Section(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		if file.within("internal/tidy") {
			continue
		}
		for _, group := range file.Syntax.Comments {
			text := readComment(file, group)
			for _, at := range sectionNumber.FindAllStringIndex(text.joined, -1) {
				if standard.MatchString(text.joined[:at[0]]) {
					continue
				}
				found = append(found, Finding{
					file.Path, text.line(at[0]), "section",
					"a section of a page that is not here: name the rule of docs/rules, or say the fact itself",
				})
			}
		}
	}
	return found
}

// Repository is what comments and pages may name.
type Repository struct {
	// paths are the files, relative to the root, and bases their names alone.
	paths, bases map[string]bool
	rules        map[string]bool
	pages        map[string]string // texts by path
}

// LoadRepository lists the files below root and reads its pages.
func LoadRepository(root string, rules []ContractRule) (Repository, error) {
	r := Repository{paths: map[string]bool{}, bases: map[string]bool{}, rules: map[string]bool{}, pages: map[string]string{}}
	for _, rule := range rules {
		r.rules[rule.ID] = true
	}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		r.paths[relative], r.bases[path.Base(relative)] = true, true
		if path.Ext(relative) == ".md" && !strings.Contains(relative, "testdata/") {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			r.pages[relative] = string(text)
		}
		return nil
	})
	if err != nil {
		return Repository{}, fmt.Errorf("list files: %w", err)
	}
	return r, nil
}

// Check finds comments and pages that name a file or a rule which is not there.
func (r Repository) Check(files []File) []Finding {
	var found []Finding
	for _, file := range files {
		if file.within("internal/tidy") {
			continue
		}
		for _, group := range file.Syntax.Comments {
			text := readComment(file, group)
			for _, at := range fileName.FindAllStringIndex(text.joined, -1) {
				if r.missing(file.Path, text.joined, at) {
					found = append(found, Finding{file.Path, text.line(at[0]), "reference", "there is no file " + text.joined[at[0]:at[1]]})
				}
			}
			for _, at := range ruleName.FindAllStringIndex(text.joined, -1) {
				if id := text.joined[at[0]:at[1]]; !r.rules[id] {
					found = append(found, Finding{file.Path, text.line(at[0]), "reference", "there is no rule " + id + " in docs/rules"})
				}
			}
		}
	}
	for page, text := range r.pages {
		for n, line := range strings.Split(text, "\n") {
			for _, at := range fileName.FindAllStringIndex(line, -1) {
				if r.missing(page, line, at) {
					found = append(found, Finding{page, n + 1, "reference", "there is no file " + line[at[0]:at[1]]})
				}
			}
		}
	}
	return found
}

// missing reports whether the name at a place of a text is no file: from the
// root, from the folder of who names it, or, for a bare name, of any folder.
// Addresses are no files, patterns stand for many, and acme is nobody's.
func (r Repository) missing(by, text string, at []int) bool {
	name := text[at[0]:at[1]]
	switch {
	case strings.HasPrefix(name, "/"), strings.HasSuffix(text[:at[0]], ":"), strings.ContainsAny(name, "*<>{}"), strings.Contains(name, "acme"):
		return false
	case !strings.Contains(name, "/"):
		return !r.bases[name]
	}
	return !r.paths[path.Clean(name)] && !r.paths[path.Join(path.Dir(by), name)]
}

// comment is a comment's text in one line, so that what is wrapped is found.
type comment struct {
	joined string
	starts []int // of each line in joined
	first  int
}

func readComment(file File, group *ast.CommentGroup) comment {
	c := comment{first: file.line(group.Pos())}
	for _, one := range group.List {
		text := strings.TrimSuffix(strings.TrimPrefix(one.Text, "/*"), "*/")
		for line := range strings.SplitSeq(text, "\n") {
			c.starts = append(c.starts, len(c.joined))
			c.joined += strings.TrimSpace(strings.TrimPrefix(line, "//")) + " "
		}
	}
	return c
}

func (c comment) line(at int) int {
	line := c.first
	for n, start := range c.starts {
		if start <= at {
			line = c.first + n
		}
	}
	return line
}
