package chargefile

import (
	"errors"
	"io"
	"strings"
)

// maxRecordLines and MaxLine bound how far a quoted cell may reach. The
// longest text of a charge has 4096 characters.
const maxRecordLines = 100

// record is one line of a table, or several where a quoted cell holds line
// ends.
type record struct {
	lines   []physical
	cells   []string
	problem string
}

func (r record) text() string {
	texts := make([]string, len(r.lines))
	for n, line := range r.lines {
		texts[n] = line.text
	}
	return strings.Join(texts, "\n")
}

// records cuts lines into cells. A quote that does not end harms its own line
// alone: those behind it are read as if it were not there.
type records struct {
	lines     *textLines
	separator byte
	// backquoted is how many cells the rows of a bill have, which may hold
	// separators: what begins one is the separator with a backquote.
	backquoted int
	ahead      []physical // read, and not part of a record yet
}

func (r *records) line() (physical, error) {
	if len(r.ahead) > 0 {
		line := r.ahead[0]
		r.ahead = r.ahead[1:]
		return line, nil
	}
	return r.lines.next()
}

func (r *records) next() (record, error) {
	first, err := r.line()
	if err != nil {
		return record{}, err
	}
	out := record{lines: []physical{first}, problem: first.problem}
	if first.problem != "" {
		return out, nil
	}
	if r.backquoted > 0 && strings.HasPrefix(first.text, "`") {
		out.cells = strings.Split(first.text[1:], string(r.separator)+"`")
		if len(out.cells) == r.backquoted {
			return out, nil
		}
	}
	cells, open, problem := cut(first.text, r.separator)
	size := len(first.text)
	for open {
		more, err := r.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return record{}, err
		}
		if err == nil {
			out.lines = append(out.lines, more)
			size += len(more.text)
		}
		if err != nil || more.problem != "" || len(out.lines) > maxRecordLines || size > MaxLine {
			r.ahead = append(append([]physical(nil), out.lines[1:]...), r.ahead...)
			return record{lines: out.lines[:1], problem: `a cell begins with a quote (") and does not end with one`}, nil
		}
		cells, open, problem = cut(out.text(), r.separator)
	}
	out.cells, out.problem = cells, problem
	return out, nil
}

// cut cuts a text into cells. A cell may stand in quotes, in which "" is one
// quote, or in the quotes of ="...", by which a spreadsheet is kept from taking
// a number for a number. open means that a quote is still open at the end.
func cut(text string, separator byte) (cells []string, open bool, problem string) {
	for {
		rest, quoted := strings.CutPrefix(text, `"`)
		if !quoted {
			rest, quoted = strings.CutPrefix(text, `="`)
		}
		if !quoted {
			cell, rest, more := strings.Cut(text, string(separator))
			cells = append(cells, cell)
			if !more {
				return cells, false, ""
			}
			text = rest
			continue
		}
		cell, rest, closed := unquote(rest)
		if !closed {
			return nil, true, ""
		}
		behind, after, more := strings.Cut(rest, string(separator))
		if strings.TrimSpace(behind) != "" {
			return nil, false, `text stands behind the quote (") that ends a cell`
		}
		cells = append(cells, cell)
		if !more {
			return cells, false, ""
		}
		text = after
	}
}

// unquote reads to the quote that ends a cell.
func unquote(text string) (cell, rest string, closed bool) {
	var out strings.Builder
	for {
		part, rest, found := strings.Cut(text, `"`)
		out.WriteString(part)
		if !found {
			return "", "", false
		}
		if !strings.HasPrefix(rest, `"`) {
			return out.String(), rest, true
		}
		out.WriteByte('"')
		text = rest[1:]
	}
}
