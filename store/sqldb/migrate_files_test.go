package sqldb

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestAMigrationHasTheLinesOfItsEngine(t *testing.T) {
	files := fstest.MapFS{
		"1.sql": {Data: []byte("a\n-- +engine sqlite\nb\n-- +engine postgres\nc\n-- +engine all\nd")},
		"2.sql": {Data: []byte("-- +engine mysql\n")},
	}
	for engine, want := range map[string]string{"sqlite": "a\nb\nd", "postgres": "a\nc\nd"} {
		if text, err := fs.ReadFile(engineFiles{files, engine, nil}, "1.sql"); err != nil || string(text) != want {
			t.Errorf("%s reads %q, %v", engine, text, err)
		}
	}
	if text, err := fs.ReadFile(engineFiles{files, "sqlite", nil}, "2.sql"); err == nil {
		t.Errorf("an engine that is not there: %q", text)
	}
	if names, err := fs.Glob(engineFiles{files, "sqlite", nil}, "*.sql"); err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}
