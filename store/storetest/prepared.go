package storetest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Prepared is a folder that many tests of a process begin with, such as that of a
// service which has made its keys. It is kept in memory. Tests that use it one after
// the other get copies of the same; whoever asks while another one has a copy, such
// as a test of two services, gets one that was made apart and has other keys.
type Prepared struct {
	// Make makes the files in dir; what it opens there it must close.
	Make func(dir string) error

	picking sync.Mutex
	folders []*folder
}

// Copy writes the folder's files into an empty folder of a test's own.
func (p *Prepared) Copy(t testing.TB, into string) {
	t.Helper()
	one := p.pick()
	t.Cleanup(func() {
		p.picking.Lock()
		defer p.picking.Unlock()
		one.used = false
	})
	if err := one.copy(into, p.Make); err != nil {
		t.Fatal(err)
	}
}

// pick takes the first folder that nobody uses.
func (p *Prepared) pick() *folder {
	p.picking.Lock()
	defer p.picking.Unlock()
	for _, one := range p.folders {
		if !one.used {
			one.used = true
			return one
		}
	}
	one := &folder{used: true}
	p.folders = append(p.folders, one)
	return one
}

// folder is the files of a folder that was made once.
type folder struct {
	made  sync.Mutex
	files []file
	err   error

	used bool // of a Prepared
}

// file is a file or a folder; name is its path below the prepared folder.
type file struct {
	name string
	mode fs.FileMode
	text []byte
}

func (f *folder) copy(into string, make func(dir string) error) error {
	f.made.Lock()
	defer f.made.Unlock()
	if f.files == nil && f.err == nil {
		f.files, f.err = prepare(make)
	}
	if f.err != nil {
		return f.err
	}
	for _, one := range f.files {
		name := filepath.Join(into, one.name)
		var err error
		if one.mode.IsDir() {
			err = os.MkdirAll(name, one.mode.Perm())
		} else {
			err = os.WriteFile(name, one.text, one.mode.Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func prepare(make func(dir string) error) (files []file, err error) {
	dir, err := os.MkdirTemp("", "refundry-prepared-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := make(dir); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		one := file{mode: info.Mode()}
		if one.name, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		if !entry.IsDir() {
			if one.text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		files = append(files, one)
		return nil
	})
	return files, err
}
