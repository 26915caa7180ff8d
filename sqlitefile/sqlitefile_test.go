package sqlitefile

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // makes real files
)

// database opens a database in WAL mode in a folder of its own.
func database(t *testing.T) (*sql.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	run(t, db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
	return db, path
}

func run(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(statement, err)
		}
	}
}

// grow adds rows of a page each, so that the database gets new pages.
func grow(t *testing.T, db *sql.DB, rows int) {
	t.Helper()
	for range rows {
		run(t, db, "INSERT INTO t (b) VALUES ('"+strings.Repeat("x", 4000)+"')")
	}
}

// killed copies a database's files as a process that is killed leaves them.
func killed(t *testing.T, path string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left.db")
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left+suffix, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return left
}

// backup makes a copy as SQLite does it.
func backup(t *testing.T, db *sql.DB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "backup.db")
	run(t, db, "VACUUM INTO '"+name+"'")
	return name
}

func over(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWALOfAKilledProcessBelongsToItsDatabase(t *testing.T) {
	db, path := database(t)
	for n, step := range []func(){
		func() {},
		func() { grow(t, db, 20) },
		func() { run(t, db, "UPDATE t SET b = 'y'") }, // no new page: the first page stays
		func() { run(t, db, "PRAGMA wal_checkpoint(PASSIVE)") },
		func() { run(t, db, "UPDATE t SET b = 'z' WHERE a = 1") },
		func() { grow(t, db, 3) },
		func() { run(t, db, "PRAGMA wal_checkpoint(TRUNCATE)") },
		func() { run(t, db, "UPDATE t SET b = 'w' WHERE a = 1") },
		func() { run(t, db, "DELETE FROM t", "PRAGMA wal_checkpoint(RESTART)") },
		func() { grow(t, db, 3) },
	} {
		step()
		if err := Join(killed(t, path)); err != nil {
			t.Errorf("step %d: %v", n, err)
		}
	}
}

// A checkpoint that was broken off has copied some pages, the first among
// them.
func TestAWALWhoseCheckpointWasBrokenOffBelongsToItsDatabase(t *testing.T) {
	db, path := database(t)
	grow(t, db, 20)
	left := killed(t, path)
	run(t, db, "PRAGMA wal_checkpoint(PASSIVE)")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, pages := range []int{1, 5, len(whole) / 4096} {
		if err := os.WriteFile(left, whole[:pages*4096], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Join(left); err != nil {
			t.Errorf("%d pages were copied: %v", pages, err)
		}
	}
}

func TestABackupThatWasCopiedOverTheFileOfAKilledProcessIsRefused(t *testing.T) {
	db, path := database(t)
	grow(t, db, 20)
	old := backup(t, db)
	run(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	grow(t, db, 20)
	run(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	for name, step := range map[string]func(){
		"the log has the first page": func() { grow(t, db, 2) },
		"the log has not":            func() { run(t, db, "PRAGMA wal_checkpoint(TRUNCATE)", "UPDATE t SET b = 'y' WHERE a = 1") },
	} {
		step()
		left := killed(t, path)
		over(t, old, left)
		err := Join(left)
		if !errors.Is(err, ErrForeignWAL) || !strings.Contains(err.Error(), "hint") || !strings.Contains(err.Error(), left+"-wal") {
			t.Errorf("%s: got %v", name, err)
		}
		if err := os.Remove(left + "-wal"); err != nil {
			t.Fatal(err)
		}
		if err := Join(left); err != nil {
			t.Errorf("%s: without the log: %v", name, err)
		}
	}
}

func TestAFileThatCanBeNoDatabaseIsRefused(t *testing.T) {
	db, path := database(t)
	grow(t, db, 20)
	run(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":                  {nil, ""},
		"the file itself":          {text, ""},
		"a text":                   {[]byte("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;"), "it is no SQLite database"},
		"half of a header":         {text[:50], "it is no SQLite database"},
		"a copy that broke off":    {text[:len(text)/2], "its end is missing"},
		"pages of a strange width": {append([]byte(magic+"\x12\x34"), text[18:]...), "its pages have 4660 bytes"},
	} {
		file := filepath.Join(t.TempDir(), "b.db")
		if err := os.WriteFile(file, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		err := Join(file)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if err := Join(filepath.Join(t.TempDir(), "absent.db")); err != nil {
		t.Error(err)
	}
}

func TestAFileHasOneOwnerUnderAllItsNames(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "a.db")
	owner, err := Own(path)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "b.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link, filepath.Join(dir, "new", "..", "new", "a.db")} {
		if _, err := Own(name); !errors.Is(err, ErrOwned) {
			t.Errorf("%s: a second owner: %v", name, err)
		}
		if is, err := Owned(name); !is || err != nil {
			t.Errorf("%s: owned is %t, %v", name, is, err)
		}
	}
	if err := owner.Mark(4711, func(uint32) (bool, error) { return true, nil }); err != nil {
		t.Fatal(err)
	}
	owner.Release()
	if is, err := Owned(path); is || err != nil {
		t.Errorf("given back, owned is %t, %v", is, err)
	}
	again, err := Own(link)
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
	if again, err = Own(path); err != nil || again.kept.Now != 4711 {
		t.Fatalf("session %v, %v", again.kept, err)
	}
	again.Release()

	// A hard link is a name that SQLite would keep another log for.
	hard := filepath.Join(dir, "c.db")
	if err := os.Link(path, hard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, hard} {
		if _, err := Own(name); !errors.Is(err, ErrUnsafe) || !strings.Contains(fmt.Sprint(err), "hint") {
			t.Errorf("%s with a hard link: %v", name, err)
		}
	}
	if err := Join(hard); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a command on a hard link: %v", err)
	}
}

func TestADatabaseThatWasReplacedIsToldFromTheOneThatWasServed(t *testing.T) {
	db, path := database(t)
	run(t, db, "PRAGMA user_version = 7", "PRAGMA wal_checkpoint(TRUNCATE)")
	older := backup(t, db)
	run(t, db, "PRAGMA user_version = 8", "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO t (b) VALUES ('x')")
	left := killed(t, path)
	o, err := Own(left)
	if err != nil {
		t.Fatal(err)
	}
	if replaced, err := o.Replaced(left); replaced || err != nil {
		t.Errorf("closed well and moved: %t, %v", replaced, err)
	}
	if err := o.Mark(8, func(uint32) (bool, error) { return true, nil }); err != nil {
		t.Fatal(err)
	}
	o.Release()
	if o, err = Own(left); err != nil {
		t.Fatal(err)
	}
	if err := o.Check(left); err != nil {
		t.Error(err)
	}
	o.Release()
	over(t, older, left)
	if o, err = Own(left); err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	if replaced, err := o.Replaced(left); !replaced || err != nil {
		t.Errorf("a backup of another session: %t, %v", replaced, err)
	}
	if err := o.Check(left); !errors.Is(err, ErrForeignWAL) {
		t.Errorf("its log: %v", err)
	}
}

// Between the moment that the number is kept and the one that it is in the
// file, a process may be killed.
func TestADatabaseIsTheSameWhileItIsBeingMarked(t *testing.T) {
	db, path := database(t)
	run(t, db, "PRAGMA user_version = 7", "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO t (b) VALUES ('x')")
	left := killed(t, path)
	o, err := Own(left)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	for _, number := range []uint32{8, 9} { // killed twice
		err := o.Mark(number, func(uint32) (bool, error) { return false, errors.New("killed") })
		if replaced, wrong := o.Replaced(left); err == nil || replaced || wrong != nil {
			t.Errorf("%v; replaced %t, %v", err, replaced, wrong)
		}
	}
}

func TestADatabaseWithoutTheLogOfItsLastServiceMayLackCommits(t *testing.T) {
	db, path := database(t)
	run(t, db, "PRAGMA user_version = 7", "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO t (b) VALUES ('x')")
	left := killed(t, path) // without a lock file
	o, err := Own(left)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	if replaced, err := o.Replaced(left); replaced || err != nil {
		t.Errorf("with its log: %t, %v", replaced, err)
	}
	if err := o.Check(left); err != nil {
		t.Error(err)
	}
	if err := os.Remove(left + "-wal"); err != nil {
		t.Fatal(err)
	}
	if replaced, err := o.Replaced(left); !replaced || err != nil {
		t.Errorf("without its log: %t, %v", replaced, err)
	}
}

func TestADatabaseOfWhichNothingIsKnownIsTrustedUnlessItMayLackCommits(t *testing.T) {
	for number, same := range map[uint32]bool{
		0: true, Copy: false, NewSession(0): false, NewSession(1 << 31): false, Ended(NewSession(0)): true, Ended(NewSession(1<<32 - 1)): true,
	} {
		if (session{}).is(number) != same {
			t.Errorf("number %d: want %t", number, same)
		}
	}
}
