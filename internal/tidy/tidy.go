// Package tidy is the house style as a test: it parses every Go file of the
// repository and finds what docs/design.md forbids. A rule that only people
// remember is broken within a month; these are kept because they fail.
//
// Each rule is a function from parsed files to findings, so that its own test
// can feed it a small broken source and see it fail.
package tidy

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// module is the path that our own imports begin with.
const module = "github.com/refundry/refundry"

// File is one parsed Go file.
type File struct {
	// Path is relative to the repository's root, with forward slashes.
	Path string
	// Lines is how long the file is.
	Lines int
	// Syntax is the parsed file, comments included.
	Syntax *ast.File
	set    *token.FileSet
}

// Finding is one place that breaks a rule.
type Finding struct {
	File string
	// Line counts from 1; 0 means the whole file or package.
	Line int
	// Rule is the rule's short name.
	Rule string
	// Text says what is wrong and what to do.
	Text string
}

// String returns a finding in the form that editors jump to.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Text)
}

// Rule looks at all files at once, because some rules are about packages.
type Rule func([]File) []Finding

// Rules are all of them, in the order of docs/design.md.
var Rules = []Rule{
	Imports, FileLength, FunctionLength, PackageName, Float, Clock,
	SelectStar, MerchantID, PackageDoc, ErrorKind, DialectName, Section,
}

// Check runs every rule and sorts what it found by place.
func Check(files []File) []Finding {
	var found []Finding
	for _, rule := range Rules {
		found = append(found, rule(files)...)
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return found
}

// Load parses every Go file below root. Folders that hold no source of ours
// (hidden ones, testdata, node_modules, other modules) are passed over.
func Load(root string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && foreign(name, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		file, err := Parse(filepath.ToSlash(relative), source)
		if err != nil {
			return err
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load sources: %w", err)
	}
	return files, nil
}

func foreign(dir, base string) bool {
	if strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// Parse parses one file; its path decides which package it belongs to.
func Parse(name string, source []byte) (File, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return File{}, fmt.Errorf("parse %s: %w", name, err)
	}
	return File{Path: name, Lines: bytes.Count(source, []byte{'\n'}), Syntax: syntax, set: set}, nil
}

// dir is the package's folder, "." for the root.
func (f File) dir() string { return path.Dir(f.Path) }

// testFile says that the compiler leaves the file out of the program.
func (f File) testFile() bool { return strings.HasSuffix(f.Path, "_test.go") }

// test says that the file only serves tests: a test file, or part of a suite
// such as storetest.
func (f File) test() bool { return f.testFile() || testPackage(f.dir()) }

// testPackage says that the folder holds a suite for tests.
func testPackage(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }

// within says that the file is in the folder or below it.
func (f File) within(dir string) bool {
	return f.dir() == dir || strings.HasPrefix(f.dir(), dir+"/")
}

func (f File) line(at token.Pos) int { return f.set.Position(at).Line }

func (f File) finding(at token.Pos, rule, format string, args ...any) Finding {
	return Finding{File: f.Path, Line: f.line(at), Rule: rule, Text: fmt.Sprintf(format, args...)}
}
