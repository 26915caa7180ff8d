package console

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// usedKey finds a whole key, keyPrefix one that is put together.
	usedKey     = regexp.MustCompile(`(?:\bt |\btext\(|\bflash\(|\bt \(print )"([a-z_]+\.[a-z0-9_.]*)"`)
	templateTag = regexp.MustCompile(`(?s)\{\{.*?\}\}|<[^>]*>|&[a-z]+;`)
	letters     = regexp.MustCompile(`\p{L}{2,}`)
	chinese     = regexp.MustCompile(`\p{Han}`)
)

func TestEveryTextIsInBothLanguages(t *testing.T) {
	for key, one := range loadCatalogue() {
		if one.En == "" || one.Zh == "" {
			t.Errorf("%s lacks a language", key)
		}
		if verbs(one.En) != verbs(one.Zh) || one.One != "" && verbs(one.One) != verbs(one.En) {
			t.Errorf("%s takes other arguments in the other language", key)
		}
	}
}

func TestEveryTemplateIsSound(t *testing.T) {
	c := New(Services{})
	for language, pages := range c.templates {
		if len(pages) < 30 {
			t.Errorf("%s has %d pages", language, len(pages))
		}
		for name, parsed := range pages {
			if parsed().Lookup(name+".html") == nil {
				t.Errorf("%s is not itself in %s", name, language)
			}
		}
	}
}

func verbs(text string) int { return strings.Count(strings.ReplaceAll(text, "%%", ""), "%") }

// sources are the templates and the program's files by name.
func sources(t *testing.T, pattern string) map[string]string {
	t.Helper()
	found := map[string]string{}
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %s %v", pattern, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			found[name] = string(text)
		}
	}
	return found
}

func TestEveryKeyThatIsUsedIsInTheCatalogue(t *testing.T) {
	texts := loadCatalogue()
	for _, pattern := range []string{"*.go", "template/*.html", "template/layout/*.html"} {
		for name, text := range sources(t, pattern) {
			if name == "doc.go" {
				continue
			}
			for _, match := range usedKey.FindAllStringSubmatch(text, -1) {
				if _, ok := texts[match[1]]; !ok && !strings.HasSuffix(match[1], ".") && !strings.HasSuffix(match[1], "_") {
					t.Errorf("%s uses %q, which is not in the catalogue", name, match[1])
				}
			}
		}
	}
	for _, one := range menu {
		if _, ok := texts[one.key]; !ok {
			t.Errorf("the menu uses %q", one.key)
		}
	}
	for kind := range statuses {
		if _, ok := texts["error."+string(kind)]; !ok {
			t.Errorf("there is no text for errors of the kind %s", kind)
		}
	}
}

// Names that are the same in each language.
var names = regexp.MustCompile(`\b(Refundry|CSV|TOTP|OIDC|CEL|URL|ID|IP|JSON|doctype|html)\b`)

func TestNoTextIsOutsideOfTheCatalogue(t *testing.T) {
	for _, pattern := range []string{"template/*.html", "template/layout/*.html"} {
		for name, text := range sources(t, pattern) {
			if left := names.ReplaceAllString(templateTag.ReplaceAllString(text, " "), ""); letters.MatchString(left) {
				t.Errorf("%s has a text of its own: %q", name, letters.FindString(left))
			}
			for _, attribute := range []string{`title="`, `placeholder="`, `aria-label="`, `alt="`, `data-confirm="`} {
				for _, part := range strings.Split(text, attribute)[1:] {
					if !strings.HasPrefix(part, "{{") {
						t.Errorf("%s has a text of its own: %s%.20s", name, attribute, part)
					}
				}
			}
		}
	}
	for name, text := range sources(t, "*.go") {
		if chinese.MatchString(text) {
			t.Errorf("%s has Chinese in it", name)
		}
	}
}
