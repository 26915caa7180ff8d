package tidy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// commands are the lines of a page's code blocks, without comments.
func commands(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	inside := false
	for line := range strings.Lines(string(text)) {
		switch line, _, _ = strings.Cut(line, "#"); {
		case strings.HasPrefix(line, "```"):
			inside = !inside
		case inside && strings.TrimSpace(line) != "":
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func TestBothReadmesHaveTheSameCommands(t *testing.T) {
	english, chinese := commands(t, "README.md"), commands(t, "README.zh-CN.md")
	if len(english) < 10 || !slices.Equal(english, chinese) {
		t.Errorf("README.md has\n%s\nREADME.zh-CN.md has\n%s", strings.Join(english, "\n"), strings.Join(chinese, "\n"))
	}
}
