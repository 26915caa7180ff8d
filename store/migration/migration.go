// Package migration holds the numbered schema changes, one portable text for
// SQLite and PostgreSQL. The previous binary must still run after each: new
// columns are nullable or have a default.
//
// Where an engine needs other words, its lines stand between a line
// "-- +engine sqlite" or "-- +engine postgres" and the next such line;
// "-- +engine all" ends it. That is for large tables alone, see
// 00039_large_tables.sql: on PostgreSQL no migration may scan one under a lock that
// readers or writers wait for.
package migration

import (
	"embed"
	"regexp"
)

// Files are the migrations, in goose's form.
//
//go:embed *.sql
var Files embed.FS

// Tables are the names of all tables, in the order in which they came.
func Tables() []string {
	entries, _ := Files.ReadDir(".")
	var names []string
	for _, entry := range entries {
		text, _ := Files.ReadFile(entry.Name())
		for _, found := range created.FindAllStringSubmatch(string(text), -1) {
			names = append(names, found[1])
		}
	}
	return names
}

var created = regexp.MustCompile(`(?m)^CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(`)
