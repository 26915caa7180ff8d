package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/sqlitefile"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
)

// backupCommand makes a copy of a SQLite database, next to a serve that runs.
type backupCommand struct {
	databaseFlags
	File string `arg:"" help:"File to be made." type:"path"`
}

// Help is shown by --help.
func (c *backupCommand) Help() string {
	return `The copy is the database as it was at one moment; a plain copy of the file is
not. Keep the master key elsewhere: together they open every secret.`
}

func (c *backupCommand) Run(e *environment) error {
	if _, sqlite := service.SQLiteFile(c.Database); !sqlite {
		return errors.New("back up: a PostgreSQL database is copied by its own tools (hint: pg_dump --format=custom --file=FILE URL, or a base backup with its WAL)")
	}
	if _, err := os.Lstat(c.File); err == nil {
		return fmt.Errorf("back up: %s is there already (hint: a backup never replaces one)", c.File)
	}
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	made, err := os.CreateTemp(filepath.Dir(c.File), "."+filepath.Base(c.File)+".*")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { _ = os.Remove(made.Name()) }() // gone when it has its name
	if err := made.Close(); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := s.DB().CopyTo(e, made.Name(), sqlitefile.Copy); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := sqldb.CheckFile(e, made.Name()); err != nil {
		return fmt.Errorf("back up: the copy is of no use: %w", err)
	}
	if err := inPlace(made.Name(), c.File); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	e.say("%s is a copy of %s (refundry restore puts it back)", c.File, c.Database)
	return nil
}

// restoreCommand puts a backup in the place of a SQLite database.
type restoreCommand struct {
	databaseFlags
	File string `arg:"" help:"The backup." type:"existingfile"`
}

// Help is shown by --help.
func (c *restoreCommand) Help() string {
	return `No serve may run. The backup is read to its end first; the database that was
there stays, under a name with the time. At its next start serve pauses every
channel account: what was refunded after the backup is not known any more, and
a merchant's repeat would move the money again. Compare with each channel what
it did since the backup, and then: refundry account resume.`
}

func (c *restoreCommand) Run(e *environment) error {
	path, sqlite := service.SQLiteFile(c.Database)
	if !sqlite {
		return errors.New("restore: a PostgreSQL database is restored by its own tools (hint: pg_restore --dbname=URL FILE into an empty database; then pause what sends: refundry account pause)")
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	owner, err := sqlitefile.Own(path)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer owner.Release()
	defer removeEmpty(path) // which was made to be owned, if nothing came into it
	made, err := c.copied(e, path)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = os.Remove(made) }() // gone when it has its name
	if err := c.examined(e, made); err != nil {
		return fmt.Errorf("restore: %s: %w", c.File, err)
	}
	kept, err := keepOld(path)
	if err != nil {
		return fmt.Errorf("restore: keep what is there: %w", err)
	}
	// From here on a log that still lies there is refused as another's.
	if err := inPlace(made, path); err != nil {
		for _, name := range []string{kept, kept + "-wal"} {
			_ = os.Remove(name) // a second name would make the file unsafe
		}
		return fmt.Errorf("restore: %w", err)
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if kept != "" {
		e.say("what was there is %s", kept)
	}
	e.say("%s is restored; serve will start with every channel account paused (hint: refundry account check ACCOUNT --since TIME asks each channel what it did since the backup; then refundry account resume)", path)
	return nil
}

// copied copies the backup beside the database, so that it gets its name in
// one step.
func (c *restoreCommand) copied(e *environment, path string) (name string, err error) {
	from, err := os.Open(c.File)
	if err != nil {
		return "", err
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return "", err
	}
	to, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	bar := e.progress(info.Size())
	_, err = io.Copy(io.MultiWriter(to, bar), from)
	_ = bar.Finish()
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		_ = os.Remove(to.Name())
	}
	return to.Name(), err
}

// examined reads the copy to its end and marks it as one.
func (c *restoreCommand) examined(e *environment, made string) error {
	if err := sqldb.CheckFile(e, made); err != nil {
		return err
	}
	if err := sqldb.MarkFile(e, made, sqlitefile.Copy); err != nil {
		return err
	}
	s, err := service.OpenStore(e, "sqlite:"+made, store.Options{Log: e.log})
	if err != nil {
		return err
	}
	defer func() {
		s.Close()
		for _, beside := range []string{"-wal", "-shm"} {
			_ = os.Remove(made + beside) // closing has taken them in
		}
	}()
	current, known, err := s.Schema(e)
	switch {
	case err != nil:
		return err
	case current == 0:
		return errors.New("it is no database of refundry's")
	case current > known:
		return fmt.Errorf("it has schema %d, and this program knows %d (hint: restore it with the newer program)", current, known)
	case current < known:
		e.say("it has schema %d; serve will bring it to %d", current, known)
		return nil
	}
	findings, err := service.Verify(e, s)
	for _, finding := range findings {
		if !finding.Note {
			e.say("broken: %s", harmless(finding.String()))
		}
	}
	return err
}

func removeEmpty(path string) {
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		_ = os.Remove(path)
	}
}

// keepOld links the database that is there, and its log, under a second name.
func keepOld(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return "", err
	}
	name := path + ".replaced-" + time.Now().UTC().Format("20060102T150405Z")
	if err := os.Link(path, name); err != nil {
		return "", err
	}
	if err := os.Link(path+"-wal", name+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return name, nil
}

// inPlace renames a file in one step that lasts.
func inPlace(made, name string) error {
	file, err := os.OpenFile(made, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(made, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
