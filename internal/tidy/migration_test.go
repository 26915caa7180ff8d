package tidy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

var (
	madeTable  = regexp.MustCompile(`(?ms)^CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*?)^\);`)
	madeUnique = regexp.MustCompile(`(?m)^CREATE UNIQUE INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+) ON (\w+) \(([^)]*)\)`)
	merchants  = regexp.MustCompile(`PRIMARY KEY \(merchant_id\b|merchant_id +TEXT +NOT NULL PRIMARY KEY`)
	unique     = regexp.MustCompile(`(?:UNIQUE|PRIMARY KEY|FOREIGN KEY) \(([^)]*)\)`)
)

// A table whose key begins with the merchant is spread by it on Citus: rule
// MerchantID must know it, and no key of it may go without the merchant. Pauses
// are few, and replicated.
func TestEveryTableOfMerchantsIsKnownAndItsKeysNameTheMerchant(t *testing.T) {
	files, err := filepath.Glob("../../store/migration/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	spread := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range madeTable.FindAllStringSubmatch(string(text), -1) {
			if !merchants.MatchString(table[2]) || table[1] == "pauses" {
				continue
			}
			spread[table[1]] = true
			if !slices.Contains(merchantTables, table[1]) {
				t.Errorf("%s: add %s to merchantTables in internal/tidy/sql.go", filepath.Base(file), table[1])
			}
			for _, key := range unique.FindAllStringSubmatch(table[2], -1) {
				if !strings.Contains(key[1], "merchant_id") {
					t.Errorf("%s: %s has the key (%s) without merchant_id, which no server of a Citus cluster could hold alone", filepath.Base(file), table[1], key[1])
				}
			}
		}
		for _, index := range madeUnique.FindAllStringSubmatch(string(text), -1) {
			if spread[index[2]] && !strings.Contains(index[3], "merchant_id") {
				t.Errorf("%s: the unique index %s lacks merchant_id, so that no server of a Citus cluster could hold it alone", filepath.Base(file), index[1])
			}
		}
	}
	for _, table := range merchantTables {
		if !spread[table] {
			t.Errorf("merchantTables has %s, which no migration makes with a key that begins with merchant_id", table)
		}
	}
}
