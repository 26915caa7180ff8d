package tidy

import (
	"os"
	"strings"
	"testing"
)

// Two engineers who add a migration at once both take the next number, and git
// merges that without a word. The program then does not start.
func TestEveryMigrationHasANumberOfItsOwn(t *testing.T) {
	entries, err := os.ReadDir("../../store/migration")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, entry := range entries {
		number, _, numbered := strings.Cut(entry.Name(), "_")
		if !strings.HasSuffix(entry.Name(), ".sql") || !numbered {
			continue
		}
		if other, taken := found[number]; taken {
			t.Errorf("%s and %s have one number", other, entry.Name())
		}
		found[number] = entry.Name()
	}
	if len(found) == 0 {
		t.Error("there are no migrations")
	}
}
