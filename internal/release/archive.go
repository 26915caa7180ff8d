package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is one in an archive.
type file struct {
	name string // below the archive's folder
	mode fs.FileMode
	text []byte
}

// writeArchive writes base.zip or base.tar.gz with the files below one folder, in
// the order of their names. Everything that a machine or an hour could change is
// fixed: owners, times, and what gzip notes of its input.
func writeArchive(base string, zipped bool, folder string, files []file, date time.Time) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	write, suffix := writeTar, ".tar.gz"
	if zipped {
		write, suffix = writeZip, ".zip"
	}
	out, err := os.OpenFile(base+suffix, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644) //nolint:gosec // for everybody to read
	if err != nil {
		return err
	}
	return errors.Join(write(out, folder, files, date), out.Close())
}

func writeTar(out io.Writer, folder string, files []file, date time.Time) error {
	packed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	for _, f := range files {
		header := &tar.Header{Name: path.Join(folder, f.name), Mode: int64(f.mode), Size: int64(len(f.text)), ModTime: date, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.text); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), packed.Close())
}

func writeZip(out io.Writer, folder string, files []file, date time.Time) error {
	archive := zip.NewWriter(out)
	for _, f := range files {
		header := &zip.FileHeader{Name: path.Join(folder, f.name), Method: zip.Deflate, Modified: date}
		header.SetMode(f.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.text); err != nil {
			return err
		}
	}
	return archive.Close()
}

// sumsName is the file that `sha256sum --check` reads.
const sumsName = "SHA256SUMS"

// writeSums writes the checksum of every file in a folder, by name.
func writeSums(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, entry := range entries {
		if entry.Name() == sumsName {
			continue
		}
		sum, err := sumOf(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(&lines, "%x  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(folder, sumsName), []byte(lines.String()), 0o644) //nolint:gosec // for everybody to read
}

func sumOf(name string) ([]byte, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	hash := sha256.New()
	_, err = io.Copy(hash, in)
	return hash.Sum(nil), err
}
