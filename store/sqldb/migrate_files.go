package sqldb

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
)

// engineNames are the engines as migrations name them.
var engineNames = map[goose.Dialect]string{goose.DialectSQLite3: "sqlite", goose.DialectPostgres: "postgres"}

// engineMark begins the lines of one engine, or with "all" those of both.
const engineMark = "-- +engine "

// engineFiles are migrations without the lines of other engines.
type engineFiles struct {
	fs.FS
	engine string
	// leaves are the partitions of each table that is cut by month.
	leaves map[string][]string
}

// Open implements fs.FS.
func (f engineFiles) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err == nil {
		text, err = linesOf(f.engine, text)
		text = indexesOf(text, f.leaves)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("read migration %s: %w", name, err)
	}
	return engineFile{file, bytes.NewReader(text)}, nil
}

// engineFile is a file with another text.
type engineFile struct {
	fs.File
	text *bytes.Reader
}

// Read implements fs.File.
func (f engineFile) Read(p []byte) (int, error) { return f.text.Read(p) }

// linesOf leaves the lines of other engines out of a text.
func linesOf(engine string, text []byte) ([]byte, error) {
	var out []byte
	ours := true
	for line := range bytes.Lines(text) {
		name, is := strings.CutPrefix(strings.TrimSpace(string(line)), engineMark)
		switch {
		case is && name != "all" && name != "sqlite" && name != "postgres":
			return nil, fmt.Errorf("there is no engine %q", name)
		case is:
			ours = name == "all" || name == engine
		case ours:
			out = append(out, line...)
		}
	}
	return out, nil
}
