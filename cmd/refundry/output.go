package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// jsonFlag is for commands that print data.
type jsonFlag struct {
	JSON bool `help:"Print JSON instead of a table." name:"json"`
}

// printJSON writes a value as indented JSON to stdout.
func (e *environment) printJSON(value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := e.out.Write(text.Bytes())
	return err
}

// printTable writes rows below a header to stdout. Control characters, which
// a merchant's texts may hold, are shown and not obeyed.
func (e *environment) printTable(header []string, rows [][]string) error {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, row := range rows {
		cells := make([]string, len(row))
		for n, cell := range row {
			cells[n] = harmless(cell)
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// printList writes a list: with asJSON what object makes of each, else a table
// with a row for each.
func printList[T, J any](e *environment, asJSON bool, all []T, object func(T) J, header []string, row func(T) []string) error {
	if asJSON {
		list := make([]J, len(all))
		for n, one := range all {
			list[n] = object(one)
		}
		return e.printJSON(list)
	}
	rows := make([][]string, len(all))
	for n, one := range all {
		rows[n] = row(one)
	}
	return e.printTable(header, rows)
}

// reason is what an error tells a person, without the core's words. Which
// parameter is at fault is told where that is not the thing itself.
func reason(err error) string {
	known := refund.As(err)
	switch {
	case known == nil:
		return err.Error()
	case known.Kind == refund.KindInvalid && !strings.HasPrefix(known.Detail, known.Param):
		return known.Param + ": " + known.Told()
	}
	return known.Told()
}

func harmless(cell string) string {
	if cell == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, cell)
}

// when is a time in tables: RFC 3339 in seconds; JSON has microseconds.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func amountText(m money.Minor, c money.Currency) string {
	return money.Amount{Minor: m, Currency: c}.String()
}

// limitFlag bounds a list.
type limitFlag struct {
	Limit int `help:"Most rows to list, newest first." default:"50" placeholder:"N"`
}

// maxListed bounds what one call lists.
const maxListed = 1000

func (l limitFlag) check() error {
	if l.Limit < 1 || l.Limit > maxListed {
		return usageError{fmt.Sprintf("--limit takes 1 to %d", maxListed)}
	}
	return nil
}

// more says that a list was cut, and how to go on.
func (e *environment) more(last string) { e.say("there are more: go on with --after %s", last) }
