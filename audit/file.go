package audit

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// columns are those of a file, as the native API names the members.
var columns = []string{"number", "at", "actor", "action", "object", "request_id", "detail", "hash"}

// timeFormat is RFC 3339 in UTC with microseconds.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// Format is the form of a file.
type Format string

// The forms of files.
const (
	CSV    Format = "csv"
	NDJSON Format = "ndjson"
)

// Write writes all records that a filter selects, oldest first, whatever its Limit,
// as they are read. CSV has a header line, and a cell that a spreadsheet would run
// as a formula begins with an apostrophe. onPage, which may be nil, is called
// before the first byte and before each page.
func Write(ctx context.Context, to io.Writer, format Format, from Reader, f Filter, onPage func() error) error {
	buffered := bufio.NewWriter(to)
	write := func(r Record) error { return writeLine(buffered, r) }
	table := csv.NewWriter(buffered)
	if format == CSV {
		if err := table.Write(columns); err != nil { // stays in memory until the first page
			return fmt.Errorf("write audit records: %w", err)
		}
		write = func(r Record) error { return table.Write(cells(r)) }
	}
	err := each(ctx, from, f, onPage, func(r Record) error {
		if err := write(r); err != nil {
			return fmt.Errorf("write audit records: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if table.Flush(); table.Error() != nil {
		return fmt.Errorf("write audit records: %w", table.Error())
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write audit records: %w", err)
	}
	return nil
}

func cells(r Record) []string {
	row := []string{
		strconv.FormatInt(r.Number, 10), r.At.UTC().Format(timeFormat), r.Actor.String(), r.Action, r.Object, r.RequestID, DetailText(r.Detail), r.Hash,
	}
	for n := range row {
		if row[n] != "" && strings.ContainsRune("=+-@\t\r", rune(row[n][0])) {
			row[n] = "'" + row[n]
		}
	}
	return row
}

// DetailText is a record's detail in one line, sorted by name.
func DetailText(detail map[string]string) string {
	parts := make([]string, 0, len(detail))
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		parts = append(parts, name+"="+detail[name])
	}
	return strings.Join(parts, " ")
}

// line is a record as the native API shows it.
type line struct {
	Number int64  `json:"number"`
	At     string `json:"at"`
	Actor  struct {
		Kind Kind   `json:"kind"`
		Name string `json:"name"`
	} `json:"actor"`
	Action    string            `json:"action"`
	Object    string            `json:"object"`
	RequestID *string           `json:"request_id"`
	Detail    map[string]string `json:"detail"`
	Hash      string            `json:"hash"`
}

func writeLine(to io.Writer, r Record) error {
	l := line{Number: r.Number, At: r.At.UTC().Format(timeFormat), Action: r.Action, Object: r.Object, Detail: r.Detail, Hash: r.Hash}
	l.Actor.Kind, l.Actor.Name = r.Actor.Kind, r.Actor.Name
	if r.RequestID != "" {
		l.RequestID = &r.RequestID
	}
	if l.Detail == nil {
		l.Detail = map[string]string{}
	}
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(l)
}

// Intact is how far a chain was followed.
type Intact struct {
	// Number and Hash are of the last record that follows from all before it.
	Number int64
	Hash   string
	// Broken is the number of the record after it that does not follow; 0 for none.
	Broken int64
	At     time.Time
}

// Follow follows a chain from a head on, at most so many records. done is false
// where there are more.
func Follow(ctx context.Context, from Reader, merchantID string, begin Head, most int) (seen Intact, done bool, err error) {
	seen = Intact{Number: begin.Number, Hash: begin.Hash}
	for most > 0 {
		records, err := from.FindAudit(ctx, Filter{MerchantID: merchantID, After: seen.Number, Limit: pageSize})
		if err != nil {
			return seen, false, err
		}
		for _, r := range records {
			if !(Head{seen.Number, seen.Hash}).Follows(r) {
				seen.Broken = r.Number
				return seen, true, nil
			}
			seen.Number, seen.Hash = r.Number, r.Hash
		}
		if most -= len(records); len(records) < pageSize {
			return seen, true, nil
		}
	}
	return seen, false, nil
}
