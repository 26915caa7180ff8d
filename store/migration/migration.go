// Package migration holds the numbered schema changes, one portable text for
// SQLite and PostgreSQL. The previous binary must still run after each: new
// columns are nullable or have a default.
package migration

import "embed"

// Files are the migrations, in goose's form.
//
//go:embed *.sql
var Files embed.FS
