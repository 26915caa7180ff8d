package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	program = file{name: "refundry", mode: 0o755, text: []byte("program")}
	page    = file{name: "share/man/man1/refundry.1", mode: 0o644, text: []byte("page")}
	at      = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
)

func TestAnArchiveDependsOnNothingButItsFiles(t *testing.T) {
	for name, zipped := range map[string]bool{"tar": false, "zip": true} {
		t.Run(name, func(t *testing.T) {
			var sums [][]byte
			for _, files := range [][]file{{program, page}, {page, program}} {
				base := filepath.Join(t.TempDir(), "refundry_1.2.3_x_y")
				if err := writeArchive(base, zipped, "refundry_1.2.3_x_y", files, at); err != nil {
					t.Fatal(err)
				}
				found, err := filepath.Glob(base + "*")
				if err != nil || len(found) != 1 {
					t.Fatal(found, err)
				}
				sum, err := sumOf(found[0])
				if err != nil {
					t.Fatal(err)
				}
				sums = append(sums, sum)
			}
			if !bytes.Equal(sums[0], sums[1]) {
				t.Error("the order in which files are given shows in the archive")
			}
		})
	}
}

func TestATarHasTheProgramExecutableAndTheCommitsTime(t *testing.T) {
	var out bytes.Buffer
	if err := writeTar(&out, "refundry_1.2.3", []file{program, page}, at); err != nil {
		t.Fatal(err)
	}
	packed, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	archive := tar.NewReader(packed)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if !header.ModTime.Equal(at) || header.Uid != 0 || header.Uname != "" {
			t.Errorf("%s has %s, %d %q", header.Name, header.ModTime, header.Uid, header.Uname)
		}
		if header.Name == "refundry_1.2.3/refundry" && header.Mode != 0o755 {
			t.Errorf("the program has mode %o", header.Mode)
		}
	}
	if diff := cmp.Diff([]string{"refundry_1.2.3/refundry", "refundry_1.2.3/share/man/man1/refundry.1"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestAZipCanBeRead(t *testing.T) {
	var out bytes.Buffer
	if err := writeZip(&out, "refundry_1.2.3", []file{program}, at); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(archive.File) != 1 || !archive.File[0].Modified.Equal(at) || archive.File[0].Mode().Perm() != 0o755 {
		t.Fatalf("%v %+v", err, archive.File)
	}
}

func TestChecksumsAreInTheFormThatSha256sumReads(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"b.zip", "a.tar.gz"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("abc"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the file itself is not in its list
		if err := writeSums(folder); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, sumsName))
	if err != nil {
		t.Fatal(err)
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if diff := cmp.Diff(abc+"  a.tar.gz\n"+abc+"  b.zip\n", string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryPlatformIsASystemAndAnArchitecture(t *testing.T) {
	if len(platforms) != 5 || slices.ContainsFunc(platforms, func(p string) bool { return strings.Count(p, "/") != 1 }) {
		t.Error(platforms)
	}
}
